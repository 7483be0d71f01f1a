// Package safename writes any string as a name for a file, or for a row of a database.
//
// Names have 1 to 128 of the characters a-z, 0-9, "-", "_", "%", "+" and "=". No two
// strings have the same name, not even where upper and lower case, or the forms of an accent,
// count as the same; and no name means something to a system, as ".." and "CON" do.
package safename

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
)

// maxLen leaves room for suffixes where a file system stops at 143 bytes, as eCryptfs does.
const maxLen = 128

// reserved are names that Windows has given to devices, whatever their suffix.
var reserved = regexp.MustCompile(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)

// Of returns the name of a string. Lower-case letters of ASCII, digits, "-" and "_" stand for
// themselves. A "+" changes between lower and upper case, as a caps lock does: "Ab" is
// "+a+b". Other bytes are "%" and two hex digits; the empty string is "%". What would be too
// long is cut, and ends in "=" and the SHA-256 of the string.
func Of(s string) string {
	name := make([]byte, 0, len(s)+8)
	upper := false
	for i := 0; i < len(s) && len(name) <= maxLen; i++ {
		c := s[i]
		lower := c | 0x20
		switch {
		case 'a' <= lower && lower <= 'z':
			if upper != (c != lower) {
				upper = !upper
				name = append(name, '+')
			}
			name = append(name, lower)
		case '0' <= c && c <= '9' || c == '-' || c == '_':
			name = append(name, c)
		default:
			name = fmt.Appendf(name, "%%%02x", c)
		}
	}
	switch {
	case len(name) == 0:
		return "%"
	case len(name) > maxLen:
		sum := sha256.Sum256([]byte(s))
		return string(name[:maxLen-1-2*len(sum)]) + "=" + hex.EncodeToString(sum[:])
	case reserved.Match(name):
		return fmt.Sprintf("%%%02x%s", name[0], name[1:])
	}
	return string(name)
}
