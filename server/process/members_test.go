package process_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/server/process"
)

// members runs coxswain members and returns what it prints and its exit status.
func members(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, append([]string{"members"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// change runs a coxswain members that must succeed and returns its output.
func change(t *testing.T, args ...string) string {
	t.Helper()
	out, errs, status := members(t, args...)
	if status != 0 {
		t.Fatalf("coxswain members %s: exit status %d: %s", strings.Join(args, " "), status, errs)
	}
	return out
}

// refused runs one that must not succeed.
func refused(t *testing.T, want int, says string, args ...string) {
	t.Helper()
	out, errs, status := members(t, args...)
	if status != want || !strings.HasPrefix(errs, "coxswain: ") || !strings.Contains(errs, says) || out != "" {
		t.Errorf("coxswain members %s: exit status %d, want %d and %q:\n%s%s", strings.Join(args, " "), status, want, says, out, errs)
	}
}

// logSays waits until server i's log says something.
func logSays(t *testing.T, ctx context.Context, cluster *process.Cluster, i int, what string) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(cluster.LogTail(i), what) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("server %d does not say %q: %s", i+1, what, cluster.LogTail(i))
		}
	}
}

// TestReplaceALostServer does what the README says, under load: server 2 loses its disk and is replaced by server 4.
func TestReplaceALostServer(t *testing.T) {
	cluster := start(t, 3)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	c := dial(t, cluster.Addrs()...)
	if _, _, err := c.Create(ctx, "/load", nil); err != nil {
		t.Fatal(err)
	}
	w, err := process.StartWriters(ctx, cluster.Addrs(), "/load", 8)
	if err != nil {
		t.Fatal(err)
	}
	goesOn := func() {
		t.Helper()
		acknowledged(t, ctx, w, w.Acknowledged()+200)
	}
	through := "--data-dir=" + cluster.DataDir(0)

	if err := errors.Join(cluster.Kill(1), os.RemoveAll(cluster.DataDir(1)), cluster.Run(1)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.WaitReady(ctx, 1); err == nil || !strings.Contains(err.Error(), "members remove 2") {
		t.Fatalf("the server with the lost directory: %v", err)
	}
	if out := change(t, "remove", "2", through); !strings.Contains(out, "server 2 was removed") {
		t.Errorf("remove says %q", out)
	}
	goesOn()

	fresh, err := cluster.Add()
	if err != nil {
		t.Fatal(err)
	}
	logSays(t, ctx, cluster, fresh, "members add 4="+cluster.RaftAddr(fresh))
	out := change(t, "add", "4="+cluster.RaftAddr(fresh), "--data-dir", cluster.DataDir(0), "--json")
	var rows []struct {
		ID       uint64 `json:"id"`
		RaftAddr string `json:"raft_addr"`
		Role     string
		This     bool
	}
	if err := json.Unmarshal([]byte(out), &rows); err != nil || len(rows) != 3 {
		t.Fatalf("%v: %s", err, out)
	}
	if !rows[0].This || rows[2].ID != 4 || rows[2].RaftAddr != cluster.RaftAddr(fresh) || rows[2].Role != "voter" {
		t.Errorf("members after the addition: %s", out)
	}
	if err := cluster.WaitReady(ctx, fresh); err != nil {
		t.Fatal(err)
	}
	goesOn()

	change(t, "transfer", "4", through)
	table := change(t, "list", "--data-dir", cluster.DataDir(fresh))
	if !regexp.MustCompile(`(?m)\AID +RAFT ADDRESS +ROLE *\n1 +127\S+ +voter *\n3 +127\S+ +voter *\n4 +127\S+ +leader +this server\n\z`).MatchString(table) {
		t.Errorf("list prints\n%s", table)
	}

	// It is a server like any other: it restarts, and one of the others may go.
	if err := errors.Join(cluster.Stop(fresh), cluster.Run(fresh)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.WaitReady(ctx, fresh); err != nil {
		t.Fatal(err)
	}
	if err := cluster.Kill(0); err != nil {
		t.Fatal(err)
	}
	goesOn()
	refused(t, 1, "no server runs on data directory", "list", through)
	refused(t, 1, "would be running", "remove", "3", "--data-dir", cluster.DataDir(fresh))

	// A server that is removed while it runs ends by itself, and says why.
	if err := cluster.Run(0); err != nil {
		t.Fatal(err)
	}
	if err := cluster.WaitReady(ctx, 0); err != nil {
		t.Fatal(err)
	}
	change(t, "remove", "3", through)
	goesOn()
	logSays(t, ctx, cluster, 2, "server 3 was removed from the cluster")
	refused(t, 1, "no server runs on data directory", "list", "--data-dir", cluster.DataDir(2))
	if err := w.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := cluster.Agreed(ctx); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(ctx); err != nil {
		t.Error(err)
	}
}

func TestMembersCommandLine(t *testing.T) {
	cluster := start(t, 1)
	dir := "--data-dir=" + cluster.DataDir(0)
	for _, c := range []struct {
		status int
		says   string
		args   []string
	}{
		{2, "usage: coxswain members list", nil},
		{2, "usage: coxswain members list", []string{"grow"}},
		{2, "usage: coxswain members add ID=HOST:PORT", []string{"add", dir}},
		{2, "usage: coxswain members list", []string{"list", "2", dir}},
		{2, "ID=HOST:PORT", []string{"add", "4", dir}},
		{2, "server's number", []string{"remove", "two", dir}},
		{2, "not defined", []string{"list", "--frobnicate"}},
		{1, "no server runs", []string{"list", "--data-dir", t.TempDir()}},
		{1, "shorter --data-dir", []string{"list", "--data-dir", "/" + strings.Repeat("x", 120)}},
		{1, "last one with a vote", []string{"remove", "1", dir}},
		{1, "no server 7", []string{"remove", "7", dir}},
		{1, "no server answers", []string{"add", "2=127.0.0.1:1", dir}},
		{1, "without TLS", []string{"add", "2=192.0.2.1:7182", dir}},
		{1, "not a voting member", []string{"transfer", "2", dir}},
	} {
		refused(t, c.status, c.says, c.args...)
	}
	if out := change(t, "transfer", "1", dir); out != "server 1 leads now\n" {
		t.Errorf("transfer to itself prints %q", out)
	}
	// The socket is the user's alone, and one that a killed server left behind is no hindrance.
	info, err := os.Stat(cluster.DataDir(0) + "/admin.sock")
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info, err)
	}
	if err := errors.Join(cluster.Kill(0), cluster.Run(0)); err != nil {
		t.Fatal(err)
	}
	if err := cluster.WaitReady(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	change(t, "list", dir)
}
