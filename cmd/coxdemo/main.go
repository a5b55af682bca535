// Command coxdemo is what make run and make demo do.
//
//	coxdemo run     starts a durable server on loopback and the shell on it; when the shell ends, the server stops
//	coxdemo tour    starts three servers, shows what they can do, and kills their leader under load
//
// Both use the binaries beside this one.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	verb := ""
	if len(os.Args) == 2 {
		verb = os.Args[1]
	}
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "coxdemo:", err)
		os.Exit(1)
	}
	bin := filepath.Dir(self)
	switch verb {
	case "run":
		os.Exit(run(bin))
	case "tour":
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err := tour(ctx, filepath.Join(bin, "coxswain"))
		stop()
		if err != nil {
			fmt.Fprintln(os.Stderr, "\ncoxdemo:", err)
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: coxdemo run | tour")
		os.Exit(2)
	}
}
