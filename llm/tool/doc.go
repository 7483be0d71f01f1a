// Package tool makes tools that a model can call out of Go functions, and runs the calls.
//
//	weather := tool.New("weather", "current weather of a city",
//		func(ctx context.Context, in struct {
//			City string `json:"city" jsonschema:"the city's name"`
//		}) (string, error) {
//			return "4 °C, rain", nil
//		})
//
// # Tools
//
// A [Tool] says what it is, [llm.Tool], and can be called with arguments in JSON. [New] makes
// one of a function whose types give the schema: see package schema for how. [Raw] makes one
// of a schema and a function that reads the JSON itself, such as one that a server describes.
// Anything else that implements the interface will do. [WithTimeout] and [WithSpec] change one.
//
// Arguments are held to the schema before the function runs. What it returns becomes the
// content of the result: parts as they are, a string as text, nothing for nil, and all else as JSON.
//
// # Sets and calls
//
// A [Set] holds the tools of a request, in a stable order, since a provider's prompt cache
// hits only if they stay in it. [Set.Run] runs the calls of an answer, several at a time, and
// gives back a result for each, in their order. Package conversation does that in a loop.
//
// # Errors
//
// Whatever goes wrong in a call becomes a result that is marked as an error, so that the model
// can go on. What it reads there is up to the error:
//
//   - of an [*Error], its message: return one, by [Errorf], to tell the model something;
//   - of arguments that do not satisfy the schema, up to eight faults, so that it can try again;
//   - of all others, a panic included, only that the tool failed, since their text may hold
//     what no model should read. [Options.ShowErrors] shows it.
//
// Beside the result Run gives the error itself, for the program.
package tool
