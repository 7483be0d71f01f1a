package conversation

import (
	"context"
	"fmt"
	"math"

	"github.com/parley-sdk/parley/llm"
)

// Trim applies several, one after the other, each to what the one before has left. The mild ones
// come first: TruncateToolResults, then Summarize or KeepTokens. Nil ones are skipped.
func Trim(fs ...TrimFunc) TrimFunc {
	return func(ctx context.Context, v *View) error {
		for _, f := range fs {
			if f == nil {
				continue
			}
			if err := f(ctx, v); err != nil {
				return err
			}
		}
		return nil
	}
}

// KeepTurns sends the last n turns, the one at hand included, or somewhat fewer: it cuts a
// quarter of n at a time, so that the start of what is sent, and a prompt cache of it, stays the
// same from turn to turn. After an overflow it keeps half of n.
func KeepTurns(n int) TrimFunc {
	return func(_ context.Context, v *View) error {
		keep := max(n, 1)
		if v.Overflow {
			keep = max(keep/2, 1)
		}
		starts := v.turns()
		if len(starts) <= keep {
			return nil
		}
		block := max(keep/4, 1)
		drop := min((len(starts)-keep+block-1)/block*block, len(starts)-1)
		v.cut(starts[drop], fmt.Sprintf("the first %d turns are not sent, to keep at most %d", drop, keep))
		return nil
	}
}

// KeepTokens sends as many of the last turns as fit into limit input tokens, System and Tools
// included, by the estimate of [EstimateTokens] and, where the estimate is near the limit, by the
// model itself if it is an [llm.TokenCounter]: a call that costs time, and for some no money.
// The turn at hand is always sent whole.
//
// It cuts a quarter of the limit at a time, so that the start of what is sent, and a prompt
// cache of it, stays the same for some turns. After an overflow it keeps half of what was sent.
func KeepTokens(limit int) TrimFunc {
	return func(ctx context.Context, v *View) error {
		estimate := EstimateTokens(v.Request, v.Messages...)
		fits, err := v.fit(ctx, estimate, limit)
		if err != nil || fits >= 1 {
			return err
		}
		v.keepTokens(estimate, limit, fits)
		return nil
	}
}

// fit says by how much the view would have to shrink, by its estimate, to fit into the limit: 1
// or more is not at all.
func (v *View) fit(ctx context.Context, estimate, limit int) (float64, error) {
	if v.Overflow {
		return min(0.5, float64(limit)/float64(max(estimate, 1))), nil
	}
	size := estimate
	if counter, ok := llm.As[llm.TokenCounter](v.Model); ok && estimate > limit/2 {
		req := *v.Request
		req.Messages = v.Messages
		var err error
		if size, err = counter.CountTokens(ctx, &req); err != nil {
			if ctx.Err() != nil {
				return 0, err
			}
			size = estimate // a count is a help, and no condition
		}
	}
	return float64(limit) / float64(max(size, 1)), nil
}

// keepTokens cuts turns until the estimate of the view is that much smaller.
func (v *View) keepTokens(estimate, limit int, fits float64) {
	size := int(math.Round(float64(estimate) * fits)) // rounded, or it differs by one from turn to turn
	block := max(size/4, 1)
	excess := (estimate - size + block - 1) / block * block // what is cut stays the same while this does
	starts := v.turns()
	dropped, turns, at := 0, 0, 0
	for _, start := range starts[1:] {
		if dropped >= excess {
			break
		}
		dropped += EstimateTokens(nil, v.Messages[at:start]...)
		at = start
		turns++
	}
	if at > 0 {
		v.cut(at, fmt.Sprintf("the first %d turns are not sent, to keep within %d tokens", turns, limit))
	}
}

// turns are the indices at which turns begin, that at hand last: at questions of the user, so
// that one without a question counts to the turn before. The first is 0, whatever stands there.
func (v *View) turns() []int {
	starts := []int{0}
	for i := 1; i < len(v.Messages) && i <= v.Turn; i++ {
		if isQuestion(v.Messages[i]) {
			starts = append(starts, i)
		}
	}
	return starts
}

// isQuestion says whether a message begins a turn: it is the user's, and holds no results.
func isQuestion(m llm.Message) bool {
	if m.Role != llm.RoleUser {
		return false
	}
	for _, p := range m.Content {
		if _, ok := p.(*llm.ToolResultPart); ok {
			return false
		}
	}
	return true
}

// cut leaves out the messages before the i-th.
func (v *View) cut(i int, why string) {
	v.Messages = v.Messages[i:]
	v.Turn -= i
	v.warn(fmt.Sprintf("messages[0:%d]", i), why)
}

func (v *View) warn(field, message string) {
	v.Warnings = append(v.Warnings, llm.Warning{Code: llm.WarningDropped, Field: field, Message: message})
}

// EstimateTokens estimates what a request of these messages costs in input tokens: a quarter of
// the bytes of text, arguments and schemas, and 1,500 for each image, document or other media.
// Messages of the request are not counted; it may be nil. Use it to see what a strategy sees.
func EstimateTokens(req *llm.Request, messages ...llm.Message) int {
	bytes := 0
	if req != nil {
		bytes += bytesOf(req.System)
		for _, t := range req.Tools {
			bytes += len(t.Name) + len(t.Description) + len(t.Schema) + len(t.Config)
		}
	}
	for _, m := range messages {
		bytes += 16 + bytesOf(m.Content) // of the role, and what goes around it
	}
	return bytes / 4
}

const mediaBytes = 4 * 1500

func bytesOf(parts []llm.Part) int {
	n := 0
	for _, p := range parts {
		switch p := p.(type) {
		case *llm.TextPart:
			n += len(p.Text)
		case *llm.ReasoningPart:
			n += len(p.Text) + len(p.Signature) + len(p.Redacted)
		case *llm.ToolCallPart:
			n += len(p.Name) + len(p.Input) + len(p.Malformed)
		case *llm.ToolResultPart:
			n += bytesOf(p.Content)
		case *llm.ProviderPart:
			n += len(p.Data)
		case *llm.DocumentPart:
			if n += len(p.Text); p.Text == "" {
				n += mediaBytes
			}
		case *llm.MediaPart:
			n += mediaBytes
		}
	}
	return n
}
