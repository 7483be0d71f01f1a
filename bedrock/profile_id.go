package bedrock

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// parsedID is a model id in its parts: [geo.]vendor.name[-v1][:0][:300k].
type parsedID struct {
	geo     string // of an inference profile: "us"
	vendor  string // "anthropic"
	name    string // "claude-opus-4-5-20251101", may hold dots
	release string // "1" of -v1:0
	window  string // "300k": the context of a variant of the model
}

// Geographies of inference profiles. Others are known by what follows them: a vendor.
var geoPrefixes = []string{"us", "eu", "apac", "jp", "au", "ca", "in", "sa", "amer", "us-gov", "global"}

var (
	idForm = regexp.MustCompile(`^([a-z][a-z0-9-]*)\.([a-z0-9][a-z0-9.-]*?)(?:-v([0-9]+))?(?::[0-9]+)?(?::([a-z0-9]+))?$`)

	// The version of a Claude stands before the tier (claude-3-5-sonnet-20241022) or, as
	// of 4, after it (claude-opus-4-5-20251101). A number of eight digits is a date.
	claudeForm = regexp.MustCompile(`^claude(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?-([a-z]+)(?:-([0-9]{1,2})(?:-([0-9]{1,2}))?)?(?:-[0-9]{8})?(?:-preview)?$`)
)

// parseID takes an id, or an ARN that holds one, apart.
func parseID(modelID string) (parsedID, bool) {
	geo, base := splitGeo(idWithin(modelID))
	m := idForm.FindStringSubmatch(base)
	if m == nil {
		return parsedID{}, false
	}
	return parsedID{geo: geo, vendor: m[1], name: m[2], release: m[3], window: m[4]}, true
}

// splitGeo cuts the geography off an id. Names may hold dots, too: "deepseek.v3.2".
func splitGeo(id string) (geo, base string) {
	first, rest, _ := strings.Cut(id, ".")
	second, _, three := strings.Cut(rest, ".")
	if three && first != "" && (slices.Contains(geoPrefixes, first) || knownVendor(second)) {
		return first, rest
	}
	return "", id
}

// splitARN returns the kind and name of an ARN's resource, if the ARN is Bedrock's.
func splitARN(arn string) (kind, resource string) {
	fields := strings.SplitN(arn, ":", 6) // arn:partition:service:region:account:kind/resource
	if len(fields) < 6 || fields[0] != "arn" || fields[2] != "bedrock" {
		return "", ""
	}
	kind, resource, _ = strings.Cut(fields[5], "/")
	return kind, resource
}

// idWithin returns the model id in an ARN, "" if it has none, and any other id as it is.
func idWithin(modelID string) string {
	if !strings.HasPrefix(modelID, "arn:") {
		return modelID
	}
	switch kind, resource := splitARN(modelID); kind {
	case "foundation-model", "inference-profile":
		return resource
	case "custom-model":
		base, _, _ := strings.Cut(resource, "/")
		return base
	}
	return ""
}

// claude returns the tier and version of a Claude.
func (id parsedID) claude() (tier string, major, minor int, ok bool) {
	m := claudeForm.FindStringSubmatch(id.name)
	if m == nil || id.vendor != "anthropic" {
		return "", 0, 0, false
	}
	version := m[1:3]
	if m[4] != "" {
		version = m[4:6]
	}
	major, _ = strconv.Atoi(version[0])
	minor, _ = strconv.Atoi(version[1])
	return m[3], major, minor, true
}

// model is what the table of families is searched for: vendor and name, without
// anything that changes from release to release. All forms of a Claude become one,
// "anthropic.claude-opus-4.5".
func (id parsedID) model() string {
	tier, major, minor, ok := id.claude()
	switch {
	case ok && minor > 0:
		return "anthropic.claude-" + tier + "-" + strconv.Itoa(major) + "." + strconv.Itoa(minor)
	case ok && major > 0:
		return "anthropic.claude-" + tier + "-" + strconv.Itoa(major)
	case ok:
		return "anthropic.claude-" + tier
	case id.vendor == "anthropic" && id.name == "claude" && id.release != "":
		return "anthropic.claude-v" + id.release // claude-v2 has no other version
	}
	return id.vendor + "." + id.name
}

// otherVendor says whether two ids name models of different vendors. It cannot tell of an
// id that names none.
func otherVendor(a, b string) bool {
	x, ok := parseID(a)
	y, ok2 := parseID(b)
	return ok && ok2 && x.vendor != y.vendor
}

// contextTokens is the context that the id itself tells, or 0.
func (id parsedID) contextTokens() int {
	thousands, ok := strings.CutSuffix(id.window, "k")
	n, err := strconv.ParseInt(thousands, 10, 32)
	if !ok || err != nil {
		return 0
	}
	return int(n) * 1000
}

// baseModelID returns the id without a geography, also from within an ARN. An ARN that
// hides its model stays as it is.
func baseModelID(modelID string) string {
	id := idWithin(modelID)
	if id == "" {
		return modelID
	}
	_, base := splitGeo(id)
	return base
}

// geoProfileID suggests the inference profile of a model for callers in a region; ""
// for an ARN that hides its model. It is a guess: not every model has every profile.
func geoProfileID(region, modelID string) string {
	id, ok := parseID(modelID)
	if !ok {
		return ""
	}
	_, major, minor, _ := id.claude()
	newClaude := major > 4 || major == 4 && minor >= 5 // have profiles of their own in Japan and Australia, and none for apac
	geo := "global"
	switch area, _, _ := strings.Cut(region, "-"); {
	case strings.HasPrefix(region, "us-gov-"):
		geo = "us-gov"
	case area == "us", area == "eu", area == "ca":
		geo = area
	case newClaude && (region == "ap-northeast-1" || region == "ap-northeast-3"):
		geo = "jp"
	case newClaude && (region == "ap-southeast-2" || region == "ap-southeast-4"):
		geo = "au"
	case area == "ap" && !newClaude:
		geo = "apac"
	}
	return geo + "." + baseModelID(modelID)
}

// isPrompt says whether the model id is the ARN of a stored prompt, which has
// messages of its own.
func isPrompt(modelID string) bool {
	return strings.HasPrefix(modelID, "arn:") && strings.Contains(modelID, ":prompt/")
}
