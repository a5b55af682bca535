package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// processes are the servers of one peer's cluster. They keep their addresses and their data over kills and restarts, and end
// with this process, however it ends. Methods may be called from several goroutines, but not for the same server at once.
type processes struct {
	dir     string // of all servers; removed by Close
	servers []*serverProcess
}

type serverProcess struct {
	argv  []string
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has been waited for
}

// newProcesses makes the directory of n servers, below the working directory and not in the system's temporary one, which may
// be memory: fsync must be real.
func newProcesses(n int) (*processes, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(here, ".coxbench-")
	if err != nil {
		return nil, err
	}
	p := &processes{dir: dir}
	for i := range n {
		p.servers = append(p.servers, &serverProcess{})
		if err := os.MkdirAll(p.DataDir(i), 0o755); err != nil {
			return nil, errors.Join(err, p.Close())
		}
	}
	return p, nil
}

// start runs all servers, and waits until ready says of each that it serves. On an error everything is stopped and removed.
func (p *processes) start(ctx context.Context, ready func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithTimeout(ctx, readyMax)
	defer cancel()
	for i := range p.servers {
		if err := p.Run(i); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	for i := range p.servers {
		if err := p.waitReady(ctx, i, ready); err != nil {
			return errors.Join(err, p.Close())
		}
	}
	return nil
}

func (p *processes) waitReady(ctx context.Context, i int, ready func(ctx context.Context, i int) error) error {
	for {
		ask, cancel := context.WithTimeout(ctx, askMax)
		err := ready(ask, i)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("server %d does not serve (%w): %w: %s", i+1, err, ctx.Err(), p.logTail(i))
		case <-p.servers[i].ended:
			return fmt.Errorf("server %d ended (%v): %s", i+1, p.servers[i].cmd.ProcessState, p.logTail(i))
		case <-time.After(pollEvery):
		}
	}
}

func (p *processes) Len() int             { return len(p.servers) }
func (p *processes) PID(i int) int        { return p.servers[i].cmd.Process.Pid }
func (p *processes) DataDir(i int) string { return filepath.Join(p.dir, strconv.Itoa(i+1)) }
func (p *processes) logFile(i int) string {
	return filepath.Join(p.dir, "server-"+strconv.Itoa(i+1)+".log")
}

// Run starts server i, which must not be running, on the data it has.
func (p *processes) Run(i int) error {
	s := p.servers[i]
	log, err := os.OpenFile(p.logFile(i), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close()
	s.cmd = exec.Command(s.argv[0], s.argv[1:]...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = p.dir, log, log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	s.ended = make(chan struct{})
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
	}(s.cmd, s.ended)
	return <-started
}

// Kill ends server i with SIGKILL and waits until it is gone.
func (p *processes) Kill(i int) error {
	s := p.servers[i]
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-s.ended
	return nil
}

// Pause stops server i from running (SIGSTOP), Resume lets it go on.
func (p *processes) Pause(i int) error  { return p.servers[i].cmd.Process.Signal(syscall.SIGSTOP) }
func (p *processes) Resume(i int) error { return p.servers[i].cmd.Process.Signal(syscall.SIGCONT) }

// Close kills all servers, waits for them, and removes what they have written.
func (p *processes) Close() error {
	var errs []error
	for i, s := range p.servers {
		if s.cmd != nil && s.cmd.Process != nil {
			errs = append(errs, p.Kill(i))
		}
	}
	return errors.Join(append(errs, os.RemoveAll(p.dir))...)
}

// leader asks each server whether it leads until one says so.
func (p *processes) leader(ctx context.Context, leads func(ctx context.Context, i int) (bool, error)) (int, error) {
	for {
		for i := range p.servers {
			ask, cancel := context.WithTimeout(ctx, askMax)
			yes, err := leads(ask, i)
			cancel()
			if err == nil && yes {
				return i, nil
			}
		}
		select {
		case <-ctx.Done():
			return 0, fmt.Errorf("no server says that it leads: %w", ctx.Err())
		case <-time.After(pollEvery):
		}
	}
}

// logTail is the end of server i's log.
func (p *processes) logTail(i int) string {
	f, err := os.Open(p.logFile(i))
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
	return string(tail)
}
