package bedrocktest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/smithy-go"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
)

var keys = map[string]string{"AKIDA": "secret a", "AKIDB": "secret b"}

// The real client, over both protocols, with ids that must be escaped.
func TestSignedByClient(t *testing.T) {
	protocols(t, func(t *testing.T, http2 bool) {
		s := serve(t, says(hello), &bedrocktest.Options{Keys: keys, HTTP2: http2})
		for _, id := range []string{"m", someModel, "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-lite-v1:0"} {
			input := &bedrockruntime.ConverseInput{ModelId: &id, Messages: hi()}
			if _, err := s.Client().Converse(t.Context(), input); err != nil {
				t.Error(err)
			}
			if _, err := s.Client().Converse(t.Context(), input, as("AKIDB", "secret b", "a token", "eu-central-1")); err != nil {
				t.Error(err)
			}
			for name, who := range map[string]func(*bedrockruntime.Options){
				"InvalidSignatureException":   as("AKIDB", "secret a", "", "eu-west-1"),
				"UnrecognizedClientException": as("AKIDC", "secret a", "", "eu-west-1"),
			} {
				_, err := s.Client().Converse(t.Context(), input, who)
				if e, ok := errors.AsType[smithy.APIError](err); !ok || e.ErrorCode() != name {
					t.Errorf("%v, want %s", err, name)
				}
			}
		}
	})
}

// as has a region, since the SDK caches what it derives from a secret by id and region.
func as(id, secret, token, region string) func(*bedrockruntime.Options) {
	return func(o *bedrockruntime.Options) {
		o.Region = region
		o.Credentials = credentials.NewStaticCredentialsProvider(id, secret, token)
	}
}

func TestSignatures(t *testing.T) {
	s := serve(t, says(hello), &bedrocktest.Options{Keys: keys})
	now := time.Now()
	signed := func(service string, at time.Time, body string) *http.Request {
		r := newPost(t, s, "/model/m/converse?b=%2F&a=x%20y", helloBody)
		r.Header.Set("X-Spaced", "  a   b ")
		hash := sha256.Sum256([]byte(body))
		err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: "AKIDA", SecretAccessKey: "secret a"}, r,
			hex.EncodeToString(hash[:]), service, "us-east-1", at)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, at := range []time.Duration{0, -4 * time.Minute, 4 * time.Minute} {
		if resp := do(t, http.DefaultClient, signed("bedrock", now.Add(at), helloBody)); resp.StatusCode != 200 {
			t.Errorf("signed %v from now: %s", at, read(t, resp))
		}
	}
	auth := func(old, new string) *http.Request {
		r := signed("bedrock", now, helloBody)
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		return r
	}
	header := func(name, value string) *http.Request {
		r := signed("bedrock", now, helloBody)
		r.Header.Set(name, value)
		return r
	}
	const bad, incomplete, stranger = "InvalidSignatureException", "IncompleteSignatureException", "UnrecognizedClientException"
	for _, c := range []struct {
		name      string
		request   *http.Request
		exception string
		message   string
	}{
		{"payload", signed("bedrock", now, helloBody+" "), bad, "The request signature we calculated does not match the signature you provided."},
		{"header", header("X-Spaced", "c"), bad, "does not match"},
		{"signature", auth("Signature=", "Signature=0"), bad, "does not match"},
		{"unsigned token", header("X-Amz-Security-Token", "t"), bad, "'x-amz-security-token' must be a 'SignedHeader'"},
		{"unsigned host", auth(";host", ""), bad, "'host' must be a 'SignedHeader'"},
		{"old", signed("bedrock", now.Add(-6*time.Minute), helloBody), bad, "Signature expired: "},
		{"early", signed("bedrock", now.Add(6*time.Minute), helloBody), bad, "Signature not yet current: "},
		{"service", signed("bedrock-runtime", now, helloBody), bad, "Credential should be scoped to correct service: 'bedrock'."},
		{"scope", auth("us-east-1/", ""), bad, "Credential must have exactly 5 slash-delimited elements"},
		{"day", header("X-Amz-Date", "20200101T000000Z"), bad, "Date in Credential scope does not match"},
		{"no date", header("X-Amz-Date", ""), incomplete, "requires existence of either a 'X-Amz-Date'"},
		{"no signature", auth("Signature=", "S="), incomplete, "requires 'Signature' parameter"},
		{"no credential", newPost(t, s, "/model/m/converse", helloBody), incomplete, "requires 'Credential' parameter"},
		{"stranger", auth("AKIDA", "AKIDZ"), stranger, "The security token included in the request is invalid."},
		{"bearer token", header("Authorization", "Bearer token"), stranger, "The security token included in the request is invalid."},
	} {
		checkError(t, c.name, do(t, http.DefaultClient, c.request), 403, c.exception, c.message)
	}
}

// A signed request is refused for what it says like any other, and the server keeps
// keys of its own.
func TestKeysAreCopied(t *testing.T) {
	given := map[string]string{"AKIDA": "secret a"}
	s := serve(t, says(hello), &bedrocktest.Options{Keys: given})
	delete(given, "AKIDA")
	if _, err := converse(t.Context(), s.Client()); err != nil {
		t.Error(err)
	}
	none := serve(t, says(hello), &bedrocktest.Options{Keys: map[string]string{}})
	if _, err := converse(t.Context(), none.Client()); err == nil {
		t.Error("a server without keys knows a client")
	}
}
