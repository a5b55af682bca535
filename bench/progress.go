package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/mattn/go-isatty"

	"github.com/coxswain-io/coxswain/bench/load"
)

// progressLine is the line that tells how far a measurement is, written over again and again.
type progressLine struct {
	w io.Writer // nil: nobody wants to know

	mu    sync.Mutex
	width int // guarded by mu; of what stands there
}

// newProgressLine writes to f if that is a terminal, or if it must.
func newProgressLine(f *os.File, must bool) *progressLine {
	if !must && !isatty.IsTerminal(f.Fd()) {
		return &progressLine{}
	}
	return &progressLine{w: f}
}

func (l *progressLine) show(text string) {
	if l.w == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	width := utf8.RuneCountInString(text)
	fmt.Fprint(l.w, "\r", text, strings.Repeat(" ", max(0, l.width-width)))
	l.width = width
}

// clear makes room for other lines.
func (l *progressLine) clear() {
	if l.w == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.width > 0 {
		fmt.Fprint(l.w, "\r", strings.Repeat(" ", l.width), "\r")
	}
	l.width = 0
}

// progress returns what shows the progress of a run of a name.
func (l *progressLine) progress(name string) func(load.Progress) {
	return func(p load.Progress) {
		text := name + ": " + string(p.Phase)
		switch p.Phase {
		case load.Warming:
			text += fmt.Sprintf(", %.0f of %v", p.Elapsed.Seconds(), p.Of)
		case load.Measuring:
			text += fmt.Sprintf(", %.0f of %v: %.0f ops/s, p99 %.3f ms", p.Elapsed.Seconds(), p.Of, p.PerSecond, p.P99.Seconds()*1000)
			if p.Errors > 0 {
				text += ", " + counted(int(p.Errors), "error")
			}
		}
		l.show(text)
	}
}

// time shows for how long something is done, until the function that it returns has been called.
func (l *progressLine) time(name string) (stop func()) {
	var showing sync.WaitGroup
	done := make(chan struct{})
	showing.Go(func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for start := time.Now(); ; {
			select {
			case <-done:
				return
			case <-second.C:
				l.show(fmt.Sprintf("%s: %.0f s", name, time.Since(start).Seconds()))
			}
		}
	})
	return func() {
		close(done)
		showing.Wait()
	}
}
