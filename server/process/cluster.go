package process

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/coxswain-io/coxswain/server"
)

const (
	pollEvery     = 5 * time.Millisecond
	statusTimeout = 2 * time.Second
	logTailBytes  = 2 << 10 // of a server's log, in an error about it
)

// Cluster is servers as processes. Servers are numbered from 0; their ids in the cluster are one more.
type Cluster struct {
	binary  string
	dir     string
	extra   []string
	members string
	servers []*member
	http    http.Client
}

type member struct {
	Place
	id    int
	added bool // by Add; not among the first members
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has been waited for
}

// Start starts n servers of binary with their data below dir, and returns when they are ready or ctx ends. extra are
// further flags of coxswain serve. On an error everything is stopped again.
func Start(ctx context.Context, binary, dir string, n int, extra ...string) (*Cluster, error) {
	places, err := Loopback(n)
	if err != nil {
		return nil, err
	}
	return StartAt(ctx, binary, dir, places, extra...)
}

// Add makes a further server, of the next id, and starts it so that it waits to be added to the cluster: that is the caller's,
// with coxswain members add. It returns the server's number for the other methods.
func (c *Cluster) Add() (int, error) {
	places, err := Loopback(1)
	if err != nil {
		return 0, err
	}
	c.servers = append(c.servers, &member{Place: places[0], id: len(c.servers) + 1, added: true})
	i := len(c.servers) - 1
	return i, c.Run(i)
}

// RaftAddr is the address by which the other servers reach server i.
func (c *Cluster) RaftAddr(i int) string { return c.servers[i].Raft }

// Len is the number of servers.
func (c *Cluster) Len() int { return len(c.servers) }

// Addrs are the client addresses of all servers.
func (c *Cluster) Addrs() []string {
	var addrs []string
	for _, m := range c.servers {
		addrs = append(addrs, m.Client)
	}
	return addrs
}

// Run starts server i, which must not be running, on the data it has. It does not wait until the server is ready.
func (c *Cluster) Run(i int) error {
	m := c.servers[i]
	log, err := os.OpenFile(c.LogFile(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	args := []string{
		"serve", "--data-dir", c.DataDir(i), "--id", strconv.Itoa(m.id), "--client-addr", m.Client,
		"--raft-addr", m.Raft, "--admin-addr", m.Admin, "--log-format", "json",
	}
	switch {
	case !m.added:
		args = append(args, "--members", c.members)
	case m.cmd == nil:
		args = append(args, "--join") // at the first start only
	}
	command := slices.Concat(m.Through, []string{c.binary}, args, c.extra)
	m.cmd = exec.Command(command[0], command[1:]...)
	m.cmd.Stdout, m.cmd.Stderr = log, log
	m.cmd.SysProcAttr = childAttr()
	m.ended = make(chan struct{})
	started := make(chan error)
	go func(cmd *exec.Cmd, ended chan struct{}) {
		defer close(ended)
		// The kernel ends the child when the thread that started it ends: so this one must stay as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in cmd.ProcessState
		}
	}(m.cmd, m.ended)
	return <-started
}

// DataDir is the data directory of server i.
func (c *Cluster) DataDir(i int) string { return filepath.Join(c.dir, strconv.Itoa(c.servers[i].id)) }

// LogFile is where server i writes its log, over all its starts.
func (c *Cluster) LogFile(i int) string {
	return filepath.Join(c.dir, "server-"+strconv.Itoa(c.servers[i].id)+".log")
}

// Kill ends server i with SIGKILL and waits until it is gone.
func (c *Cluster) Kill(i int) error { return c.end(i, syscall.SIGKILL) }

// Stop asks server i to drain (SIGTERM), waits until it is gone, and returns an error unless it exits with status 0.
func (c *Cluster) Stop(i int) error {
	if err := c.end(i, syscall.SIGTERM); err != nil {
		return err
	}
	if code := c.servers[i].cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("server %d: exit status %d after SIGTERM: %s", i+1, code, c.LogTail(i))
	}
	return nil
}

