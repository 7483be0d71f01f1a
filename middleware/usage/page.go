package usage

import (
	"bytes"
	"cmp"
	_ "embed"
	"encoding/json"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

//go:embed page.html
var pageText string

var page = template.Must(template.New("page").Parse(pageText))

const pageRows = 100 // of a tag; JSON has all

// ServeHTTP shows a [Snapshot]: a page for people, and JSON for programs that ask for it with
// "Accept: application/json" or ?format=json. The page loads nothing else. It shows the values
// of tags, and what you pay: put it behind your own authentication.
func (l *Ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	var body bytes.Buffer
	var err error
	h.Add("Vary", "Accept")
	if wantsJSON(r) {
		h.Set("Content-Type", "application/json")
		encoder := json.NewEncoder(&body)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(l.Snapshot())
	} else {
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		err = page.Execute(&body, newPage(l.Snapshot()))
	}
	if err != nil {
		http.Error(w, "the ledger cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Write(body.Bytes())
}

func wantsJSON(r *http.Request) bool {
	if format := r.URL.Query().Get("format"); format != "" {
		return format == "json"
	}
	accept := strings.Join(r.Header.Values("Accept"), ",")
	json := strings.Index(accept, "application/json")
	html := strings.Index(accept, "text/html")
	return json >= 0 && (html < 0 || json < html)
}

// pageData is what the page shows.
type pageData struct {
	At, PricesAsOf string
	Total          Summary
	Budgets        []pageBudget
	Groups         []pageGroup
}

type pageBudget struct {
	BudgetStatus
	Counts, Every, Ends string
}

type pageGroup struct {
	Tag    string
	Rows   []Row
	Hidden int // rows that are not shown
}

func newPage(s Snapshot) pageData {
	d := pageData{At: s.At.Format(time.RFC3339), PricesAsOf: s.PricesAsOf, Total: s.Total}
	for _, b := range s.Budgets {
		p := pageBudget{BudgetStatus: b, Every: "never renewed", Counts: "all calls"}
		if b.Period > 0 {
			p.Every, p.Ends = "every "+b.Period.String(), b.Ends.Format(time.RFC3339)
		}
		if len(b.Tags) > 0 {
			var pairs []string
			for _, tag := range slices.Sorted(maps.Keys(b.Tags)) {
				pairs = append(pairs, tag+"="+b.Tags[tag])
			}
			p.Counts = strings.Join(pairs, ", ")
		}
		d.Budgets = append(d.Budgets, p)
	}
	for _, tag := range slices.SortedFunc(maps.Keys(s.By), modelFirst) {
		g := pageGroup{Tag: tag, Rows: slices.Clone(s.By[tag])}
		slices.SortStableFunc(g.Rows, func(a, b Row) int { return b.Cost.known.Cmp(a.Cost.known) }) // the dearest first, by what is known
		if len(g.Rows) > pageRows {
			g.Hidden = len(g.Rows) - pageRows
			g.Rows = g.Rows[:pageRows]
		}
		d.Groups = append(d.Groups, g)
	}
	return d
}

func modelFirst(a, b string) int {
	rank := func(tag string) int {
		if tag == modelTag {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}
