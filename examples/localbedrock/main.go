// Localbedrock serves Bedrock's Converse API on this machine, so that programs in any
// language can be tried without an account: point their AWS SDK at it.
//
//	go run ./examples/localbedrock -port 8080
//	AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:8080 python my_program.py
//
// The SDK needs a region and credentials of some kind, since it signs its requests; any
// will do. The folder recipes has a program for Python, JavaScript, Java and the AWS
// CLI each. The model is a fake that calls the tools it is offered, with made-up
// arguments, reports their results, and otherwise answers in text.
//
// It shows a program what seldom happens: with -faults requests are throttled, fail,
// stall and break off; with -model what that model would refuse is refused; with -pace
// an answer takes its time; and -record writes down all that went over the wire.
//
//	go run ./examples/localbedrock -faults throttle,throttle,cut:3 -pace 50ms -record traffic.txt
//
// It listens on the loopback interface only, and stops at Ctrl-C.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/parley-sdk/parley/bedrock"
	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for what is being answered
	var c config
	flags := flag.CommandLine
	flags.IntVar(&c.port, "port", 0, "the `port` to listen on, of 127.0.0.1; 0 is a free one")
	flags.StringVar(&c.faults, "faults", "", faultsUsage)
	flags.StringVar(&c.model, "model", "", "the `id` of a model: whatever a request calls it, what this one refuses is refused")
	flags.DurationVar(&c.pace, "pace", 0, "the `time` before each piece of a streamed answer")
	flags.StringVar(&c.record, "record", "", "the `file` that the wire traffic is added to, without secrets")
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), "Localbedrock serves Bedrock's Converse API on this machine, with a fake model behind it.\n\n"+
			"usage: localbedrock [flags]\n\n")
		flags.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flags.Usage()
		os.Exit(2)
	}
	if err := serve(ctx, os.Stdout, c); err != nil {
		fmt.Fprintln(os.Stderr, "localbedrock:", err)
		os.Exit(1)
	}
}

// config is what the flags say.
type config struct {
	port                  int
	faults, model, record string
	pace                  time.Duration
}

// serve serves until the context ends.
func serve(ctx context.Context, w io.Writer, c config) error {
	opts := &bedrocktest.Options{Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.port)), Forget: true}
	var err error
	if opts.Fault, err = parseFaults(c.faults); err != nil {
		return err
	}
	if c.pace < 0 {
		return fmt.Errorf("the pace %v is negative", c.pace)
	}
	if c.model != "" {
		if opts.Profile = bedrock.ProfileFor(c.model); opts.Profile.Family == "" {
			return fmt.Errorf("the model %q is not known: take the id of a foundation model, such as amazon.nova-lite-v1:0", c.model)
		}
	}
	if c.record != "" {
		file, err := os.OpenFile(c.record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		opts.Record = file
	}
	var model llm.Model = fake.Auto().Forget()
	if c.pace > 0 {
		model = &paced{model, c.pace}
	}
	server, err := bedrocktest.Listen(model, opts)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Fprintf(w, "A local Bedrock listens on %s. For an AWS SDK of any language:\n\n"+
		"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=%[1]s AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1 \\\n"+
		"    AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any\n"+
		"  unset AWS_BEARER_TOKEN_BEDROCK    # SDKs send it over https only\n\n"+
		"Press Ctrl-C to stop.\n", server.URL)
	<-ctx.Done()
	return nil
}
