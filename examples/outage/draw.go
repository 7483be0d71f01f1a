package main

import (
	"bytes"
	"fmt"
	"strings"
)

// Sizes of the drawing.
const (
	width, left, right = 900, 60, 20
	panel, gap, head   = 130, 46, 70
	colours            = "#9aa0a6 #1a73e8"
)

// draw draws the timelines, one above the other: what each second's samples say of the
// provider's load, of the answers, and of the calls that wait.
func draw(runs []*timeline) []byte {
	panels := []struct {
		title string
		value func(sample) int
	}{
		{"attempts a second that reach the provider", func(s sample) int { return s.attempts }},
		{"answers a second", func(s sample) int { return s.answers }},
		{"failures a second", func(s sample) int { return s.failures }},
		{"calls under way", func(s sample) int { return s.inFlight }},
	}
	height := head + len(panels)*(panel+gap) + 30 + len(runs)*18
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img" aria-label="Timeline of an outage">`+"\n", width, height)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="white"/>`+"\n", width, height)
	legend(&b, runs)
	for i, p := range panels {
		y := head + i*(panel+gap)
		top := 1
		for _, tl := range runs {
			for _, s := range tl.samples[:length] {
				top = max(top, p.value(s))
			}
		}
		frame(&b, y, top, p.title)
		for j, tl := range runs {
			line(&b, y, top, colour(j), tl, p.value)
		}
	}
	below := head + len(panels)*(panel+gap)
	bands(&b, below, runs[len(runs)-1])
	for i, tl := range runs {
		fmt.Fprintf(&b, `<text x="%d" y="%d">%s</text>`+"\n", left, below+34+i*18, tl)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func colour(i int) string { return strings.Fields(colours)[i] }

func x(second int) int { return left + second*(width-left-right)/length }

func legend(b *bytes.Buffer, runs []*timeline) {
	for i, tl := range runs {
		fmt.Fprintf(b, `<rect x="%d" y="14" width="14" height="4" fill="%s"/><text x="%d" y="20">%s</text>`+"\n", left+i*180, colour(i), left+20+i*180, tl.name)
	}
	for i, p := range phases {
		fmt.Fprintf(b, `<text x="%d" y="42" fill="#5f6368">%s</text>`+"\n", x(p.from)+4, p.name)
		if i > 0 {
			fmt.Fprintf(b, `<line x1="%[1]d" y1="32" x2="%[1]d" y2="%[2]d" stroke="#dadce0" stroke-dasharray="3 3"/>`+"\n", x(p.from), head+4*(panel+gap)-gap)
		}
	}
}

// frame draws a panel without its lines.
func frame(b *bytes.Buffer, y, top int, title string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="bold">%s</text>`+"\n", left, y-6, title)
	fmt.Fprintf(b, `<line x1="%d" y1="%[2]d" x2="%d" y2="%[2]d" stroke="#5f6368"/>`+"\n", left, y+panel, width-right)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">%d</text>`+"\n", left-6, y+10, top)
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">0</text>`+"\n", left-6, y+panel)
	for s := 0; s <= length; s += 60 {
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle" fill="#5f6368">%d s</text>`+"\n", x(s), y+panel+14, s)
	}
}

// line draws the value of each second.
func line(b *bytes.Buffer, y, top int, colour string, tl *timeline, value func(sample) int) {
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="1.5" points="`, colour)
	for s := range length {
		fmt.Fprintf(b, "%d,%d ", x(s), y+panel-value(tl.samples[s])*panel/top)
	}
	b.WriteString(`"/>` + "\n")
}

// bands draws the states of the breaker.
func bands(b *bytes.Buffer, y int, tl *timeline) {
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end">breaker</text>`+"\n", left-6, y+10)
	fills := map[string]string{"closed": "#34a853", "open": "#ea4335", "half-open": "#fbbc04"}
	state := "closed"
	for s := range length {
		if next := tl.samples[s].state; next != "" {
			state = string(next)
		}
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="12" fill="%s"/>`, x(s), y, x(s+1)-x(s), fills[state])
	}
	b.WriteString("\n")
}
