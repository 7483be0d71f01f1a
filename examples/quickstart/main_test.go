package main

import (
	"encoding/json"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

// The walk-through prints what the article's programs print.
func TestWalkThrough(t *testing.T) {
	var out strings.Builder
	model, closeModel, err := open(t.Context(), &out, false, "anthropic.claude-3-sonnet-20240229-v1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closeModel()
	if err := walkThrough(t.Context(), &out, model); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	if !strings.HasPrefix(text, "Talking to a local stand-in") {
		t.Error("the first line does not say who answers")
	}
	for _, want := range []string{"I'm doing well", "Streamed as it comes: We could", "blue front", "Arr, matey!", "\nStop Reason: end_turn\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing", want)
		}
	}
	_, line, _ := strings.Cut(text, "\nUsage: ")
	var usage struct{ InputTokens, OutputTokens, TotalTokens int }
	if err := json.Unmarshal([]byte(line), &usage); err != nil {
		t.Fatalf("%v: %q", err, line)
	}
	if usage.InputTokens <= 0 || usage.OutputTokens <= 0 || usage.TotalTokens != usage.InputTokens+usage.OutputTokens {
		t.Errorf("%+v", usage)
	}
	if t.Failed() {
		t.Log(text)
	}
}

// setAWS sets the environment of the AWS SDK, and unsets the rest of it. Files of the
// user's, and the metadata of a virtual machine, are not looked at.
func setAWS(t *testing.T, more map[string]string) {
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // restores it in the end
			os.Unsetenv(name)
		}
	}
	env := map[string]string{"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true"}
	maps.Copy(env, more)
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// The first line says who is called, and what is missing for that is said before it.
func TestOpenBedrock(t *testing.T) {
	for _, c := range []struct{ region, url, model, line, err string }{
		{"us-east-1", "", "m", "Talking to m on Bedrock in us-east-1.\n", ""},
		{"us-east-1", "http://127.0.0.1:1", "m", "Talking to m on Bedrock in us-east-1, at http://127.0.0.1:1.\n", ""},
		{"", "", "m", "", "no AWS region"},
		{"us-east-1", "", "", "", "no model"},
	} {
		setAWS(t, map[string]string{"AWS_REGION": c.region, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": c.url})
		var out strings.Builder
		_, _, err := open(t.Context(), &out, true, c.model)
		if out.String() != c.line || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q, %v", out.String(), err)
		}
	}
}

// Without credentials the program says what is missing.
func TestBedrockWithoutCredentials(t *testing.T) {
	setAWS(t, map[string]string{"AWS_REGION": "us-east-1"})
	var out strings.Builder
	model, closeModel, err := open(t.Context(), &out, true, "m")
	if err != nil {
		t.Fatal(err)
	}
	defer closeModel()
	if err := walkThrough(t.Context(), &out, model); err == nil || !strings.Contains(err.Error(), "no usable credentials") {
		t.Errorf("%v", err)
	}
}
