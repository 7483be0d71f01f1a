package bedrocktest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The server verifies signatures by the specification and not with the SDK's signer,
// so that it is a check of that too, and takes what SDKs of other languages sign.
//
// Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

const (
	algorithm  = "AWS4-HMAC-SHA256"
	dateFormat = "20060102T150405Z"
	skew       = 5 * time.Minute
)

// authenticate says why Bedrock would not know the sender of the request; nil where it
// would, or where nobody cares.
func (o *Options) authenticate(q *request) *exception {
	if o.Keys == nil {
		return nil
	}
	scheme, parameters, _ := strings.Cut(q.r.Header.Get("Authorization"), " ")
	if scheme != algorithm {
		return newException("UnrecognizedClientException", "") // a bearer token
	}
	given := make(map[string]string)
	for p := range strings.SplitSeq(parameters, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		given[key] = value
	}
	for _, key := range []string{"Credential", "SignedHeaders", "Signature"} {
		if given[key] == "" {
			return newException("IncompleteSignatureException", "Authorization header requires '"+key+"' parameter.")
		}
	}
	date, err := time.Parse(dateFormat, q.r.Header.Get("X-Amz-Date"))
	if err != nil {
		return newException("IncompleteSignatureException", "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	id, scope, _ := strings.Cut(given["Credential"], "/")
	secret, known := o.Keys[id]
	if !known {
		return newException("UnrecognizedClientException", "")
	}
	signed := strings.Split(given["SignedHeaders"], ";")
	if e := checkScope(scope, date, time.Now().UTC()); e != nil {
		return e
	}
	if e := checkSigned(q.r.Header, signed); e != nil {
		return e
	}
	if !hmac.Equal([]byte(q.signature(secret, scope, date, signed)), []byte(given["Signature"])) {
		return newException("InvalidSignatureException", "")
	}
	return nil
}

// checkScope holds the scope, date/region/service/aws4_request, and the date against
// what they must be. Any region will do.
func checkScope(scope string, date, now time.Time) *exception {
	s := strings.Split(scope, "/")
	why := ""
	switch {
	case len(s) != 4 || s[1] == "" || s[3] != "aws4_request":
		why = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
	case s[2] != "bedrock":
		why = "Credential should be scoped to correct service: 'bedrock'."
	case s[0] != date.Format("20060102"):
		why = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP."
	case date.Before(now.Add(-skew)):
		why = "Signature expired: " + date.Format(dateFormat) + " is now earlier than " + now.Add(-skew).Format(dateFormat) +
			" (" + now.Format(dateFormat) + " - 5 min.)"
	case date.After(now.Add(skew)):
		why = "Signature not yet current: " + date.Format(dateFormat) + " is still later than " + now.Add(skew).Format(dateFormat) +
			" (" + now.Format(dateFormat) + " + 5 min.)"
	default:
		return nil
	}
	return newException("InvalidSignatureException", why)
}

// checkSigned sees to it that the signature covers the host and AWS's own headers.
func checkSigned(h http.Header, signed []string) *exception {
	must := []string{"host"}
	for name := range h {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") {
			must = append(must, name)
		}
	}
	slices.Sort(must)
	for _, name := range must {
		if !slices.Contains(signed, name) {
			return newException("InvalidSignatureException", "'"+name+"' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

// signature is what the owner of the secret would have put under the request.
func (q *request) signature(secret, scope string, date time.Time, signed []string) string {
	var headers strings.Builder
	for _, name := range signed {
		headers.WriteString(name + ":" + q.header(name) + "\n")
	}
	hash := sha256.Sum256(q.body)
	canonical := strings.Join([]string{
		q.r.Method,
		// The path is escaped once more than it was sent: only S3 signs it as it is.
		strings.ReplaceAll(escape(q.r.URL.EscapedPath()), "%2F", "/"),
		q.query(),
		headers.String(),
		strings.Join(signed, ";"),
		hex.EncodeToString(hash[:]),
	}, "\n")
	hash = sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + secret)
	for s := range strings.SplitSeq(scope, "/") {
		key = mac(key, s)
	}
	return hex.EncodeToString(mac(key, strings.Join([]string{algorithm, date.Format(dateFormat), scope, hex.EncodeToString(hash[:])}, "\n")))
}

// query is the query as it is signed: in order, and all of it, well-formed or not.
func (q *request) query() string {
	values, err := url.ParseQuery(q.r.URL.RawQuery)
	if err != nil {
		return q.r.URL.RawQuery
	}
	return strings.ReplaceAll(values.Encode(), "+", "%20")
}

// header is the value of a header as it is signed. Package net/http keeps two of them
// elsewhere.
func (q *request) header(name string) string {
	switch name {
	case "host":
		return q.r.Host
	case "content-length":
		return strconv.FormatInt(q.r.ContentLength, 10)
	}
	values := q.r.Header.Values(name)
	signed := make([]string, len(values))
	for i, v := range values {
		signed[i] = strings.Join(strings.FieldsFunc(v, func(r rune) bool { return r == ' ' }), " ")
	}
	return strings.Join(signed, ",")
}

// escape leaves letters, digits and -_.~ only, as the specification has it.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func mac(key []byte, s string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(s))
	return h.Sum(nil)
}
