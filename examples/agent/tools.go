package main

import (
	"context"
	"go/ast"
	"go/constant"
	"go/parser"
	"go/token"
	"io/fs"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/parley-sdk/parley/llm/tool"
)

// tools are what the agent can do: look into files, calculate, and tell the time. Files are
// those of one folder: an fs.FS has no way out of it.
func tools(files fs.FS, now func() time.Time) []tool.Tool {
	return []tool.Tool{
		tool.New("list_files", "lists the files that there are", func(context.Context, struct{}) ([]string, error) {
			var names []string
			err := fs.WalkDir(files, ".", func(path string, d fs.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() && len(names) < 1000 {
					names = append(names, path)
				}
				return err
			})
			return names, err
		}),

		tool.New("read_file", "reads a text file", func(_ context.Context, in struct {
			Path string `json:"path" jsonschema:"as list_files has it" default:"groceries.txt"`
		}) (string, error) {
			const most = 32 << 10
			b, err := fs.ReadFile(files, in.Path)
			if err != nil {
				return "", tool.Errorf("there is no such file: %w", err)
			}
			if len(b) > most {
				return string(b[:most]) + "\n(the rest is left out)", nil
			}
			return string(b), nil
		}),

		tool.New("calculate", "calculates an arithmetic expression, exactly to ten places", func(_ context.Context, in struct {
			Expression string `json:"expression" jsonschema:"numbers, + - * / and parentheses" default:"2*1.95 + 7.40 + 2*3.25" maxLength:"1000"`
		}) (string, error) {
			expr, err := parser.ParseExpr(in.Expression)
			if err != nil {
				return "", tool.Errorf("that is no arithmetic expression")
			}
			v, err := calculate(expr)
			if err != nil {
				return "", err
			}
			return decimal(v)
		}),

		tool.New("current_time", "tells the date and time of a time zone", func(_ context.Context, in struct {
			Zone string `json:"zone,omitempty" jsonschema:"an IANA name such as Europe/Oslo; UTC if left out"`
		}) (string, error) {
			zone, err := time.LoadLocation(in.Zone)
			if err != nil {
				return "", tool.Errorf("there is no such time zone: use an IANA name")
			}
			return now().In(zone).Format("Monday, 2 January 2006, 15:04 MST"), nil
		}),
	}
}

// calculate is the value of an expression, exact however large.
func calculate(expr ast.Expr) (constant.Value, error) {
	switch e := expr.(type) {
	case *ast.ParenExpr:
		return calculate(e.X)
	case *ast.BasicLit:
		if v := constant.MakeFromLiteral(e.Value, e.Kind, 0); (e.Kind == token.INT || e.Kind == token.FLOAT) && v.Kind() != constant.Unknown {
			return v, nil
		}
	case *ast.UnaryExpr:
		x, err := calculate(e.X)
		if err != nil || e.Op != token.ADD && e.Op != token.SUB {
			return nil, cannot(err)
		}
		return constant.UnaryOp(e.Op, x, 0), nil
	case *ast.BinaryExpr:
		if !strings.Contains("+-*/", e.Op.String()) {
			break
		}
		x, err := calculate(e.X)
		if err != nil {
			return nil, err
		}
		y, err := calculate(e.Y)
		if err != nil {
			return nil, err
		}
		if e.Op == token.QUO && constant.Sign(y) == 0 {
			return nil, tool.Errorf("that divides by zero")
		}
		return constant.BinaryOp(constant.ToFloat(x), e.Op, constant.ToFloat(y)), nil
	}
	return nil, cannot(nil)
}

func cannot(err error) error {
	if err != nil {
		return err
	}
	return tool.Errorf("only numbers, + - * / and parentheses can be calculated")
}

// decimal writes a number with up to ten places.
func decimal(v constant.Value) (string, error) {
	if f, _ := constant.Float64Val(v); math.Abs(f) > 1e100 {
		return "", tool.Errorf("the result is too large")
	}
	r, ok := new(big.Rat).SetString(constant.ToFloat(v).ExactString())
	if !ok {
		return "", tool.Errorf("the result is too small")
	}
	text := strings.TrimRight(r.FloatString(10), "0")
	return strings.TrimSuffix(text, "."), nil
}
