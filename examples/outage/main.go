// Command outage plays the outage of a provider against two applications: one that only
// retries, and one that uses middleware.Standard. It draws what the provider and the callers
// see, as SVG.
//
//	go run ./examples/outage -o outage.svg
//
// The eight minutes of the story take ten seconds for each application. The test of this example
// plays them in virtual time, in no time; docs/outage.svg is from there.
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
	out := flag.String("o", "", "the file to draw to (default: only the numbers are printed)")
	second := flag.Duration("second", 20*time.Millisecond, "how long a second of the story lasts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *second, *out); err != nil {
		fmt.Fprintln(os.Stderr, "outage:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, second time.Duration, out string) error {
	var runs []*timeline
	for _, app := range applications(second) {
		tl, err := play(ctx, second, app)
		if err != nil {
			return err
		}
		fmt.Println(tl)
		runs = append(runs, tl)
	}
	if out == "" {
		return nil
	}
	return os.WriteFile(out, draw(runs), 0o644)
}
