package bedrock

import (
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go"
)

// What goes out and what comes back, as the SDK's own schemas have it: what they lack
// is neither sent nor read.
var (
	requests = map[string]*smithy.Schema{
		"ConverseRequest": schemas.ConverseRequest, "ConverseStreamRequest": schemas.ConverseStreamRequest,
		"CountTokensRequest": schemas.CountTokensRequest, "ApplyGuardrailRequest": schemas.ApplyGuardrailRequest,
	}
	answers = map[string]*smithy.Schema{
		"ConverseResponse": schemas.ConverseResponse, "ConverseStreamResponse": schemas.ConverseStreamResponse,
		"CountTokensResponse": schemas.CountTokensResponse, "ApplyGuardrailResponse": schemas.ApplyGuardrailResponse,
	}
)

// enums are the values of the API's enums; the schemas have only their number.
var enums = map[string][]string{
	"AudioFormat":                               valuesOf[types.AudioFormat](),
	"CachePointType":                            valuesOf[types.CachePointType](),
	"CacheTTL":                                  valuesOf[types.CacheTTL](),
	"ConversationRole":                          valuesOf[types.ConversationRole](),
	"DocumentFormat":                            valuesOf[types.DocumentFormat](),
	"GuardrailAction":                           valuesOf[types.GuardrailAction](),
	"GuardrailContentPolicyAction":              valuesOf[types.GuardrailContentPolicyAction](),
	"GuardrailContentQualifier":                 valuesOf[types.GuardrailContentQualifier](),
	"GuardrailContentSource":                    valuesOf[types.GuardrailContentSource](),
	"GuardrailContextualGroundingPolicyAction":  valuesOf[types.GuardrailContextualGroundingPolicyAction](),
	"GuardrailConverseContentQualifier":         valuesOf[types.GuardrailConverseContentQualifier](),
	"GuardrailConverseImageFormat":              valuesOf[types.GuardrailConverseImageFormat](),
	"GuardrailImageFormat":                      valuesOf[types.GuardrailImageFormat](),
	"GuardrailOutputScope":                      valuesOf[types.GuardrailOutputScope](),
	"GuardrailSensitiveInformationPolicyAction": valuesOf[types.GuardrailSensitiveInformationPolicyAction](),
	"GuardrailStreamProcessingMode":             valuesOf[types.GuardrailStreamProcessingMode](),
	"GuardrailTopicPolicyAction":                valuesOf[types.GuardrailTopicPolicyAction](),
	"GuardrailTrace":                            valuesOf[types.GuardrailTrace](),
	"GuardrailWordPolicyAction":                 valuesOf[types.GuardrailWordPolicyAction](),
	"ImageFormat":                               valuesOf[types.ImageFormat](),
	"OutputFormatType":                          valuesOf[types.OutputFormatType](),
	"PerformanceConfigLatency":                  valuesOf[types.PerformanceConfigLatency](),
	"ServiceTierType":                           valuesOf[types.ServiceTierType](),
	"StopReason":                                valuesOf[types.StopReason](),
	"ToolResultStatus":                          valuesOf[types.ToolResultStatus](),
	"ToolUseType":                               valuesOf[types.ToolUseType](),
	"VideoFormat":                               valuesOf[types.VideoFormat](),
}

func valuesOf[E interface {
	~string
	Values() []E
}]() []string {
	var out []string
	for _, v := range E("").Values() {
		out = append(out, string(v))
	}
	return out
}

// all ranges over the members, as "Type.member".
func (s surface) all() iter.Seq[string] {
	return func(yield func(string) bool) {
		for typ := range strings.FieldsSeq(s.types) {
			for member := range strings.FieldsSeq(s.members) {
				if !yield(typ + "." + member) {
					return
				}
			}
		}
	}
}

// tableOf returns the members of a table.
func tableOf(t *testing.T, table []surface) map[string]bool {
	out := map[string]bool{}
	for _, s := range table {
		for m := range s.all() {
			if out[m] {
				t.Errorf("%s is there twice", m)
			}
			out[m] = true
		}
	}
	return out
}

