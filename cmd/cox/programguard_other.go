//go:build !linux

package main

import (
	"os"
	"os/exec"
	"time"
)

// Other systems do not tell a program of the end of who has started it, nor without taking its exit status that it has stopped.

func dieWithUs(*exec.Cmd) {}

func notifyStops(chan<- os.Signal) {}

func ignoreStops(chan<- os.Signal) {}

func (*running) revive(string) <-chan time.Time { return nil }
