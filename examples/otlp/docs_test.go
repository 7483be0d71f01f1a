package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

var update = flag.Bool("update", false, "write the traces of docs/observability.md anew")

const (
	guide     = "../../docs/observability.md"
	dashboard = "../../docs/dashboards/parley.json"
)

// observe plays the situations in virtual time, and returns what they emit.
func observe(t *testing.T, played ...situation) (spans tracetest.SpanStubs, metrics metricdata.ResourceMetrics) {
	t.Helper()
	environment(t, nil)
	synctest.Test(t, func(t *testing.T) {
		exporter, reader := tracetest.NewInMemoryExporter(), sdkmetric.NewManualReader()
		otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter)))
		otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
		app, random := newApplication(), rand.New(rand.NewPCG(1, 2))
		for _, s := range played {
			app.ask(t.Context(), s, random)
		}
		spans = exporter.GetSpans()
		if err := reader.Collect(t.Context(), &metrics); err != nil {
			t.Fatal(err)
		}
	})
	return spans, metrics
}

func named(names ...string) []situation {
	return slices.DeleteFunc(slices.Clone(situations), func(s situation) bool { return !slices.Contains(names, s.name) })
}

var traces = regexp.MustCompile("(?s)(<!-- traces -->\n```text\n)(.*?)(```\n)")

// The traces in the guide are what the example emits.
func TestTracesInGuide(t *testing.T) {
	spans, _ := observe(t, named("throttled", "quota used up", "refused")...)
	got := tree(spans)
	doc, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	m := traces.FindSubmatchIndex(doc)
	if m == nil {
		t.Fatal("the guide has no traces")
	}
	if *update {
		doc = slices.Concat(doc[:m[4]], []byte(got), doc[m[5]:])
		if err := os.WriteFile(guide, doc, 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(doc[m[4]:m[5]]), got); diff != "" {
		t.Errorf("the guide differs; accept with -update:\n%s", diff)
	}
}

// tree shows spans with their children below them, in order of their start.
func tree(spans tracetest.SpanStubs) string {
	slices.SortStableFunc(spans, func(a, b tracetest.SpanStub) int { return a.StartTime.Compare(b.StartTime) })
	var b strings.Builder
	var show func(s tracetest.SpanStub, indent string)
	show = func(s tracetest.SpanStub, indent string) {
		status := ""
		if s.Status.Code == codes.Error {
			status = "  ERROR " + s.Status.Description
		}
		fmt.Fprintf(&b, "%s%s  %s  %s%s\n", indent, s.Name, strings.ToUpper(s.SpanKind.String()), s.EndTime.Sub(s.StartTime).Round(time.Millisecond), status)
		for _, e := range s.Events {
			fmt.Fprintf(&b, "%s  ● %s at %s  %s\n", indent, e.Name, e.Time.Sub(s.StartTime).Round(time.Millisecond), strings.Join(attributes(e.Attributes), ", "))
		}
		for _, a := range attributes(s.Attributes) {
			fmt.Fprintf(&b, "%s    %s\n", indent, a)
		}
		for _, child := range spans {
			if child.Parent.SpanID() == s.SpanContext.SpanID() {
				show(child, indent+"  ")
			}
		}
	}
	for _, s := range spans {
		if !s.Parent.IsValid() {
			show(s, "")
		}
	}
	return b.String()
}

func attributes(attrs []attribute.KeyValue) []string {
	var lines []string
	for _, a := range attrs {
		lines = append(lines, fmt.Sprintf("%s = %s", a.Key, a.Value.String()))
	}
	return lines
}

// names are those that Prometheus gives to what the example emits.
type names struct{ metrics, labels map[string]bool }

func prometheusNames(t *testing.T) names {
	t.Helper()
	_, emitted := observe(t, situations...)
	n := names{map[string]bool{}, map[string]bool{"job": true, "instance": true, "le": true}}
	namer, labels := otlptranslator.MetricNamer{WithMetricSuffixes: true}, otlptranslator.LabelNamer{}
	add := func(m metricdata.Metrics, typ otlptranslator.MetricType, suffixes ...string) {
		name, err := namer.Build(otlptranslator.Metric{Name: m.Name, Unit: m.Unit, Type: typ})
		if err != nil {
			t.Fatal(err)
		}
		for _, suffix := range suffixes {
			n.metrics[name+suffix] = true
		}
	}
	label := func(set attribute.Set) {
		for _, a := range set.ToSlice() {
			name, err := labels.Build(string(a.Key))
			if err != nil {
				t.Fatal(err)
			}
			n.labels[name] = true
		}
	}
	for _, scope := range emitted.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				add(m, otlptranslator.MetricTypeHistogram, "_bucket", "_sum", "_count")
				for _, p := range data.DataPoints {
					label(p.Attributes)
				}
			case metricdata.Histogram[int64]:
				add(m, otlptranslator.MetricTypeHistogram, "_bucket", "_sum", "_count")
				for _, p := range data.DataPoints {
					label(p.Attributes)
				}
			case metricdata.Sum[int64]:
				add(m, otlptranslator.MetricTypeMonotonicCounter, "")
				for _, p := range data.DataPoints {
					label(p.Attributes)
				}
			case metricdata.Sum[float64]:
				add(m, otlptranslator.MetricTypeMonotonicCounter, "")
				for _, p := range data.DataPoints {
					label(p.Attributes)
				}
			default:
				t.Fatalf("%s is a %T", m.Name, data)
			}
		}
	}
	return n
}

