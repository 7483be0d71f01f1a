package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"time"
)

// Sizes of the drawing, in its own pixels.
const (
	column, row     = 50, 26 // of the dashboard's grid of 24 columns
	columns         = 24
	head            = 44
	gap             = 8 // between panels
	left, right     = 58 + gap, 14
	top, bottom     = 34, 46 // of a panel's plot, for its title and its legend
	charWidth       = 6.2
	timeTicks       = 5
	background      = "#f4f5f5"
	grid, ink, pale = "#e3e5e8", "#24292e", "#6e7379"
)

func colours() []string {
	return []string{"#1a73e8", "#e8710a", "#188038", "#9334e6", "#d93025", "#129eaf"}
}

// draw draws the panels where the dashboard has them.
func draw(d *dashboard, from, until time.Time) []byte {
	height := 0
	for _, p := range d.Panels {
		height = max(height, head+(p.GridPos.Y+p.GridPos.H)*row+gap)
	}
	width := columns*column + gap
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="12" role="img" aria-label="%s">`+"\n", width, height, html.EscapeString(d.Title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="%s"/>`+"\n", width, height, background)
	text(&b, gap+2, 28, ink, `font-size="18" font-weight="bold"`, d.Title)
	text(&b, width-gap-2, 28, pale, `text-anchor="end"`, until.Sub(from).String()+" until "+until.UTC().Format("2006-01-02 15:04 UTC"))
	for _, p := range d.Panels {
		x, y := gap+p.GridPos.X*column, head+p.GridPos.Y*row
		w, h := p.GridPos.W*column-gap, p.GridPos.H*row-gap
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="%d" height="%d" rx="3" fill="white" stroke="%s"/>`+"\n", x, y, w, h, grid)
		text(&b, x+10, y+20, ink, `font-weight="bold"`, p.Title)
		if p.Type == "stat" {
			value := p.Targets[0].lines[0].points[0].value
			text(&b, x+w/2, y+h-24, ink, `font-size="30" text-anchor="middle"`, amount(value, p.FieldConfig.Defaults.Unit, p.FieldConfig.Defaults.Decimals))
			continue
		}
		pl := plot{x: x + left - gap, y: y + top, w: w - left - right + gap, h: h - top - bottom, from: from, until: until, unit: p.FieldConfig.Defaults.Unit}
		pl.draw(&b, p.Targets)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// plot is the area of a panel in which lines are drawn.
type plot struct {
	x, y, w, h  int
	from, until time.Time
	unit        string
	most        float64 // the value at the upper edge
}

func (pl *plot) draw(b *bytes.Buffer, targets []target) {
	var lines []line
	for _, t := range targets {
		lines = append(lines, t.lines...)
	}
	for _, l := range lines {
		for _, p := range l.points {
			pl.most = max(pl.most, p.value)
		}
	}
	pl.axes(b)
	x := pl.x - left + 2*gap
	for i, l := range lines {
		colour := colours()[i%len(colours())]
		pl.line(b, l.points, colour)
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="14" height="4" fill="%s"/>`, x, pl.y+pl.h+30, colour)
		text(b, x+20, pl.y+pl.h+36, ink, "", l.name)
		x += 36 + int(charWidth*float64(len(l.name)))
	}
}

func (pl *plot) axes(b *bytes.Buffer) {
	tick := step(pl.most)
	pl.most = max(tick*math.Ceil(pl.most/tick), tick)
	decimals := max(0, -int(math.Floor(math.Log10(tick)+1e-9)))
	if pl.unit == "percentunit" {
		decimals = max(0, decimals-2)
	}
	for i := 0; float64(i)*tick < pl.most*1.001; i++ {
		v := float64(i) * tick
		y := pl.y + pl.h - int(v/pl.most*float64(pl.h))
		fmt.Fprintf(b, `<line x1="%[1]d" y1="%[3]d" x2="%[2]d" y2="%[3]d" stroke="%[4]s"/>`, pl.x, pl.x+pl.w, y, grid)
		text(b, pl.x-6, y+4, pale, `text-anchor="end"`, amount(v, pl.unit, decimals))
	}
	length := pl.until.Sub(pl.from)
	for i := range timeTicks {
		at := pl.from.Add(length * time.Duration(2*i+1) / (2 * timeTicks))
		text(b, pl.x+pl.w*(2*i+1)/(2*timeTicks), pl.y+pl.h+16, pale, `text-anchor="middle"`, at.UTC().Format("15:04:05"))
	}
	b.WriteString("\n")
}

// line draws a series, broken where it has no points for a while.
func (pl *plot) line(b *bytes.Buffer, points []point, colour string) {
	pause := 2.5 * pl.until.Sub(pl.from).Seconds() / steps
	fmt.Fprintf(b, `<path fill="none" stroke="%s" stroke-width="1.5" stroke-linejoin="round" d="`, colour)
	for i, p := range points {
		move := "L"
		if i == 0 || p.at-points[i-1].at > pause {
			move = "M"
		}
		x := float64(pl.x) + (p.at-float64(pl.from.Unix()))/pl.until.Sub(pl.from).Seconds()*float64(pl.w)
		y := float64(pl.y+pl.h) - p.value/pl.most*float64(pl.h)
		fmt.Fprintf(b, "%s%.0f %.1f", move, x, y)
	}
	b.WriteString(`"/>` + "\n")
}

// step is a round number that goes into the value six times at most.
func step(most float64) float64 {
	if most <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(most)))
	for _, f := range []float64{0.2, 0.5, 1} {
		if most/(f*unit) <= 6 {
			return f * unit
		}
	}
	return 2 * unit
}

// amount is a value with its unit, by the name that Grafana has for it.
func amount(v float64, unit string, decimals int) string {
	switch unit {
	case "percentunit":
		return strconv.FormatFloat(100*v, 'f', decimals, 64) + " %"
	case "s":
		return strconv.FormatFloat(v, 'f', decimals, 64) + " s"
	case "reqps":
		return strconv.FormatFloat(v, 'f', decimals, 64) + "/s"
	case "currencyUSD":
		return "$" + strconv.FormatFloat(v, 'f', decimals, 64)
	}
	if v >= 1e6 {
		return strconv.FormatFloat(v/1e6, 'f', -1, 64) + " M"
	}
	if v >= 1e4 {
		return strconv.FormatFloat(v/1e3, 'f', -1, 64) + " k"
	}
	return strconv.FormatFloat(v, 'f', decimals, 64)
}

func text(b *bytes.Buffer, x, y int, fill, attributes, s string) {
	fmt.Fprintf(b, `<text x="%d" y="%d" fill="%s" %s>%s</text>`+"\n", x, y, fill, attributes, html.EscapeString(s))
}
