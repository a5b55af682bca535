package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/client"
)

// What cannot be brought about quickly with a real server is shown from the errors that the client documents.
func TestDescribe(t *testing.T) {
	expired := client.ErrSessionExpired.(client.Code)
	timeout := context.DeadlineExceeded
	down := &client.DialError{Attempts: []client.Attempt{{Server: "a:1", Addr: "10.0.0.1:1", Err: errors.New("connection refused")}}}
	tests := []struct {
		err        error
		name       string
		want, hint string
	}{
		{&client.Error{Code: expired, Op: "get", Path: "/a"}, "SessionExpired",
			"session expired: its ephemeral nodes and watches are gone", "connect opens a new session"},
		{fmt.Errorf("the watch: %w", client.ErrSessionExpired), "SessionExpired",
			"session expired: its ephemeral nodes and watches are gone", "connect opens a new session"},
		{&client.Error{Code: client.ErrNoQuorum.(client.Code), Op: "get", Path: "/a", Detail: "wait"}, "NoQuorum", "no quorum: /a (wait)", ""},
		{&client.WaitError{Op: "get", Path: "/a", Cause: timeout, State: client.Connected}, "Timeout", "no answer in time from a:1", "--timeout gives more time"},
		{&client.WaitError{Op: "get", Path: "/a", Cause: timeout, State: client.Suspended, Last: down}, "Timeout",
			"no answer in time: the session is suspended, a:1: connection refused", "majority"},
		{&client.WaitError{Op: "get", Path: "/a", Cause: context.Canceled, State: client.Connected}, "Interrupted", "interrupted", ""},
		{&openError{cause: down, reached: true}, "Unreachable", "no server can be used: a:1: connection refused", ""},
		{&openError{cause: timeout}, "Unreachable", "no server reachable: a:1: no answer in time", "COXSWAIN_SERVERS"},
		{client.ErrClosed, "Closed", "client closed", ""},
		{errors.New("disk on fire"), "Failed", "disk on fire", ""},
	}
	for _, tt := range tests {
		s := &shell{mode: interactive, servers: []string{"a:1"}}
		s.address.Store("a:1")
		f := s.describe(tt.err)
		if f.Name != tt.name || f.Message != tt.want || !strings.Contains(f.hint, tt.hint) || f.exit != exitFailed {
			t.Errorf("%v:\ngot  %+v\nwant %s: %s", tt.err, f, tt.name, tt.want)
		}
	}
}

// On a terminal the data of a node are shown, not obeyed.
func TestGetOnTerminal(t *testing.T) {
	tests := []struct {
		out  output
		want string
	}{
		{output{terminal: true, exact: true}, `\x1b[2Jtwo\nlines\u202e` + "\n"},
		{output{exact: true}, "\x1b[2Jtwo\nlines\u202e"},
		{output{}, "\x1b[2Jtwo\nlines\u202e\n"},
	}
	for _, tt := range tests {
		var b strings.Builder
		tt.out.stdout = bufio.NewWriter(&b)
		r := &gotRecord{node: client.Node{Data: []byte("\x1b[2Jtwo\nlines\u202e")}, call: &call{}}
		if err := tt.out.give(r); err != nil || b.String() != tt.want {
			t.Errorf("with %+v: %q, %v; want %q", tt.out, b.String(), err, tt.want)
		}
	}
}
