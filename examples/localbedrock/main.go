// Localbedrock serves Bedrock's Converse API on this machine, so that programs in any
// language can be tried without an account: point their AWS SDK at it.
//
//	go run ./examples/localbedrock -addr 127.0.0.1:8080
//	AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:8080 python my_program.py
//
// It needs credentials of some kind, since SDKs sign their requests; any will do. The
// model is a fake that calls the tools it is offered, with made-up arguments, reports
// their results, and otherwise answers in text.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for what is being answered
	addr := flag.String("addr", "127.0.0.1:0", "the `address` to listen on; port 0 is a free one")
	flag.Parse()
	if err := serve(ctx, os.Stdout, *addr); err != nil {
		fmt.Fprintln(os.Stderr, "localbedrock:", err)
		os.Exit(1)
	}
}

// serve serves until the context ends.
func serve(ctx context.Context, w io.Writer, addr string) error {
	server, err := bedrocktest.Listen(fake.Auto().Forget(), &bedrocktest.Options{Addr: addr, Forget: true})
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Fprintf(w, "A local Bedrock listens on %s. For an AWS SDK of any language:\n\n"+
		"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=%[1]s AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any\n\n"+
		"Press Ctrl-C to stop.\n", server.URL)
	<-ctx.Done()
	return nil
}
