package bedrock

import (
	"slices"
	"strings"
)

// The two functions of this file stand in for those of profile_id.go.

func geoProfileID(region, id string) string {
	if strings.HasPrefix(id, "arn:") {
		return ""
	}
	for _, g := range [][2]string{{"us-gov-", "us-gov."}, {"us-", "us."}, {"eu-", "eu."}, {"ap-", "apac."}} {
		if strings.HasPrefix(region, g[0]) {
			return g[1] + baseModelID(id)
		}
	}
	return ""
}

func baseModelID(id string) string {
	if strings.HasPrefix(id, "arn:") {
		_, name, ok := strings.Cut(id, "/")
		if !ok || !strings.Contains(id, ":foundation-model/") && !strings.Contains(id, ":inference-profile/") {
			return id
		}
		id = name
	}
	geo, rest, ok := strings.Cut(id, ".")
	if ok && strings.Contains(rest, ".") && slices.Contains([]string{"us", "eu", "apac", "jp", "au", "ca", "in", "sa", "amer", "us-gov", "global"}, geo) {
		return rest
	}
	return id
}
