package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestEscape(t *testing.T) {
	tests := []struct{ in, want string }{
		{"plain, é, 日本, 😀", "plain, é, 日本, 😀"},
		{"\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"a\nb\tc\rd\x00", `a\nb\tc\rd\x00`},
		{"\x7f", `\x7f`},
		{"\u0085\u009b", `\u0085\u009b`},               // C1: some terminals take them for escape sequences
		{"\u202egpj.exe\u202c", `\u202egpj.exe\u202c`}, // reads backwards
		{"\u2066\u2069\u200f\u061c", `\u2066\u2069\u200f\u061c`},
		{"a\u200bb\ufeff\u2028", `a\u200bb\ufeff\u2028`}, // invisible, and line separators
		{"\xff\xc3", `\xff\xc3`},
		{"\ufffd", `\ufffd`},
		{"\U000e0041", `\U000e0041`}, // a tag: an invisible letter
		{`C:\new`, `C:\new`},
	}
	for _, tt := range tests {
		if got := escape(tt.in); got != tt.want {
			t.Errorf("escape(%q) = %s, want %s", tt.in, got, tt.want)
		}
	}
}

// harmful is what must never reach a terminal, said in another way than the code says it.
func harmful(r rune) bool {
	switch {
	case r < 0x20, r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return true
	case r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x61c: // bidirectional
		return true
	case r == 0x2028, r == 0x2029, r == 0xfeff:
		return true
	}
	return unicode.Is(unicode.C, r)
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"a", "\x1b]0;title\x07", "\u009b31m", "\u202e", "\xff", "\n", "\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := escape(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, harmful) {
			t.Errorf("escape(%q) = %q", s, got)
		}
		if got != s && !strings.Contains(got, `\`) {
			t.Errorf("escape(%q) = %q without an escape", s, got)
		}
	})
}

func FuzzEncodeJSON(f *testing.F) {
	for _, s := range []string{"a", "<&>", "\x1b\x7f\u009b", "\u202e\u2028", "\U000e0041😀", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		line, err := encodeJSON(map[string]string{"data": s})
		if err != nil {
			t.Fatal(err)
		}
		body, ok := strings.CutSuffix(string(line), "\n")
		if !ok || !utf8.ValidString(body) || strings.ContainsFunc(body, harmful) {
			t.Errorf("encodeJSON of %q is %q", s, line)
		}
		var back map[string]string
		if err := json.Unmarshal(line, &back); err != nil || back["data"] != strings.ToValidUTF8(s, "\ufffd") && utf8.ValidString(s) {
			t.Errorf("encodeJSON of %q is %s, which reads as %q, %v", s, line, back, err)
		}
	})
}

// Whatever a command prints through printf is escaped, however the value describes itself.
func TestPrintfEscapes(t *testing.T) {
	var b strings.Builder
	o := newOutput(&b, &b)
	o.printf("%s|%v|%v|%d\n", "\x1b", errorText("\x9b\u202e"), stringerText("\x07"), 5)
	o.list([]string{"a", "\u202eb"})
	if err := o.stdout.Flush(); err != nil {
		t.Fatal(err)
	}
	o.complain("%v\n", errorText("\x1b]"))
	want := `\x1b|\x9b\u202e|\x07|5` + "\n" + `[a, \u202eb]` + "\n" + `\x1b]` + "\n"
	if b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

type errorText string

func (e errorText) Error() string { return string(e) }

type stringerText string

func (s stringerText) String() string { return string(s) }
