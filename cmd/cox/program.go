package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"github.com/coxswain-io/coxswain/client"
)

// program is what watch runs for each event.
type program struct {
	call   *call
	path   string
	runs   int
	failed int
}

// newProgram finds the program, so that it is missed before anything is watched.
func newProgram(c *call) (*program, error) {
	path, err := exec.LookPath(c.command[0])
	if err != nil {
		return nil, newProgramError(c.command[0], err)
	}
	return &program{call: c, path: path}, nil
}

// programError is a program that cannot be run.
type programError struct {
	name  string
	cause error
}

func newProgramError(name string, err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		err = cause // without the name, which is told beside it
	}
	return &programError{name, err}
}

func (e *programError) Error() string { return e.name + " cannot be run: " + e.cause.Error() }

// status is the exit status, as env has it.
func (e *programError) status() int {
	if errors.Is(e.cause, exec.ErrNotFound) || errors.Is(e.cause, fs.ErrNotExist) {
		return exitNotFound
	}
	return exitNotRun
}

// run runs it for one event, and waits. That it fails is said and is no error; Ctrl-C and SIGTERM end it too.
func (p *program) run(e client.Event) error {
	p.call.shell.drain()
	cmd := exec.CommandContext(p.call.ctx, p.path, p.call.command[1:]...)
	cmd.Env = append(os.Environ(), p.environment(e)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(e.Data), p.call.out.raw, p.call.out.stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = programEndMax
	p.runs++
	err := cmd.Run()
	if interrupted := p.call.ctx.Err(); interrupted != nil {
		return interrupted
	}
	if err != nil {
		p.failed++
		p.call.out.complain("cox: %s for %s %s: %v\n", p.call.command[0], e.Type, e.Path, err)
	}
	return nil
}

func (p *program) environment(e client.Event) []string {
	env := []string{
		"COXSWAIN_SERVERS=" + strings.Join(p.call.shell.servers, ","),
		"COXSWAIN_EVENT=" + e.Type.String(),
		"COXSWAIN_PATH=" + e.Path,
		"COXSWAIN_ZXID=" + e.Zxid.String(),
		"COXSWAIN_DATA_LENGTH=" + strconv.Itoa(len(e.Data)),
	}
	switch e.Type {
	case client.EventCreated, client.EventDataChanged:
		env = append(env, "COXSWAIN_VERSION="+strconv.FormatInt(e.Stat.Version, 10))
	case client.EventGap:
		env = append(env, "COXSWAIN_FROM="+e.From.String())
	}
	return env
}

// result is nil if no run has failed; so it is for no program.
func (p *program) result() error {
	if p == nil || p.failed == 0 {
		return nil
	}
	return fmt.Errorf("%s has failed for %d of %s", p.call.command[0], p.failed, counted(int64(p.runs), "event"))
}
