package main

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

const dashboardFile = "../../../docs/dashboards/parley.json"

// fakePrometheus answers every query with a rising line, or with the value of an instant. A
// query that contains empty has no answer, and one that contains wrong is an error.
func fakePrometheus(t *testing.T, empty, wrong string) *prometheus {
	until := time.Unix(1_800_000_000, 0)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		expr := q.Get("query")
		if strings.Contains(expr, "$") {
			t.Errorf("a variable is left: %s", expr)
		}
		var result []any
		labels := map[string]string{"gen_ai_request_model": "a<b&c"}
		switch {
		case wrong != "" && strings.Contains(expr, wrong):
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"status": "error", "error": "parse error"}`)
			return
		case empty != "" && strings.Contains(expr, empty):
		case r.URL.Path == "/api/v1/query":
			result = append(result, map[string]any{"metric": labels, "value": []any{until.Unix(), "0.0125"}})
		case q.Get("step") != "5s":
			t.Errorf("step %s", q.Get("step"))
		default:
			var values []any
			for i := range int64(steps) {
				v := fmt.Sprint(i)
				if i == 90 {
					v = "NaN"
				}
				values = append(values, []any{until.Unix() - 5*(steps-i), v})
			}
			result = append(result, map[string]any{"metric": labels, "values": values})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": "success", "data": map[string]any{"result": result}})
	}))
	t.Cleanup(server.Close)
	return &prometheus{url: server.URL, from: until.Add(-15 * time.Minute), until: until, window: time.Minute}
}

// Every panel of the dashboard is drawn.
func TestPicture(t *testing.T) {
	svg, err := picture(t.Context(), dashboardFile, fakePrometheus(t, "", ""))
	if err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("no XML: %v", err)
		}
	}
	d, err := load(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, p := range d.Panels {
		if !strings.Contains(string(svg), ">"+p.Title+"<") {
			t.Errorf("%s is missing", p.Title)
		}
		if p.Type == "timeseries" {
			lines += len(p.Targets)
		}
	}
	for want, n := range map[string]int{"<path ": lines, "a&lt;b&amp;c": 1, ">1.25 %<": 1, ">0.01 s<": 1, ">$0.01<": 1} {
		if got := strings.Count(string(svg), want); got != n {
			t.Errorf("%q is there %d times, want %d", want, got, n)
		}
	}
}

// What cannot be drawn is an error that names the panel.
func TestErrors(t *testing.T) {
	for _, c := range []struct{ empty, wrong, want string }{
		{"time_to_first_chunk", "", "Time to first chunk: no data: "},
		{"", "parley_usage_errors_total", "Failed attempts a second, by model: parse error: "},
	} {
		if _, err := picture(t.Context(), dashboardFile, fakePrometheus(t, c.empty, c.wrong)); err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if _, err := picture(t.Context(), "main.go", fakePrometheus(t, "", "")); err == nil {
		t.Error("a dashboard that is no JSON is none")
	}
}

func TestAmounts(t *testing.T) {
	for _, c := range []struct {
		most float64
		want float64
	}{{0, 1}, {0.9, 0.2}, {1, 0.2}, {1.1, 0.2}, {1.3, 0.5}, {3.1, 1}, {4.9, 1}, {7, 2}, {62, 20}, {1_040_000, 200_000}} {
		if got := step(c.most); got-c.want > 1e-9 || c.want-got > 1e-9 {
			t.Errorf("step(%g) = %g, want %g", c.most, got, c.want)
		}
	}
	for want, got := range map[string]string{
		"4 %": amount(0.04, "percentunit", 0), "1.5 s": amount(1.5, "s", 1), "0.8/s": amount(0.8, "reqps", 1),
		"$60": amount(60, "currencyUSD", 0), "1.2 M": amount(1.2e6, "short", 0), "800 k": amount(8e5, "short", 0), "4491": amount(4491.3, "short", 0),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
