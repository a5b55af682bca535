package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// word is one argument of a command line.
type word struct {
	text string
	bare bool // it was not quoted, so it may be an option, or the ";" between the operations of a multi
}

// bareWords are arguments that the caller's own shell has split already.
func bareWords(args []string) []word {
	words := make([]word, len(args))
	for i, a := range args {
		words[i] = word{a, true}
	}
	return words
}

func texts(words []word) []string {
	all := make([]string, len(words))
	for i, w := range words {
		all[i] = w.text
	}
	return all
}

// splitWords splits a line at white space, as zkCli does: a quote is special only where a word begins, so that
// set /a {"x":1} needs no further quotes. Inside "…" and '…' alike a backslash escapes.
func splitWords(line string) ([]word, error) {
	if !utf8.ValidString(line) {
		return nil, errors.New("the line is not valid UTF-8: write other bytes as \"\\xNN\"")
	}
	var words []word
	for {
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if line == "" {
			return words, nil
		}
		if quote := line[0]; quote == '"' || quote == '\'' {
			text, rest, err := unquote(line[1:], quote)
			if err != nil {
				return nil, err
			}
			// An operation of a multi may end right behind a quoted word.
			if r, _ := utf8.DecodeRuneInString(rest); rest != "" && r != ';' && !unicode.IsSpace(r) {
				return nil, fmt.Errorf("a space is missing after the closing %c", quote)
			}
			words, line = append(words, word{text, false}), rest
			continue
		}
		end := strings.IndexFunc(line, unicode.IsSpace)
		if end < 0 {
			end = len(line)
		}
		words, line = append(words, word{line[:end], true}), line[end:]
	}
}

// simpleEscapes are the escapes of one letter.
var simpleEscapes = map[byte]byte{'n': '\n', 't': '\t', 'r': '\r', '\\': '\\', '"': '"', '\'': '\''}

// escapeDigits is how many hexadecimal digits follow the letter of an escape: one byte, or one code point.
var escapeDigits = map[byte]int{'x': 2, 'u': 4, 'U': 8}

// unquote reads up to the closing quote and returns what follows it.
func unquote(s string, quote byte) (text, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case quote:
			return b.String(), s[i+1:], nil
		case '\\':
			n, err := unescape(&b, s[i+1:])
			if err != nil {
				return "", "", err
			}
			i += n
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", fmt.Errorf("the closing %c is missing", quote)
}

// unescape reads what follows a backslash and returns how many bytes it took.
func unescape(b *strings.Builder, s string) (int, error) {
	if s == "" {
		return 0, errors.New("nothing follows the backslash: write \\\\ for a backslash")
	}
	if c, ok := simpleEscapes[s[0]]; ok {
		b.WriteByte(c)
		return 1, nil
	}
	digits, ok := escapeDigits[s[0]]
	if !ok {
		r, _ := utf8.DecodeRuneInString(s)
		return 0, fmt.Errorf("unknown escape \\%c: write \\\\ for a backslash", r)
	}
	if len(s) <= digits {
		return 0, fmt.Errorf("\\%c takes %d hexadecimal digits", s[0], digits)
	}
	n, err := strconv.ParseUint(s[1:1+digits], 16, 32)
	switch {
	case err != nil:
		return 0, fmt.Errorf("\\%c takes %d hexadecimal digits", s[0], digits)
	case s[0] == 'x':
		b.WriteByte(byte(n))
	case n > unicode.MaxRune || !utf8.ValidRune(rune(n)):
		return 0, fmt.Errorf("\\%s is no code point", s[:1+digits])
	default:
		b.WriteRune(rune(n))
	}
	return 1 + digits, nil
}

// quoteWord writes s so that splitWords gives it back as one word, and a terminal can show it.
func quoteWord(s string) string {
	plain := s != "" && !strings.ContainsAny(s[:1], `"'-#`) && !strings.HasSuffix(s, ";") && utf8.ValidString(s) &&
		!strings.ContainsFunc(s, func(r rune) bool { return unprintable(r) || unicode.IsSpace(r) })
	if plain {
		return s
	}
	s = strings.ReplaceAll(s, `\`, `\\`)
	s = strings.ReplaceAll(s, `"`, `\"`)
	return `"` + escape(s) + `"`
}
