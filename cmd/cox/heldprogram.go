package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

// running is a program at work while something is held, as the head of a process group of its own.
type running struct {
	program  *program
	cmd      *exec.Cmd
	done     chan error // what Wait has returned
	stopped  chan os.Signal
	terminal *os.File // of this process; nil if it has none
	has      bool     // the program has been given the terminal
	told     bool     // that it has stopped, and cannot be given it yet
}

// start starts the program. Whoever starts it calls finish, in the same goroutine.
func (p *program) start(env []string) (*running, error) {
	p.call.shell.drain()
	cmd := exec.Command(p.path, p.call.command[1:]...)
	cmd.Env = slices.Concat(os.Environ(), []string{"COXSWAIN_SERVERS=" + strings.Join(p.call.shell.servers, ",")}, env)
	cmd.Stdout, cmd.Stderr = p.call.out.raw, p.call.out.stderr
	if p.call.shell.mode == oneShot {
		cmd.Stdin = p.call.shell.in
	}
	cmd.WaitDelay = programEndMax
	r := &running{program: p, cmd: cmd, done: make(chan error, 1), stopped: make(chan os.Signal, 1)}
	r.terminal, r.has = terminalOf(cmd.Stdin)
	if r.has {
		group(cmd, r.terminal)
	} else {
		group(cmd, nil)
	}
	dieWithUs(cmd)
	if r.terminal != nil {
		notifyStops(r.stopped) // it may stop at once
	}
	runtime.LockOSThread() // the program lives no longer than the thread that has started it
	if err := cmd.Start(); err != nil {
		r.leave()
		return nil, newProgramError(p.call.command[0], err)
	}
	go func() { r.done <- cmd.Wait() }()
	return r, nil
}

// finish is called when the program has ended, or is not waited for any more.
func (r *running) finish() {
	if r.has {
		takeBack(r.terminal)
	}
	r.leave()
}

func (r *running) leave() {
	runtime.UnlockOSThread()
	if r.terminal != nil {
		ignoreStops(r.stopped)
		_ = r.terminal.Close() // of no further use
	}
}

// signal sends a signal to the whole group, which goes on to get it if it was stopped; there may be nobody left in it.
func (r *running) signal(s syscall.Signal) { signalGroup(r.cmd.Process, s) }

// exited makes the program's end the command's: its exit status for a single command, an error elsewhere.
func (p *program) exited(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	p.call.shell.exited = p.call.shell.mode == oneShot
	if err == nil || !ok || p.call.shell.mode != oneShot {
		if err != nil {
			return fmt.Errorf("%s: %w", p.call.command[0], err)
		}
		return nil
	}
	p.call.shell.status = exit.ExitCode()
	if s, ok := exit.Sys().(syscall.WaitStatus); ok && s.Signaled() {
		p.call.shell.status = signalStatus + int(s.Signal())
	}
	return nil
}
