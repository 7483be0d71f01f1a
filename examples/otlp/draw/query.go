package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// dashboard is what is drawn of a dashboard of Grafana's.
type dashboard struct {
	Title  string  `json:"title"`
	Panels []panel `json:"panels"`
}

type panel struct {
	Type        string                   `json:"type"` // "stat" or "timeseries"
	Title       string                   `json:"title"`
	GridPos     struct{ H, W, X, Y int } `json:"gridPos"`
	FieldConfig struct {
		Defaults struct {
			Unit     string `json:"unit"`
			Decimals int    `json:"decimals"`
		} `json:"defaults"`
	} `json:"fieldConfig"`
	Targets []target `json:"targets"`
}

type target struct {
	Expr         string `json:"expr"`
	LegendFormat string `json:"legendFormat"`
	Instant      bool   `json:"instant"`

	lines []line
}

// line is a series that a query returned.
type line struct {
	name   string
	points []point // in order of time
}

type point struct{ at, value float64 } // at: seconds since 1970

func load(file string) (*dashboard, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	d := &dashboard{}
	if err := json.Unmarshal(b, d); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return d, nil
}

// prometheus is asked for a span of time.
type prometheus struct {
	url         string
	from, until time.Time
	window      time.Duration
}

const steps = 180 // points of a line

// ask returns the answer to a query: one point a line where it is of an instant.
func (p *prometheus) ask(ctx context.Context, t *target) ([]line, error) {
	length := p.until.Sub(p.from)
	expr := strings.NewReplacer("$__rate_interval", seconds(p.window), "$__range", seconds(length), "$job", ".+").Replace(t.Expr)
	q, path := url.Values{"query": {expr}}, "/api/v1/query"
	if t.Instant {
		q.Set("time", strconv.FormatInt(p.until.Unix(), 10))
	} else {
		path += "_range"
		q.Set("start", strconv.FormatInt(p.from.Unix(), 10))
		q.Set("end", strconv.FormatInt(p.until.Unix(), 10))
		q.Set("step", seconds(max(length/steps, time.Second)))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+path+"?"+q.Encode(), nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var body struct {
		Error string
		Data  struct {
			Result []struct {
				Metric map[string]string
				Value  sample   // of an instant
				Values []sample // of a range
			}
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		return nil, fmt.Errorf("%s: %w", resp.Status, err)
	}
	if body.Error != "" {
		return nil, fmt.Errorf("%s: %s", body.Error, expr)
	}
	var lines []line
	for _, r := range body.Data.Result {
		l := line{name: legend(t.LegendFormat, r.Metric)}
		if t.Instant {
			r.Values = []sample{r.Value}
		}
		for _, s := range r.Values {
			if !math.IsNaN(s.value) && !math.IsInf(s.value, 0) { // a quantile of nothing
				l.points = append(l.points, point(s))
			}
		}
		if len(l.points) > 0 {
			lines = append(lines, l)
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("no data: %s", expr)
	}
	return lines, nil
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) + "s" }

// sample is a point in the form of Prometheus: [1795395780.4, "1.5"].
type sample point

func (s *sample) UnmarshalJSON(b []byte) (err error) {
	var value string
	if err := json.Unmarshal(b, &[]any{&s.at, &value}); err != nil {
		return err
	}
	s.value, err = strconv.ParseFloat(value, 64)
	return err
}

var label = regexp.MustCompile(`\{\{\s*(\w+)\s*\}\}`)

// legend fills in a legend's labels.
func legend(format string, labels map[string]string) string {
	return label.ReplaceAllStringFunc(format, func(m string) string { return labels[label.FindStringSubmatch(m)[1]] })
}
