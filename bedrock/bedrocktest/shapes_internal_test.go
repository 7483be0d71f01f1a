package bedrocktest

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/schemas"
	"github.com/aws/smithy-go"
)

// The shapes are written by hand. This holds them against the schemas of the AWS SDK,
// member by member, so that an SDK that knows more turns it red.
func TestShapesAgainstSDK(t *testing.T) {
	for _, c := range []struct {
		name   string
		shape  *shape
		schema *smithy.Schema
	}{
		{"Converse", converseShape, schemas.ConverseRequest},
		{"ConverseStream", converseStreamShape, schemas.ConverseStreamRequest},
		{"CountTokens", countTokensShape, schemas.CountTokensRequest},
	} {
		for _, d := range compareShapes(c.name, c.shape, c.schema) {
			// The model's id is in the path.
			if d != c.name+": modelId is missing" {
				t.Error(d)
			}
		}
	}
}

func compareShapes(at string, s *shape, schema *smithy.Schema) []string {
	kinds := map[smithy.ShapeType]kind{
		smithy.ShapeTypeBlob: blobKind, smithy.ShapeTypeBoolean: booleanKind, smithy.ShapeTypeString: textKind,
		smithy.ShapeTypeEnum: textKind, smithy.ShapeTypeInteger: integerKind, smithy.ShapeTypeFloat: numberKind,
		smithy.ShapeTypeDocument: jsonKind, smithy.ShapeTypeList: listKind, smithy.ShapeTypeMap: mapKind,
		smithy.ShapeTypeStructure: structureKind, smithy.ShapeTypeUnion: unionKind,
	}
	kind, ok := kinds[schema.Type()]
	if !ok || kind != s.kind {
		return []string{fmt.Sprintf("%s: kind %d, type %d in the SDK", at, s.kind, schema.Type())}
	}
	var diff []string
	switch kind {
	case listKind:
		return compareShapes(at+"[]", s.element, schema.ListMember())
	case mapKind:
		return compareShapes(at+"{}", s.element, schema.MapValue())
	case structureKind, unionKind:
		if kind == unionKind && schema.ID().Name != s.name && schema.TargetID().Name != s.name {
			diff = append(diff, fmt.Sprintf("%s: called %s, in the SDK %s", at, s.name, schema.TargetID().Name))
		}
		for name, m := range schema.Members() {
			i := slices.IndexFunc(s.members, func(m member) bool { return m.name == name })
			if i < 0 {
				diff = append(diff, at+": "+name+" is missing")
				continue
			}
			diff = append(diff, compareShapes(at+"."+name, s.members[i].shape, m)...)
		}
		for _, m := range s.members {
			if schema.Members()[m.name] == nil {
				diff = append(diff, at+": "+m.name+" is not in the SDK")
			}
		}
	case textKind:
		if schema.Type() != smithy.ShapeTypeEnum {
			break
		}
		// The schema has the names of an enum, and not its values: X_AAC for x-aac.
		var names []string
		for _, v := range s.enum {
			names = append(names, strings.ToUpper(strings.ReplaceAll(v, "-", "_")))
		}
		if at := strings.TrimSuffix(at, ".ttl"); at != "" && slices.Equal(s.enum, []string{"5m", "1h"}) {
			names = []string{"FIVE_MINUTES", "ONE_HOUR"}
		}
		for name := range schema.Members() {
			if !slices.Contains(names, name) {
				diff = append(diff, at+": value "+name+" is missing")
			}
		}
		if len(names) != len(schema.Members()) {
			diff = append(diff, fmt.Sprintf("%s: %d values, %d in the SDK", at, len(names), len(schema.Members())))
		}
	}
	return diff
}

// Every stop reason of the SDK is known.
func TestStopReasonsAgainstSDK(t *testing.T) {
	for name := range schemas.StopReason.Members() {
		if !slices.Contains(stopReasons, strings.ToLower(name)) {
			t.Error(name)
		}
	}
	if len(stopReasons) != len(schemas.StopReason.Members()) {
		t.Error(stopReasons)
	}
}

// Every exception of the SDK is known.
func TestExceptionsAgainstSDK(t *testing.T) {
	for name := range schemas.ConverseStreamOutput.Members() {
		if full := strings.ToUpper(name[:1]) + name[1:]; strings.HasSuffix(name, "Exception") && newException(full, "").message == "" {
			t.Error(full)
		}
	}
}
