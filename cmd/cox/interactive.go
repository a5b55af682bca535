package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/peterh/liner"
)

// errAborted is a line that was given up with Ctrl-C.
var errAborted = errors.New("interrupted")

// terminal reads lines with editing, history and completion.
type terminal struct {
	editor *liner.State
}

func newTerminal(s *shell) *terminal {
	t := &terminal{editor: liner.NewLiner()}
	t.editor.SetCtrlCAborts(true)
	t.editor.SetTabCompletionStyle(liner.TabPrints)
	t.editor.SetWordCompleter(s.complete)
	for _, line := range s.history.earlier {
		t.editor.AppendHistory(line)
	}
	return t
}

// next shows the prompt and waits for a line; io.EOF is Ctrl-D, or a terminal that is gone.
func (t *terminal) next(_ context.Context, prompt string) (string, error) {
	line, err := t.editor.Prompt(prompt)
	switch {
	case errors.Is(err, liner.ErrPromptAborted):
		return "", errAborted
	case err != nil && !errors.Is(err, io.EOF):
		return "", fmt.Errorf("%w: the terminal cannot be read: %w", io.EOF, err)
	}
	return line, err
}

// above prints something while the user is typing: the line is cleared, and drawn again below what was printed. The editor
// draws its line when it is told that the window's size has changed.
func (t *terminal) above(print func()) {
	clear := "\r\x1b[J"
	if !liner.TerminalSupported() {
		clear = "\n"
	}
	_, _ = os.Stdout.WriteString(clear) // the terminal is gone: the next line read says so
	print()
	redraw()
}

// runInteractive is the shell on a terminal; it returns the exit status.
func (s *shell) runInteractive(ctx context.Context) int {
	s.mode = interactive
	// The end of the terminal shows in reading from it, and then there is time to close the session.
	ctx, stop := interruptible(ctx, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGQUIT)
	defer stop()
	s.history = openHistory(historyPath(os.Getenv))
	s.greet(ctx)
	t := newTerminal(s)
	s.lines = t
	for !s.leaving && ctx.Err() == nil {
		line, err := s.nextLine(ctx, s.prompt())
		if errors.Is(err, io.EOF) {
			fmt.Fprintln(os.Stdout)
			break
		}
		if err != nil || strings.TrimSpace(line) == "" {
			continue
		}
		s.remember(t, line)
		if err := s.runInterruptible(ctx, line); err != nil {
			s.failed(err, 0)
		}
	}
	if err := t.editor.Close(); err != nil {
		s.out.complain("cox: restoring the terminal: %v\n", err)
	}
	if err := s.history.save(); err != nil {
		s.out.complain("cox: the history is not saved: %v\n", err)
	}
	return s.finish(exitDone)
}

// runInterruptible carries out a line; Ctrl-C ends the command and not the shell.
func (s *shell) runInterruptible(ctx context.Context, line string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	return s.runLine(ctx, line)
}

// remember puts a line into the history, unless it begins with a space.
func (s *shell) remember(t *terminal, line string) {
	if !strings.HasPrefix(line, " ") {
		s.history.add(line)
		t.editor.AppendHistory(line)
	}
}

// greet opens the session, so that the first prompt shows where it is, and says what a newcomer needs. A failure is shown;
// the next command tries again.
func (s *shell) greet(ctx context.Context) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	if _, err := s.connected(ctx); err != nil {
		s.failed(err, 0)
		return
	}
	s.out.printf("connected to %s, session %s; help lists the commands, Tab completes, Ctrl-D leaves\n",
		s.server(), s.client.Session().ID.String())
	_ = s.out.stdout.Flush() // the terminal is gone: the next line read says so
}

// prompt tells where the session is, or in which state.
func (s *shell) prompt() string {
	if state := s.state(); state != "" {
		return "cox (" + state + ")> "
	}
	return "cox " + escape(s.server()) + "> "
}
