package conversation

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// What remains of a long result: its head and its tail.
const (
	resultHead = 200 // bytes
	resultTail = 200
)

// TruncateToolResults shortens results of tools that are older than the last n turns: of a long
// text the head and the tail are sent, of media a word. It goes on by n turns at a time, so that
// what is sent stays the same from turn to turn for a prompt cache; up to 2n turns are whole.
// After an overflow it shortens those of the turn at hand too, but for the last.
func TruncateToolResults(n int) TrimFunc {
	return func(_ context.Context, v *View) error {
		block := max(n, 1)
		starts := v.turns()
		end := 0 // results before it are shortened
		if old := (len(starts) - max(n, 0)) / block * block; old > 0 && old < len(starts) {
			end = starts[old]
		}
		if v.Overflow {
			end = len(v.Messages) - 1
		}
		shortened := 0
		for i, m := range v.Messages[:max(end, 0)] {
			if short, n := shorten(m); n > 0 {
				if shortened == 0 {
					v.Messages = slices.Clone(v.Messages)
				}
				v.Messages[i] = short
				shortened += n
			}
		}
		if shortened > 0 {
			v.warn(fmt.Sprintf("messages[0:%d]", end), fmt.Sprintf("%d long results of tools are sent shortened", shortened))
		}
		return nil
	}
}

// shorten is a message with short results, and how many were not.
func shorten(m llm.Message) (llm.Message, int) {
	n := 0
	for i, p := range m.Content {
		result, ok := p.(*llm.ToolResultPart)
		if !ok || bytesOf(result.Content) <= 2*(resultHead+resultTail) {
			continue
		}
		if n == 0 {
			m.Content = slices.Clone(m.Content)
		}
		n++
		short := *result
		short.Content = slices.Clone(result.Content)
		for j, p := range short.Content {
			short.Content[j] = shortPart(p)
		}
		m.Content[i] = &short
	}
	return m, n
}

func shortPart(p llm.Part) llm.Part {
	switch p := p.(type) {
	case *llm.TextPart:
		if len(p.Text) <= 2*(resultHead+resultTail) {
			return p
		}
		from, to := resultHead, len(p.Text)-resultTail // of what is left out, in whole runes
		for from > 0 && !utf8.RuneStart(p.Text[from]) {
			from--
		}
		for to < len(p.Text) && !utf8.RuneStart(p.Text[to]) {
			to++
		}
		return llm.Text(p.Text[:from] + "\n(" + strconv.Itoa(to-from) + " bytes are left out here)\n" + p.Text[to:])
	case *llm.MediaPart, *llm.DocumentPart:
		return llm.Text("(a file was here, and is left out)")
	}
	return p
}
