package llm

import (
	"slices"
	"sync"
)

// sendGuard is the one piece of process-wide state in Parley; docs/adr says why.
var sendGuard struct {
	mu     sync.RWMutex
	forbid bool
	allow  []func(Info) bool
}

// ForbidSend makes every backend of the process refuse to send, from now on, with
// [ErrRejected]. Call it in TestMain, so that no test can reach a paid service by
// mistake. A model for which one of the allow functions returns true still sends.
// Fakes send nothing and are not asked, and package bedrocktest's own client may
// always send. Later calls add to the allow list; nothing takes the ban back.
func ForbidSend(allow ...func(Info) bool) {
	sendGuard.mu.Lock()
	defer sendGuard.mu.Unlock()
	sendGuard.forbid = true
	sendGuard.allow = append(slices.Clip(sendGuard.allow), allow...)
}

// MaySend returns an [ErrRejected] where [ForbidSend] forbids the model to send.
// Every backend asks before it sends anything, unless its client cannot leave this
// machine.
func MaySend(info Info) error {
	sendGuard.mu.RLock()
	forbid, allow := sendGuard.forbid, sendGuard.allow
	sendGuard.mu.RUnlock()
	if !forbid || slices.ContainsFunc(allow, func(f func(Info) bool) bool { return f != nil && f(info) }) {
		return nil
	}
	return &Error{Code: ErrRejected, Op: "send", Provider: info.Provider, Model: info.Model,
		Message: "llm.ForbidSend is in force: use a fake or the client of bedrocktest, or allow this model there"}
}
