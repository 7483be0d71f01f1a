package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/parley-sdk/parley/fake"
	"github.com/parley-sdk/parley/llm"
)

// The recipes run where their language and its SDK are installed.
func TestRecipes(t *testing.T) {
	answer, err := fake.Auto().Generate(t.Context(), &llm.Request{Messages: []llm.Message{llm.UserText("Who are you?")}})
	if err != nil {
		t.Fatal(err)
	}
	said := answer.Text()
	for _, c := range []struct {
		name, installed string // a command that succeeds where the recipe can run
		recipe          []string
		want            string
	}{
		{"python", `python3 -c "import boto3"`, []string{"python3", "converse.py"}, said + "\n" + said + "\n(end_turn)\n"},
		{"javascript", `node --input-type=module -e "import '@aws-sdk/client-bedrock-runtime'"`, []string{"node", "converse.mjs"}, said + "\n" + said + "\n(end_turn)\n"},
		{"aws cli", `aws --version`, []string{"sh", "converse.sh"}, said + "\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			url, stop := started(t, config{})
			defer stop()
			run := func(name string, args ...string) (string, error) {
				cmd := exec.CommandContext(t.Context(), name, args...)
				cmd.Dir = "recipes"
				cmd.Env = append(os.Environ(), "AWS_ENDPOINT_URL_BEDROCK_RUNTIME="+url, "AWS_REGION=us-east-1", "AWS_DEFAULT_REGION=us-east-1",
					"AWS_ACCESS_KEY_ID=any", "AWS_SECRET_ACCESS_KEY=any", "AWS_CONFIG_FILE=none", "AWS_SHARED_CREDENTIALS_FILE=none",
					"NO_PROXY=127.0.0.1")
				cmd.Stderr = &strings.Builder{} // warnings of what is installed
				out, err := cmd.Output()
				if err != nil {
					return fmt.Sprint(cmd.Stderr), err
				}
				return string(out), nil
			}
			if out, err := run("sh", "-c", c.installed); err != nil {
				t.Skipf("not installed: %v: %s", err, strings.TrimSpace(out))
			}
			out, err := run(c.recipe[0], c.recipe[1:]...)
			if err != nil || out != c.want {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
