package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/parley-sdk/parley/bedrock/bedrocktest"
)

// faultsUsage explains the flag that parseFaults reads.
const faultsUsage = `what goes wrong with the first requests, a ` + "`list`" + ` with commas: ok is nothing,
throttle (or throttle:2s, to wait) and any other exception by its name is an error,
503 an error with that status, cut:3 and stall:3 end a stream after three events,
break:3 breaks it off with an exception, delay:500ms answers late`

// parseFaults reads a list such as "throttle,throttle,cut:3,ok".
func parseFaults(list string) (func(n int, r *http.Request) *bedrocktest.Fault, error) {
	if list == "" {
		return nil, nil
	}
	var faults []*bedrocktest.Fault
	for word := range strings.SplitSeq(list, ",") {
		f, err := parseFault(strings.TrimSpace(word))
		if err != nil {
			return nil, fmt.Errorf("fault %q: %w", word, err)
		}
		faults = append(faults, f)
	}
	return bedrocktest.Faults(faults...), nil
}

func parseFault(word string) (*bedrocktest.Fault, error) {
	name, arg, hasArg := strings.Cut(word, ":")
	switch name {
	case "ok":
		return nil, none(hasArg)
	case "throttle":
		f := &bedrocktest.Fault{Type: "ThrottlingException"}
		if !hasArg {
			return f, nil
		}
		var err error
		f.RetryAfter, err = parseTime(arg)
		return f, err
	case "delay":
		d, err := parseTime(arg)
		return &bedrocktest.Fault{Delay: d}, err
	case "cut", "stall", "break":
		n, err := strconv.ParseUint(arg, 10, 16)
		switch after := int(n); name {
		case "cut":
			return &bedrocktest.Fault{CutAfter: &after}, err
		case "stall":
			return &bedrocktest.Fault{StallAfter: &after}, err
		}
		return &bedrocktest.Fault{Exception: "ModelStreamErrorException", After: int(n)}, err
	}
	if strings.HasSuffix(name, "Exception") {
		return &bedrocktest.Fault{Type: name}, none(hasArg)
	}
	if status, err := strconv.Atoi(name); err == nil && status >= 400 && status <= 599 {
		return &bedrocktest.Fault{Status: status}, none(hasArg)
	}
	return nil, fmt.Errorf("it is none of ok, throttle, delay, cut, stall, break, an exception, and a status from 400 to 599")
}

func parseTime(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("the time is negative")
	}
	return d, err
}

func none(hasArg bool) error {
	if hasArg {
		return fmt.Errorf("it takes nothing after a colon")
	}
	return nil
}
