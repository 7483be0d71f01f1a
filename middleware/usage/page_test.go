package usage_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

func TestPage(t *testing.T) {
	l := usage.NewLedger(&usage.Options{Prices: dollars, OnWarning: func(error) {}, Budgets: []usage.Budget{
		{Name: "<team>", Tags: map[string]string{"team": "x", "tenant": "a&b"}, Limit: usd("100.5"), Period: 24 * time.Hour}, {Limit: usd("1000000")}}})
	var h http.Handler = l
	get := func(method, target string, accept ...string) *http.Response {
		r := httptest.NewRequest(method, target, nil)
		r.Header["Accept"] = accept
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Result()
	}
	text := func(r *http.Response) string {
		b := new(strings.Builder)
		r.Write(b)
		return b.String()
	}
	if got := text(get("GET", "/")); !strings.Contains(got, "<h1>Model usage</h1>") {
		t.Errorf("an empty ledger is shown as\n%s", got)
	}
	for i := range 102 {
		ctx := tagged(t, "tenant", fmt.Sprintf("t%03d", i), "secret", "<script>alert(1)</script>")
		llm.Wrap(answering(llm.Usage{InputTokens: 1000 + i, CacheReadTokens: 4, OutputTokens: 7}), usage.New(l)).Generate(ctx, nil)
	}
	llm.Wrap(&scripted{llm.Info{Model: "new"}, turn{err: llm.ErrTimeout}}, usage.New(l)).Generate(t.Context(), ask(8, 1))

	page := get("GET", "/usage", "text/html,application/xhtml+xml,*/*;q=0.8")
	body := text(page)
	same(t, "type", "text/html; charset=utf-8", page.Header.Get("Content-Type"))
	same(t, "policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'", page.Header.Get("Content-Security-Policy"))
	for _, want := range []string{
		"<tr><td>total</td><td>103</td><td>1</td><td>107153</td><td>408</td><td>714</td><td>107661 &#43; unknown</td><td>unknown</td></tr>",
		"<tr><td>&lt;team&gt;</td><td>team=x, tenant=a&amp;b</td><td>100.5</td><td>every 24h0m0s</td><td>0</td><td>0</td><td>100.5</td><td>20",
		"<tr><td>of all calls</td><td>all calls</td><td>1000000</td><td>never renewed</td>",
		"<h2>By model</h2>", "<h2>By tenant</h2>", "<h2>By secret</h2>", "2 more rows are not shown",
		"<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>", "<td>new</td><td>1</td><td>1</td><td>2</td><td>0</td><td>0</td><td>unknown</td><td>unknown</td>",
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %s", want)
		}
	}
	for _, not := range []string{"<script", "http:", "https:", "t000</td>", "t001</td>"} {
		if strings.Contains(body, not) {
			t.Errorf("the page has %s", not)
		}
	}
	if a, b, c := strings.Index(body, "By model"), strings.Index(body, "By secret"), strings.Index(body, "By tenant"); a > b || b > c {
		t.Error("the groups are out of order")
	}
	if t.Failed() {
		t.Log(body)
	}

	for _, c := range []struct {
		target string
		accept []string
		json   bool
	}{
		{"/?format=json", nil, true},
		{"/?format=json", []string{"text/html"}, true},
		{"/?format=html", []string{"application/json"}, false},
		{"/", []string{"application/json"}, true},
		{"/", []string{"application/json, text/html"}, true},
		{"/", []string{"text/html, application/json"}, false},
		{"/", []string{"text/html", "application/json"}, false},
		{"/", []string{"*/*"}, false},
	} {
		r := get("GET", c.target, c.accept...)
		if (r.Header.Get("Content-Type") == "application/json") != c.json || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("X-Content-Type-Options") != "nosniff" || r.StatusCode != 200 {
			t.Errorf("%+v: %v", c, r.Header)
		}
		if !c.json {
			continue
		}
		var got usage.Snapshot
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		want := l.Snapshot()
		want.At = got.At
		same(t, "snapshot", want, got)
	}
	for method, want := range map[string]int{"HEAD": 200, "POST": 405, "DELETE": 405} {
		same(t, method, want, get(method, "/").StatusCode)
	}
	same(t, "allowed", "GET, HEAD", get("POST", "/").Header.Get("Allow"))
}
