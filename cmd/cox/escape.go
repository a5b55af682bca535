package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// escape makes text from the service safe to show: whatever is not printable (control characters, which could drive a
// terminal; bidirectional overrides and invisible characters, which deceive a reader; bytes that are not UTF-8) is written
// as an escape that splitWords understands. A backslash stays as it is.
func escape(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, width := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && width == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case !unprintable(r):
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r < utf8.RuneSelf:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r <= 0xffff:
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			fmt.Fprintf(&b, `\U%08x`, r)
		}
		i += width
	}
	return b.String()
}

// unprintable also holds for the replacement character, which is what invalid bytes decode to.
func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// encodeJSON returns v as one line. Beyond what JSON demands it escapes all that is not printable: JSON leaves DEL, the C1
// controls and bidirectional overrides as they are, and a terminal may be what reads it.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	line := bytes.TrimSuffix(b.Bytes(), []byte("\n"))
	safe := make([]byte, 0, len(line)+1)
	for i := 0; i < len(line); {
		r, width := utf8.DecodeRune(line[i:])
		switch {
		case unicode.IsPrint(r):
			safe = append(safe, line[i:i+width]...)
		case r <= 0xffff:
			safe = fmt.Appendf(safe, `\u%04x`, r)
		default:
			high, low := utf16.EncodeRune(r)
			safe = fmt.Appendf(safe, `\u%04x\u%04x`, high, low)
		}
		i += width
	}
	return append(safe, '\n'), nil
}
