package bedrocktest

import (
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// maxBody is the size of the largest request that Bedrock takes.
const maxBody = 25_000_000

// request is one HTTP request on its way through the server.
type request struct {
	r    *http.Request
	op   string // "" where the path or the method is none of Bedrock's
	id   string // of the model
	body []byte // at most a byte longer than Bedrock takes

	neutral *llm.Request // nil where it cannot be read
	size    int          // of what CountTokens counts, in bytes
}

// readRequest reads the whole request, also where it is too long: a client that is
// still sending would not see the answer.
func readRequest(r *http.Request) (*request, error) {
	q := &request{r: r}
	q.op, q.id = route(r)
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if q.body = body; len(body) > maxBody {
		_, err = io.Copy(io.Discard, r.Body)
	}
	return q, err
}

// route finds the operation and the model in the path. The model's id is one segment
// of it, percent-encoded: an ARN has slashes of its own.
func route(r *http.Request) (op, id string) {
	parts := strings.Split(r.URL.EscapedPath(), "/")
	if r.Method != http.MethodPost || len(parts) != 4 || parts[0] != "" || parts[1] != "model" {
		return "", ""
	}
	id, err := url.PathUnescape(parts[2])
	if err != nil {
		return "", ""
	}
	switch parts[3] {
	case "converse":
		return "Converse", id
	case "converse-stream":
		return "ConverseStream", id
	case "count-tokens":
		return "CountTokens", id
	}
	return "", ""
}

// modelIDs are the ids and ARNs of models, profiles, prompts and endpoints.
var modelIDs = regexp.MustCompile(`^[a-zA-Z0-9_.:/-]+$`)

// read turns the body into a neutral request, or says why Bedrock would refuse it.
// A request that only a rule refuses is read all the same.
func (q *request) read(o *Options) *exception {
	switch mediaType, _, _ := mime.ParseMediaType(q.r.Header.Get("Content-Type")); {
	case q.op == "":
		return newException("UnknownOperationException", "")
	case q.r.Header.Get("Authorization") == "":
		return newException("MissingAuthenticationTokenException", "")
	case mediaType != "application/json":
		return newException("UnsupportedMediaTypeException", "")
	case q.id == "":
		return invalid("1 validation error detected: Value at 'modelId' failed to satisfy constraint: " +
			"Member must have length greater than or equal to 1")
	case len(q.id) > 2048 || !modelIDs.MatchString(q.id):
		return invalid("The provided model identifier is invalid.")
	case len(q.body) > maxBody:
		return invalid("1 validation error detected: Value at 'body' failed to satisfy constraint: "+
			"Member must have length less than or equal to %d", maxBody)
	}
	if e := o.authenticate(q); e != nil {
		return e
	}
	body := parse(q.body)
	if body == nil {
		return newException("SerializationException", "The request is not valid JSON.")
	}
	shapes := map[string]*shape{"Converse": converseShape, "ConverseStream": converseStreamShape, "CountTokens": countTokensShape}
	if e := check(shapes[q.op], body); e != nil {
		return e
	}
	if q.op == "CountTokens" {
		if body = body.get("input").get("converse"); body == nil {
			return invalid("bedrocktest counts the tokens of Converse input only.")
		}
		q.size = len(body.text)
	}
	q.neutral = decode(body)
	return newCall(q.op, q.id, o.profile(q.id), body).check()
}
