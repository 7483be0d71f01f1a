package storetest_test

import (
	"os"
	"testing"

	"github.com/parley-sdk/parley/conversation"
	"github.com/parley-sdk/parley/conversation/storetest"
	"github.com/parley-sdk/parley/internal/leak"
)

func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }

func TestMemory(t *testing.T) {
	storetest.Run(t, func(*testing.T) (a, b conversation.Store) {
		s := conversation.NewMemoryStore()
		return s, s
	})
}

func TestFiles(t *testing.T) {
	for name, opts := range map[string]*conversation.FileOptions{"sync": nil, "nosync": {NoSync: true}} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (a, b conversation.Store) {
				dir := t.TempDir()
				return files(t, dir, opts), files(t, dir, opts)
			})
		})
	}
}

func files(t *testing.T, dir string, opts *conversation.FileOptions) conversation.Store {
	t.Helper()
	s, err := conversation.OpenFileStore(dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
