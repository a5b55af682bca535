package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRefusals: each mistake gives one clear message and the exit status of its kind.
func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	data := "--data-dir=" + filepath.Join(dir, "data")
	for _, test := range []struct {
		name   string
		args   string
		status int
		want   string // in the message
	}{
		{"unknown command", "start", 2, `unknown command "start": there are serve and members`},
		{"unknown flag", "serve --port 1", 2, "flag provided but not defined: -port"},
		{"argument", "serve now", 2, `not "now"`},
		{"id that is no number", "serve --id one", 2, "one"},
		{"member without an id", "serve --members 127.0.0.1:1", 2, "want NUMBER=HOST:PORT"},
		{"member zero", "serve --members 0=127.0.0.1:1", 2, "numbers from 1"},
		{"member twice", "serve --members 1=127.0.0.1:1,1=127.0.0.1:2", 2, "names server 1 twice"},
		{"member without a port", "serve --members 1=127.0.0.1", 2, "missing port"},
		{"not among the members", "serve " + data + " --id 9 --members 1=127.0.0.1:1", 1, "server 9 is not among the members"},
		{"another raft address", "serve " + data + " --members 1=127.0.0.1:1 --raft-addr 127.0.0.1:2", 1, "make them equal"},
		{"log level", "serve --log-level loud", 2, "want debug, info, warn or error"},
		{"log format", "serve --log-format xml", 2, "want text, json or auto"},
		{"no such configuration", "serve --config " + filepath.Join(dir, "none"), 2, "no such file"},
		{"configuration that is no YAML", "serve --config " + file("a", "{{"), 2, "yaml"},
		{"unknown key", "serve --config " + file("b", "dta-dir: x\n"), 2, `unknown key "dta-dir"`},
		{"list for a value", "serve --config " + file("c", "id: [1]\n"), 2, "want one value"},
		{"wrong value in the file", "serve --config " + file("d", "id: one\n"), 2, "id"},
		{"client port taken", "serve " + data + " --client-addr " + taken.Addr().String(), 1, "choose another --client-addr"},
		{"address without a port", "serve " + data + " --client-addr localhost", 1, "want host:port"},
		{"raft port beyond loopback without TLS", "serve " + data + " --client-addr 127.0.0.1:0 --raft-addr 192.0.2.1:7999", 1, "TLS"},
		{"data directory that is a file", "serve --client-addr 127.0.0.1:0 --data-dir " + file("e", ""), 1, "e"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var stderr bytes.Buffer
			status := run(append([]string{"coxswain"}, strings.Fields(test.args)...), &stderr)
			if status != test.status || !strings.Contains(stderr.String(), test.want) || !strings.HasPrefix(stderr.String(), "coxswain: ") {
				t.Errorf("exit status %d, want %d; message %q, want one with %q", status, test.status, stderr.String(), test.want)
			}
		})
	}
}
