package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/coxswain-io/coxswain/internal/ports"
)

// Place is where a server runs: the addresses on which it listens, HOST:PORT, and the command, if any, through which it is
// started, which must end by executing the server in its own process: ip netns exec NAME, or env NAME=VALUE.
type Place struct {
	Client, Raft, Admin string
	Through             []string
}

// Loopback is n places on this machine's loopback.
func Loopback(n int) ([]Place, error) {
	addrs, err := ports.Free(3 * n)
	if err != nil {
		return nil, err
	}
	var places []Place
	for i := range n {
		places = append(places, Place{Client: addrs[3*i], Raft: addrs[3*i+1], Admin: addrs[3*i+2]})
	}
	return places, nil
}

// StartAt is [Start] with a server at each of places.
func StartAt(ctx context.Context, binary, dir string, places []Place, extra ...string) (*Cluster, error) {
	c := &Cluster{binary: binary, dir: dir, extra: extra, http: http.Client{Timeout: statusTimeout}}
	var members []string
	for i, place := range places {
		c.servers = append(c.servers, &member{id: i + 1, Place: place})
		members = append(members, strconv.Itoa(i+1)+"="+place.Raft)
	}
	c.members = strings.Join(members, ",")
	for i := range places {
		if err := c.Run(i); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	for i := range places {
		if err := c.WaitReady(ctx, i); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Transfer asks server i, with coxswain members transfer, to make server to the leader, and returns when it leads or that was
// refused or ctx has ended.
func (c *Cluster) Transfer(ctx context.Context, i, to int) error {
	out, err := exec.CommandContext(ctx, c.binary, "members", "transfer", strconv.Itoa(c.servers[to].id), "--data-dir", c.DataDir(i)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("transfer to server %d: %w: %s", to+1, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Abort ends server i with SIGQUIT and waits until it is gone: its log ends with what each goroutine was doing.
func (c *Cluster) Abort(i int) error { return c.end(i, syscall.SIGQUIT) }

// Ended waits until server i's process has ended by itself, and returns its exit status: -1 if a signal ended it.
func (c *Cluster) Ended(ctx context.Context, i int) (int, error) {
	m := c.servers[i]
	select {
	case <-m.ended:
		return m.cmd.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("server %d still runs: %w", i+1, ctx.Err())
	}
}
