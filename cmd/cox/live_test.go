package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// cox runs a command line in this process.
func cox(cluster *servertest.Cluster, input string, args ...string) (status int, stdout, stderr string) {
	var out, errs strings.Builder
	all := append([]string{"cox", "-s", strings.Join(cluster.Addrs(), ",")}, args...)
	status = run(all, strings.NewReader(input), &out, &errs)
	return status, out.String(), errs.String()
}

// A single command with -w prints what it has read, waits for the event and ends.
func TestOneShotWatch(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	if _, _, err := c.Create(t.Context(), "/a", []byte("old")); err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	status := make(chan int)
	go func() {
		s := run([]string{"cox", "-s", cluster.Addrs()[0], "get", "-w", "/a"}, strings.NewReader(""), in, io.Discard)
		in.Close()
		status <- s
	}()
	lines := bufio.NewScanner(out)
	if !lines.Scan() || lines.Text() != "old" {
		t.Fatalf("the first line is %q, %v", lines.Text(), lines.Err())
	}
	stat, err := c.Set(t.Context(), "/a", []byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != fmt.Sprintf("WATCHER:: DataChanged /a (zxid %v)", stat.Mzxid) {
		t.Errorf("the second line is %q, %v", lines.Text(), lines.Err())
	}
	if lines.Scan() {
		t.Errorf("there is a third line %q", lines.Text())
	}
	if s := <-status; s != exitDone {
		t.Errorf("exit status %d", s)
	}
}

// A script prints events while it waits for its next line.
func TestScriptRelaysEvents(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	script, input := io.Pipe()
	output, out := io.Pipe()
	status := make(chan int)
	go func() {
		s := run([]string{"cox", "-s", cluster.Addrs()[0]}, script, out, io.Discard)
		out.Close()
		status <- s
	}()
	lines := bufio.NewScanner(output)
	if _, err := io.WriteString(input, "exists -w /later\n"); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || lines.Text() != "false" {
		t.Fatalf("the first line is %q", lines.Text())
	}
	if _, _, err := c.Create(t.Context(), "/later", nil); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || !strings.HasPrefix(lines.Text(), "WATCHER:: Created /later ") {
		t.Errorf("the second line is %q", lines.Text())
	}
	input.Close()
	if s := <-status; s != exitDone {
		t.Errorf("exit status %d", s)
	}
}

// Without a majority no session can be opened; cox says so and does not call the servers absent.
func TestNoQuorum(t *testing.T) {
	cluster := servertest.Start(t, 3)
	leader := cluster.Leader()
	for i := range cluster.Len() {
		if i != leader {
			cluster.Stop(i)
		}
	}
	status, _, stderr := cox(cluster, "", "--timeout", "4s", "--json", "ls", "/")
	if status != exitFailed || !strings.HasPrefix(stderr, "cox: no quorum: ") || !strings.Contains(stderr, `"name":"NoQuorum"`) {
		t.Errorf("exit status %d, %q", status, stderr)
	}
	if addr := cluster.Addrs()[leader]; !strings.Contains(stderr, addr+": ") {
		t.Errorf("%q does not tell of %s", stderr, addr)
	}
}

// Many that make the same parents at the same time do not get into each other's way.
func TestCreateParentsTogether(t *testing.T) {
	cluster := servertest.Start(t, 1)
	const creators = 16
	var all sync.WaitGroup
	for i := range creators {
		c := cluster.Client(t)
		all.Go(func() {
			path := fmt.Sprintf("/a/b/c/d/%d", i)
			if got, _, err := create(t.Context(), c, path, nil, []client.CreateOption{client.Parents()}); err != nil || got != path {
				t.Errorf("create -p %s: %q, %v", path, got, err)
			}
		})
	}
	all.Wait()
	c := cluster.Client(t)
	names, _, err := c.Children(t.Context(), "/a/b/c/d")
	if err != nil || len(names) != creators {
		t.Errorf("there are %d children, %v", len(names), err)
	}
	_, _, err = create(t.Context(), c, "/a/b/c/d/0", nil, []client.CreateOption{client.Parents()})
	if !errors.Is(err, client.ErrNodeExists) {
		t.Errorf("create -p of a node that is there: %v", err)
	}
}

// Lists that take several pages, and deleteall of more nodes than a batch, while somebody else adds some.
func TestLargeTree(t *testing.T) {
	cluster := servertest.Start(t, 1)
	c := cluster.Client(t)
	const nodes = 2500
	if _, _, err := c.Create(t.Context(), "/big", nil); err != nil {
		t.Fatal(err)
	}
	var creates sync.WaitGroup
	want := []string{"/big"}
	for i := range nodes {
		path := fmt.Sprintf("/big/%06d", i)
		want = append(want, path)
		creates.Go(func() {
			if _, _, err := c.Create(t.Context(), path, nil); err != nil {
				t.Error(err)
			}
		})
	}
	creates.Wait()
	if _, _, err := c.Create(t.Context(), "/big/000007/below", nil); err != nil {
		t.Fatal(err)
	}
	want = slices.Insert(want, 9, "/big/000007/below")
	status, stdout, stderr := cox(cluster, "", "ls", "-R", "/big")
	if got := strings.Fields(stdout); status != exitDone || !slices.Equal(got, want) {
		t.Errorf("ls -R: exit status %d, %d lines, %s", status, len(got), stderr)
	}
	status, stdout, stderr = cox(cluster, "", "deleteall", "-b", "300", "/big")
	if status != exitDone || stdout != fmt.Sprintf("Deleted /big (%d nodes)\n", nodes+2) {
		t.Errorf("deleteall: exit status %d, %q, %s", status, stdout, stderr)
	}
}

// Tab completes commands, options and paths.
func TestComplete(t *testing.T) {
	cluster := servertest.Start(t, 1)
	status, _, stderr := cox(cluster, "create -p /app/config/db\ncreate /app/cache\ncreate /apple\ncreate \"/two words\"\ncreate \"/rtl\u202ex\"\n")
	if status != exitDone {
		t.Fatal(stderr)
	}
	s := &shell{mode: interactive, verbs: allVerbs(), servers: cluster.Addrs(), timeout: timeoutDefault}
	if _, err := s.connected(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.end()
	tests := []struct {
		line string
		head string
		want []string
	}{
		{"cre", "", []string{"create "}},
		{"get", "", []string{"get ", "getAllChildrenNumber ", "getEphemerals "}},
		{"xyz", "", nil},
		{"get --s", "get ", []string{"--stat "}},
		{"ls -", "ls ", []string{"-s ", "-w ", "-R ", "-l ", "--stat ", "--watch ", "--recursive ", "--long ", "--page ", "--after ",
			"--level ", "--at-least ", "--json ", "--timeout "}},
		{"get --level s", "get --level ", []string{"session "}},
		{"help del", "help ", []string{"delete ", "deleteall "}},
		{"wat", "", []string{"watch "}},
		{"addWatch -m ", "addWatch -m ", []string{"PERSISTENT ", "PERSISTENT_RECURSIVE "}},
		{"find -t", "find ", []string{"-type "}},
		{"find / -type e", "find / -type ", []string{"ephemeral "}},
		{"mv /app/c", "mv ", []string{"/app/cache ", "/app/config/"}},
		{"mv /app/cache /appl", "mv /app/cache ", []string{"/apple "}},
		{"watch -r /app/ca", "watch -r ", []string{"/app/cache "}},
		{"kill-session ", "kill-session ", []string{s.client.Session().ID.String() + " "}},
		{"barrier ", "barrier ", []string{"raise ", "wait ", "lift "}},
		{"config set /app/c", "config set ", []string{"/app/cache ", "/app/config/"}},
		{"lock --w", "lock ", []string{"--wait "}},
		{"printwatches o", "printwatches ", []string{"on ", "off "}},
		{"get ", "get ", []string{"/"}},
		{"get /", "get ", []string{"/app/", "/apple ", `"/rtl\u202ex" `, `"/two words" `}},
		{"get /app", "get ", []string{"/app/", "/apple "}},
		{"get -s /app/c", "get -s ", []string{"/app/cache ", "/app/config/"}},
		{"set -v 3 /app/config/", "set -v 3 ", []string{"/app/config/db "}},
		{"get /nope/", "get ", nil},
		{"set /app /a", "set /app ", nil}, // data
		{"multi delete /apple", "multi delete ", []string{"/apple "}},
		{`get "/two`, "get ", nil},
	}
	for _, tt := range tests {
		head, got, tail := s.complete(tt.line+" rest", len([]rune(tt.line)))
		if head != tt.head || !slices.Equal(got, tt.want) || tail != " rest" {
			t.Errorf("%q: %q, %q, %q; want %q, %q", tt.line, head, got, tail, tt.head, tt.want)
		}
		if strings.ContainsFunc(strings.Join(got, ""), unprintable) {
			t.Errorf("%q: %q is not printable", tt.line, got)
		}
	}
}

// A command that is interrupted, or whose time is up, says so; the session is closed all the same.
func TestInterrupted(t *testing.T) {
	cluster := servertest.Start(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var out, errs strings.Builder
	s := &shell{mode: script, verbs: allVerbs(), servers: cluster.Addrs(), timeout: timeoutDefault, out: newOutput(&out, &errs)}
	s.using = s.out
	if err := s.runLine(ctx, "create -e /e"); err != nil {
		t.Fatal(err)
	}
	cancel()
	err := s.runLine(ctx, "get /e")
	if f := s.describe(err); f.Name != "Interrupted" || f.exit != exitFailed {
		t.Errorf("a cancelled get: %+v", f)
	}
	if status := s.finish(exitFailed); status != exitFailed || errs.String() != "" {
		t.Errorf("exit status %d, %q", status, errs.String())
	}
	if _, there, err := cluster.Client(t).Exists(t.Context(), "/e"); there || err != nil {
		t.Errorf("the ephemeral node is there: %v, %v", there, err)
	}
}

// Looking for a server that is not there takes about a second whatever the timeout, and less if that is shorter; both say that
// nobody was reached.
func TestUnreachableQuickly(t *testing.T) {
	const limit = 10 * reachMax // far from a minute, and what a busy machine needs
	for _, timeout := range []string{"1m", "100ms"} {
		var errs strings.Builder
		start := time.Now()
		status := run([]string{"cox", "-s", "127.0.0.1:1,127.0.0.1:2", "--timeout", timeout, "ls", "/"}, strings.NewReader(""), io.Discard, &errs)
		if took := time.Since(start); status != exitFailed || took > limit || !strings.HasPrefix(errs.String(), "cox: no server reachable: ") {
			t.Errorf("exit status %d after %v, %q", status, took, errs.String())
		}
	}
}
