//go:build unix

package main

import "syscall"

// redraw makes the line editor draw its line again: it does so when the window's size may have changed.
func redraw() {
	_ = syscall.Kill(syscall.Getpid(), syscall.SIGWINCH) // a signal to oneself is always allowed
}
