package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
)

// trap is a socket with a mistake in it, which shows when it is set: the goroutine that reads, or writes, panics.
type trap struct {
	net.Conn
	reading, writing *atomic.Bool
}

func (s trap) Read(p []byte) (int, error) {
	n, err := s.Conn.Read(p)
	if s.reading.CompareAndSwap(true, false) {
		panic("planted in the reader")
	}
	return n, err
}

func (s trap) Write(p []byte) (int, error) {
	if s.writing.CompareAndSwap(true, false) {
		panic("planted in the writer")
	}
	return s.Conn.Write(p)
}

type trapListener struct {
	net.Listener
	reading, writing atomic.Bool
}

func (l *trapListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return trap{c, &l.reading, &l.writing}, nil
}

// TestAPanicEndsOneConnection: in taking in what a client has sent, in answering it, in sending to it. The client is told if it
// can be, another one notices nothing, and nothing is left behind of the one that ended.
func TestAPanicEndsOneConnection(t *testing.T) {
	traps := new(trapListener)
	s := startOne(t, func(c *Config) {
		c.Listen = func(network, addr string) (l net.Listener, err error) {
			traps.Listener, err = net.Listen(network, addr)
			return traps, err
		}
	})
	other := open(t, s)
	other.ask(create("/a"))
	other.want("1 OK")
	answer := func(p *peer, exclusive bool) {
		p.ask(wire.Request{Kind: wire.Ping})
		p.want("1 OK")
		c := s.bound(p.welcome.SessionID)
		if exclusive {
			s.mu.Lock()
			defer s.mu.Unlock()
		} else {
			s.mu.RLock()
			defer s.mu.RUnlock()
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if !c.answer(2, nil) {
			t.Error("more is to come after a panic")
		}
		c.signal()
	}
	for i, test := range []struct {
		name   string
		panics func(p *peer)
		told   []string
	}{
		{"taking in", func(p *peer) {
			traps.reading.Store(true)
			p.ask(get("/a", wire.Session, false))
		}, []string{"goodbye RuntimeInconsistency", "closed"}},
		{"answering", func(p *peer) { answer(p, false) },
			[]string{"2 RuntimeInconsistency", "goodbye RuntimeInconsistency", "closed"}},
		{"answering in front of a write", func(p *peer) { answer(p, true) },
			[]string{"2 RuntimeInconsistency", "goodbye RuntimeInconsistency", "closed"}},
		{"sending", func(p *peer) {
			traps.writing.Store(true)
			p.ask(get("/a", wire.Session, false))
		}, []string{"closed"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := open(t, s)
			p.t = t
			test.panics(p)
			p.want(test.told...)
			eventually(t, "it is forgotten", func() bool { return s.connections() == 1 })
			if n := s.metrics.panics.Get(); n != uint64(i+1) {
				t.Errorf("%d panics counted, want %d", n, i+1)
			}
			other.t = t
			other.ask(set("/a"))
			other.ask(get("/a", wire.Linearizable, false))
			other.want(fmt.Sprintf("%d OK", other.xid-1), fmt.Sprintf("%d OK", other.xid))
		})
	}
}

// TestAPanicInWhatIsSharedEndsTheProcess: one in Apply, and one that may have left the watches of all half changed.
func TestAPanicInWhatIsSharedEndsTheProcess(t *testing.T) {
	const role = "SERVER_TEST_PANIC"
	switch os.Getenv(role) {
	case "apply":
		s := startOne(t)
		p := open(t, s)
		s.mu.Lock()
		s.st = nil
		s.mu.Unlock()
		p.ask(create("/a"))
		t.Fatal("the server goes on: " + p.next())
	case "watches":
		s := startOne(t)
		p := open(t, s)
		s.watchMu.Lock()
		s.watches = nil
		s.watchMu.Unlock()
		p.ask(wire.Request{Kind: wire.Exists, Path: "/a", Watch: true})
		t.Fatal("the server goes on: " + p.next())
	}
	for _, where := range []string{"apply", "watches"} {
		t.Run(where, func(t *testing.T) {
			cmd := exec.Command(os.Args[0], "-test.run=^"+strings.Split(t.Name(), "/")[0]+"$")
			cmd.Env = append(os.Environ(), role+"="+where)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 2 || !strings.Contains(string(out), "panic: runtime error") {
				t.Errorf("the process ended with %v:\n%s", err, out)
			}
		})
	}
}
