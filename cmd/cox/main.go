package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/urfave/cli/v2"
)

func main() {
	os.Exit(run(os.Args, os.Stdin, os.Stdout, os.Stderr))
}

func init() { cli.HelpFlag = nil } // --help is one of our flags: it explains commands, too

// run is the whole program; it returns the exit status.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	s := &shell{in: stdin, verbs: allVerbs(), out: newOutput(stdout, stderr)}
	s.using = s.out
	status := exitDone
	app := &cli.App{
		Name: "cox", HideHelp: true, HideVersion: true, HideHelpCommand: true,
		Writer: stdout, ErrWriter: io.Discard,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "servers", Aliases: []string{"s"}, Value: serversDefault, EnvVars: []string{"COXSWAIN_SERVERS"}},
			&cli.BoolFlag{Name: "json"},
			&cli.StringFlag{Name: "timeout", Value: timeoutDefault.String()},
			&cli.BoolFlag{Name: "keep-going"},
			&cli.BoolFlag{Name: "help", Aliases: []string{"h"}},
			&cli.BoolFlag{Name: "version"},
		},
		OnUsageError: func(_ *cli.Context, err error, _ bool) error {
			return &usageError{text: err.Error() + " (cox help lists the options)"}
		},
		ExitErrHandler: func(*cli.Context, error) {}, // errors are printed below, once
		Action: func(c *cli.Context) error {
			var err error
			status, err = s.start(c, isTerminal(stdin))
			return err
		},
	}
	if err := app.Run(args); err != nil {
		return s.failed(err, 0)
	}
	return status
}

// start does what the command line asks for.
func (s *shell) start(c *cli.Context, terminal bool) (int, error) {
	s.out.json = c.Bool("json")
	s.out.progress = s.out.progress && !s.out.json
	var err error
	if s.servers, err = parseServers(c.String("servers")); err != nil {
		return exitUsage, &usageError{text: err.Error()}
	}
	if s.timeout, err = duration(c.String("timeout")); err != nil {
		return exitUsage, &usageError{text: "--timeout takes a duration such as 500ms or 10s, not \"" + escape(c.String("timeout")) + "\""}
	}
	words := bareWords(c.Args().Slice())
	switch {
	case c.Bool("help"):
		words = append([]word{{"help", true}}, words...)
	case c.Bool("version"):
		words = []word{{"version", true}}
	}
	if len(words) == 0 && terminal && s.out.terminal {
		return s.runInteractive(context.Background()), nil
	}
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // whoever closes our output does not end the session by that
	ctx, stop := interruptible(context.Background(), endings...)
	defer stop()
	s.run = ctx
	if len(words) == 0 {
		s.mode = script
		return s.runScript(ctx, c.Bool("keep-going")), nil
	}
	return s.runOne(ctx, words), nil
}

// runOne carries out a single command, waits for its watch if it has set one, and closes the session.
func (s *shell) runOne(ctx context.Context, words []word) int {
	s.mode, s.out.exact = oneShot, true
	err := s.execute(ctx, words)
	if err == nil {
		err = s.await(ctx)
	}
	if err == nil {
		return s.finish(s.status)
	}
	return s.finish(s.failed(err, 0))
}
