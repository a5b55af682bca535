// Command coxbench puts a coxswain cluster under load and measures it: how many operations per second it carries, how long each
// takes, and what they cost the servers; how soon watches are told; and with servers of its own what their death costs.
//
//	coxbench --servers a:7181,b:7181,c:7181 --workload set --clients 64
//	coxbench --local 3         starts a cluster of its own on loopback and measures the basic figures
//
// coxbench --help lists the workloads, the columns and the exit statuses. Package bench/load does the work.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"

	"github.com/coxswain-io/coxswain/bench/load"
)

// Exit statuses.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitInterrupted = 130 // as shells have it
)

type usageError struct{ error }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // whoever asks twice does not want to wait
	app := newApp(func(c *cli.Context) error { return bench(ctx, c) })
	err := app.Run(os.Args)
	os.Exit(tell(err))
}

// tell says on stderr what was wrong, and returns the exit status.
func tell(err error) int {
	if err == nil {
		return 0
	}
	if errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "coxbench: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(os.Stderr, "coxbench:", err)
	if errors.As(err, new(usageError)) {
		fmt.Fprintln(os.Stderr, "coxbench --help tells more")
		return exitUsage
	}
	if errors.Is(err, load.ErrUnreachable) {
		fmt.Fprintln(os.Stderr, "does coxswain serve run there, and a majority of its cluster? --servers HOST:PORT,… or COXSWAIN_SERVERS names other servers")
	}
	return exitFailed
}
