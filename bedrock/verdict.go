package bedrock

import (
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
)

// GuardrailVerdict is what guardrails decided, in short. What they found is known only
// where a trace was asked for ([Guardrail].Trace), and always from a [GuardrailClient].
type GuardrailVerdict struct {
	Intervened    bool   // something was blocked or masked, or at any rate not let through as it was
	InputBlocked  bool   // a policy blocked what went to the model
	OutputBlocked bool   // a policy blocked what the model said
	Reason        string // in Bedrock's words
	Findings      []GuardrailFinding
}

// GuardrailFinding is one thing that a guardrail found. It never holds the text that
// matched; the assessment that it is drawn from does.
//
// Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_GuardrailAssessment.html
type GuardrailFinding struct {
	Source      types.GuardrailContentSource // "INPUT" or "OUTPUT" of the model
	GuardrailID string                       // id, where it is told
	Policy      string                       // "topic", "content", "word", "sensitive_information", "contextual_grounding" or "automated_reasoning"
	Name        string                       // the topic, filter, entity, list or regular expression within the policy
	Action      string                       // "BLOCKED", "ANONYMIZED" or "NONE": found, and let through; "" for a policy that only finds
}

// verdictOf draws the verdict from the trace of an answer; nil where there is no sign
// of a guardrail.
func verdictOf(trace *types.GuardrailTraceAssessment, stopReason string) *GuardrailVerdict {
	intervened := stopReason == string(types.StopReasonGuardrailIntervened)
	if trace == nil {
		if !intervened {
			return nil
		}
		return &GuardrailVerdict{Intervened: true}
	}
	v := &GuardrailVerdict{Intervened: intervened, Reason: aws.ToString(trace.ActionReason)}
	for _, id := range slices.Sorted(maps.Keys(trace.InputAssessment)) {
		v.add(types.GuardrailContentSourceInput, id, trace.InputAssessment[id])
	}
	for _, id := range slices.Sorted(maps.Keys(trace.OutputAssessments)) {
		for _, a := range trace.OutputAssessments[id] {
			v.add(types.GuardrailContentSourceOutput, id, a)
		}
	}
	return v
}

// add adds what one assessment found.
func (v *GuardrailVerdict) add(source types.GuardrailContentSource, id string, a types.GuardrailAssessment) {
	if d := a.AppliedGuardrailDetails; id == "" && d != nil {
		id = aws.ToString(d.GuardrailId)
	}
	found := func(policy, name, action string) {
		v.Findings = append(v.Findings, GuardrailFinding{source, id, policy, name, action})
		switch action {
		case "", "NONE":
			return
		case "BLOCKED":
			v.InputBlocked = v.InputBlocked || source == types.GuardrailContentSourceInput
			v.OutputBlocked = v.OutputBlocked || source == types.GuardrailContentSourceOutput
		}
		v.Intervened = true // whatever a later version of the API does to it
	}
	if p := a.TopicPolicy; p != nil {
		for _, f := range p.Topics {
			found("topic", aws.ToString(f.Name), string(f.Action))
		}
	}
	if p := a.ContentPolicy; p != nil {
		for _, f := range p.Filters {
			found("content", string(f.Type), string(f.Action))
		}
	}
	if p := a.WordPolicy; p != nil {
		for _, f := range p.CustomWords {
			found("word", "custom", string(f.Action))
		}
		for _, f := range p.ManagedWordLists {
			found("word", string(f.Type), string(f.Action))
		}
	}
	if p := a.SensitiveInformationPolicy; p != nil {
		for _, f := range p.PiiEntities {
			found("sensitive_information", string(f.Type), string(f.Action))
		}
		for _, f := range p.Regexes {
			found("sensitive_information", aws.ToString(f.Name), string(f.Action))
		}
	}
	if p := a.ContextualGroundingPolicy; p != nil {
		for _, f := range p.Filters {
			found("contextual_grounding", string(f.Type), string(f.Action))
		}
	}
	if p := a.AutomatedReasoningPolicy; p != nil {
		for _, f := range p.Findings {
			found("automated_reasoning", reasoningFinding(f), "")
		}
	}
}

// reasoningFinding is the name of a finding of automated reasoning.
func reasoningFinding(f types.GuardrailAutomatedReasoningFinding) string {
	switch f := f.(type) {
	case *types.GuardrailAutomatedReasoningFindingMemberImpossible:
		return "impossible"
	case *types.GuardrailAutomatedReasoningFindingMemberInvalid:
		return "invalid"
	case *types.GuardrailAutomatedReasoningFindingMemberNoTranslations:
		return "noTranslations"
	case *types.GuardrailAutomatedReasoningFindingMemberSatisfiable:
		return "satisfiable"
	case *types.GuardrailAutomatedReasoningFindingMemberTooComplex:
		return "tooComplex"
	case *types.GuardrailAutomatedReasoningFindingMemberTranslationAmbiguous:
		return "translationAmbiguous"
	case *types.GuardrailAutomatedReasoningFindingMemberValid:
		return "valid"
	case *types.UnknownUnionMember:
		return f.Tag
	}
	return "unknown"
}

// withoutRepeats mends assessments: for an element of a union that it does not know,
// the SDK's decoder repeats the one before, or leaves nil.
func withoutRepeats(a *types.GuardrailAssessment) {
	if p := a.AutomatedReasoningPolicy; p != nil {
		for i := len(p.Findings) - 1; i > 0; i-- {
			if p.Findings[i] == p.Findings[i-1] {
				p.Findings[i] = nil
			}
		}
	}
}
