package usage_test

import (
	"context"
	"testing"

	"github.com/parley-sdk/parley/middleware/usage"
)

func TestTags(t *testing.T) {
	if got := usage.TagsFrom(t.Context()); got != nil {
		t.Errorf("tags of nobody: %v", got)
	}
	given := map[string]string{"tenant": "a", "feature": "chat"}
	outer := usage.WithTags(t.Context(), given)
	given["tenant"] = "changed"
	inner := usage.WithTags(outer, map[string]string{"tenant": "b", "user": "u"})
	same(t, "outer", map[string]string{"tenant": "a", "feature": "chat"}, usage.TagsFrom(outer))
	same(t, "inner", map[string]string{"tenant": "b", "feature": "chat", "user": "u"}, usage.TagsFrom(inner))
	usage.TagsFrom(outer)["tenant"] = "changed"
	same(t, "outer, after a write into the copy", map[string]string{"tenant": "a", "feature": "chat"}, usage.TagsFrom(outer))
	same(t, "nil tags", map[string]string{"tenant": "a", "feature": "chat"}, usage.TagsFrom(usage.WithTags(outer, nil)))
	if got := usage.TagsFrom(usage.WithTags(context.Background(), nil)); len(got) != 0 {
		t.Errorf("nil tags on nothing: %v", got)
	}
}
