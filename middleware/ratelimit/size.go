package ratelimit

import (
	"fmt"
	"strconv"

	"github.com/parley-sdk/parley/llm"
)

// sizeError is why a call that reserves more than the bucket holds can never be sent.
type sizeError struct{ need, holds int }

func (e *sizeError) Error() string {
	return fmt.Sprintf("the request needs %s tokens, and the bucket holds %s", grouped(e.need), grouped(e.holds))
}

// advice says what would fit, of a request with so many input tokens.
func (e *sizeError) advice(input int) string {
	if room := e.holds - input; room > 0 {
		return fmt.Sprintf("%v: lower max_tokens to %s, or raise the burst (ratelimit.Options.TokenBurst)", e, grouped(room))
	}
	return fmt.Sprintf("%v: shorten the input, which is estimated at %s, or raise the burst (ratelimit.Options.TokenBurst)", e, grouped(input))
}

func refuseSize(need, holds int) error {
	err := &sizeError{need, holds}
	return &llm.Error{Code: llm.ErrRejected, Message: err.Error(), Err: err}
}

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
