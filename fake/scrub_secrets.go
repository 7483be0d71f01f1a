package fake

import (
	"regexp"
	"slices"
	"strings"
)

// scrubbed stands on a tape in the place of a secret.
const scrubbed = "[scrubbed]"

// secret is the shape of what must not get onto a tape. The groups of a match stay, and
// scrubbed stands between them. No shape takes scrubbed itself for a secret, so that a
// request which repeats a scrubbed answer has the digest of the one that was recorded.
type secret struct {
	shape *regexp.Regexp
	hints []string // a match has one of them, in whatever case; most texts have none, and are done with
}

var secrets = []secret{
	// Private keys, those that break off included.
	{regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)`), []string{"private key"}},
	// JSON web tokens.
	{regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`), []string{"eyj"}},
	// AWS access key ids, and keys of Amazon Bedrock.
	{regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`), []string{"akia", "asia"}},
	{regexp.MustCompile(`\b(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=]{20,}`), []string{"absk", "bedrock-api-key-"}},
	// Keys that say whose they are: OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack,
	// Google, Hugging Face, npm, Groq, xAI, Perplexity.
	{regexp.MustCompile(`\b(?:sk-[\w-]{16,}|[rs]k_(?:live|test)_\w{16,}|whsec_[\w+/=]{20,}|gh[opsur]_\w{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}|` +
		`xox[a-eoprs]-[\w%-]{10,}|xapp-[\w-]{10,}|AIza[\w-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}|hf_\w{30,}|npm_\w{36}|gsk_\w{30,}|(?:xai|pplx)-\w{30,})`),
		[]string{"sk-", "k_live_", "k_test_", "whsec_", "gho_", "ghp_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xox", "xapp-", "aiza", "gocspx-", "ya29.", "hf_", "npm_", "gsk_", "xai-", "pplx-"}},
	// What headers carry.
	{regexp.MustCompile(`(?i)(\bBearer\s+)[\w.~+/=-]{20,}`), []string{"bearer"}},
	{regexp.MustCompile(`(?i)(\bAuthorization\\?["']?\s*[:=]\s*\\?["']?(?:Basic|Token)\s+)[\w.~+/=-]{8,}`), []string{"authorization"}},
	{regexp.MustCompile(`(\bSignature=)[0-9a-f]{64}`), []string{"signature="}},
	{regexp.MustCompile(`(?i)(\bCookie\\*["']?\s*:\s*\[?\s*\\*["']?)(?:` + cookie + `;\s*)*[\w.-]+=\\*"?[\w%+/=.:~|!*-]{8,}[^\s;"'\\]*(?:;\s*` + cookie + `)*`), []string{"cookie"}},
	// User and password, and signatures and tokens, in a URL, but not where a template
	// leaves them open. A password may hold an @ that should have been escaped.
	{regexp.MustCompile(`(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@:\[\]]*:\$?[^\s/?#@\[\]"<>\\\x60${][^\s/?#\[\]"<>\\\x60]{2,}(@)`), []string{"://"}},
	{regexp.MustCompile(`(?i)([?&](?:amp;)?(?:X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|` +
		`(?:access_|auth_|refresh_)?token|api_?key)=)[^\s&#"'<>\[\]\\]+`), []string{"sig", "credential=", "token=", "key=", "keyid="}},
	// Webhooks, whose address is all that it takes to call them.
	{regexp.MustCompile(`(?i)(\bhooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/|\bdiscord(?:app)?\.com/api/(?:v\d+/)?webhooks/\d+/|` +
		`\bwebhook\.office\.com/webhookb2/)[\w@/-]{20,}`), []string{"hooks.slack", "/webhooks/", "webhook.office.com"}},
	// What follows the name of a secret, as in "name": "…", NAME=… and name: ….
	// A quotation ends with the mark that it began with, and in text that is quoted
	// itself, where the marks are escaped, with any.
	{regexp.MustCompile(`(?i)(` + secretName + `["']?\s*[:=]\s*")(?:[^"\\\n]|\\.)+`), named},
	{regexp.MustCompile(`(?i)(` + secretName + `["']?\s*[:=]\s*')(?:[^'\\\n]|\\.)+`), named},
	{regexp.MustCompile(`(?i)(` + secretName + `\\*["']?\s*[:=]\s*\\+["'])[^"'\\\n]+`), named},
	{regexp.MustCompile(`(?i)(` + secretName + `\\*["']?\s*[:=]\s*)[^\s"'\[\]{}(),;&\\]{8,}`), named},
}

// cookie is one of those that a header lists.
const cookie = `[\w.-]+=[^\s;"'\\]*`

var named = []string{"key", "token", "secret", "passw"}

// secretName ends the name of a secret, as configurations, environments and JSON write it.
const secretName = `(?:secret[_-]?access[_-]?key|secret[_-]?key|session[_-]?token|security[_-]?token|api[_-]?key|` +
	`(?:access|account)[_-]?key|(?:access|auth|private|refresh)[_-]?token|client[_-]?secret|password|passwd)`

var secretKey = regexp.MustCompile(`(?i)` + secretName + `$`)

// cookieKey is the name of a header whose value, alone, is cookies.
var cookieKey = regexp.MustCompile(`(?i)^(?:set-)?cookie$`)

// scrubSecrets replaces what looks like a secret in a text.
func scrubSecrets(text string) string {
	lower := strings.ToLower(text)
	for _, s := range secrets {
		if slices.ContainsFunc(s.hints, func(hint string) bool { return strings.Contains(lower, hint) }) {
			text = s.shape.ReplaceAllString(text, "${1}"+scrubbed+"${2}")
		}
	}
	return text
}
