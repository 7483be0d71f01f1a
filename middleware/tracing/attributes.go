package tracing

import (
	"context"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/parley-sdk/parley/internal/hook"
	"github.com/parley-sdk/parley/llm"
)

// identity says what is done, and with which model.
func identity(operation string, info llm.Info) []attribute.KeyValue {
	attrs := []attribute.KeyValue{keyOperation.String(operation), keyProvider.String(info.Provider)}
	return valid(appendString(attrs, keyRequestModel, info.Model))
}

// requestAttributes says what is asked for.
func (c *call) requestAttributes() []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 10)
	if c.streams {
		attrs = append(attrs, keyStream.Bool(true))
	}
	if id, ok := c.ctx.Value(conversationKey{}).(string); ok {
		attrs = append(attrs, keyConversationID.String(id))
	}
	return valid(appendSettings(attrs, c.req))
}

// conversationKey is the key of the conversation's id in the context of an agent's turn.
type conversationKey struct{}

func withConversation(ctx context.Context, id string) context.Context {
	if id == "" {
		return ctx
	}
	return context.WithValue(ctx, conversationKey{}, id)
}

// appendSettings adds the settings of a request that are set.
func appendSettings(attrs []attribute.KeyValue, req *llm.Request) []attribute.KeyValue {
	if req == nil {
		return attrs
	}
	attrs = appendCount(attrs, keyMaxTokens, req.MaxTokens)
	if req.Temperature != nil {
		attrs = append(attrs, keyTemperature.Float64(*req.Temperature))
	}
	if req.TopP != nil {
		attrs = append(attrs, keyTopP.Float64(*req.TopP))
	}
	if req.TopK != nil {
		attrs = append(attrs, keyTopK.Float64(float64(*req.TopK)))
	}
	if len(req.StopSequences) > 0 {
		attrs = append(attrs, keyStopSequences.StringSlice(req.StopSequences))
	}
	if req.Output != nil {
		attrs = append(attrs, keyOutputType.String(outputTypeJSON))
	}
	return attrs
}

// responseAttributes says how the call ended.
func (c *call) responseAttributes(asked llm.Info, o outcome) []attribute.KeyValue {
	attrs := appendFinish(make([]attribute.KeyValue, 0, 16), o.stop)
	attrs = appendString(attrs, keyResponseModel, o.served.Model)
	attrs = appendString(attrs, keyServiceTier, o.usage.ServiceTier)
	attrs = appendUsage(attrs, o.usage)
	attrs = appendCount(attrs, keyReasoningTokens, o.usage.ReasoningTokens)
	if o.chunked {
		attrs = append(attrs, keyTimeToFirstChunk.Float64(o.first.Seconds()))
	}
	if o.abandoned {
		attrs = append(attrs, keyAbandoned.Bool(true))
	}
	id := o.requestID
	if e, ok := errors.AsType[*llm.Error](o.err); ok && e != nil && id == "" {
		id = e.RequestID
	}
	if looksLikeID(id) {
		key := keyRequestID
		if strings.HasPrefix(asked.Provider, "aws.") {
			key = keyAWSRequestID
		}
		attrs = append(attrs, key.String(id))
	}
	return attrs
}

func appendFinish(attrs []attribute.KeyValue, reason llm.StopReason) []attribute.KeyValue {
	if reason == "" {
		return attrs
	}
	return append(attrs, keyFinishReasons.StringSlice([]string{string(reason)}))
}

// known says whether anything is known of a call's usage.
func known(u llm.Usage) bool {
	return u.InputTokens > 0 || u.OutputTokens > 0
}

// reported says whether a count of tokens is known: where not all of the usage was reported,
// zero means that this part was not.
func reported(tokens int, u llm.Usage) bool {
	return tokens > 0 || tokens == 0 && known(u) && !u.Estimated
}

// appendUsage adds what is known of the usage.
func appendUsage(attrs []attribute.KeyValue, u llm.Usage) []attribute.KeyValue {
	if !known(u) {
		return attrs
	}
	if reported(u.InputTokens, u) {
		attrs = append(attrs, keyInputTokens.Int(u.InputTokens))
	}
	if reported(u.OutputTokens, u) {
		attrs = append(attrs, keyOutputTokens.Int(u.OutputTokens))
	}
	attrs = appendCount(attrs, keyCacheReadTokens, u.CacheReadTokens)
	attrs = appendCount(attrs, keyCacheWriteTokens, u.CacheWriteTokens)
	if u.Estimated {
		attrs = append(attrs, keyEstimated.Bool(true))
	}
	return attrs
}

// eventAttributes says what a policy did.
func eventAttributes(ev hook.Event) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 6)
	attrs = appendString(attrs, keyPolicy, ev.Policy)
	attrs = appendCount(attrs, keyAttempt, ev.Attempt)
	if ev.Wait > 0 {
		attrs = append(attrs, keyWait.Float64(ev.Wait.Seconds()))
	}
	if ev.Code != "" {
		attrs = append(attrs, keyErrorType.String(errorType(llm.Code(ev.Code))))
	}
	attrs = appendString(attrs, keyProvider, ev.Provider)
	return valid(appendString(attrs, keyRequestModel, ev.Model))
}

// errorType is the code of an error. A code that package llm does not have may be any text,
// and of any number.
func errorType(err error) string {
	switch code := llm.CodeOf(err); code {
	case llm.ErrInvalidRequest, llm.ErrUnauthenticated, llm.ErrPermissionDenied, llm.ErrNotFound, llm.ErrRateLimited,
		llm.ErrQuotaExhausted, llm.ErrOverloaded, llm.ErrNotReady, llm.ErrUnavailable, llm.ErrTimeout, llm.ErrCanceled,
		llm.ErrContextTooLong, llm.ErrContentFiltered, llm.ErrMalformedOutput, llm.ErrUnsupported, llm.ErrIncomplete,
		llm.ErrRejected, llm.ErrBudgetExceeded, llm.ErrInternal, llm.ErrUnknown:
		return string(code)
	}
	return errorTypeOther
}

// looksLikeID says whether a request id is one. It comes from a server, and may be anything.
func looksLikeID(id string) bool {
	digit := false
	for _, c := range []byte(id) {
		switch {
		case '0' <= c && c <= '9':
			digit = true
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', c == '-', c == '_':
		default:
			return false
		}
	}
	return digit && len(id) <= 64
}

// valid replaces in place what is not UTF-8: for one such text, an exporter of OTLP drops
// the spans of a whole batch, and all metrics from then on.
func valid(attrs []attribute.KeyValue) []attribute.KeyValue {
	for i, a := range attrs {
		switch a.Value.Type() {
		case attribute.STRING:
			if text := a.Value.AsString(); !utf8.ValidString(text) {
				attrs[i] = a.Key.String(validText(text))
			}
		case attribute.STRINGSLICE:
			texts := a.Value.AsStringSlice()
			if slices.ContainsFunc(texts, func(text string) bool { return !utf8.ValidString(text) }) {
				for k, text := range texts {
					texts[k] = validText(text)
				}
				attrs[i] = a.Key.StringSlice(texts)
			}
		}
	}
	return attrs
}

func validText(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func appendString(attrs []attribute.KeyValue, key attribute.Key, v string) []attribute.KeyValue {
	if v == "" {
		return attrs
	}
	return append(attrs, key.String(v))
}

func appendCount(attrs []attribute.KeyValue, key attribute.Key, n int) []attribute.KeyValue {
	if n <= 0 {
		return attrs
	}
	return append(attrs, key.Int(n))
}
