package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// nextLine gets the next line of a script or of the terminal. While it waits, events are printed as they come.
func (s *shell) nextLine(ctx context.Context, prompt string) (string, error) {
	s.drain()
	above := func(print func()) { print() }
	if t, ok := s.lines.(*terminal); ok {
		above = t.above
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		s.relay(stop, above)
	}()
	line, err := s.lines.next(ctx, prompt)
	close(stop)
	<-stopped
	return line, err
}

// scriptLines are the lines of a script. They are read by a goroutine, which ends with the process if it waits for input
// for ever: nothing else can be interrupted while it reads from a pipe.
type scriptLines struct {
	lines chan string
	err   error // written before lines is closed
	count int   // of lines that were taken
}

func newScriptLines(r io.Reader) *scriptLines {
	s := &scriptLines{lines: make(chan string)}
	go func() {
		defer close(s.lines)
		input := bufio.NewReader(r)
		for {
			line, err := readLine(input)
			if err != nil {
				s.err = err
				return
			}
			s.lines <- line
		}
	}()
	return s
}

// next waits for a line, or until ctx ends.
func (s *scriptLines) next(ctx context.Context, _ string) (string, error) {
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "", s.err
		}
		s.count++
		return line, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// readLine reads one line without its end; the last one may lack it. It keeps no more than lineMax bytes.
func readLine(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		part, err := r.ReadSlice('\n')
		if b.Len()+len(part) > lineMax {
			return "", fmt.Errorf("a line is longer than %d MiB", lineMax>>20)
		}
		b.Write(part)
		switch {
		case err == nil, errors.Is(err, io.EOF) && b.Len() > 0:
			return strings.TrimSuffix(strings.TrimSuffix(b.String(), "\n"), "\r"), nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return "", err
		}
	}
}
