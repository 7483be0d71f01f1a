package sample_test

import (
	"encoding/json"
	"net/mail"
	"net/netip"
	"net/url"
	"regexp"
	"testing"
	"time"
)

// Formats are annotations to most validators, so they are checked here.
func TestFormats(t *testing.T) {
	layout := func(layout string) func(string) bool {
		return func(s string) bool { _, err := time.Parse(layout, s); return err == nil }
	}
	matches := func(expr string) func(string) bool { return regexp.MustCompile(expr).MatchString }
	address := func(is func(netip.Addr) bool) func(string) bool {
		return func(s string) bool { a, err := netip.ParseAddr(s); return err == nil && is(a) }
	}
	for format, valid := range map[string]func(string) bool{
		"date":      layout("2006-01-02"),
		"date-time": layout(time.RFC3339),
		"time":      layout("15:04:05Z07:00"),
		"duration":  matches(`^P(\d+D)?(T(\d+H)?(\d+M)?)?$`),
		"email":     func(s string) bool { a, err := mail.ParseAddress(s); return err == nil && a.Address == s },
		"hostname":  matches(`^[a-z]+(\.[a-z]+)+$`),
		"ipv4":      address(netip.Addr.Is4),
		"ipv6":      address(netip.Addr.Is6),
		"uri":       func(s string) bool { u, err := url.Parse(s); return err == nil && u.IsAbs() && u.Host != "" },
		"uri-reference": func(s string) bool {
			u, err := url.Parse(s)
			return err == nil && u.Path != ""
		},
		"uuid": matches(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`),
	} {
		for seed := range uint64(50) {
			text, err := value(`{"type":"string","format":"`+format+`"}`, seed, false)
			var s string
			if err != nil || json.Unmarshal([]byte(text), &s) != nil || !valid(s) {
				t.Errorf("%s, seed %d: %s, %v", format, seed, text, err)
			}
		}
	}
}
