// Command genprices makes the list of prices that package usage embeds from one with its
// sources: it drops where each price is from and what is said of it, and writes one model
// a line. prices.json beside it is its input.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
)

func main() {
	in := flag.String("in", "", "list with sources")
	out := flag.String("out", "", "list to embed")
	flag.Parse()
	if err := run(*in, *out); err != nil {
		fmt.Fprintln(os.Stderr, "genprices:", err)
		os.Exit(1)
	}
}

func run(in, out string) error {
	list, err := os.ReadFile(in)
	if err != nil {
		return err
	}
	list, err = trim(list)
	if err != nil {
		return err
	}
	return os.WriteFile(out, list, 0o666)
}

// What is kept, in the order of writing, and what is not. A field that is in neither may
// matter, and stops the generator.
var (
	listKept   = []string{"as_of", "currency", "unit"}
	listLeft   = []string{"base_region", "rules", "sources", "models"}
	modelsKept = []string{"id", "input", "output", "cache_read", "cache_write_5m", "cache_write_30m", "cache_write_1h", "tiers",
		"batch", "latency_optimized", "service_tiers", "scopes", "regions"}
	modelsLeft = []string{"family", "status", "effective_from", "notes", "source", "alt"}
)

type object map[string]json.RawMessage

// trim returns the list to embed.
func trim(list []byte) ([]byte, error) {
	var top object
	if err := json.Unmarshal(list, &top); err != nil {
		return nil, err
	}
	var models []object
	if err := json.Unmarshal(top["models"], &models); err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	var b bytes.Buffer
	b.WriteString("{\n")
	if err := write(&b, top, listKept, listLeft); err != nil {
		return nil, err
	}
	b.WriteString(",\n\"models\":[\n")
	for i, m := range models {
		if i > 0 {
			b.WriteString(",\n")
		}
		b.WriteByte('{')
		if err := write(&b, m, modelsKept, modelsLeft); err != nil {
			return nil, fmt.Errorf("models[%d]: %w", i, err)
		}
		b.WriteByte('}')
	}
	b.WriteString("\n]}\n")
	return b.Bytes(), nil
}

// write writes the members of an object that are kept.
func write(b *bytes.Buffer, o object, kept, left []string) error {
	for key := range o {
		if !slices.Contains(kept, key) && !slices.Contains(left, key) {
			return fmt.Errorf("field %q is neither kept nor left out", key)
		}
	}
	comma := ""
	for _, key := range kept {
		if v, ok := o[key]; ok {
			fmt.Fprintf(b, "%s%q:", comma, key)
			if err := json.Compact(b, v); err != nil {
				return err
			}
			comma = ","
		}
	}
	return nil
}
