package bedrock

import (
	"slices"
	"strings"
)

// family is a row of the table: models of one profile.
type family struct {
	name     string   // Profile.Family
	verified string   // Profile.Verified
	models   []string // see matches
	profile  Profile
}

// The table. No model is in two rows.
var families = slices.Concat(claudeFamilies, amazonFamilies, llamaFamilies, mistralFamilies, qwenFamilies, openAIFamilies, otherFamilies)

// with returns a changed copy of a profile, so that a row has what is its own.
func with(p Profile, change func(*Profile)) Profile {
	change(&p)
	return p
}

// matches compares a model of the table with the one that an id names, word by word:
// "*" is one word, whatever it is, such as a size. Nothing matches by its beginning:
// Opus 5.5 refuses what Opus 5 takes, and Nova 2 is no Nova.
func matches(pattern, model string) bool {
	want, got := strings.Split(pattern, "-"), strings.Split(model, "-")
	return slices.EqualFunc(want, got, func(want, got string) bool { return want == "*" || want == got })
}

// familyOf returns the row for an id, or nil.
func familyOf(id parsedID) *family {
	model := id.model()
	for i, f := range families {
		if slices.ContainsFunc(f.models, func(pattern string) bool { return matches(pattern, model) }) {
			return &families[i]
		}
	}
	if _, _, _, ok := id.claude(); ok {
		return &newerClaude
	}
	return nil
}

// knownVendor tells whether the table has models of a vendor.
func knownVendor(vendor string) bool {
	return slices.ContainsFunc(families, func(f family) bool {
		return slices.ContainsFunc(f.models, func(model string) bool { return strings.HasPrefix(model, vendor+".") })
	})
}
