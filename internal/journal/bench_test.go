package journal

import (
	"fmt"
	"strings"
	"testing"
)

// settled is a record as the ledger of a service writes it: some 300 bytes.
var settled = []byte(`{"time":"2026-08-22T12:34:56.789012345Z","model":"anthropic.claude-sonnet-4-5-20250929-v1:0","usage":{"input":12345,"output":678,"cache_read":10000,"cache_write":0},"cost":"0.012345","tags":{"tenant":"acme","feature":"` + strings.Repeat("x", 90) + `"}}`)

func BenchmarkAppend(b *testing.B) {
	for name, opts := range map[string]*Options{"sync": nil, "nosync": noSync} {
		b.Run(name, func(b *testing.B) {
			j := open(b, newPath(b), opts)
			b.SetBytes(int64(len(settled)))
			b.ReportAllocs()
			for b.Loop() {
				if err := j.Append(settled); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/64-goroutines", func(b *testing.B) {
			j := open(b, newPath(b), opts)
			b.SetBytes(int64(len(settled)))
			b.SetParallelism(32) // times GOMAXPROCS
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if err := j.Append(settled); err != nil {
						b.Error(err)
						return
					}
				}
			})
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			path := newPath(b)
			j := open(b, path, noSync)
			for range n {
				if err := j.Append(settled); err != nil {
					b.Fatal(err)
				}
			}
			j.Close()
			b.SetBytes(int64(n * len(settled)))
			b.ReportAllocs()
			for b.Loop() {
				records := 0
				j, err := Open(path, &Options{Replay: func([]byte) error { records++; return nil }})
				if err != nil || records != n {
					b.Fatal(err, records)
				}
				j.Close()
			}
		})
	}
}

func BenchmarkRewrite(b *testing.B) {
	j := open(b, newPath(b), nil)
	records := make([][]byte, 10_000)
	for i := range records {
		records[i] = settled
	}
	b.SetBytes(int64(len(records) * len(settled)))
	for b.Loop() {
		if err := j.Rewrite(records...); err != nil {
			b.Fatal(err)
		}
	}
}
