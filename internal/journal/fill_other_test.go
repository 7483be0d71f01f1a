//go:build !(darwin || freebsd || linux || netbsd || openbsd)

package journal

import "errors"

func fill(string) error { return errors.ErrUnsupported }
