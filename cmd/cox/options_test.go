package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	tests := []struct {
		line   string
		args   []string
		values map[string]string
	}{
		{"set /a b", []string{"/a", "b"}, nil},
		// Options stand anywhere, as in zkCli.
		{"set /a b -v 3", []string{"/a", "b"}, map[string]string{"version": "3"}},
		{"set -v 3 /a b", []string{"/a", "b"}, map[string]string{"version": "3"}},
		{"set /a -s b --version=3", []string{"/a", "b"}, map[string]string{"version": "3", "stat": ""}},
		{"create -se /a", []string{"/a"}, map[string]string{"sequential": "", "ephemeral": ""}},
		{"create /a -s -t 10s", []string{"/a"}, map[string]string{"sequential": "", "ttl": "10s"}},
		{"get --json /a --timeout 1s", []string{"/a"}, map[string]string{"json": "", "timeout": "1s"}},
		{`set /a "-v"`, []string{"/a", "-v"}, nil},
		{"set /a -- -v", []string{"/a", "-v"}, nil},
		{"set /a -", []string{"/a", "-"}, nil},
	}
	for _, tt := range tests {
		p, err := parseLine(t, tt.line)
		if err != nil || !slices.Equal(p.args, tt.args) || !maps.Equal(p.values, tt.values) {
			t.Errorf("%s: %q, %q, %v; want %q, %q", tt.line, p.args, p.values, err, tt.args, tt.values)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct{ line, want string }{
		{"get", "get: PATH is missing"},
		{"set", "set: PATH is missing"},
		{"get /a /b", `get: too many arguments, from "/b" on`},
		{"session x", `session takes no argument, but there is "x"`},
		{"get -q /a", "get has no option -q"},
		{"get --sat /a", "get has no option --sat: did you mean --stat?"},
		{"get -sq /a", "get has no option -sq"},
		{"set -sv 3 /a b", "option -v takes a value and must stand alone"},
		{"set /a b -v", "option -v takes a value: VERSION"},
		{"get --stat=yes /a", "option --stat takes no value"},
		{"set -v 1 -v 2 /a b", "option -v is given twice"},
	}
	for _, tt := range tests {
		p, err := parseLine(t, tt.line)
		var usage *usageError
		if !errors.As(err, &usage) || usage.verb == nil || !strings.Contains(usage.text, tt.want) {
			t.Errorf("%s: %v, %v; want %q", tt.line, p, err, tt.want)
		}
	}
}

func parseLine(t *testing.T, line string) (parsed, error) {
	t.Helper()
	words, err := splitWords(line)
	if err != nil {
		t.Fatal(err)
	}
	v, err := (&shell{verbs: allVerbs()}).find(words[0].text)
	if err != nil {
		t.Fatal(err)
	}
	return v.parse(words[1:])
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"1": time.Millisecond, "10000": 10 * time.Second, "10s": 10 * time.Second, "1h30m": 90 * time.Minute} {
		if got, err := duration(text); err != nil || got != want {
			t.Errorf("duration(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "-1", "0s", "-5s", "1us", "1x", "ten", "9223372036854775807", "99999999999999999999"} {
		if got, err := duration(text); err == nil {
			t.Errorf("duration(%q) = %v, want an error", text, got)
		}
	}
}

// Two options of one command must not have the same name, and each argument that must be given needs a name to ask for.
func TestTableOfVerbs(t *testing.T) {
	names := map[string]bool{}
	for _, v := range allVerbs() {
		for _, name := range append(v.aliases, v.name) {
			if names[name] {
				t.Errorf("there are two commands %s", name)
			}
			names[name] = true
		}
		options := map[string]bool{}
		for _, o := range slices.Concat(v.options, everywhere) {
			for _, name := range []string{o.short, "-" + o.long} {
				if name != "" && options[name] {
					t.Errorf("%s has two options -%s", v.name, name)
				}
				options[name] = true
			}
		}
		if len(strings.Fields(v.args)) < v.argsMin {
			t.Errorf("%s needs %d arguments, and its usage names them %q", v.name, v.argsMin, v.args)
		}
		if v.summary == "" || v.details == "" || v.group == "" || v.run == nil {
			t.Errorf("%s is not complete", v.name)
		}
	}
}
