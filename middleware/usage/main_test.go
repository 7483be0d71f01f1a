package usage_test

import (
	"os"
	"testing"

	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) {
	if path := os.Getenv(killedChild); path != "" {
		beKilled(path)
	}
	os.Exit(leak.Run(m))
}