func (c *Cluster) end(i int, sig syscall.Signal) error {
	m := c.servers[i]
	if err := m.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-m.ended
	return nil
}

// Pause stops server i from running (SIGSTOP), Resume lets it go on.
func (c *Cluster) Pause(i int) error  { return c.servers[i].cmd.Process.Signal(syscall.SIGSTOP) }
func (c *Cluster) Resume(i int) error { return c.servers[i].cmd.Process.Signal(syscall.SIGCONT) }

// PID is the process id of server i.
func (c *Cluster) PID(i int) int { return c.servers[i].cmd.Process.Pid }

// WaitReady waits until server i serves clients. It returns an error, with the end of the server's log, if the process
// ends or ctx does.
func (c *Cluster) WaitReady(ctx context.Context, i int) error {
	m := c.servers[i]
	for {
		if response, err := c.http.Get("http://" + m.Admin + "/readyz"); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("server %d is not ready: %w: %s", m.id, ctx.Err(), c.LogTail(i))
		case <-m.ended:
			return fmt.Errorf("server %d ended (%v): %s", m.id, m.cmd.ProcessState, c.LogTail(i))
		case <-time.After(pollEvery):
		}
	}
}

// Status is what server i says of itself.
func (c *Cluster) Status(ctx context.Context, i int) (server.Status, error) {
	var status server.Status
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+c.servers[i].Admin+"/status", nil)
	if err != nil {
		return status, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return status, err
	}
	defer response.Body.Close()
	return status, json.NewDecoder(response.Body).Decode(&status)
}

// Leader is the server that leads, in the eyes of a majority; it waits for one until ctx ends.
func (c *Cluster) Leader(ctx context.Context) (int, error) {
	for {
		votes := map[uint64]int{}
		for i := range c.servers {
			if status, err := c.Status(ctx, i); err == nil && status.Leader != 0 {
				votes[status.Leader]++
				if votes[status.Leader] > len(c.servers)/2 {
					return int(status.Leader) - 1, nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("no leader: %w", ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// Agreed waits until all running servers have the same zxid, applied index and digest, or until ctx ends; then the error tells
// what each one has.
func (c *Cluster) Agreed(ctx context.Context) (server.Status, error) {
	for {
		var seen []server.Status
		var told []string
		running := 0
		for i := range c.servers {
			if !c.Running(i) {
				continue
			}
			running++
			status, err := c.Status(ctx, i)
			if err != nil {
				told = append(told, err.Error())
				continue
			}
			seen = append(seen, status)
			told = append(told, fmt.Sprintf("server %d: zxid %v, clock %d ms, digest %s", i+1, status.Zxid, status.ClockMS, status.Digest))
		}
		same := running > 0 && len(seen) == running
		for _, s := range seen {
			same = same && s.Zxid == seen[0].Zxid && s.ClockMS == seen[0].ClockMS && s.Digest == seen[0].Digest
		}
		if same {
			return seen[0], nil
		}
		select {
		case <-ctx.Done():
			return server.Status{}, fmt.Errorf("the servers do not agree: %s", strings.Join(told, "; "))
		case <-time.After(pollEvery):
		}
	}
}

// Running reports whether server i's process runs, also if it is paused.
func (c *Cluster) Running(i int) bool {
	select {
	case <-c.servers[i].ended:
		return false
	default:
		return true
	}
}

// LogTail is the end of server i's log, for an error about it.
func (c *Cluster) LogTail(i int) string {
	f, err := os.Open(c.LogFile(i))
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > logTailBytes {
		if _, err := f.Seek(-logTailBytes, io.SeekEnd); err != nil {
			return err.Error()
		}
	}
	tail, err := io.ReadAll(f)
	if err != nil {
		return err.Error()
	}
	return string(bytes.TrimSpace(tail))
}

// Close kills what is still running and waits for it.
func (c *Cluster) Close() error {
	var errs []error
	for i, m := range c.servers {
		if m.cmd != nil && m.cmd.Process != nil {
			errs = append(errs, c.Kill(i))
		}
	}
	return errors.Join(errs...)
}
