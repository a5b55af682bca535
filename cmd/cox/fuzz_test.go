package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/coxswain-io/coxswain/client"
)

// A line that somebody types is understood as a command with its options, or refused with an error that a terminal can
// show; nothing is asked of a service for that.
func FuzzCommandLine(f *testing.F) {
	for _, s := range []string{"set /a b -v 3", "create -se /a --ttl 10s", "get --level session --at-least 0x1f /a", "ls -sw /", "delete -v=0 /a",
		"watch /a -- sh -c 'x'", "help get", "find / -size +10 -type ttl -owner 0x1f", "lock --wait 1s /l", "create -c -e /a", "get --at-least -1 /a",
		"set -- -a -b", "multi create /a ; set /b 'x;' ;", "txn check /a then set /a b else get /a", "redo 1", "get -v", "set /a \"\\x00\" -v 1"} {
		f.Add(s)
	}
	sh := &shell{verbs: allVerbs()}
	f.Fuzz(func(t *testing.T, line string) {
		words, err := splitWords(line)
		if err != nil || len(words) == 0 {
			shown(t, err)
			return
		}
		v, err := sh.find(words[0].text)
		if err != nil {
			shown(t, err)
			return
		}
		p, err := v.parse(words[1:])
		shown(t, err)
		if err != nil {
			return
		}
		if len(p.args) < v.argsMin || v.argsMax >= 0 && len(p.args) > v.argsMax {
			t.Errorf("%q has %d arguments", line, len(p.args))
		}
		_, guardErr := p.guard(v)
		_, levelErr := p.level(v)
		_, createErr := p.creation(v)
		for _, err := range []error{guardErr, levelErr, createErr} {
			shown(t, err)
		}
		// Its words written anew, with quotes where they are needed, are the same command.
		var again strings.Builder
		for _, w := range words {
			if again.WriteByte(' '); w.bare {
				again.WriteString(w.text)
			} else {
				again.WriteString(quoteWord(w.text))
			}
		}
		rewritten, err := splitWords(again.String())
		if err != nil || !slices.Equal(texts(rewritten), texts(words)) {
			t.Fatalf("%q is written as %s, which reads as %q, %v", line, again.String(), texts(rewritten), err)
		}
		if q, err := v.parse(rewritten[1:]); err != nil || !reflect.DeepEqual(q, p) {
			t.Errorf("%q is %+v, written as %s it is %+v, %v", line, p, again.String(), q, err)
		}
	})
}

// shown fails unless a terminal can show an error as it is.
func shown(t *testing.T, err error) {
	t.Helper()
	var help *helpWanted
	if err == nil || errors.As(err, &help) {
		return
	}
	var out strings.Builder
	o := newOutput(io.Discard, &out)
	o.complain("%v\n", err)
	if text := strings.TrimSuffix(out.String(), "\n"); !utf8.ValidString(text) || strings.ContainsFunc(strings.ReplaceAll(text, "\n", ""), harmful) {
		t.Errorf("the error %q cannot be shown", text)
	}
}

// The operations of a multi, written anew one by one, are the same operations.
func FuzzOperations(f *testing.F) {
	for _, s := range []string{"create /a b ; set /a 'x;y' ; delete /a -v 3", "check /a --absent; get /a;", ";;", "deleteall /a;cp /a /b ; mv /a /b",
		`set /a "\x00\n"`, "set -- -a -b ; create /x- -s", "create /a --ttl 5s", "check /a --if-data 'a b' --if-czxid 0x1", "cp /a", "set /a ;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		all, err := parseOperations(line)
		shown(t, err)
		if err != nil {
			return
		}
		for _, o := range all {
			if strings.HasSuffix(o.line, "…") {
				continue // cut for an error
			}
			again, err := parseOperations(o.line)
			if err != nil || len(again) != 1 || !reflect.DeepEqual(again[0].op, o.op) || again[0].verb != o.verb || again[0].path != o.path {
				t.Errorf("%q has the operation %s, which reads as %+v, %v", line, o.line, again, err)
			}
		}
	})
}

func FuzzDuration(f *testing.F) {
	for _, s := range []string{"1", "10s", "1h30m", "0", "-1", "1e3", "1.5ms", "9223372036854775807", "2562047h47m16.854775807s", "1µs", ".5s", "+1s", "0.9ms", "1d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := duration(text)
		if err != nil {
			return
		}
		if again, err := duration(d.String()); d < time.Millisecond || err != nil || again != d {
			t.Errorf("%q is %v, which is %v, %v", text, d, again, err)
		}
	})
}

func FuzzServers(f *testing.F) {
	for _, s := range []string{"", "a:1", "127.0.0.1:7181, [::1]:7182 ,c:3", "a", ":1", "a:", "a:1,", "a:http", "\x00:1", "a b:1", "[a:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, list string) {
		servers, err := parseServers(list)
		shown(t, err)
		if err != nil {
			return
		}
		for _, s := range servers {
			if host, port, err := net.SplitHostPort(s); err != nil || host == "" || port == "" {
				t.Errorf("%q has the server %q", list, s)
			}
		}
		if again, err := parseServers(strings.Join(servers, ",")); err != nil || !slices.Equal(again, servers) {
			t.Errorf("%q is %q, which comes back as %q, %v", list, servers, again, err)
		}
	})
}

