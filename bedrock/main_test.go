package bedrock

import (
	"os"
	"testing"

	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) {
	os.Unsetenv("AWS_BEARER_TOKEN_BEDROCK") // AWS clients would use it, and want TLS
	os.Exit(leak.Run(m))
}
