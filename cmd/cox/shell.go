package main

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// mode is how cox was started.
type mode uint8

const (
	oneShot     mode = iota // cox COMMAND
	script                  // commands from standard input
	interactive             // a terminal
)

// shell is what the commands of one run share: the session and how to show things.
type shell struct {
	// immutable
	mode    mode
	timeout time.Duration
	verbs   []*verb
	out     *output
	in      io.Reader

	using   *output // of the last command: out, or what its --json made of it
	servers []string
	client  *client.Client // nil until it is needed, and after close
	closed  bool           // by close: only connect opens a session again
	renew   bool           // the session may be replaced when it has expired: it has nothing but a watch that goes on
	address atomic.Value   // string: the server that was dialed last, of client
	watches watches
	lines   lineSource   // of the script or the terminal; nil for one command
	history *history     // nil unless interactive
	leaving bool         // quit was called
	status  int          // of a single command whose answer is no, or of its program
	exited  bool         // it is the program's
	told    client.State // the state of the session that the user of the prompt knows

	run        context.Context // of all commands, if signals end it; otherwise nil
	unanswered bool            // a question to the servers has had no answer just now

	sessionTimeout time.Duration // of the session that is opened; 0: the client's default
}

// lineSource gives the next line of input; io.EOF at its end.
type lineSource interface {
	next(ctx context.Context, prompt string) (string, error)
}

// errClosed is a command after close.
var errClosed = errors.New("not connected: connect opens a session (connect HOST:PORT chooses the server)")

// connected returns the client of the session, opening the session if there is none. A session that has expired is not
// replaced silently: its ephemeral nodes and watches are gone, which its user must know.
func (s *shell) connected(ctx context.Context) (*client.Client, error) {
	switch {
	case s.client != nil:
		return s.client, nil
	case s.closed:
		return nil, errClosed
	}
	if err := s.open(ctx); err != nil {
		return nil, err
	}
	return s.client, nil
}

// open opens a session. While nothing listens on any address it gives up after reachMax; a server that accepts the
// connection gets as long as ctx allows, since an election may be under way.
func (s *shell) open(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	unreachable := time.AfterFunc(reachMax, func() { cancel(errUnreachable) })
	defer unreachable.Stop()
	var dialer net.Dialer
	var reached atomic.Bool
	c, err := client.Dial(ctx, client.Config{
		Servers: s.servers,
		Name:    sessionName(),
		Renew:   s.renew,

		SessionTimeout: s.sessionTimeout,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err == nil {
				unreachable.Stop()
				reached.Store(true)
				s.address.Store(addr)
			}
			return conn, err
		},
	})
	if err != nil {
		return &openError{cause: err, reached: reached.Load(), ended: context.Cause(ctx)}
	}
	s.client, s.closed, s.told = c, false, client.Connected
	return nil
}

// errUnreachable is why open gives up when no server has accepted a connection.
var errUnreachable = errors.New("no server reachable")

// end closes the session, so that its ephemeral nodes are gone when it returns nil. It does not depend on the command's
// context: that may have been cancelled, which is no reason to leave the nodes behind.
func (s *shell) end() error {
	if s.client == nil {
		return nil
	}
	most := closeMax
	if s.unanswered {
		most = closeSoon
	}
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	err := s.client.Close(ctx)
	s.client = nil
	s.watches.forget()
	return err
}

// state describes the session for the prompt, empty if it is connected.
func (s *shell) state() string {
	if s.client == nil {
		return "not connected"
	}
	if state, _ := s.client.State(); state != client.Connected {
		return state.String()
	}
	return ""
}

// server is the address of the server that the session is attached to.
func (s *shell) server() string {
	addr, _ := s.address.Load().(string)
	return addr
}

// execute carries out one command: its name and what follows.
func (s *shell) execute(ctx context.Context, words []word) error {
	s.using = s.out
	v, err := s.find(words[0].text)
	if err != nil {
		return err
	}
	c, err := s.newCall(v, words[1:])
	if wanted, ok := errors.AsType[*helpWanted](err); ok {
		return s.out.give(&helpRecord{wanted.verb.explain()})
	}
	if err != nil {
		return err
	}
	s.using = c.out
	return c.do(ctx)
}

// failed reports what has become of the last command, after the events that came before, and returns the exit status.
func (s *shell) failed(err error, line int) int {
	if errors.Is(err, syscall.EPIPE) {
		return exitFailed // nobody reads the answer any more, as with "cox ls / | head -1"
	}
	s.drain()
	f := s.describe(err)
	s.using.report(f, line)
	return f.exit
}
