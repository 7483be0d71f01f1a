package main

import (
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-sdk/parley/internal/leak"
)

var update = flag.Bool("update", false, "draw docs/outage.svg anew")

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(leak.Run(m))
}

// TestStory plays the story in virtual time and holds what docs/resilience.md tells of it.
func TestStory(t *testing.T) {
	var runs []*timeline
	synctest.Test(t, func(t *testing.T) {
		for _, app := range applications(time.Second) {
			tl, err := play(t.Context(), time.Second, app)
			if err != nil {
				t.Fatal(err)
			}
			t.Log(tl)
			for i, p := range phases {
				to := length
				if i+1 < len(phases) {
					to = phases[i+1].from
				}
				t.Logf("  %-10s %+v", p.name, tl.total(p.from, to))
			}
			runs = append(runs, tl)
		}
	})
	bare, standard := runs[0], runs[1]
	for _, tl := range runs {
		if s := tl.total(0, 60); s.answers < 55*perSecond || s.failures > 0 {
			t.Errorf("%s while all is well: %+v", tl.name, s)
		}
	}
	// What the table of docs/resilience.md says.
	within := func(what string, got, least, most int) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%s: %d, want %d to %d", what, got, least, most)
		}
	}
	b, s := bare.total(60, 120), standard.total(60, 120)
	within("attempts in the overload with retries only", b.attempts, 2300, 2400)
	within("attempts in the overload with Standard", s.attempts, 10, 40)
	b, s = bare.total(120, 180), standard.total(120, 180)
	within("calls that hang with retries only", b.inFlight, 290, 300)
	within("seconds for which each hangs", int(b.waited.Seconds())/b.failures, 29, 30)
	within("attempts while the provider hangs with Standard", s.attempts, 3, 6)
	within("calls that hang with Standard", s.inFlight, 1, 1)
	b, s = bare.total(180, 240), standard.total(180, 240)
	within("attempts at half the quota with retries only", b.attempts, 1700, 1900)
	within("tenths of them that are refused", 10*(b.attempts-b.answers)/b.attempts, 8, 8)
	within("attempts at half the quota with Standard", s.attempts, 440, 520)
	within("answers at half the quota with Standard", s.answers, 260, 300)
	within("failures once the provider is healthy again with retries only", bare.total(242, length).failures, 0, 0)
	last := 0 // second in which a call fails
	for i, s := range standard.samples {
		if s.failures > 0 {
			last = i
		}
	}
	within("seconds until nothing fails any more with Standard", last-240, 70, 95)
	b, s = bare.total(0, length), standard.total(0, length)
	within("seconds until a failure with retries only", int(b.waited.Seconds())/b.failures, 13, 14)
	within("milliseconds until a failure with Standard", int(s.waited.Milliseconds())/s.failures, 0, 600)
	within("percent of the load with Standard", 100*s.attempts/b.attempts, 30, 50)
	if s := standard.total(length-60, length); s.answers < 58*perSecond || s.failures > 0 {
		t.Errorf("three minutes after the end Standard has not recovered: %+v", s)
	}
	svg := draw(runs)
	for d := xml.NewDecoder(strings.NewReader(string(svg))); ; {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("the drawing is no XML: %v", err)
		}
	}
	if *update {
		if err := os.WriteFile(filepath.FromSlash("../../docs/outage.svg"), svg, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRun plays the story in real time, at a thousandth of it.
func TestRun(t *testing.T) {
	out := filepath.Join(t.TempDir(), "outage.svg")
	if err := run(t.Context(), time.Millisecond, out); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(out); err != nil || !strings.HasPrefix(string(b), "<svg") {
		t.Errorf("%.40s, %v", b, err)
	}
}
