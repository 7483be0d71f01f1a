package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel"
	metricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracepb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// environment sets variables of OpenTelemetry, and unsets the others of it.
func environment(t *testing.T, set map[string]string) {
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "OTEL_") {
			t.Setenv(name, value) // restores it in the end
			os.Unsetenv(name)
		}
	}
	for name, value := range set {
		t.Setenv(name, value)
	}
}

// printed runs the tour in virtual time, with standard output as the exporter.
func printed(t *testing.T) string {
	t.Helper()
	var out, log strings.Builder
	synctest.Test(t, func(t *testing.T) {
		if err := run(t.Context(), &out, &log, 0, 1); err != nil {
			t.Fatal(err)
		}
	})
	if want := "6 calls, 1 failed; 8 attempts, "; !strings.HasPrefix(log.String(), want) {
		t.Errorf("log %q, want %q", log.String(), want)
	}
	return out.String()
}

const secret = "order 4711" // a part of the prompt

func TestStandardOutput(t *testing.T) {
	environment(t, nil)
	out := printed(t)
	spans, metrics := map[string]int{}, map[string]bool{}
	for d := json.NewDecoder(strings.NewReader(out)); ; {
		var item struct {
			Name         string
			ScopeMetrics []struct{ Metrics []struct{ Name string } }
		}
		if err := d.Decode(&item); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		spans[item.Name]++
		for _, scope := range item.ScopeMetrics {
			for _, m := range scope.Metrics {
				metrics[m.Name] = true
			}
		}
	}
	if spans["chat "+sonnet.Model] != 5 || spans["chat "+nova.Model] != 1 || spans["throttled"] != 1 {
		t.Errorf("spans: %v", spans)
	}
	if len(metrics) != 9 || !metrics["gen_ai.client.operation.duration"] {
		t.Errorf("metrics: %v", metrics)
	}
	if strings.Contains(out, secret) {
		t.Error("it shows the prompt")
	}
}

func TestContent(t *testing.T) {
	environment(t, map[string]string{"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"})
	if !strings.Contains(printed(t), secret) {
		t.Error("the environment asks for content, and there is none")
	}
}

// Metrics are of all calls, whatever the sampler takes.
func TestUnsampled(t *testing.T) {
	environment(t, map[string]string{"OTEL_TRACES_SAMPLER": "always_off"})
	out := printed(t)
	if strings.Contains(out, "TraceID") || !strings.Contains(out, "gen_ai.client.operation.duration") {
		t.Errorf("%.300s", out)
	}
}

// receiver takes OTLP over HTTP.
type receiver struct {
	*httptest.Server
	mu      sync.Mutex
	raw     []byte
	spans   map[string]int // by name
	metrics map[string]int // points, by name
	service string
}

func newReceiver(t *testing.T) *receiver {
	r := &receiver{spans: map[string]int{}, metrics: map[string]int{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", func(w http.ResponseWriter, req *http.Request) {
		var body tracepb.ExportTraceServiceRequest
		r.read(t, req, &body)
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, rs := range body.ResourceSpans {
			for _, a := range rs.Resource.Attributes {
				if a.Key == "service.name" {
					r.service = a.Value.GetStringValue()
				}
			}
			for _, scope := range rs.ScopeSpans {
				for _, s := range scope.Spans {
					r.spans[s.Name]++
				}
			}
		}
	})
	mux.HandleFunc("POST /v1/metrics", func(w http.ResponseWriter, req *http.Request) {
		var body metricspb.ExportMetricsServiceRequest
		r.read(t, req, &body)
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, rm := range body.ResourceMetrics {
			for _, scope := range rm.ScopeMetrics {
				for _, m := range scope.Metrics {
					r.metrics[m.Name] += len(m.GetHistogram().GetDataPoints()) + len(m.GetSum().GetDataPoints())
				}
			}
		}
	})
	r.Server = httptest.NewServer(mux)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) read(t *testing.T, req *http.Request, into proto.Message) {
	in := io.Reader(req.Body)
	if req.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(in)
		if err != nil {
			t.Error(err)
			return
		}
		in = z
	}
	body, err := io.ReadAll(in)
	if err == nil {
		err = proto.Unmarshal(body, into)
	}
	if err != nil {
		t.Error(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, body...)
}

// All that the tour and some more calls emit arrives before run returns.
func TestOTLP(t *testing.T) {
	r := newReceiver(t)
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_SERVICE_NAME": "tested"})
	var out strings.Builder
	if err := run(t.Context(), &out, io.Discard, 0, 1); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), &out, io.Discard, 20, 50); err != nil {
		t.Fatal(err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	chats := 0
	for name, n := range r.spans {
		if strings.HasPrefix(name, "chat ") {
			chats += n
		}
	}
	if chats != 26 || r.service != "tested" {
		t.Errorf("%d spans of 26 calls, of service %q: %v", chats, r.service, r.spans)
	}
	for _, name := range []string{
		"gen_ai.client.operation.duration", "gen_ai.client.operation.time_to_first_chunk", "gen_ai.client.operation.time_per_output_chunk",
		"gen_ai.client.token.usage", "parley.client.operation.cost",
		"parley.usage.calls", "parley.usage.errors", "parley.usage.tokens", "parley.usage.cost",
	} {
		if r.metrics[name] == 0 {
			t.Errorf("no points of %s: %v", name, r.metrics)
		}
	}
	if out.Len() > 0 {
		t.Errorf("standard output: %.200s", out.String())
	}
	if bytes.Contains(r.raw, []byte(secret)) {
		t.Error("it sends the prompt")
	}
}

// A receiver that does not answer is an error in the end, not a hang.
func TestNoReceiver(t *testing.T) {
	r := newReceiver(t)
	r.Close()
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // for good; it would log
	environment(t, map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": r.URL, "OTEL_EXPORTER_OTLP_TIMEOUT": "500"})
	if err := run(t.Context(), io.Discard, io.Discard, 1, 1000); err == nil {
		t.Error("no error")
	}
}

// A rate that no ticker can have is an error.
func TestRate(t *testing.T) {
	for _, rate := range []float64{0, -1, 1e10, 1e-12, math.NaN(), math.Inf(1)} {
		if err := run(t.Context(), io.Discard, io.Discard, 1, rate); err == nil || !strings.Contains(err.Error(), "-rate") {
			t.Errorf("rate %v: %v", rate, err)
		}
	}
}

func TestShares(t *testing.T) {
	sum := 0
	for _, s := range situations {
		sum += s.share
	}
	if sum != 100 || slices.ContainsFunc(situations, func(s situation) bool { return s.share <= 0 }) {
		t.Errorf("%d %% in all", sum)
	}
}
