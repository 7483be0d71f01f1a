package bedrock

import "strings"

func otherVendor(a, b string) bool {
	return vendorOf(a) != "" && vendorOf(b) != "" && vendorOf(a) != vendorOf(b)
}

func vendorOf(id string) string {
	for _, geo := range []string{"us.", "eu.", "apac.", "jp.", "au.", "ca.", "us-gov.", "global.", "in.", "sa.", "amer."} {
		id = strings.TrimPrefix(id, geo)
	}
	v, _, ok := strings.Cut(id, ".")
	if !ok || strings.HasPrefix(id, "arn:") {
		return ""
	}
	return v
}
