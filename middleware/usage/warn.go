package usage

import (
	"log/slog"
	"sync"

	"github.com/parley-sdk/parley/llm"
)

// warned are the warnings that were given.
type warned struct {
	mu    sync.Mutex
	given map[string]bool
}

// first says whether a warning is new. Once there are many, none is.
func (w *warned) first(key string) bool {
	const most = 1000
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.given[key] || len(w.given) >= most {
		return false
	}
	if w.given == nil {
		w.given = map[string]bool{}
	}
	w.given[key] = true
	return true
}

// warn gives a warning, once for each key.
func (l *Ledger) warn(key string, code llm.Code, message string) {
	if l.warned.first(key) {
		l.warning(&llm.Error{Code: code, Op: "ledger", Message: message})
	}
}

func (l *Ledger) warning(err *llm.Error) {
	if l.opts.OnWarning != nil {
		l.opts.OnWarning(err)
		return
	}
	slog.Warn(err.Error())
}

// unpriced warns of a call of a budget whose price is not known, or refuses it.
func (l *Ledger) unpriced(a *attempt) error {
	if l.opts.RefuseUnpriced {
		e := a.local(llm.ErrRejected, nil)
		e.Message = "a budget applies, and no price of the model is known: add one with Prices.With or Prices.WithAlias"
		return a.tell(e)
	}
	if l.warned.first("unpriced " + bounded(a.info.Model)) {
		e := a.local("", nil)
		e.Code, e.Op, e.Message = llm.ErrNotFound, "ledger", "a budget applies, and no price of the model is known: its calls are not held to the budget; add a price with Prices.With or Prices.WithAlias, or set RefuseUnpriced"
		l.warning(e)
	}
	return nil
}