// reach returns all that can be said in terms of some schemas, as "Type.member": each
// member of a structure or union and each value of an enum. Of types that are handed
// on whole it is "Type.*".
func reach(t *testing.T, roots map[string]*smithy.Schema, whole map[string]bool) map[string]bool {
	out := map[string]bool{}
	seen := map[string]bool{}
	var visit func(name string, s *smithy.Schema)
	visit = func(name string, s *smithy.Schema) {
		if seen[name] {
			return
		}
		seen[name] = true
		switch {
		case len(s.Members()) == 0:
		case whole[name+".*"]:
			out[name+".*"] = true
		case s.Type() == smithy.ShapeTypeEnum:
			if len(enums[name]) != len(s.Members()) {
				t.Errorf("enum %s: %d values here, %d in the schema", name, len(enums[name]), len(s.Members()))
			}
			for _, v := range enums[name] {
				out[name+"."+v] = true
			}
		default:
			for member, m := range s.Members() {
				if s.Type() == smithy.ShapeTypeStructure || s.Type() == smithy.ShapeTypeUnion {
					out[name+"."+member] = true
				}
				visit(m.TargetID().Name, m)
			}
		}
	}
	for name, s := range roots {
		visit(name, s)
	}
	return out
}

// Each member, each union's member and each value of the API has its place here, or a
// reason why it has none. What a new version of the SDK adds fails here, and so does
// what it takes away.
func TestSurface(t *testing.T) {
	places, reasons := tableOf(t, mapped), tableOf(t, leftOut)
	api := reach(t, requests, places)
	maps.Copy(api, reach(t, answers, places))
	for _, m := range slices.Sorted(maps.Keys(api)) {
		switch {
		case places[m] && reasons[m]:
			t.Errorf("%s is mapped and left out", m)
		case !places[m] && !reasons[m]:
			t.Errorf("%s is new: map it, or say why not", m)
		}
	}
	for table, entries := range map[string]map[string]bool{"mapped": places, "left out": reasons} {
		for m := range entries {
			if !api[m] {
				t.Errorf("%s, %s, is not in the API", m, table)
			}
		}
	}
	docSection(t, "surface", renderSurface())
}

func renderSurface() string {
	var b strings.Builder
	table := func(title, column string, rows []surface) {
		fmt.Fprintf(&b, "%s\n\n| Type | Member | %s |\n| --- | --- | --- |\n", title, column)
		for _, s := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", strings.ReplaceAll(s.types, " ", ", "), strings.ReplaceAll(strings.ReplaceAll(s.members, "*", "all"), " ", ", "), s.here)
		}
	}
	table("Where each member of the API is found. Names without a package are of `bedrock`.", "Here", mapped)
	b.WriteByte('\n')
	table("What has no place, and why.", "Why", leftOut)
	return b.String()
}

// The schemas that the surface is read from are those of the SDK's Go types.
func TestSchemasAreTheTypes(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var same func(typ reflect.Type, s *smithy.Schema)
	same = func(typ reflect.Type, s *smithy.Schema) {
		switch typ.Kind() {
		case reflect.Pointer:
			same(typ.Elem(), s)
		case reflect.Slice:
			if typ.Elem().Kind() != reflect.Uint8 {
				same(typ.Elem(), s.ListMember())
			}
		case reflect.Map:
			same(typ.Elem(), s.MapValue())
		case reflect.Struct:
			if seen[typ] {
				return
			}
			seen[typ] = true
			n := 0
			for f := range fieldsOfType(typ) {
				n++
				name := string(unicode.ToLower(rune(f.Name[0]))) + f.Name[1:]
				if m := s.Member(name); m == nil {
					t.Errorf("%v.%s is not in the schema", typ, f.Name)
				} else {
					same(f.Type, m)
				}
			}
			if n != len(s.Members()) {
				t.Errorf("%v has %d fields, the schema %d", typ, n, len(s.Members()))
			}
		}
	}
	same(reflect.TypeFor[bedrockruntime.ConverseInput](), schemas.ConverseRequest)
	same(reflect.TypeFor[bedrockruntime.ConverseStreamInput](), schemas.ConverseStreamRequest)
	same(reflect.TypeFor[bedrockruntime.CountTokensInput](), schemas.CountTokensRequest)
	same(reflect.TypeFor[bedrockruntime.ApplyGuardrailInput](), schemas.ApplyGuardrailRequest)
	same(reflect.TypeFor[bedrockruntime.ConverseOutput](), schemas.ConverseResponse)
	same(reflect.TypeFor[bedrockruntime.CountTokensOutput](), schemas.CountTokensResponse)
	same(reflect.TypeFor[bedrockruntime.ApplyGuardrailOutput](), schemas.ApplyGuardrailResponse)
}

// fieldsOfType ranges over the fields that are the API's.
func fieldsOfType(typ reflect.Type) iter.Seq[reflect.StructField] {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if f := typ.Field(i); f.IsExported() && f.Name != "ResultMetadata" && !yield(f) {
				return
			}
		}
	}
}
