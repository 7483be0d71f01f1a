package usage_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

const (
	killWorkers = 8
	killedChild = "PARLEY_USAGE_KILLED_CHILD" // the path of the ledger
)

func killOptions(noSync bool) *usage.Options {
	return &usage.Options{Prices: dollars, NoSync: noSync, Budgets: []usage.Budget{
		{Tags: map[string]string{"worker": "3"}, Limit: usd("1000000000")}, {Limit: usd("1000000000"), Period: 100_000 * time.Hour}}}
}

// beKilled makes calls until it is killed, and says of each that is settled which worker made it.
func beKilled(path string) {
	noSync, _ := strconv.ParseBool(os.Getenv(killedChild + "_NO_SYNC"))
	l, err := usage.OpenLedger(path, killOptions(noSync))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
	usage.CompactAfter(l, 29)
	m := llm.Wrap(answering(llm.Usage{InputTokens: 3, OutputTokens: 4}), usage.New(l))
	for w := range killWorkers {
		ctx := usage.WithTags(context.Background(), map[string]string{"worker": strconv.Itoa(w)})
		go func() {
			for i := 0; ; i++ {
				if _, err := ways[i%2].call(ctx, m, ask(2, 10)); err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(4)
				}
				os.Stdout.Write([]byte{byte(w)})
			}
		}()
	}
	select {}
}

// TestKill kills a process that books calls, again and again. What was settled is there, once;
// of what was under way each call is there once or not at all.
func TestKill(t *testing.T) {
	kills := 50
	if testing.Short() {
		kills = 6
	}
	path := filepath.Join(t.TempDir(), "ledger")
	rng := rand.New(rand.NewPCG(5, 0))
	var settled, booked [killWorkers]int64
	for kill := range kills {
		noSync := kill%2 == 0
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), killedChild+"="+path, fmt.Sprint(killedChild, "_NO_SYNC=", noSync))
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(out)
		var now [killWorkers]int64
		count := func(most int) {
			for n := 0; n != most; n++ {
				w, err := in.ReadByte()
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
				now[w]++
			}
		}
		count(rng.IntN(60)) // so many at least
		time.AfterFunc(time.Duration(rng.IntN(3000))*time.Microsecond, func() { child.Process.Kill() })
		count(-1)
		if err := child.Wait(); err == nil || child.ProcessState.Exited() {
			t.Fatalf("kill %d: the child ended of itself: %v", kill, err)
		}

		l := open(t, path, killOptions(noSync))
		var calls int64
		for _, row := range l.By("worker") {
			w := must(strconv.Atoi(row.Key))
			got := row.Calls - booked[w]
			if got != now[w] && got != now[w]+1 {
				t.Errorf("kill %d, worker %d: %d more calls are booked, %d were settled", kill, w, got, now[w])
			}
			booked[w] = row.Calls
			settled[w] += now[w]
			calls += row.Calls
			same(t, "usage", llm.Usage{InputTokens: int(3 * row.Calls), OutputTokens: int(4 * row.Calls)}, row.Usage)
		}
		total := l.Total()
		same(t, "calls", calls, total.Calls)
		same(t, "total", strconv.FormatInt(7*calls, 10), total.Cost.String())
		same(t, "of the model", calls, l.By("model")[0].Calls)
		b := l.Budgets()
		same(t, "spent of one", strconv.FormatInt(7*booked[3], 10), b[0].Spent.String())
		same(t, "spent of all", strconv.FormatInt(7*calls, 10), b[1].Spent.String())
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		if t.Failed() {
			return
		}
	}
	var all, sure int64
	for w := range booked {
		all, sure = all+booked[w], sure+settled[w]
	}
	t.Logf("%d kills: %d calls settled, %d booked", kills, sure, all)
}
