package bedrock

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/parley-sdk/parley/llm"
)

// field is a parameter of the model that Converse has no field for. Its path has a dot
// where it is nested.
type field struct {
	path  string
	value json.RawMessage
}

// set adds a parameter of the model, for a field of the request. What the application
// has set itself stands.
func (d *draft) set(path string, v any, of string) {
	key, inner, nested := strings.Cut(path, ".")
	if own := d.own(key); own != nil && !(nested && own[0] == '{' && len(own.get(inner)) == 0) {
		d.changed(llm.WarningDropped, nil, of, "the additional fields of the options say it already")
		return
	}
	raw, _ := json.Marshal(v) // maps of strings and numbers always marshal
	d.fields = append(d.fields, field{path, raw})
}

// own is what the application has set of a parameter itself, or nil.
func (d *draft) own(key string) value {
	if d.options == nil || !json.Valid(d.options.AdditionalFields) {
		return nil // the encoder says so
	}
	return value(bytes.TrimSpace(d.options.AdditionalFields)).get(key)
}

// storedPrompts drops what only tunes, and refuses what the prompt has of its own.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
func storedPrompts(d *draft) {
	if !isPrompt(d.modelID) {
		return
	}
	r := &d.req
	const why = "a stored prompt has its own"
	switch {
	case len(d.system) > 0:
		d.refuse(llm.ErrUnsupported, nil, "system", why)
	case len(r.Tools) > 0:
		d.refuse(llm.ErrUnsupported, nil, "tools", why)
	case d.options != nil && len(d.options.AdditionalFields) > 0:
		d.refuse(llm.ErrUnsupported, nil, "options.additional_fields", why)
	}
	for _, p := range []struct {
		field string
		set   bool
	}{{"max_tokens", r.MaxTokens > 0}, {"temperature", r.Temperature != nil}, {"top_p", r.TopP != nil}, {"top_k", r.TopK != nil},
		{"stop_sequences", len(r.StopSequences) > 0}, {"reasoning", r.Reasoning != nil}} {
		if p.set {
			d.changed(llm.WarningDropped, nil, p.field, why)
		}
	}
	r.MaxTokens, r.Temperature, r.TopP, r.TopK, r.StopSequences, r.Reasoning = 0, nil, nil, nil, nil, nil
}

// samplingParameters drops what the family refuses, and brings the rest into range.
func samplingParameters(d *draft) {
	p, r := d.profile, &d.req
	drop := func(field, why string, set bool, unset func()) {
		if set {
			d.changed(llm.WarningDropped, nil, field, "%s", why)
			unset()
		}
	}
	all := func(why string) {
		drop("temperature", why, r.Temperature != nil, func() { r.Temperature = nil })
		drop("top_p", why, r.TopP != nil, func() { r.TopP = nil })
		drop("top_k", why, r.TopK != nil, func() { r.TopK = nil })
	}
	switch {
	case p.Sampling == SamplingNone:
		all("the model takes no sampling parameters")
	case d.reasons && !p.SamplingWithReasoning:
		all("the model takes none while it reasons")
	case p.Sampling == SamplingOne && r.Temperature != nil:
		drop("top_p", "the model takes the temperature or top_p, and not both", r.TopP != nil, func() { r.TopP = nil })
	}
	if t := r.Temperature; t != nil && *t > 1 {
		d.changed(llm.WarningClamped, nil, "temperature", "lowered to 1, the most that Bedrock takes")
		r.Temperature = new(1.0)
	}
	if r.TopK == nil {
		return
	}
	if p.TopKField == "" {
		drop("top_k", "Converse has no such field, and the profile names none of the model's", true, func() { r.TopK = nil })
		return
	}
	d.set(p.TopKField, *r.TopK, "top_k")
}

func maxTokens(d *draft) {
	if most := d.profile.MaxOutputTokens; most > 0 && d.req.MaxTokens > most {
		d.changed(llm.WarningClamped, nil, "max_tokens", "lowered to %d, the most that the model makes", most)
		d.req.MaxTokens = most
	}
}

func stopSequences(d *draft) {
	if len(d.req.StopSequences) == 0 {
		return
	}
	p := d.profile
	if p.MaxStopSequences == 0 {
		d.changed(llm.WarningDropped, nil, "stop_sequences", "the model is not known to take any")
		d.req.StopSequences = nil
		return
	}
	var out []string
	for i, s := range d.req.StopSequences {
		why := ""
		switch {
		case s == "":
			why = "empty"
		case p.StopSequenceLength > 0 && utf8.RuneCountInString(s) > p.StopSequenceLength:
			why = fmt.Sprintf("longer than the %d characters that the model takes", p.StopSequenceLength)
		case len(out) == p.MaxStopSequences:
			why = fmt.Sprintf("the model takes %d at most", p.MaxStopSequences)
		default:
			out = append(out, s)
			continue
		}
		d.changed(llm.WarningDropped, nil, fmt.Sprintf("stop_sequences[%d]", i), "%s", why)
	}
	d.req.StopSequences = out
}

// Limits of requestMetadata.
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
const (
	maxMetadata       = 16
	maxMetadataLength = 256
)

// metadata leaves out what Bedrock would refuse: a tag must not fail a call.
func metadata(d *draft) {
	tags := d.req.Metadata
	if len(tags) == 0 {
		return
	}
	out := make(map[string]string, len(tags))
	for _, k := range slices.Sorted(maps.Keys(tags)) {
		switch v := tags[k]; {
		case k == "" || !isMetadata(k) || !isMetadata(v):
			field := "metadata"
			if k != "" && isMetadata(k) {
				field += "." + k // the value is at fault
			}
			d.changed(llm.WarningDropped, nil, field, "a tag with characters or a length that Bedrock does not take")
		case len(out) == maxMetadata:
			d.changed(llm.WarningDropped, nil, "metadata", "Bedrock takes %d tags at most; the first by key are sent", maxMetadata)
			d.req.Metadata = out
			return
		default:
			out[k] = v
		}
	}
	d.req.Metadata = out
}

func isMetadata(s string) bool {
	return len(s) <= maxMetadataLength && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune(" \t\n\r\f\v:_@$#=/+,-.", r))
	})
}
