// Localbedrock serves Bedrock's Converse API on this machine, so that programs in any
// language can be tried without an account: point their AWS SDK at it.
//
//	go run ./examples/localbedrock -addr 127.0.0.1:8080
//	AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:8080 python my_program.py
//
// The SDK needs a region and credentials of some kind, since it signs its requests; any
// will do. The model is a fake that calls the tools it is offered, with made-up arguments, reports
// their results, and otherwise answers in text.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
	"github.com/parley-sdk/parley/fake"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second Ctrl-C does not wait for what is being answered
	addr := flag.String("addr", "127.0.0.1:0", "the `address` to listen on; port 0 is a free one")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "Localbedrock serves Bedrock's Converse API on this machine, with a fake model behind it.\n\n"+
			"usage: localbedrock [-addr address]\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
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
		"  export AWS_ENDPOINT_URL_BEDROCK_RUNTIME=%[1]s AWS_REGION=us-east-1 AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any\n"+
		"  unset AWS_BEARER_TOKEN_BEDROCK    # SDKs send it over https only\n\n", server.URL)
	if host, _, _ := net.SplitHostPort(addr); host != "localhost" && !net.ParseIP(host).IsLoopback() {
		_, port, _ := net.SplitHostPort(strings.TrimPrefix(server.URL, "http://"))
		fmt.Fprintf(w, "Warning: it listens on %s, for every machine that can reach this one.\n\n",
			net.JoinHostPort(cmp.Or(host, "0.0.0.0"), port))
	}
	fmt.Fprintln(w, "Press Ctrl-C to stop.")
	<-ctx.Done()
	return nil
}
