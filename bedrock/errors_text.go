package bedrock

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"

	"github.com/parley-sdk/parley/llm"
)

// exceptions maps the names of AWS exceptions, in lower case (streams write them in
// another case than headers do), to our codes. The status is the exception's own: one
// within a stream arrives under status 200.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html,
// https://docs.aws.amazon.com/bedrock/latest/APIReference/CommonErrors.html
// and https://docs.aws.amazon.com/bedrock/latest/userguide/troubleshooting-api-error-codes.html
var exceptions = map[string]struct {
	code   llm.Code
	status int
}{
	"accessdeniedexception":         {llm.ErrPermissionDenied, 403},
	"conflictexception":             {llm.ErrInvalidRequest, 400},
	"internalserverexception":       {llm.ErrInternal, 500},
	"modelerrorexception":           {llm.ErrInternal, 424},
	"modelnotreadyexception":        {llm.ErrNotReady, 429},
	"modelstreamerrorexception":     {llm.ErrInternal, 424},
	"modeltimeoutexception":         {llm.ErrTimeout, 408},
	"resourcenotfoundexception":     {llm.ErrNotFound, 404},
	"servicequotaexceededexception": {llm.ErrQuotaExhausted, 400},
	"serviceunavailableexception":   {llm.ErrOverloaded, 503},
	"throttlingexception":           {llm.ErrRateLimited, 429},
	"validationexception":           {llm.ErrInvalidRequest, 400},

	// Only the guide to troubleshooting has these.
	"badcscoreexception":      {llm.ErrPermissionDenied, 403},
	"ftuformnotfilled":        {llm.ErrPermissionDenied, 404}, // the model is there, the account may not use it yet
	"mpagreementbeingcreated": {llm.ErrPermissionDenied, 403}, // for a quarter of an hour, which no retry waits
	"overloaded_error":        {llm.ErrOverloaded, 529},
	"resourcenotfound":        {llm.ErrNotFound, 404},

	// Common to all of AWS.
	"accessdenied":                        {llm.ErrPermissionDenied, 403},
	"expiredtoken":                        {llm.ErrUnauthenticated, 403},
	"expiredtokenexception":               {llm.ErrUnauthenticated, 403},
	"incompletesignature":                 {llm.ErrUnauthenticated, 400},
	"incompletesignatureexception":        {llm.ErrUnauthenticated, 400},
	"internalerror":                       {llm.ErrInternal, 500},
	"internalfailure":                     {llm.ErrInternal, 500},
	"internalservererror":                 {llm.ErrInternal, 500},
	"invalidaction":                       {llm.ErrInvalidRequest, 400},
	"invalidclienttokenid":                {llm.ErrUnauthenticated, 403},
	"invalidsignatureexception":           {llm.ErrUnauthenticated, 403},
	"missingauthenticationtoken":          {llm.ErrUnauthenticated, 403},
	"missingauthenticationtokenexception": {llm.ErrUnauthenticated, 403},
	"notauthorized":                       {llm.ErrPermissionDenied, 400},
	"optinrequired":                       {llm.ErrPermissionDenied, 403},
	"requestexpired":                      {llm.ErrUnauthenticated, 400},
	"requesttimeout":                      {llm.ErrTimeout, 408},
	"requesttimeoutexception":             {llm.ErrTimeout, 408},
	"serializationexception":              {llm.ErrInvalidRequest, 400},
	"serviceunavailable":                  {llm.ErrOverloaded, 503},
	"signaturedoesnotmatch":               {llm.ErrUnauthenticated, 403},
	"throttling":                          {llm.ErrRateLimited, 429},
	"toomanyrequestsexception":            {llm.ErrRateLimited, 429},
	"unrecognizedclientexception":         {llm.ErrUnauthenticated, 403},
	"validationerror":                     {llm.ErrInvalidRequest, 400},
}

// tooLong are the words, in lower case, in which model families refuse an input that
// does not fit.
var tooLong = []string{
	"input is too long",                  // Bedrock
	"too many total text bytes",          // Bedrock
	"prompt is too long",                 // Claude
	"exceed context limit",               // Claude, of input and max_tokens together
	"number of input tokens exceeds max", // Nova
	"too many input tokens",              // Titan
	"maximum context length",             // Llama, and the engine behind GLM, Gemma, gpt-oss …
	"exceed model maximum",               // the same engine
	"exceeds the max_model_len",          // the same engine
}