func FuzzSessionID(f *testing.F) {
	for _, s := range []string{"0x1f", "0x0", "1f", "0xffffffffffffffff", "0x10000000000000000", "0x", "0X1", "0x-1", "0x+1", "0x1_0", "0x0x1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, ok := sessionID(text)
		if again, sure := sessionID(id.String()); ok && (!sure || again != id) {
			t.Errorf("%q is session %v, which is %v, %v", text, id, again, sure)
		}
	})
}

// Whatever is in the file of the history, what is read from it can be kept in it and shown again.
func FuzzHistoryFile(f *testing.F) {
	for _, s := range []string{"", "ls /\nget /a\n", "\n\n", "no end", "a\x00b\nc\n", "\xff\n", "a\r\nb\n", strings.Repeat("x", historyLineMax+1) + "\ny\n"} {
		f.Add([]byte(s), "set /a b")
	}
	path := filepath.Join(f.TempDir(), "history")
	f.Fuzz(func(t *testing.T, content []byte, line string) {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		h := openHistory(path)
		for _, earlier := range h.earlier {
			if !keepable(earlier) || strings.ContainsAny(earlier, "\n\r\x1b") {
				t.Errorf("%q has the line %q", content, earlier)
			}
		}
		h.add(line)
		if err := h.save(); err != nil {
			t.Fatal(err)
		}
		again := openHistory(path).earlier
		if keepable(line) && (len(again) == 0 || again[len(again)-1] != line) {
			t.Errorf("%q and %q are kept as %q", content, line, again)
		}
	})
}

// TestWordsRoundTrip: every list of arguments, written as words with any white space between, is read as those arguments, and
// as no option, comment or end of an operation that they are not.
func TestWordsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOfN(rapid.OneOf(rapid.String(), rapid.StringMatching(`[-#;'"\\a ]{0,6}`),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 5), func(b []byte) string { return string(b) })), 0, 6).Draw(t, "args")
		space := rapid.StringMatching(`[ \t]{1,3}`)
		var line strings.Builder
		for _, a := range args {
			line.WriteString(space.Draw(t, "space") + quoteWord(a))
		}
		words, err := splitWords(line.String())
		if err != nil || !slices.Equal(texts(words), slices.Concat([]string{}, args)) {
			t.Errorf("%q is written as %s, which reads as %q, %v", args, line.String(), texts(words), err)
		}
	})
}

// TestDurationsRoundTrip: what Go writes as a duration, and a number of milliseconds, are read as what they are.
func TestDurationsRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := time.Duration(rapid.Int64Min(int64(time.Millisecond)).Draw(t, "d"))
		if got, err := duration(d.String()); err != nil || got != d {
			t.Errorf("%v is read as %v, %v", d, got, err)
		}
		if got, err := duration(fmt.Sprint(d.Milliseconds())); err != nil || got != d.Truncate(time.Millisecond) {
			t.Errorf("%d ms are read as %v, %v", d.Milliseconds(), got, err)
		}
	})
}

// TestServersRoundTrip: every list of servers with spaces anywhere around its addresses is read as those addresses.
func TestServersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.OneOf(rapid.StringMatching(`[a-z0-9][a-z0-9.-]{0,20}`), rapid.Just("::1"), rapid.Just("fe80::1%eth0"))
		var servers, parts []string
		for range rapid.IntRange(1, 9).Draw(t, "servers") {
			s := net.JoinHostPort(host.Draw(t, "host"), fmt.Sprint(rapid.IntRange(1, 65535).Draw(t, "port")))
			servers = append(servers, s)
			parts = append(parts, rapid.StringMatching(`[ \t]{0,2}`).Draw(t, "before")+s+rapid.StringMatching(`[ \t]{0,2}`).Draw(t, "behind"))
		}
		if got, err := parseServers(strings.Join(parts, ",")); err != nil || !slices.Equal(got, servers) {
			t.Errorf("%q is read as %q, %v", parts, got, err)
		}
	})
}

// TestJSONRoundTrip: what --json prints of a node is one line of JSON that nothing in it can leave, and that has the data
// and the stat of the node.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stat := client.Stat{
			Czxid: client.Zxid(rapid.Uint64().Draw(t, "czxid")), Mzxid: client.Zxid(rapid.Uint64().Draw(t, "mzxid")),
			Version: rapid.Int64().Draw(t, "version"), Owner: rapid.Uint64().Draw(t, "owner"), CtimeMS: rapid.Int64Range(0, 1<<42).Draw(t, "ctime"),
			NumChildren: rapid.Int64Min(0).Draw(t, "children"),
		}
		name := rapid.String().Draw(t, "name")
		record := entryRecord{name, newStatRecord(stat)}
		line, err := encodeJSON(record)
		if err != nil {
			t.Fatal(err)
		}
		if body, ok := bytes.CutSuffix(line, []byte("\n")); !ok || strings.ContainsFunc(string(body), harmful) {
			t.Errorf("%q", line)
		}
		var back entryRecord
		if err := json.Unmarshal(line, &back); err != nil || !reflect.DeepEqual(back, record) {
			t.Errorf("%+v is printed as %s, which is %+v, %v", record, line, back, err)
		}
	})
}
