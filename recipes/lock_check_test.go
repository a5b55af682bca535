package recipes_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/process"
)

var (
	lockCycles = flag.Int("locks.cycles", 3, "how often TestLockCheck stops the holder of the lock past its timeout")
	lockWaits  = flag.Int("locks.waits", 100, "how many waits TestLockCheck cancels")
	lockSeed   = flag.Uint64("locks.seed", 0, "of TestLockCheck's choices; 0: by the clock")
)

const holders = 5

// act is one use of the resource, as it saw it.
type act struct {
	who      int
	fence    client.Zxid
	believed bool // its holder's hold was certain when it looked, right before
	admitted bool
	woken    bool // its holder was stopped within the last second
}

// resource is what the lock protects: it listens, and asks a gate about each act. Its record is the truth of the test.
type resource struct {
	listener net.Listener
	gate     *recipes.MemoryGate
	serving  sync.WaitGroup

	mu   sync.Mutex
	woke [holders]time.Time
	acts []act
	firm int           // holders who believed in their lock after they were refused, or whose context went on
	news chan struct{} // closed with the next act
}

func startResource(t *testing.T) *resource {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &resource{listener: l, gate: recipes.NewMemoryGate(0), news: make(chan struct{})}
	r.serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			r.serving.Go(func() { r.serve(t, conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.serving.Wait()
	})
	return r
}

func (r *resource) serve(t *testing.T, conn net.Conn) {
	defer conn.Close()
	in := bufio.NewReader(conn)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		var believes, alive bool
		if _, err := fmt.Sscanf(line, "refused %t %t", &believes, &alive); err == nil {
			r.noticed(believes, alive)
			continue
		}
		var a act
		if _, err := fmt.Sscanf(line, "%d %d %t", &a.who, &a.fence, &a.believed); err != nil {
			t.Errorf("%q: %v", line, err)
			return
		}
		answer := "ok\n"
		err = r.gate.Do(context.Background(), "resource", a.fence, func() error {
			a.admitted = true
			r.record(a)
			return nil
		})
		if errors.Is(err, recipes.ErrFenced) {
			r.record(a)
			answer = "no\n"
		} else if err != nil {
			t.Error(err)
		}
		if _, err := io.WriteString(conn, answer); err != nil {
			return
		}
	}
}

func (r *resource) record(a act) {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.woken = time.Since(r.woke[a.who]) < time.Second
	r.acts = append(r.acts, a)
	close(r.news)
	r.news = make(chan struct{})
}

func anybody(act) bool { return true }

// next waits for the first act from number n on that is admitted and wanted.
func (r *resource) next(t *testing.T, n int, wanted func(act) bool) (act, int) {
	t.Helper()
	for deadline := time.After(60 * time.Second); ; {
		r.mu.Lock()
		acts, news := r.acts, r.news
		r.mu.Unlock()
		for ; n < len(acts); n++ {
			if acts[n].admitted && wanted(acts[n]) {
				return acts[n], n + 1
			}
		}
		select {
		case <-news:
		case <-deadline:
			t.Fatal("nobody has acted for a minute")
		}
	}
}

// noticed is what a holder says of its hold after it was refused.
func (r *resource) noticed(believes, alive bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if believes || alive {
		r.firm++
	}
}

// wakes is called before a holder that was stopped goes on.
func (r *resource) wakes(who int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.woke[who] = time.Now()
}

func (r *resource) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.acts)
}

// startHolder starts a process that contends for the lock. It is ended by closing what is returned.
func startHolder(t *testing.T, c holderConfig) (*exec.Cmd, io.Closer) {
	t.Helper()
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holderVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, stdin
}

