package fake

import "regexp"

// scrubbed stands on a tape in the place of a secret.
const scrubbed = "[scrubbed]"

// secrets are the shapes of what must not get onto a tape. The groups of a match stay,
// and scrubbed stands between them. No shape takes scrubbed itself for a secret, so that
// a request which repeats a scrubbed answer has the digest of the one that was recorded.
var secrets = []*regexp.Regexp{
	// Private keys, those that break off included.
	regexp.MustCompile(`-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\z)`),
	// JSON web tokens.
	regexp.MustCompile(`\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*`),
	// AWS access key ids, and keys of Amazon Bedrock.
	regexp.MustCompile(`\b(?:AKIA|ASIA)[A-Z0-9]{16}\b`),
	regexp.MustCompile(`\b(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/=]{20,}`),
	// Keys that say whose they are: OpenAI, Anthropic, Stripe, GitHub, GitLab, Slack,
	// Google, Hugging Face, npm.
	regexp.MustCompile(`\b(?:sk-[\w-]{16,}|[rs]k_(?:live|test)_\w{16,}|gh[opsur]_\w{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}|` +
		`xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|AIza[\w-]{35}|hf_\w{30,}|npm_\w{36})`),
	// What headers carry.
	regexp.MustCompile(`(?i)(\bBearer\s+)[\w.~+/=-]{20,}`),
	regexp.MustCompile(`(?i)(\bAuthorization\\?["']?\s*[:=]\s*\\?["']?(?:Basic|Token)\s+)[\w.~+/=-]{8,}`),
	regexp.MustCompile(`(\bSignature=)[0-9a-f]{64}`),
	// User and password, and signatures and tokens, in a URL.
	regexp.MustCompile(`(\b[A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#@:\[\]]*:[^\s/?#@\[\]]+(@)`),
	regexp.MustCompile(`(?i)([?&](?:amp;)?(?:X-(?:Amz|Goog)-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|` +
		`(?:access_|auth_|refresh_)?token|api_?key)=)[^\s&#"'<>\[\]\\]+`),
	// What follows the name of a secret, as in NAME=…, name: … and "name": "…".
	regexp.MustCompile(`(?i)(` + secretName + `\\?["']?\s*[:=]\s*\\?["']?)[^\s"'\[\]{}(),;&\\]{8,}`),
}

// secretName ends the name of a secret, as configurations, environments and JSON write it.
const secretName = `(?:secret[_-]?access[_-]?key|secret[_-]?key|session[_-]?token|security[_-]?token|api[_-]?key|` +
	`access[_-]?token|refresh[_-]?token|client[_-]?secret|password)`

var secretKey = regexp.MustCompile(`(?i)` + secretName + `$`)

// scrubSecrets replaces what looks like a secret in a text.
func scrubSecrets(text string) string {
	for _, shape := range secrets {
		text = shape.ReplaceAllString(text, "${1}"+scrubbed+"${2}")
	}
	return text
}
