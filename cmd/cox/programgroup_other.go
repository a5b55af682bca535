//go:build !unix

package main

import (
	"io"
	"os"
	"os/exec"
	"syscall"
)

// Without process groups a program is ended alone, and shares the terminal with cox.

var stops []os.Signal

func terminalOf(io.Reader) (*os.File, bool) { return nil, false }

func group(*exec.Cmd, *os.File) {}

func takeBack(*os.File) {}

func signalGroup(p *os.Process, s syscall.Signal) {
	if p.Signal(s) != nil {
		_ = p.Kill() // it may have ended
	}
}
