// Package leak fails a test binary whose tests leave goroutines behind. It is for
// tests only:
//
//	func TestMain(m *testing.M) { os.Exit(leak.Run(m)) }
package leak

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

// patience is how long goroutines that are about to end may take.
const patience = 5 * time.Second

// Run runs the tests of m, a *testing.M, and returns the code to exit with: that of
// the tests, or 1 where they passed and goroutines are left, whose stacks it prints.
func Run(m interface{ Run() int }) int {
	before := runtime.NumGoroutine()
	code := m.Run()
	if f := flag.Lookup("test.fuzz"); code != 0 || f != nil && f.Value.String() != "" {
		return code // the fuzzing engine has goroutines of its own
	}
	for wait := time.Millisecond; runtime.NumGoroutine() > before; wait *= 2 {
		if wait > patience {
			stacks := make([]byte, 1<<20)
			stacks = stacks[:runtime.Stack(stacks, true)]
			fmt.Fprintf(os.Stderr, "%d goroutines are left:\n%s\n", runtime.NumGoroutine()-before, stacks)
			return 1
		}
		time.Sleep(wait)
	}
	return code
}
