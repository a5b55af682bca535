package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/mattn/go-isatty"
)

// answer is what a command has found: it is encoded as JSON, or writes itself as text.
type answer interface{ text(*output) }

// output is where answers and errors go. Only one goroutine uses it at a time: the one that carries out commands, or, while
// that waits for a line, the one that relays events.
type output struct {
	stdout   *bufio.Writer
	raw      io.Writer // what stdout writes to; a program gets it for its own output
	stderr   io.Writer
	json     bool
	terminal bool // stdout is one
	progress bool // stderr is one, and nobody asked for JSON
	exact    bool // the answer of a single command goes to a program: data is written byte by byte
}

func newOutput(stdout, stderr io.Writer) *output {
	return &output{stdout: bufio.NewWriter(stdout), raw: stdout, stderr: stderr, terminal: isTerminal(stdout), progress: isTerminal(stderr)}
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

// asJSON is the same output for one command that was given --json.
func (o *output) asJSON() *output {
	other := *o
	other.json, other.progress = true, false
	return &other
}

// give prints a command's answer.
func (o *output) give(a answer) error {
	if !o.json {
		a.text(o)
		return o.stdout.Flush()
	}
	line, err := encodeJSON(a)
	if err != nil {
		return err
	}
	_, _ = o.stdout.Write(line) // Flush returns its error
	return o.stdout.Flush()
}

// printf formats text for people. Every argument that is, or describes itself as, a string may have come from the service
// and is escaped; the format is ours.
func (o *output) printf(format string, args ...any) {
	_, _ = fmt.Fprintf(o.stdout, format, safe(args)...) // Flush returns its error
}

// complain prints to stderr.
func (o *output) complain(format string, args ...any) {
	_, _ = fmt.Fprintf(o.stderr, format, safe(args)...) // there is nowhere left to tell it
}

func safe(args []any) []any {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = escape(a)
		case error:
			args[i] = escape(a.Error())
		case fmt.Stringer:
			args[i] = escape(a.String())
		}
	}
	return args
}

// list prints names as zkCli does.
func (o *output) list(names []string) {
	shown := make([]string, len(names))
	for i, n := range names {
		shown[i] = escape(n)
	}
	_, _ = o.stdout.WriteString("[" + strings.Join(shown, ", ") + "]\n") // Flush returns its error
}

// table prints rows whose columns stand below each other; the first row is the heading. What is empty in all rows is left out.
func (o *output) table(indent string, rows [][]string) {
	var widths []int
	for column := range rows[0] {
		width := 0
		for i, row := range rows {
			row[column] = escape(row[column])
			if i > 0 && row[column] != "" {
				width = max(width, utf8.RuneCountInString(row[column]), utf8.RuneCountInString(rows[0][column]))
			}
		}
		widths = append(widths, width)
	}
	for _, row := range rows {
		line := indent
		for column, text := range row {
			if widths[column] > 0 {
				line += text + strings.Repeat(" ", widths[column]-utf8.RuneCountInString(text)+2)
			}
		}
		_, _ = o.stdout.WriteString(strings.TrimRight(line, " ") + "\n") // Flush returns its error
	}
}

// counted is "1 node", "2 nodes".
func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
