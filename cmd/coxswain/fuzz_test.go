package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"

	"github.com/coxswain-io/coxswain/server"
)

// membersText writes a list of members as parseMembers reads it.
func membersText(members map[uint64]string) string {
	var parts []string
	for _, id := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, fmt.Sprintf("%d=%s", id, members[id]))
	}
	return strings.Join(parts, ",")
}

// A list of members that is understood has numbers from 1 and addresses, and is written again as the same list.
func FuzzMembers(f *testing.F) {
	for _, s := range []string{"", "1=a:1", "1=127.0.0.1:7281,2=127.0.0.1:7282, 3=[::1]:7283 ,", "0=a:1", "1=a:1,1=b:1", "1", "=", "1=a", "01=a:1",
		"18446744073709551615=a:1", "18446744073709551616=a:1", "1=a:1=2", "1=:1", " 1 = a:1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		members, err := parseMembers(text)
		if err != nil {
			return
		}
		for id, addr := range members {
			if _, _, err := net.SplitHostPort(addr); id == 0 || err != nil || strings.Contains(addr, ",") {
				t.Errorf("%q: server %d at %q", text, id, addr)
			}
		}
		if again, err := parseMembers(membersText(members)); err != nil || !maps.Equal(again, members) {
			t.Errorf("%q is %v, which comes back as %v, %v", text, members, again, err)
		}
	})
}

// TestMembersRoundTrip: every list of members, in any order and with any spaces, is read as what it says.
func TestMembersRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		host := rapid.OneOf(rapid.StringMatching(`[a-z0-9][a-z0-9.-]{0,20}`), rapid.Just("::1"), rapid.Just("fe80::1%eth0"))
		members := map[uint64]string{}
		for range rapid.IntRange(0, 9).Draw(t, "servers") {
			addr := net.JoinHostPort(host.Draw(t, "host"), fmt.Sprint(rapid.IntRange(1, 65535).Draw(t, "port")))
			members[rapid.Uint64Min(1).Draw(t, "id")] = addr
		}
		var text strings.Builder
		space := rapid.SampledFrom([]string{"", " ", "\t"})
		for _, id := range rapid.Permutation(slices.Sorted(maps.Keys(members))).Draw(t, "order") {
			fmt.Fprintf(&text, "%s%d%s=%s%s,", space.Draw(t, "before"), id, space.Draw(t, "behind"), members[id], space.Draw(t, "end"))
		}
		if got, err := parseMembers(text.String()); err != nil || !maps.Equal(got, members) {
			t.Errorf("%q is read as %v, %v, not %v", text.String(), got, err, members)
		}
	})
}

// serveContext is the command line of a serve without flags.
func serveContext() *cli.Context {
	set := flag.NewFlagSet("serve", flag.ContinueOnError)
	command := serveCommand()
	for _, f := range command.Flags {
		if err := f.Apply(set); err != nil {
			panic(err) // the flags are the program's own
		}
	}
	c := cli.NewContext(cli.NewApp(), set, nil)
	c.Command = command
	return c
}

// A configuration file sets what it names, or is refused.
func FuzzConfigFile(f *testing.F) {
	for _, s := range []string{"", "id: 3\n", "data-dir: /var/lib/x\nclient-addr: 0.0.0.0:7181\n", "id: [1]", "id: one", "nothing: 1", "{{", "config: x",
		"a: &a [1,1]\nb: &b [*a,*a]\nc: &c [*b,*b]\nid: *c", "id: 0x10", "id: 1e3", "id: ~", "data-dir: !!binary aGk=", "data-dir: 2026-11-21",
		"---\nid: 1\n---\nid: 2", "? id\n: 1", "id: 1\nid: 2", "<<: {id: 4}", "log-level: yes", "data-dir: \"\\x00\""} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c := serveContext()
		if err := applySettings(c, "x.yaml", text); err != nil {
			return
		}
		var settings map[string]any
		if err := yaml.Unmarshal(text, &settings); err != nil {
			t.Fatalf("%q was accepted: %v", text, err)
		}
		for key := range settings {
			if !c.IsSet(key) {
				t.Errorf("%q: %s was not set", text, key)
			}
		}
	})
}

// What a server answers to coxswain members gives a list, whatever the server is.
func FuzzStatus(f *testing.F) {
	good, err := json.Marshal(server.Status{Server: 1, Leader: 2, Members: map[string]string{"1": "a:1", "2": "b:1"}, Joining: map[string]string{"3": "c:1"}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, s := range []string{`{}`, `null`, `{"members":{"x":"a"}}`, `{"members":{"1":"\u001b[31m"},"joining":{"1":"b"}}`, `{"members":{"01":"a","1":"b"}}`, `[`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var status server.Status
		if json.Unmarshal(body, &status) != nil {
			return
		}
		all := rows(status)
		if !slices.IsSortedFunc(all, func(a, b row) int { return int(min(a.ID, 1<<62)) - int(min(b.ID, 1<<62)) }) || len(all) > len(status.Members)+len(status.Joining) {
			t.Errorf("%q gives %+v", body, all)
		}
		for _, asJSON := range []bool{true, false} {
			var out bytes.Buffer
			if err := printMembers(&out, status, asJSON); err != nil {
				t.Errorf("%q: %v", body, err)
			}
			var back []row
			if asJSON && (json.Unmarshal(out.Bytes(), &back) != nil || len(back) != len(all)) {
				t.Errorf("%q is shown as %s", body, out.Bytes())
			}
		}
	})
}
