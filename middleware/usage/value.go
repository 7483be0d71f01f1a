package usage

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/parley-sdk/parley/internal/rawjson"
)

// value is JSON text, valid and without space around it. Errors of its methods begin
// with the path from it to the fault.
type value []byte

// pathError is what is wrong at a path.
type pathError struct{ path, why string }

func (e *pathError) Error() string {
	if e.path == "" {
		return e.why
	}
	return e.path + ": " + e.why
}

func fault(why string) error { return &pathError{why: why} }

var errUnknownField = fault("no such field")

// at puts a step before the path of an error.
func at(step string, err error) error {
	e, ok := errors.AsType[*pathError](err)
	if !ok {
		return err
	}
	path := printable(step)
	if e.path != "" && e.path[0] != '[' {
		path += "."
	}
	return &pathError{path + e.path, e.why}
}

// printable is a key of the document as an error shows it.
func printable(key string) string {
	const most = 40
	if len(key) > most {
		key = strings.ToValidUTF8(key[:most], "") + "…"
	}
	quoted := strconv.Quote(key)
	return quoted[1 : len(quoted)-1]
}

func (v value) null() bool { return string(v) == "null" }

// object calls f for each member. A key that is there twice is a fault.
func (v value) object(f func(key string, v value) error) error {
	if v[0] != '{' {
		return fault("want an object")
	}
	seen := map[string]bool{}
	for k, member := range rawjson.Fields(v) {
		key := string(k)
		if seen[key] {
			return at(key, fault("the field is there twice"))
		}
		seen[key] = true
		if err := f(key, member); err != nil {
			return at(key, err)
		}
	}
	return nil
}

// array calls f for each element.
func (v value) array(f func(v value) error) error {
	if v[0] != '[' {
		return fault("want an array")
	}
	i := 0
	for element := range rawjson.Items(v) {
		if err := f(element); err != nil {
			return at("["+strconv.Itoa(i)+"]", err)
		}
		i++
	}
	return nil
}

func (v value) text() (string, error) {
	if v[0] != '"' {
		return "", fault("want a string")
	}
	return string(rawjson.AppendString(nil, v)), nil
}

func (v value) constant(want string) error {
	if s, err := v.text(); err != nil || s != want {
		return fault("want " + want)
	}
	return nil
}

func (v value) day() (time.Time, error) {
	s, _ := v.text()
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, fault("want a day such as 2026-10-07")
	}
	return t, nil
}

func (v value) count() (int, error) {
	n := 0
	if json.Unmarshal(v, &n) != nil {
		return 0, fault("want a whole number")
	}
	return n, nil
}

// decimal reads a string only: what is written as a number may have been a float.
func (v value) decimal() (USD, error) {
	s, err := v.text()
	if err != nil {
		return USD{}, fault("want a decimal as a string")
	}
	u, why := parseDecimal(s)
	if why != "" {
		return USD{}, fault(why)
	}
	return u, nil
}
