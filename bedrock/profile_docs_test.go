package bedrock

import (
	"fmt"
	"strings"
	"testing"
)

// The table of families in the documentation is written from the one in the code.
func TestProfilesInDocs(t *testing.T) {
	var b strings.Builder
	fmt.Fprintln(&b, "| family | refuses | tools | tool results | reasoning | sampling, stop | cache | context / output | conversation | verified |")
	fmt.Fprintln(&b, "|---|---|---|---|---|---|---|---|---|---|")
	for _, f := range allFamilies() {
		p := f.profile
		cells := []string{f.name, refusesCell(&p), toolsCell(&p), resultsCell(&p), reasoningCell(&p), samplingCell(&p), cacheCell(&p),
			tokens(p.ContextTokens) + " / " + tokens(p.MaxOutputTokens), conversationCell(&p), f.verified}
		for i, cell := range cells {
			if cell == "" {
				cells[i] = "-"
			}
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
	}
	docSection(t, "profiles", b.String())
}

// words is a list of the words whose condition holds.
func words(pairs ...any) string {
	var list []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1].(bool) {
			list = append(list, pairs[i].(string))
		}
	}
	return strings.Join(list, ", ")
}

func refusesCell(p *Profile) string {
	return words("Converse", p.NoConverse, "tools", p.NoTools, "system", p.NoSystem, "images", p.NoImages, "documents", p.NoDocuments,
		"video", p.NoVideo, "audio", p.NoAudio, "S3", p.NoS3, "its bare id", p.ProfileOnly)
}

func toolsCell(p *Profile) string {
	return words("streamed", p.StreamTools, "any", p.ToolChoiceAny, "one", p.ToolChoiceTool, "forced while reasoning", p.ForcedToolWithReasoning,
		"strict", p.StrictTools, "structured", p.StructuredOutput, "short ids", p.ShortToolIDs)
}

func resultsCell(p *Profile) string {
	return words("status", p.ToolResultStatus, "JSON", p.ToolResultJSON, "empty", p.EmptyToolResult, "images", p.ToolResultImages,
		"documents", p.ToolResultDocuments, "csv and txt", p.ToolResultTextDocuments, "video", p.ToolResultVideo,
		"beside: "+string(p.BesideToolResult), p.BesideToolResult != BesideNothing)
}

func reasoningCell(p *Profile) string {
	state := "" // when it is not asked for
	switch {
	case p.ReasonsByDefault:
		state = "on, can be off"
	case p.AlwaysReasons:
		state = "always"
	}
	return words(string(p.Reasoning), p.Reasoning != ReasoningNone, state, state != "", p.Efforts, p.Efforts != "",
		"no maxTokens at high", p.NoMaxTokensAtHigh, "replays unsigned", p.UnsignedReasoning, "no replay", p.NoReasoningReplay)
}

func samplingCell(p *Profile) string {
	return words("both", p.Sampling == SamplingBoth, string(p.Sampling), p.Sampling != SamplingBoth, "while reasoning", p.SamplingWithReasoning,
		p.TopKField, p.TopKField != "", fmt.Sprint(p.MaxStopSequences, " stops"), p.MaxStopSequences > 0,
		fmt.Sprintf("of %d characters", p.StopSequenceLength), p.StopSequenceLength > 0)
}

func cacheCell(p *Profile) string {
	return words("system", p.CacheSystem, "messages", p.CacheMessages, "beside tools", p.CacheBesideTools, "tools", p.CacheTools,
		"1 h", p.CacheHour, fmt.Sprint("from ", p.CacheMinTokens), p.CacheMinTokens > 0)
}

func conversationCell(p *Profile) string {
	return words("may begin with assistant", p.LeadingAssistant, "prefill", p.Prefill, "system within", p.SystemMessages, "estimated counts", p.NoCountTokens)
}

func tokens(n int) string {
	if n == 0 {
		return "?"
	}
	return fmt.Sprint(n)
}
