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
	cmd      *exec.Cmd
	done     chan error // what Wait has returned
	stopped  chan os.Signal
	terminal *os.File // which it has been given; nil if there is none
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
	r := &running{cmd: cmd, done: make(chan error, 1), stopped: make(chan os.Signal, 1), terminal: terminalOf(cmd.Stdin)}
	group(cmd, r.terminal)
	dieWithUs(cmd)
	runtime.LockOSThread() // the program lives no longer than the thread that has started it
	if err := cmd.Start(); err != nil {
		runtime.UnlockOSThread()
		return nil, fmt.Errorf("%s cannot be run: %w", p.call.command[0], err)
	}
	if r.terminal != nil {
		notifyStops(r.stopped)
	}
	go func() { r.done <- cmd.Wait() }()
	return r, nil
}

// finish is called when the program has ended, or is not waited for any more.
func (r *running) finish() {
	if r.terminal != nil {
		ignoreStops(r.stopped)
		takeBack(r.terminal)
	}
	runtime.UnlockOSThread()
}

// signal sends a signal to the whole group; there may be nobody left in it.
func (r *running) signal(s syscall.Signal) { signalGroup(r.cmd.Process, s) }

// exited makes the program's end the command's: its exit status for a single command, an error elsewhere.
func (p *program) exited(err error) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
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
