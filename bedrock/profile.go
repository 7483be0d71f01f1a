package bedrock

// Profile says what a family of models can do where families differ. The zero value
// is the conservative one: it sends what every model takes.
type Profile struct {
	// Family names the family, for people.
	Family string

	// TopKField is the key in the additional request fields under which the family
	// takes top_k, which Converse has no field for. "": top_k is dropped with a
	// warning.
	TopKField string

	// UnsignedReasoning says that the model takes back reasoning without a
	// signature. False: such reasoning is left out of the request with a warning,
	// since most models answer it with an error.
	UnsignedReasoning bool
}

// ProfileFor returns the profile for a model id, as a fresh copy. For now that is
// the conservative one for every id; the table of families is to come.
func ProfileFor(modelID string) *Profile {
	return &Profile{}
}
