package main

import (
	"slices"
	"strings"
	"testing"
)

func TestSplitWords(t *testing.T) {
	tests := []struct {
		line string
		want []word
	}{
		{"", nil},
		{"  \t ", nil},
		{"ls /", []word{{"ls", true}, {"/", true}}},
		{"  set   /a\tb ", []word{{"set", true}, {"/a", true}, {"b", true}}},
		{`set /a "two words"`, []word{{"set", true}, {"/a", true}, {"two words", false}}},
		{`set /a 'it is "so"'`, []word{{"set", true}, {"/a", true}, {`it is "so"`, false}}},
		{`"-v" -v`, []word{{"-v", false}, {"-v", true}}},
		{`""`, []word{{"", false}}},
		// As in zkCli, a quote inside a word is a character like others, and so is a backslash outside quotes.
		{`set /a {"x":1}`, []word{{"set", true}, {"/a", true}, {`{"x":1}`, true}}},
		{`a\d+ it's`, []word{{`a\d+`, true}, {"it's", true}}},
		{`"\n\t\r\\\"\'"`, []word{{"\n\t\r\\\"'", false}}},
		{`'\n\x41\u00e9\U0001f600'`, []word{{"\nAé😀", false}}},
		{`"\xff"`, []word{{"\xff", false}}},
		{"é 日本", []word{{"é", true}, {"日本", true}}},
		{`"a"; b;`, []word{{"a", false}, {";", true}, {"b;", true}}},
	}
	for _, tt := range tests {
		got, err := splitWords(tt.line)
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("splitWords(%q) = %+v, %v; want %+v", tt.line, got, err, tt.want)
		}
	}
}

func TestSplitWordsRefuses(t *testing.T) {
	tests := []struct{ line, want string }{
		{`set /a "x`, `the closing " is missing`},
		{`'x`, `the closing ' is missing`},
		{`"a"b`, `a space is missing after the closing "`},
		{`"\d"`, `unknown escape \d: write \\ for a backslash`},
		{`"\`, `nothing follows the backslash`},
		{`"\x4"`, `\x takes 2 hexadecimal digits`},
		{`"\xzz"`, `\x takes 2 hexadecimal digits`},
		{`"\u12"`, `\u takes 4 hexadecimal digits`},
		{`"\ud800"`, `\ud800 is no code point`},
		{`"\Uffffffff"`, `\Uffffffff is no code point`},
		{"a\xff", "not valid UTF-8"},
	}
	for _, tt := range tests {
		if got, err := splitWords(tt.line); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("splitWords(%q) = %+v, %v; want %q", tt.line, got, err, tt.want)
		}
	}
}

// What quoteWord writes is one argument to splitWords, never an option, a comment or a separator, and safe to show.
func FuzzQuoteWord(f *testing.F) {
	for _, s := range []string{"", "a", "two words", "-v", "#", ";", "a;", "'", `\`, "\x1b[31m", "\xff", "\u202e", "\ufffd", "😀", "\U000e0041"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		quoted := quoteWord(s)
		if strings.ContainsFunc(quoted, unprintable) {
			t.Errorf("quoteWord(%q) = %q is not printable", s, quoted)
		}
		words, err := splitWords("set " + quoted + " end")
		if err != nil || len(words) != 3 || words[1].text != s {
			t.Fatalf("quoteWord(%q) = %s reads as %+v, %v", s, quoted, words, err)
		}
		if w := words[1]; w.bare && (strings.HasPrefix(s, "-") || strings.HasPrefix(s, "#") || strings.HasSuffix(s, ";")) {
			t.Errorf("quoteWord(%q) = %s is not quoted", s, quoted)
		}
	})
}

// No line makes splitWords lose or invent anything that was not quoted.
func FuzzSplitWords(f *testing.F) {
	for _, s := range []string{"", "ls /", `set "a b" 'c'`, `"\x00\u1234"`, `"`, `a"b`, "multi a; b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil || strings.ContainsAny(line, `"'`) {
			return
		}
		if want := strings.Fields(line); !slices.Equal(texts(words), append([]string{}, want...)) {
			t.Errorf("splitWords(%q) = %+v, want %q", line, words, want)
		}
	})
}
