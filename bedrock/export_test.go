package bedrock

// RuleNames are the names of the normaliser's rules, for tests outside the package.
func RuleNames() []string {
	var names []string
	for _, r := range rules {
		names = append(names, r.name)
	}
	return names
}
