//go:build linux

package storms

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/wire"
)

// segmentMiB is the size of a file of the log: whoever writes more makes a server begin another.
const segmentMiB = 64

// fill sets nodes of 1 MiB, several at a time, until n MiB were written, and demands that each is what was written last.
func fill(ctx context.Context, c *client.Client, n, nodes int) error {
	errs := make([]error, nodes)
	var all sync.WaitGroup
	for i := range nodes {
		all.Go(func() {
			path := fmt.Sprintf("/large-%d", i)
			data := bytes.Repeat([]byte{byte(i)}, mib)
			_, _, err := c.Create(ctx, path, data, client.IfAbsent())
			for round := 1; err == nil && round*nodes+i < n; round++ {
				data[round%mib]++
				_, err = c.Set(ctx, path, data)
			}
			if err == nil {
				var node client.Node
				if node, err = c.Get(ctx, path); err == nil && !bytes.Equal(node.Data, data) {
					err = fmt.Errorf("%s is not what was written", path)
				}
			}
			errs[i] = err
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// TestDescriptorsRunOut: more clients than a server may have open files for. Those that find a place are served, the others are
// told at once, and the log, which in a run of full size begins new files meanwhile, has what it needs.
func TestDescriptorsRunOut(t *testing.T) {
	const files = 512
	c := startLimited(t, files, 3)
	s := startSteady(t, c.Addrs()...)
	s.storms()
	crowd := gather(t, size(1_800, 6_000), 0, c.Addrs(), open)
	refused := 0
	for _, err := range crowd.errs {
		switch {
		case errors.Is(err, wire.CodeBusy) || errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.EPIPE):
			refused++ // the second and third: it was told, and the Hello that it sent meanwhile came too late
		case err != nil:
			t.Fatal(err)
		}
	}
	came, err := crowd.each((*guest).answered)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	written := size(16, segmentMiB+8)
	if err := fill(ctx, dialAny(t, c, crowd), written, 8); err != nil {
		t.Fatal(err)
	}
	if _, err := crowd.each((*guest).answered); err != nil {
		t.Fatal(err)
	}
	if came == 0 || came > c.Len()*files || refused == 0 {
		t.Errorf("%d came and %d were refused: there were not more than there is room for", came, refused)
	}
	open := make([]int, c.Len())
	for i := range open {
		open[i] = descriptors(t, c.PID(i))
		if open[i] > files*9/10 {
			t.Errorf("server %d has %d of %d files open", i+1, open[i], files)
		}
	}
	t.Logf("%d connections were served, %d refused; %v of %d files were open, %d MiB were written", came, refused, open, files, written)
	s.goOn()
	s.judge()
	c.agreed()
}

// dialAny opens a session after one of the crowd has left each server.
func dialAny(t *testing.T, c *cluster, crowd *crowd) *client.Client {
	t.Helper()
	left := map[string]bool{}
	for i, g := range crowd.guests {
		if g == nil {
			continue
		}
		if addr := g.socket.RemoteAddr().String(); !left[addr] {
			left[addr] = true
			g.socket.Close()
			crowd.guests[i] = nil
		}
	}
	return dial(t, c.Addrs()...)
}

// TestNoDescriptorAtAll: a server may not open a single file more, which no crowd can bring about but an operator can. It goes on
// with what it has, until the log needs a file: then it ends. Nothing is lost, and the others go on without it.
func TestNoDescriptorAtAll(t *testing.T) {
	if !*full {
		t.Skip("only with -storms.full: it fills files of the log")
	}
	c := start(t, 3)
	victim := 0
	s := startSteady(t, c.Addrs()[1], c.Addrs()[2])
	mine := dial(t, c.Addrs()...)
	s.storms()
	var limit unix.Rlimit
	if err := unix.Prlimit(c.PID(victim), unix.RLIMIT_NOFILE, nil, &limit); err != nil {
		t.Fatal(err)
	}
	few := unix.Rlimit{Cur: uint64(descriptors(t, c.PID(victim))), Max: limit.Max}
	if err := unix.Prlimit(c.PID(victim), unix.RLIMIT_NOFILE, &few, nil); err != nil {
		t.Fatal(err)
	}
	g, err := enter(c.Addrs()[victim])
	if err != nil {
		t.Fatal(err)
	}
	defer g.socket.Close()
	s.goOn() // it cannot accept, and does not mind
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begin := time.Now()
	if err := fill(ctx, mine, segmentMiB+8, 8); err != nil {
		t.Fatal(err)
	}
	t.Logf("wrote %d MiB in %v", segmentMiB+8, time.Since(begin).Round(time.Millisecond))
	s.goOn()
	s.judge()
	// Now it may have files again. It lives, if its connections had broken before its log was full, and catches up; or it has
	// ended, has said why, and has lost nothing when it is started again.
	if err := unix.Prlimit(c.PID(victim), unix.RLIMIT_NOFILE, &limit, nil); err != nil && !errors.Is(err, unix.ESRCH) {
		t.Fatal(err)
	}
	ended := false
	eventually(t, "it has ended, or is as the others", func() bool {
		if _, err := residentBytes(c.PID(victim)); err != nil {
			ended = true
			return true
		}
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := c.Agreed(soon)
		return err == nil
	})
	t.Logf("the server without descriptors has ended: %v", ended)
	if !ended {
		return
	}
	if said := c.LogTail(victim); !strings.Contains(said, "too many open files") {
		t.Errorf("it does not say why: %s", said)
	}
	if err := errors.Join(c.Kill(victim), c.Run(victim), c.WaitReady(ctx, victim)); err != nil {
		t.Fatal(err)
	}
	c.agreed()
}
