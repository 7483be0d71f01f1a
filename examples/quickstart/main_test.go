package main

import (
	"encoding/json"
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

// Without credentials the program says what is missing.
func TestBedrockWithoutCredentials(t *testing.T) {
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_BEARER_TOKEN_BEDROCK": "", "AWS_PROFILE": "", "AWS_ROLE_ARN": "",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "", "AWS_CONTAINER_CREDENTIALS_FULL_URI": "", "AWS_REGION": "us-east-1",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull, "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
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
