package usage

import (
	"context"
	"maps"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

const (
	modelTag = "model"   // is every call's own: see [Ledger.By]
	otherKey = "(other)" // the row of what has no row of its own
	maxTags  = 32        // tags that rows are kept of where GroupBy is nil, "model" included
	maxKey   = 256       // bytes of a name or value that has a row of its own
)

type tagsKey struct{}

// WithTags returns a context whose calls bear these tags: who or what a call is for, such as
// "tenant" or "feature". They are private: no backend sees them. Tags of an outer WithTags
// stay, and of the same name the inner one counts. The map is copied.
//
// A ledger reads the public tags of [llm.Request.Metadata] too; of the same name that of the
// context counts. The tag "model" is reserved: ledgers pass over it.
func WithTags(ctx context.Context, tags map[string]string) context.Context {
	merged := TagsFrom(ctx)
	if merged == nil {
		merged = make(map[string]string, len(tags))
	}
	maps.Copy(merged, tags)
	return context.WithValue(ctx, tagsKey{}, merged)
}

// TagsFrom returns the tags that [WithTags] put into the context, in a map of the caller's own;
// nil where there are none. Keys of rate limits and log lines may be made of them.
func TagsFrom(ctx context.Context) map[string]string { return maps.Clone(privateTags(ctx)) }

func privateTags(ctx context.Context) map[string]string {
	tags, _ := ctx.Value(tagsKey{}).(map[string]string)
	return tags
}

// callTags are the tags of a call.
type callTags struct {
	private, public map[string]string
	model           string // that is asked
}

func tagsOf(ctx context.Context, req *llm.Request, model string) callTags {
	t := callTags{private: privateTags(ctx), model: model}
	if req != nil {
		t.public = req.Metadata
	}
	return t
}

// get returns a tag; "model" is the model that is asked.
func (t *callTags) get(name string) (value string, ok bool) {
	if name == modelTag {
		return t.model, true
	}
	if value, ok = t.private[name]; !ok {
		value, ok = t.public[name]
	}
	return value, ok
}

// hasRows says whether rows can be kept of a tag besides those of models. Names that are not
// UTF-8 are not told apart in JSON.
func hasRows(name string) bool {
	return name != modelTag && len(name) <= maxKey && utf8.ValidString(name)
}

// each calls f for those tags that rows are kept of: all that can have some where groupBy is nil.
func (t *callTags) each(groupBy []string, f func(name, value string)) {
	if groupBy != nil {
		for _, name := range groupBy {
			if value, ok := t.get(name); ok && hasRows(name) {
				f(name, value)
			}
		}
		return
	}
	for name, value := range t.private {
		if hasRows(name) {
			f(name, value)
		}
	}
	for name, value := range t.public {
		if _, hidden := t.private[name]; !hidden && hasRows(name) {
			f(name, value)
		}
	}
}
