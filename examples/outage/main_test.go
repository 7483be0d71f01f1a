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
	if b, s := bare.total(60, 120), standard.total(60, 120); b.attempts < 2*s.attempts*10 {
		t.Errorf("in the overload the provider gets %d attempts without and %d with Standard", b.attempts, s.attempts)
	}
	if b, s := bare.total(120, 180), standard.total(120, 180); b.inFlight < 3*s.inFlight {
		t.Errorf("while the provider hangs %d calls are under way without and %d with Standard", b.inFlight, s.inFlight)
	}
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
