package bedrocktest

import (
	"slices"
	"time"

	"github.com/parley-sdk/parley/llm"
)

// provider is Bedrock's name in package llm.
const provider = "aws.bedrock"

// encodeResponse writes a response as Converse answers, with the blocks that a fault
// puts in, which are in order.
func encodeResponse(r *llm.Response, since time.Time, insert []Frame) jsonText {
	blocks := encodeBlocks(r.Message.Content)
	for i, f := range insert {
		at := i + min(max(f.At, 0), len(blocks)-i)
		blocks = slices.Insert(blocks, at, obj(f.Name, jsonText(f.Payload)))
	}
	return obj(
		"metrics", metrics(r.Latency, since),
		"output", obj("message", obj("content", arr(blocks), "role", "assistant")),
		"serviceTier", serviceTier(r.Usage),
		"stopReason", stopReason(r.StopReason, r.RawStopReason, len(r.ToolCalls()) > 0),
		"usage", encodeUsage(r.Usage))
}

// encodeUsage writes usage as Claude reports it, with input tokens that exclude the
// cached ones.
func encodeUsage(u llm.Usage) jsonText {
	read, write := u.CacheReadTokens, u.CacheWriteTokens
	input := max(0, u.InputTokens-read-write)
	if read == 0 && write == 0 {
		return obj("inputTokens", input, "outputTokens", u.OutputTokens, "totalTokens", input+u.OutputTokens)
	}
	var details any
	if items := cacheDetails(u); items != nil {
		details = arr(items)
	}
	return obj(
		"cacheDetails", details, "cacheReadInputTokens", read, "cacheWriteInputTokens", write,
		"inputTokens", input, "outputTokens", u.OutputTokens, "totalTokens", input+read+write+u.OutputTokens)
}

// cacheDetails divides what was written to the cache by how long it is kept, the
// longest first.
func cacheDetails(u llm.Usage) []jsonText {
	var items []jsonText
	if n := u.CacheWrite1hTokens; n > 0 {
		items = append(items, obj("inputTokens", n, "ttl", "1h"))
	}
	if n := u.CacheWriteTokens - u.CacheWrite1hTokens; n > 0 {
		items = append(items, obj("inputTokens", n, "ttl", "5m"))
	}
	return items
}

// metrics reports the latency that the model gave, or the one measured here.
func metrics(latency time.Duration, since time.Time) jsonText {
	if latency <= 0 {
		latency = time.Since(since)
	}
	return obj("latencyMs", latency.Milliseconds())
}

func serviceTier(u llm.Usage) any {
	if u.ServiceTier == "" {
		return nil
	}
	return obj("type", u.ServiceTier)
}

// stopReasons are those of Bedrock.
var stopReasons = []string{"end_turn", "tool_use", "max_tokens", "stop_sequence", "guardrail_intervened", "content_filtered",
	"malformed_model_output", "malformed_tool_use", "model_context_window_exceeded"}

// stopReason is Bedrock's word for why the model stopped: the raw one where it is
// Bedrock's. Two reasons that Bedrock has no word for get those of Anthropic, whose
// models have them.
func stopReason(reason llm.StopReason, raw string, tool bool) string {
	if slices.Contains(stopReasons, raw) {
		return raw
	}
	switch reason {
	case llm.StopContentFilter:
		return "content_filtered"
	case llm.StopContextWindow:
		return "model_context_window_exceeded"
	case llm.StopMalformed:
		if tool {
			return "malformed_tool_use"
		}
		return "malformed_model_output"
	case llm.StopPause:
		return "pause_turn"
	case llm.StopOther:
		if raw != "" {
			return raw
		}
	case "":
		if tool {
			return "tool_use"
		}
		return "end_turn"
	}
	return string(reason) // the same word in both
}
