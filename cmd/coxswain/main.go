// Command coxswain is the server: coxswain serve starts one, coxswain members shows and changes the cluster it is in.
//
// See coxswain help serve for its flags, each of which is also an environment variable and a key of a configuration file.
// Exit status: 0 after an orderly stop or when done, 1 if it could not start or go on or was refused, 2 for wrong usage.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/urfave/cli/v2"
)

func main() {
	os.Exit(run(os.Args, os.Stderr))
}

// usageError is a mistake in the command line, the environment or the configuration file.
type usageError struct{ error }

// run carries out a command line and returns the exit status; errors go to stderr.
func run(args []string, stderr io.Writer) int {
	app := &cli.App{
		Name:        "coxswain",
		Usage:       "a coordination service: znodes, sessions, watches and locks, replicated by Raft",
		Description: "Start a server with defaults, keeping its data in ./coxswain-data:\n\n   coxswain serve\n\nand talk to it with the shell:\n\n   cox",
		Version:     version(),
		Commands:    []*cli.Command{serveCommand(), membersCommand()},
		// Errors are printed here, once, and not by the library.
		ExitErrHandler: func(*cli.Context, error) {},
		OnUsageError:   func(_ *cli.Context, err error, _ bool) error { return usageError{err} },
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError{fmt.Errorf("unknown command %q: there are serve and members (see coxswain help)", c.Args().First())}
			}
			return cli.ShowAppHelp(c)
		},
	}
	err := app.Run(flagsFirst(args))
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "coxswain:", strings.ReplaceAll(err.Error(), "\n", "\n          "))
	var usage usageError
	if errors.As(err, &usage) {
		return 2
	}
	return 1
}

// version is that of the build: the module's, or the commit's.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	if v == "" {
		return "(devel)"
	}
	return v
}