// startProcesses starts servers as processes.
func startProcesses(t *testing.T, n int) *process.Cluster {
	t.Helper()
	binary := filepath.Join(scratch, "coxswain")
	if _, err := os.Stat(binary); err != nil {
		if out, err := exec.Command("go", "build", "-o", binary, "github.com/coxswain-io/coxswain/cmd/coxswain").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	cluster, err := process.Start(t.Context(), binary, t.TempDir(), n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// TestLockCheck: processes contend for a lock and act on a resource that checks their tokens. In each cycle the holder is
// stopped (SIGSTOP) until another has acted, and then goes on as if nothing had happened; connections are cut, and leaders
// killed. Checked: the resource never admits a token below one that it has admitted, or one token from two holders; nobody is
// refused who was not stopped and believes in his lock, which is what overtaking in line would do; whoever was refused notices
// it by himself; and cancelled waits leave nothing behind.
func TestLockCheck(t *testing.T) {
	seed := *lockSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const path = "/locks/checked"
	cluster, r := startProcesses(t, 3), startResource(t)

	procs, ends := make([]*exec.Cmd, holders), make([]io.Closer, holders)
	for i := range procs {
		procs[i], ends[i] = startHolder(t, holderConfig{ID: i, Servers: cluster.Addrs(), Lock: path, Resource: r.listener.Addr().String(), Seed: seed})
	}
	t.Cleanup(func() {
		for _, p := range procs {
			_ = p.Process.Kill() // those that have ended are not there any more
		}
	})
	send := func(who int, s syscall.Signal) {
		if err := procs[who].Process.Signal(s); err != nil {
			t.Fatal(err)
		}
	}

	// Somebody who never has the patience to get it.
	var impatient sync.WaitGroup
	given, got := 0, 0
	impatient.Go(func() { given, got = cancelWaits(t, cluster.Addrs(), path, seed) })

	killed, cut, seen := 0, 0, 0
	for cycle := range *lockCycles {
		for range 40 { // undisturbed
			_, seen = r.next(t, seen, anybody)
		}
		var a act
		a, seen = r.next(t, r.count(), anybody)
		send(a.who, syscall.SIGSTOP)
		if random.IntN(2) == 0 {
			cut++
			send((a.who+1+random.IntN(holders-1))%holders, syscall.SIGUSR1)
		}
		leader := -1
		if cycle%3 == 1 {
			var err error
			if leader, err = cluster.Leader(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := cluster.Kill(leader); err != nil {
				t.Fatal(err)
			}
			killed++
		}
		_, seen = r.next(t, seen, func(b act) bool { return b.who != a.who && b.fence > a.fence })
		if random.IntN(3) == 0 { // and on, so that many hold the lock while it sleeps
			_, seen = r.next(t, r.count(), func(b act) bool { return b.who != a.who })
		}
		r.wakes(a.who)
		send(a.who, syscall.SIGCONT)
		if leader >= 0 {
			if err := cluster.Run(leader); err != nil {
				t.Fatal(err)
			}
			if err := cluster.WaitReady(t.Context(), leader); err != nil {
				t.Fatal(err)
			}
		}
	}
	impatient.Wait()
	for i := range procs {
		if err := ends[i].Close(); err != nil {
			t.Error(err)
		}
		if err := procs[i].Wait(); err != nil {
			t.Errorf("holder %d: %v", i, err)
		}
	}
	c, err := client.Dial(within(t), client.Config{Servers: cluster.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	orphans := inLine(t, c, path)
	if err := c.Close(within(t)); err != nil {
		t.Error(err)
	}

	v := judge(r.acts)
	t.Logf("%d cycles: %d acts under %d holds, %d refused (%d of them while the holder believed in its lock); %d leaders killed, %d connections cut",
		*lockCycles, len(r.acts), v.holds, v.refused, v.refusedBelievers, killed, cut)
	t.Logf("%d waits cancelled, %d got the lock before: %d orphans", given, got, orphans)
	t.Logf("violations: %d tokens admitted out of order, %d tokens used by two, %d overtaken, %d holds that did not notice their end",
		v.disorder, v.doubled, v.overtaken, r.firm)
	if v.disorder+v.doubled+v.overtaken+r.firm > 0 || orphans > 0 {
		t.Error("the lock, or the gate, has failed")
	}
	if v.refused == 0 && *lockCycles > 20 {
		t.Error("nobody was ever refused: this run tests little")
	}
}

// verdict is what the record of the resource says.
type verdict struct {
	holds, refused, refusedBelievers int
	disorder                         int // acts admitted with a token below one that was admitted before
	doubled                          int // tokens with which two have acted
	overtaken                        int // acts of somebody who believed in his lock, and was not stopped, that were refused: another has it, or has had it before him
}

func judge(acts []act) (v verdict) {
	owner := map[client.Zxid]int{}
	highest := client.Zxid(0)
	for _, a := range acts {
		if who, known := owner[a.fence]; known && who != a.who {
			v.doubled++
		} else if !known {
			v.holds++
		}
		owner[a.fence] = a.who
		if a.admitted {
			if a.fence < highest {
				v.disorder++
			}
			highest = max(highest, a.fence)
			continue
		}
		v.refused++
		switch {
		case a.believed && a.woken:
			v.refusedBelievers++
		case a.believed:
			v.overtaken++
		}
	}
	return v
}

// cancelWaits gets in line again and again, and gives up after a random time. It returns how often it gave up, and had the lock.
func cancelWaits(t *testing.T, servers []string, path string, seed uint64) (given, got int) {
	random := rand.New(rand.NewPCG(seed, 1))
	var w wires
	c, err := client.Dial(within(t), client.Config{Servers: servers, DialContext: w.dial})
	if err != nil {
		t.Error(err)
		return 0, 0
	}
	for given < *lockWaits {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(random.IntN(10_000))*time.Microsecond)
		h, err := recipes.NewLock(c, path).Acquire(ctx)
		cancel()
		if random.IntN(20) == 0 {
			w.cut()
		}
		switch {
		case err == nil:
			got++
			if err := h.Release(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		case errors.Is(err, context.DeadlineExceeded):
			given++
		default:
			t.Error(err)
			return given, got
		}
	}
	// Its session stays open: what it may have left behind would be there.
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return given, got
}
