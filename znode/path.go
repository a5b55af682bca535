package znode

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// reserved are the subtrees that the service keeps for itself (rules ).
// Nothing can be written there; the tree itself holds no node in them.
var reserved = [...]string{"/zookeeper", "/coxswain"}

// ValidatePath checks path against the rules P-1 to P-12 and the limits of
// length and depth, for reads and as the first step of every write. The error
// is CodeBadArguments, or CodeTooLarge beyond a limit.
func ValidatePath(path string) *Error {
	return validate(path, false)
}

// ValidateCreatePath checks the path of a create in the given mode: what
// [ValidatePath] checks, and that it is not reserved. A sequential path is a
// prefix: digits follow, so it may end in "/", "." or ".." (rule P-13).
func ValidateCreatePath(path string, m Mode) *Error {
	if err := validate(path, m.Sequential()); err != nil {
		return err
	}
	return notReserved(path, m.Sequential())
}

// validateChangePath checks the path of an operation that changes an existing node.
func validateChangePath(path string) *Error {
	if err := validate(path, false); err != nil {
		return err
	}
	return notReserved(path, false)
}

// notReserved refuses paths in the reserved subtrees. If open, digits will be
// appended to path, so "/zookeeper" becomes another name and is not reserved.
func notReserved(path string, open bool) *Error {
	for _, root := range reserved {
		rest, ok := strings.CutPrefix(path, root)
		if ok && (rest == "" && !open || rest != "" && rest[0] == '/') {
			return &Error{Code: CodeBadArguments, Path: path, Detail: root + " is reserved for the service; use another path"}
		}
	}
	return nil
}

// validate checks path; if open, as if a digit were appended to it.
func validate(path string, open bool) *Error {
	// The length first: the rest is work that grows with what a client sent.
	room := MaxPathBytes
	if open {
		room -= maxSuffixDigits
	}
	if err := tooLong(path, room); err != nil {
		return err
	}
	if broken := fault(path, open); broken != "" {
		return &Error{Code: CodeBadArguments, Path: clip(path), Detail: broken}
	}
	return tooDeep(path)
}

// tooLong refuses a path of more than room bytes.
func tooLong(path string, room int) *Error {
	if len(path) > room {
		return &Error{Code: CodeTooLarge, Path: clip(path), Detail: "the path has " + strconv.Itoa(len(path)) +
			" bytes, the limit is " + strconv.Itoa(room) + "; shorten its names"}
	}
	return nil
}

// tooDeep refuses a path of more than MaxDepth components.
func tooDeep(path string) *Error {
	if depth := strings.Count(path, "/"); depth > MaxDepth {
		return &Error{Code: CodeTooLarge, Path: clip(path), Detail: "the path has " + strconv.Itoa(depth) +
			" components, the limit is " + strconv.Itoa(MaxDepth) + "; make the tree flatter"}
	}
	return nil
}

// fault returns the first broken rule as a clause for humans, "" if there is
// none. The rules were made for UTF-16, where a code point above U+FFFF is a
// pair of surrogates, and malformed input reads as U+FFFD: both are illegal.
func fault(path string, open bool) string {
	if path == "" {
		return "the path is empty; the root is \"/\""
	}
	if path[0] != '/' {
		return "a path starts with \"/\""
	}
	if path == "/" {
		return ""
	}
	name := 1 // where the current component starts
	for i := 1; i < len(path); {
		c := path[i]
		switch {
		case c == '/':
			if f := nameFault(path[name:i]); f != "" {
				return f
			}
			name = i + 1
			i++
		case c < 0x20 || c == 0x7f:
			return "control characters are not allowed in a path"
		case c < utf8.RuneSelf:
			i++
		default:
			r, width := utf8.DecodeRuneInString(path[i:])
			if f := runeFault(r, width); f != "" {
				return f
			}
			i += width
		}
	}
	switch {
	case open:
		return ""
	case name == len(path):
		return "a path does not end with \"/\"; remove it"
	}
	return nameFault(path[name:])
}

// nameFault checks one whole component (rules P-5, P-6, P-7).
func nameFault(name string) string {
	switch name {
	case "":
		return "a component is empty; write one \"/\" between names"
	case ".", "..":
		return "relative components are not resolved; write the full path"
	}
	return ""
}

// runeFault checks one code point beyond ASCII (rules P-9, P-10, P-11).
func runeFault(r rune, width int) string {
	switch {
	case r == utf8.RuneError && width == 1:
		return "the path is not valid UTF-8"
	case r <= 0x9f:
		return "control characters are not allowed in a path"
	case r >= 0xd800 && r <= 0xf8ff, r >= 0xfff0 && r <= 0xffff:
		return "private-use and special code points are not allowed in a path"
	case r > 0xffff:
		return "code points above U+FFFF, such as emoji, are not allowed in a path"
	}
	return ""
}

// clip returns path, or its beginning if it is longer than an error may repeat.
func clip(path string) string {
	if len(path) <= maxErrorPathBytes {
		return path
	}
	end := maxErrorPathBytes
	for end > 0 && !utf8.RuneStart(path[end]) {
		end--
	}
	return path[:end] + "…"
}

// parentOf returns the path of the parent of a legal path or sequential prefix
// other than the root: "/a/b" and "/a/" are both below "/a".
func parentOf(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i == 0 {
		return "/"
	}
	return path[:i]
}

// below returns the prefix of the paths of path's children.
func below(path string) string {
	if path == "/" {
		return "/"
	}
	return path + "/"
}

// within reports whether path is below root, which is another path.
func within(path, root string) bool {
	return len(path) > len(root) && strings.HasPrefix(path, root) && (root == "/" || path[len(root)] == '/')
}

// withSuffix returns prefix with n appended in at least ten digits (rules M-1, M-4).
func withSuffix(prefix string, n int64) string {
	digits := strconv.AppendInt(make([]byte, 0, maxSuffixDigits), n, 10)
	b := make([]byte, 0, len(prefix)+max(suffixDigits, len(digits)))
	b = append(b, prefix...)
	for range suffixDigits - len(digits) {
		b = append(b, '0')
	}
	return string(append(b, digits...))
}
