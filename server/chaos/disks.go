package chaos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// injection makes system calls of one running server fail or take long, through strace.
type injection struct {
	inject string // as strace -e inject= wants it
	pid    int
	cmd    *exec.Cmd
	output *os.File // what was traced
	ended  chan error
}

// start attaches to a process, all threads of it, and returns when strace has.
func (t *injection) start(ctx context.Context, pid int) error {
	var err error
	if t.output, err = os.CreateTemp("", "coxchaos-strace-"); err != nil {
		return err
	}
	t.pid = pid
	t.cmd = exec.Command("strace", "-qq", "-f", "-p", strconv.Itoa(pid), "-o", t.output.Name(),
		"-e", "trace=fsync,fdatasync", "-e", "inject=fsync,fdatasync:"+t.inject)
	var said bytes.Buffer
	t.cmd.Stderr = &said
	t.ended = make(chan error, 1)
	if err := t.cmd.Start(); err != nil {
		return errors.Join(err, t.remove())
	}
	go func() { t.ended <- t.cmd.Wait() }()
	for {
		if traced(pid) {
			return nil
		}
		select {
		case err := <-t.ended:
			t.ended <- err
			if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
				return nil // it was down before; stop copes with that
			}
			return fmt.Errorf("strace: %v: %s", err, said.String())
		case <-ctx.Done():
			return errors.Join(ctx.Err(), t.stop())
		case <-time.After(pollEvery):
		}
	}
}

// traced reports whether every thread of a process is traced by somebody.
func traced(pid int) bool {
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err == nil && bytes.Contains(status, []byte("\nTracerPid:\t0\n")) {
			return false
		}
	}
	return err == nil && len(files) > 0
}

// stop lets the process go on without it.
func (t *injection) stop() error {
	if t.cmd == nil {
		return nil
	}
	_ = t.cmd.Process.Signal(os.Interrupt) // fails if it has ended with its process
	<-t.ended                              // its status is that of its process
	t.cmd = nil
	return t.remove()
}

func (t *injection) remove() error { return errors.Join(t.output.Close(), os.Remove(t.output.Name())) }

// injected reports whether a system call has been changed.
func (t *injection) injected() (bool, error) {
	text, err := os.ReadFile(t.output.Name())
	return bytes.Contains(text, []byte("(INJECTED)")) || bytes.Contains(text, []byte("(DELAYED)")), err
}

// failedSync makes every fsync of one server fail: the kernel has forgotten then what was not written, so no later success means
// anything, and the server must stop.
type failedSync struct {
	*site
	victim
	injection
	server int
}

func newFailedSync(s *site) fault {
	return &failedSync{site: s, victim: s.pick(), injection: injection{inject: "error=EIO"}}
}

func (f *failedSync) begin(ctx context.Context) (string, error) {
	f.server = f.resolve(ctx, f.victim)
	if !f.cluster.Running(f.server) {
		return "every fsync of " + f.name(f.server) + " would fail, but it is down", nil
	}
	f.excused[f.server] = true
	return "every fsync of " + f.name(f.server) + " fails", f.start(ctx, f.cluster.PID(f.server))
}

func (f *failedSync) happened() bool {
	if f.cmd == nil {
		return false
	}
	failed, err := f.injected()
	return err == nil && failed
}

func (f *failedSync) end(ctx context.Context) error {
	if f.cmd == nil {
		return nil
	}
	if err := f.judge(ctx); err != nil {
		f.found = append(f.found, err.Error())
	}
	return errors.Join(f.stop(), f.kill(f.server), f.up(f.server))
}

// judge is an error if the server has gone on after a failed fsync, or has ended as if nothing were wrong.
func (f *failedSync) judge(ctx context.Context) error {
	failed, err := f.injected()
	if err != nil || !failed {
		return err // it has written nothing since
	}
	ctx, cancel := context.WithTimeout(ctx, stopWait)
	defer cancel()
	status, err := f.cluster.Ended(ctx, f.server)
	switch {
	case err != nil:
		return fmt.Errorf("P11: after a failed fsync: %w", err)
	case status == 0:
		return fmt.Errorf("P11: server %d ended with status 0 after a failed fsync", f.server+1)
	}
	return nil
}

// slowSync makes every fsync take longer.
type slowSync struct {
	*site
	victim
	all        bool
	by         time.Duration
	injections []*injection
}

func newSlowSync(s *site) fault {
	return &slowSync{site: s, victim: s.pick(), all: s.rng.IntN(3) == 0, by: s.between(5*time.Millisecond, 300*time.Millisecond).Round(time.Millisecond)}
}

func (f *slowSync) begin(ctx context.Context) (string, error) {
	var servers []int
	for i := range f.cluster.Len() {
		servers = append(servers, i)
	}
	told := "all servers"
	if !f.all {
		servers = []int{f.resolve(ctx, f.victim)}
		told = f.name(servers[0])
	}
	var errs []error
	for _, i := range servers {
		if !f.cluster.Running(i) {
			continue
		}
		t := &injection{inject: fmt.Sprintf("delay_enter=%d", f.by.Microseconds())}
		errs = append(errs, t.start(ctx, f.cluster.PID(i)))
		f.injections = append(f.injections, t)
	}
	return fmt.Sprintf("every fsync of %s takes %v longer", told, f.by), errors.Join(errs...)
}

func (f *slowSync) happened() bool {
	return slices.ContainsFunc(f.injections, func(t *injection) bool {
		slowed, err := t.injected()
		return err == nil && slowed
	})
}

func (f *slowSync) end(context.Context) error {
	var errs []error
	for _, t := range f.injections {
		errs = append(errs, t.stop())
	}
	return errors.Join(errs...)
}

// full leaves no room, or little, on the file system of one server's data. A server that cannot write its log stops.
type full struct {
	*site
	victim
	room   int64 // bytes that are left
	server int
	logged int // bytes that it had written into its log before
}

func newFull(s *site) fault {
	return &full{site: s, victim: s.pick(), room: s.room()}
}

// room draws how much is left of a full disk: nothing, or enough for what the servers still write when they refuse clients.
func (s *site) room() int64 {
	if s.rng.IntN(2) == 0 {
		return 0
	}
	return int64(s.rng.IntN(256)) << 10
}

func (f *full) begin(ctx context.Context) (string, error) {
	f.server = f.resolve(ctx, f.victim)
	f.excused[f.server] = true
	f.logged = len(f.log(f.server))
	return fmt.Sprintf("%d KiB are left on the disk of %s", f.room>>10, f.name(f.server)), fill(f.filler(), f.room)
}

func (f *full) filler() string { return filepath.Join(f.disks[f.server], "filler") }

func (f *full) end(ctx context.Context) error {
	err := os.Remove(f.filler())
	if said := f.log(f.server); strings.Contains(said[min(f.logged, len(said)):], syscall.ENOSPC.Error()) {
		// It may be about to end, and would later be taken for one that has ended without a fault.
		ending, cancel := context.WithTimeout(ctx, stopWait)
		defer cancel()
		_, _ = f.cluster.Ended(ending, f.server) // or it goes on
	}
	return errors.Join(err, f.up(f.server))
}

// fill writes a file that leaves room bytes on its file system.
func fill(path string, room int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	zeros := make([]byte, 64<<10)
	size := int64(0)
	for {
		n, err := file.Write(zeros)
		size += int64(n)
		if errors.Is(err, syscall.ENOSPC) {
			return file.Truncate(max(0, size-room))
		}
		if err != nil {
			return err
		}
	}
}
