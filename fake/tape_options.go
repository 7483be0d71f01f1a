package fake

// TapeOptions say how calls are recorded and played back. One value may serve both. It
// is copied; nil and the zero value scrub secrets, go by digest and play at once.
type TapeOptions struct {
	// Scrub rewrites the texts that go onto the tape, before secrets are looked for:
	// names, addresses, or what differs from run to run, such as today's date. It is
	// given each text whole, of requests, answers and errors, and each string in the
	// JSON of tools, but nothing that names or binds parts, such as ids.
	//
	// A replayed request goes through it too, before it is compared, so replay with the
	// function that recorded. It must give the same for the same text, change nothing in
	// what it returned itself, and be safe for concurrent use.
	Scrub func(text string) string

	// KeepSecrets records secrets as they are.
	KeepSecrets bool

	// InOrder answers the n-th call with the n-th recording, if it is of a request of
	// the same outline: roles, kinds of parts, and names of tools. What they say may differ.
	InOrder bool

	// RealTime lets the recorded times pass: before each event and before errors.
	RealTime bool
}

func (o *TapeOptions) scrubber() scrubber {
	if o == nil {
		return scrubber{}
	}
	return scrubber{own: o.Scrub, keepSecrets: o.KeepSecrets}
}
