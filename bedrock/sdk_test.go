package bedrock

import (
	"reflect"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime"
	"github.com/aws/aws-sdk-go-v2/service/bedrockruntime/types"
	"github.com/aws/smithy-go/middleware"
)

// The step of the SDK that we take out of ConverseStream has the id that we know. If
// an upgrade of the SDK fails here, its stream reader runs again: find the new id.
func TestStreamReaderStepIsThere(t *testing.T) {
	client := bedrockruntime.New(bedrockruntime.Options{Region: "us-east-1"})
	var before, after []string
	list := func(ids *[]string) func(*middleware.Stack) error {
		return func(s *middleware.Stack) error {
			*ids = s.Deserialize.List()
			return nil
		}
	}
	stop := func(*middleware.Stack) error { return errCorrupt }
	_, err := client.ConverseStream(t.Context(), &bedrockruntime.ConverseStreamInput{},
		bedrockruntime.WithAPIOptions(list(&before), withoutStreamReader, list(&after), stop))
	if err == nil || len(before) == 0 || len(after) != len(before)-1 {
		t.Errorf("%v\nbefore %v\nafter  %v", err, before, after)
	}
	if _, err := client.Converse(t.Context(), &bedrockruntime.ConverseInput{}, bedrockruntime.WithAPIOptions(withoutStreamReader, stop)); err == nil {
		t.Error("no error")
	}
}

// ConverseStream takes what Converse takes; a field that one of them gains must be
// copied.
func TestStreamInputCopiesEveryField(t *testing.T) {
	in := &bedrockruntime.ConverseInput{}
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if !f.CanSet() {
			continue
		}
		switch f.Kind() {
		case reflect.Pointer:
			f.Set(reflect.New(f.Type().Elem()))
		case reflect.Slice:
			f.Set(reflect.MakeSlice(f.Type(), 1, 1))
		case reflect.Map:
			f.Set(reflect.MakeMap(f.Type()))
		case reflect.Interface:
			f.Set(reflect.ValueOf(&rawDocument{}))
		default:
			t.Fatalf("a field of kind %v", f.Kind())
		}
	}
	out := reflect.ValueOf(streamInput(in, &Guardrail{StreamMode: "async"})).Elem()
	for i := range out.NumField() {
		name := out.Type().Field(i).Name
		if !out.Type().Field(i).IsExported() {
			continue
		}
		if out.Field(i).IsZero() {
			t.Errorf("ConverseStreamInput.%s is not copied", name)
		}
		if !v.FieldByName(name).IsValid() {
			t.Errorf("ConverseStreamInput.%s is not in ConverseInput", name)
		}
	}
	for i := range v.NumField() {
		if name := v.Type().Field(i).Name; v.Type().Field(i).IsExported() && !out.FieldByName(name).IsValid() {
			t.Errorf("ConverseInput.%s is not in ConverseStreamInput", name)
		}
	}
	want := types.GuardrailStreamProcessingModeAsync
	if got := out.FieldByName("GuardrailConfig").Interface().(*types.GuardrailStreamConfiguration).StreamProcessingMode; got != want {
		t.Errorf("stream mode %q", got)
	}
}
