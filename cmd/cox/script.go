package main

import (
	"context"
	"errors"
	"io"
	"strings"
)

// runScript carries out the commands of standard input in one session, which ends with the script, and returns the exit
// status. The first command that fails ends it, unless it is to keep going.
func (s *shell) runScript(ctx context.Context, keepGoing bool) int {
	lines := newScriptLines(s.in)
	s.lines = lines
	status := exitDone
	for !s.leaving {
		line, err := s.nextLine(ctx, "")
		if errors.Is(err, io.EOF) {
			break
		}
		number := lines.count
		if err == nil {
			err = s.runLine(ctx, line)
		}
		if err == nil {
			continue
		}
		s.failed(err, number)
		status = s.interruptedStatus()
		if !keepGoing || ctx.Err() != nil || lines.err != nil && !errors.Is(lines.err, io.EOF) {
			break
		}
	}
	return s.finish(status)
}

// runLine carries out one line: a command, a comment, or nothing.
func (s *shell) runLine(ctx context.Context, line string) error {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return nil
	}
	words, err := splitWords(line)
	if err != nil {
		return &usageError{text: err.Error()}
	}
	return s.execute(ctx, words)
}

// finish closes the session at the end of a run and returns the exit status.
func (s *shell) finish(status int) int {
	s.drain()
	if err := s.end(); err != nil {
		s.out.complain("cox: %v\n", err)
		if !s.exited {
			return max(status, exitFailed)
		}
	}
	return status
}
