package znode

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"
)

// slowValid says the rules P-1 to P-12 again, one by one and each over the whole
// string, on UTF-16 as they were made.
func slowValid(path string) bool {
	if len(path) > 4096 || strings.Count(path, "/") > 256 {
		return false
	}
	if !utf8.ValidString(path) || !strings.HasPrefix(path, "/") {
		return false
	}
	for _, unit := range utf16.Encode([]rune(path)) {
		if unit <= 0x1f || unit >= 0x7f && unit <= 0x9f || unit >= 0xd800 && unit <= 0xf8ff || unit >= 0xfff0 {
			return false
		}
	}
	if path == "/" {
		return true
	}
	for _, name := range strings.Split(path, "/")[1:] {
		if name == "" || name == "." || name == ".." {
			return false
		}
	}
	return true
}

func slowReserved(path string) bool {
	parts := strings.Split(path, "/")
	return len(parts) > 1 && (parts[1] == "zookeeper" || parts[1] == "coxswain")
}

func FuzzValidatePath(f *testing.F) {
	for _, seed := range []string{"", "/", "//", "a", "/a", "/a/", "/a//b", "/.", "/..", "/a/./b", "/a/..", "/...", "/a b",
		"/\x00", "/\x1f", "/\x7f", "/\u0080", "/\u009f", "/\u00a0", "/\ud7ff", "/\ue000", "/\uf8ff", "/\uf900", "/\uffef",
		"/\ufff0", "/\ufffd", "/\U0001f600", "/\xff", "/a\xc3", "/\xed\xa0\x80", "/zookeeper", "/zookeeper/x", "/zookeeperx",
		"/coxswain", "/x/coxswain", "/" + strings.Repeat("a", 4076), "/" + strings.Repeat("a", 4095), "/" + strings.Repeat("a", 4096),
		strings.Repeat("/a", 256), strings.Repeat("/a", 257), strings.Repeat("/a", 255) + "/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		err := ValidatePath(path)
		if (err == nil) != slowValid(path) {
			t.Fatalf("%q: %v, slowly %v", path, err, slowValid(path))
		}
		if err != nil {
			if !errors.Is(err, CodeBadArguments) && !errors.Is(err, CodeTooLarge) || err.Detail == "" {
				t.Fatalf("%q: %#v", path, err)
			}
			if len(err.Path) > maxErrorPathBytes+len("…") || len(err.Error()) > 2048 {
				t.Fatalf("%q: the error repeats too much: %v", path, err)
			}
		}
		err = ValidateCreatePath(path, ModePersistent)
		if want := slowValid(path) && !slowReserved(path); (err == nil) != want {
			t.Fatalf("create %q: %v, slowly %v", path, err, want)
		}
		// The longest suffix is nineteen digits.
		err = ValidateCreatePath(path, ModePersistentSequential)
		final := path + strings.Repeat("1", 19)
		if want := slowValid(final) && !slowReserved(final); (err == nil) != want {
			t.Fatalf("sequential %q: %v, slowly %v", path, err, want)
		}
		if err == nil && (parentOf(path) != "/" && !slowValid(parentOf(path)) || parentOf(path) != parentOf(final)) {
			t.Fatalf("parent of %q: %q", path, parentOf(path))
		}
	})
}
