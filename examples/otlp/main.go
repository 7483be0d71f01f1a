// Command otlp shows the calls of models in OpenTelemetry. Spans and metrics go to standard
// output, or by OTLP over HTTP to whoever takes them:
//
//	go -C examples/otlp run .
//	go -C examples/otlp run . -otlp 127.0.0.1:4318
//	go -C examples/otlp run . -otlp 127.0.0.1:4318 -n 6000 -rate 5
//
// The models are fakes with the faults of real ones, so it needs no account, and telemetry is
// all that it sends. It is a module of its own, since exporters bring much along.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"time"
)

func main() {
	to := flag.String("otlp", "", "the `host:port` of a receiver of OTLP over HTTP without TLS, or its URL; default: as OTEL_EXPORTER_OTLP_ENDPOINT says, else standard output")
	n := flag.Int("n", 0, "how many calls to make, with trouble in the middle; 0 = one of each kind")
	rate := flag.Float64("rate", 5, "with -n: how many calls begin in a second")
	flag.Parse()
	if flag.NArg() > 0 || *n < 0 {
		flag.Usage()
		os.Exit(2)
	}
	if *to != "" {
		if !strings.Contains(*to, "://") {
			*to = "http://" + *to
		}
		os.Setenv(endpointVariable, *to)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Stderr, *n, *rate); err != nil {
		fmt.Fprintln(os.Stderr, "otlp:", err)
		os.Exit(1)
	}
}

// run makes the calls. Telemetry that goes nowhere else is written to out, and what came of
// the calls to log.
func run(ctx context.Context, out, log io.Writer, n int, rate float64) (err error) {
	if !(rate >= 0.001 && rate <= 1e6) {
		return fmt.Errorf("-rate %v: want 0.001 to 1,000,000 calls a second", rate)
	}
	shutdown, err := setUp(ctx, out)
	if err != nil {
		return err
	}
	defer func() {
		// The context of the calls may have ended; what they did is sent all the same.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		err = errors.Join(err, shutdown(ctx))
	}()
	app := newApplication()
	if n == 0 {
		app.tour(ctx)
	} else {
		app.work(ctx, n, rate)
	}
	fmt.Fprintln(log, app)
	return nil
}
