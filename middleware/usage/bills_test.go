package usage_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/parley-sdk/parley/llm"
	"github.com/parley-sdk/parley/middleware/usage"
)

// workedBill is a bill that was computed by hand.
type workedBill struct {
	Name        string
	Model       string
	ServiceTier string `json:"service_tier"`
	Batch       bool
	Usage       struct {
		Input        int
		Output       int
		CacheRead    int `json:"cache_read"`
		CacheWrite5m int `json:"cache_write_5m"`
		CacheWrite1h int `json:"cache_write_1h"`
	}
	PromptTokens int `json:"prompt_tokens"`
	Unpriced     map[string]int64
	TotalUSD     string `json:"total_usd"`
}

func (b *workedBill) call() usage.Call {
	u := b.Usage
	return usage.Call{Model: b.Model, Batch: b.Batch, Usage: llm.Usage{
		InputTokens: u.Input + u.CacheRead + u.CacheWrite5m + u.CacheWrite1h, OutputTokens: u.Output, ServiceTier: b.ServiceTier,
		CacheReadTokens: u.CacheRead, CacheWriteTokens: u.CacheWrite5m + u.CacheWrite1h, CacheWrite1hTokens: u.CacheWrite1h,
	}}
}

func TestWorkedBills(t *testing.T) {
	b, err := os.ReadFile("testdata/bills.json")
	if err != nil {
		t.Fatal(err)
	}
	var bills []workedBill
	if err := json.Unmarshal(b, &bills); err != nil {
		t.Fatal(err)
	}
	if len(bills) != 17 {
		t.Errorf("%d bills", len(bills))
	}
	for _, bill := range bills {
		t.Run(bill.Name, func(t *testing.T) {
			call := bill.call()
			cost := usage.DefaultPrices().Cost(call)
			var unpriced int64
			for _, tokens := range bill.Unpriced {
				unpriced += tokens
			}
			usd, known := cost.USD()
			if usd != usage.MustUSD(bill.TotalUSD) || known != (unpriced == 0) || cost.UnpricedTokens() != unpriced || call.Usage.InputTokens != bill.PromptTokens {
				t.Errorf("%v with %d tokens unpriced, %d prompt tokens; want %s, %d, %d", cost, cost.UnpricedTokens(), call.Usage.InputTokens, bill.TotalUSD, unpriced, bill.PromptTokens)
			}
			worst, ok := usage.DefaultPrices().WorstCase(call.Model, call.Usage.InputTokens, call.Usage.OutputTokens)
			if !ok || worst.Cmp(usd) < 0 {
				t.Errorf("the worst case is %v, %v", worst, ok)
			}
		})
	}
}

// A million of the smallest bill come to a million times its price, to the last digit.
func TestManyTinyCalls(t *testing.T) {
	call := usage.Call{Model: "us.amazon.nova-micro-v1:0", Usage: llm.Usage{InputTokens: 2, CacheReadTokens: 1, OutputTokens: 1}}
	var total usage.Cost
	for range 1_000_000 {
		var err error
		if total, err = total.Add(usage.DefaultPrices().Cost(call)); err != nil {
			t.Fatal(err)
		}
	}
	if total.String() != "0.18375" {
		t.Errorf("%v, want 0.18375", total)
	}
}
