package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

const (
	clientAddr = "127.0.0.1:7181" // the defaults of coxswain serve and cox
	dataDir    = "coxswain-data"
	startMax   = 20 * time.Second
)

// run starts a server with default settings, opens the shell on it with this process's input and output, and stops the
// server when the shell ends. It returns the shell's exit status.
func run(bin string) int {
	// Ctrl-C is for the shell, which cancels the command that runs; the server must not see it.
	signal.Ignore(os.Interrupt)
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return failed(err)
	}
	if answers() {
		fmt.Fprintf(os.Stderr, "a server runs on %s already: opening the shell on it\n", clientAddr)
		return shell(bin)
	}
	logName := filepath.Join(dataDir, "server.log")
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return failed(err)
	}
	defer log.Close()
	server := exec.Command(filepath.Join(bin, "coxswain"), "serve", "--data-dir", dataDir)
	server.Stdout, server.Stderr = log, log
	server.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // out of the terminal's group: no Ctrl-C
	if err := server.Start(); err != nil {
		return failed(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }()
	for deadline := time.Now().Add(startMax); !answers(); {
		select {
		case <-ended:
			return failed(fmt.Errorf("the server did not start: its reasons are in %s", logName))
		case <-time.After(5 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = server.Process.Kill() // it may have ended meanwhile
			return failed(fmt.Errorf("the server was not ready after %v: see %s", startMax, logName))
		}
	}
	fmt.Fprintf(os.Stderr, "server on %s, data in ./%s, log in ./%s\n", clientAddr, dataDir, logName)
	status := shell(bin)
	if err := server.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return failed(err)
	}
	if err := <-ended; err != nil {
		return failed(fmt.Errorf("the server ended with %w: see %s", err, logName))
	}
	return status
}

// answers reports whether something listens on the default client address.
func answers() bool {
	c, err := net.DialTimeout("tcp", clientAddr, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close() // nothing was sent
	return true
}

// shell runs cox and returns its exit status.
func shell(bin string) int {
	cox := exec.Command(filepath.Join(bin, "cox"))
	cox.Stdin, cox.Stdout, cox.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cox.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return failed(err)
	}
	return cox.ProcessState.ExitCode()
}

func failed(err error) int {
	fmt.Fprintln(os.Stderr, "coxdemo:", err)
	return 1
}