var (
	metric    = regexp.MustCompile(`\b[a-z][a-z0-9_]*_[a-z0-9_]*[\[{]`)
	selector  = regexp.MustCompile(`\{([^{}]*)\}`)
	matcher   = regexp.MustCompile(`(\w+)\s*(?:=~|!~|!=|=)\s*"`)
	grouping  = regexp.MustCompile(`\b(?:by|without|ignoring|on)\s*\(([^()]*)\)`)
	formatted = regexp.MustCompile(`\{\{(\w+)\}\}`)
	block     = regexp.MustCompile("(?s)```(?:promql|text)\n(.*?)```")
)

// check returns how many metrics a query, or Prometheus' text format, names, and which names
// there are not.
func (n names) check(text string) (metrics int, unknown []string) {
	for _, name := range metric.FindAllString(text, -1) {
		metrics++
		if name = name[:len(name)-1]; !n.metrics[name] {
			unknown = append(unknown, name)
		}
	}
	var labels []string
	for _, s := range selector.FindAllStringSubmatch(text, -1) {
		for _, m := range matcher.FindAllStringSubmatch(s[1], -1) {
			labels = append(labels, m[1])
		}
	}
	for _, g := range grouping.FindAllStringSubmatch(text, -1) {
		labels = append(labels, strings.FieldsFunc(g[1], func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	for _, m := range formatted.FindAllStringSubmatch(text, -1) {
		labels = append(labels, m[1])
	}
	for _, l := range labels {
		if !n.labels[l] {
			unknown = append(unknown, l)
		}
	}
	return metrics, unknown
}

func (n names) String() string {
	return fmt.Sprint(slices.Sorted(maps.Keys(n.metrics)), slices.Sorted(maps.Keys(n.labels)))
}

// The dashboard is complete, and asks for metrics and labels that the example emits.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile(dashboard)
	if err != nil {
		t.Fatal(err)
	}
	type datasource struct{ Type, UID string }
	var d struct {
		UID, Title    string
		SchemaVersion int
		Templating    struct {
			List []struct{ Name, Type string }
		}
		Panels []struct {
			ID                       int
			Type, Title, Description string
			Datasource               datasource
			GridPos                  struct{ H, W, X, Y int }
			Targets                  []struct {
				RefID, Expr, LegendFormat string
				Datasource                datasource
			}
		}
	}
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	if d.UID == "" || d.Title == "" || d.SchemaVersion < 39 || len(d.Templating.List) == 0 || d.Templating.List[0].Type != "datasource" {
		t.Errorf("it lacks a name, a version or a variable for the data source: %+v", d.Templating)
	}
	names, ids := prometheusNames(t), map[int]bool{}
	variable := datasource{"prometheus", "${" + d.Templating.List[0].Name + "}"}
	for _, p := range d.Panels {
		if ids[p.ID] || p.Title == "" || p.Description == "" || p.Datasource != variable || p.GridPos.X+p.GridPos.W > 24 || p.GridPos.H <= 0 {
			t.Errorf("panel %+v", p)
		}
		ids[p.ID] = true
		if len(p.Targets) == 0 {
			t.Errorf("%s: no query", p.Title)
		}
		for _, q := range p.Targets {
			metrics, unknown := names.check(q.Expr + q.LegendFormat)
			if q.Datasource != variable || q.RefID == "" || metrics == 0 || unknown != nil {
				t.Errorf("%s: %+v: nothing emits %v; there are %v", p.Title, q, unknown, names)
			}
		}
	}
	if len(d.Panels) < 8 {
		t.Errorf("%d panels", len(d.Panels))
	}
}

// The guide's queries and excerpts name metrics and labels that the example emits.
func TestNamesInGuide(t *testing.T) {
	doc, err := os.ReadFile(guide)
	if err != nil {
		t.Fatal(err)
	}
	names, found := prometheusNames(t), 0
	for _, m := range block.FindAllStringSubmatch(traces.ReplaceAllString(string(doc), ""), -1) {
		metrics, unknown := names.check(m[1])
		if found += metrics; unknown != nil {
			t.Errorf("nothing emits %v; there are %v", unknown, names)
		}
	}
	if found < 20 {
		t.Errorf("only %d metrics were found", found)
	}
}

func TestCheck(t *testing.T) {
	n := names{map[string]bool{"a_total": true}, map[string]bool{"le": true}}
	for text, want := range map[string][]string{
		`sum by (le) (rate(a_total{le="1"}[5m]))`:             nil,
		`sum by (x, le) (rate(b_total{y!="1", le="2"}[5m]))`:  {"b_total", "y", "x"},
		`a_total{} / ignoring (z) group_left a_sum[5m] {{w}}`: {"a_sum", "z", "w"},
		`a_total{le="0.1"} 7`:                                 nil,
	} {
		if _, unknown := n.check(text); !slices.Equal(unknown, want) {
			t.Errorf("%s: %q, want %q", text, unknown, want)
		}
	}
}
