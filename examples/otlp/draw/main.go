// Command draw asks Prometheus the queries of the dashboard in docs/dashboards, and draws
// what it answers as SVG: a picture of the dashboard where there is no Grafana. A query that
// has no answer is an error.
//
//	go -C examples/otlp run ./draw -for 15m -o ../../docs/dashboards/parley.svg
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

func main() {
	file := flag.String("dashboard", "../../docs/dashboards/parley.json", "the dashboard")
	server := flag.String("prometheus", "http://127.0.0.1:9090", "the `URL` of Prometheus")
	length := flag.Duration("for", 15*time.Minute, "how long a time is drawn; it ends now")
	window := flag.Duration("rate", time.Minute, "what $__rate_interval stands for: at least four times the interval at which metrics are exported")
	out := flag.String("o", "", "the file to draw to; default: standard output")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	until := time.Now().Truncate(time.Second)
	p := &prometheus{url: *server, from: until.Add(-*length), until: until, window: *window}
	svg, err := picture(ctx, *file, p)
	switch {
	case err != nil:
	case *out == "":
		_, err = os.Stdout.Write(svg)
	default:
		err = os.WriteFile(*out, svg, 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "draw:", err)
		os.Exit(1)
	}
}

// picture draws the dashboard of a file with what Prometheus says.
func picture(ctx context.Context, file string, p *prometheus) ([]byte, error) {
	d, err := load(file)
	if err != nil {
		return nil, err
	}
	for i := range d.Panels {
		for j := range d.Panels[i].Targets {
			t := &d.Panels[i].Targets[j]
			if t.lines, err = p.ask(ctx, t); err != nil {
				return nil, fmt.Errorf("%s: %w", d.Panels[i].Title, err)
			}
		}
	}
	return draw(d, p.from, p.until), nil
}