// texts says where one code means several things, and the words, in lower case, tell
// which. The first row that fits counts.
var texts = []struct {
	from, to llm.Code
	words    []string
}{
	// Waiting a second or a minute does not bring the day's tokens back.
	{llm.ErrRateLimited, llm.ErrQuotaExhausted, []string{"per day"}},
	{llm.ErrInvalidRequest, llm.ErrContextTooLong, tooLong},
	{llm.ErrInternal, llm.ErrContextTooLong, tooLong}, // as an error of the model, or of its stream
	{llm.ErrInvalidRequest, llm.ErrContentFiltered, []string{"content filtering policy"}},
	{llm.ErrInternal, llm.ErrMalformedOutput, []string{"invalid sequence as part of tooluse"}},
	{llm.ErrNotFound, llm.ErrPermissionDenied, []string{"use case details"}}, // as "ftuformnotfilled"
	{llm.ErrInvalidRequest, llm.ErrNotFound, []string{"model identifier is invalid"}},
	// Credentials have nothing to do with it: the model cannot.
	{llm.ErrPermissionDenied, llm.ErrUnsupported, []string{"prompt caching"}},
	{llm.ErrInvalidRequest, llm.ErrUnsupported, []string{"did not allow prompt caching"}},
}

// hints are ways out that the service does not name. The words, in lower case, are
// looked for in the exception's name and in what it says.
var hints = []struct{ words, hint string }{
	{"on-demand throughput", "{model} is called through an inference profile: make {profile} the model id"},
	{"model identifier is invalid", "{region} knows no model {model}: the Bedrock console lists its ids; its inference profiles look like {profile}"},
	{"don't have access to the model", "no access to {model} in {region}: IAM must allow bedrock:InvokeModel* on it, and the account must have enabled it (model access, AWS Marketplace)"},
	{"ftuformnotfilled", ftuHint},
	{"use case details", ftuHint},
	{"marked by provider as legacy", "{model} is closed to accounts that have not used it of late: take a newer one"},
	{"reached the end of its life", "{model} is gone: take a newer one"},
	{"did not allow prompt caching", "{model} takes no cache points: leave them out, or set Options.Profile to one that does not cache"},
}

// Source: https://docs.aws.amazon.com/bedrock/latest/userguide/model-access.html
const ftuHint = "before {model} can be used in {region}, Anthropic wants to know what for: submit the use case form in the Bedrock console, and wait 15 minutes"

// codeOf classifies an answer of the service by its exception, or else its status,
// and returns the status that belongs to it. The text is redacted: what the service
// quotes says nothing of its own.
func codeOf(exception string, status int, text string) (llm.Code, int) {
	known, ok := exceptions[strings.ToLower(exception)]
	if !ok {
		known.code, known.status = codeOfStatus(status), status
	}
	if status != http.StatusOK {
		known.status = status
	}
	text = strings.ToLower(text)
	for _, t := range texts {
		if t.from == known.code && containsAny(text, t.words) {
			return t.to, known.status
		}
	}
	return known.code, known.status
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}

func codeOfStatus(status int) llm.Code {
	switch status {
	case http.StatusUnauthorized:
		return llm.ErrUnauthenticated
	case http.StatusForbidden:
		return llm.ErrPermissionDenied
	case http.StatusNotFound:
		return llm.ErrNotFound
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return llm.ErrTimeout
	case http.StatusFailedDependency:
		return llm.ErrInternal
	case http.StatusTooManyRequests:
		return llm.ErrRateLimited
	case http.StatusBadGateway:
		return llm.ErrUnavailable
	case http.StatusServiceUnavailable, 529:
		return llm.ErrOverloaded
	}
	switch {
	case status >= 500:
		return llm.ErrInternal
	case status >= 400:
		return llm.ErrInvalidRequest
	}
	return llm.ErrUnknown
}

// withHint puts the way out before the service's text. First, because the text of an
// error is cut at its end, and a quote that the service left open would hide the rest.
func (c *call) withHint(exception, text string) string {
	if c.model == nil {
		return text // all of them are about models
	}
	said := strings.ToLower(exception + " " + text)
	for _, h := range hints {
		if !strings.Contains(said, h.words) {
			continue
		}
		id := c.model.modelID
		hint := strings.NewReplacer("{model}", id, "{region}", cmp.Or(c.region, "the region"),
			"{profile}", cmp.Or(geoProfileID(c.region, baseModelID(id)), "us.…")).Replace(h.hint)
		if text == "" {
			return hint
		}
		return hint + "; Bedrock says: " + text
	}
	return text
}

// modelSays is what Bedrock puts before a model's own refusal.
const modelSays = "The model returned the following errors: "

// engineError is how the engine behind several models (Mantle) wraps what it has to
// say. Anchored: what a request has quoted must not pass for it.
var engineError = regexp.MustCompile(`(?s)^(?:Mantle streaming error for requestId [\w-]+: )?ErrorEvent \{ error: APIError \{.*?\bmessage: "(.*?[^\\])"(?:,| \})`)

// unwrap takes an error's text out of the quotes in which some models' errors come.
// All of it would be redacted otherwise.
func unwrap(text string) string {
	inner := strings.TrimPrefix(text, modelSays)
	var refusal struct{ Error struct{ Message string } }
	if strings.HasPrefix(inner, "{") && json.Unmarshal([]byte(inner), &refusal) == nil && refusal.Error.Message != "" {
		inner = refusal.Error.Message
		text = inner
	}
	if m := engineError.FindStringSubmatch(inner); m != nil {
		return strings.ReplaceAll(m[1], `\"`, `"`)
	}
	return text
}
