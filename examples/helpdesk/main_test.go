package main

import (
	"os"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

func TestMain(m *testing.M) {
	if !fake.Recording() {
		llm.ForbidSend() // a test that calls a provider fails, and costs nothing
	}
	os.Exit(m.Run())
}
