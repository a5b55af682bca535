package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/wire"
)

// Attempt is one address that was tried and did not become a connection.
type Attempt struct {
	Server string // as in Config.Servers
	Addr   string // the address that its name gave; the same as Server if it was not resolved
	Err    error
}

// DialError tells why none of the servers could be used: every address of the newest round, and what was wrong with it.
type DialError struct {
	Attempts []Attempt
}

// Error returns all attempts in one line.
func (e *DialError) Error() string {
	var b strings.Builder
	b.WriteString("no server can be used: ")
	for i, a := range e.Attempts {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(a.Server)
		if a.Addr != a.Server {
			b.WriteString(" (" + a.Addr + ")")
		}
		b.WriteString(": " + reason(a.Err))
	}
	return b.String()
}

// Unwrap returns the errors of the attempts.
func (e *DialError) Unwrap() []error {
	all := make([]error, len(e.Attempts))
	for i, a := range e.Attempts {
		all[i] = a.Err
	}
	return all
}

// reason is the innermost useful part of a network error: its address is in the text already.
func reason(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		err = op.Err
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return "the name cannot be resolved: " + dns.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}

// refusal is a welcome with a code: the server was reached and does not take the client.
type refusal struct {
	code   Code
	detail string
}

func (r *refusal) Error() string {
	if r.detail == "" {
		return r.code.Error()
	}
	return r.code.Error() + ": " + r.detail
}

func (r *refusal) Is(target error) bool { return target == error(r.code) }

// dialer goes round the servers. Its fields belong to the goroutine that runs the session.
type dialer struct {
	servers []string
	next    int // index of the server to try next
	dial    func(ctx context.Context, network, addr string) (net.Conn, error)
	lookup  func(ctx context.Context, host string) ([]string, error) // nil: names are left to dial

	failures int           // servers in a row that did not give a steady connection
	pause    time.Duration // after the next round of failures
	tried    [][]Attempt   // per server, the newest failures
}

func newDialer(cfg *Config) *dialer {
	d := &dialer{servers: slices.Clone(cfg.Servers), dial: cfg.DialContext, pause: backoffMin, tried: make([][]Attempt, len(cfg.Servers))}
	rand.Shuffle(len(d.servers), func(i, j int) { d.servers[i], d.servers[j] = d.servers[j], d.servers[i] })
	if d.dial == nil {
		d.dial = new(net.Dialer).DialContext
		d.lookup = net.DefaultResolver.LookupHost
	}
	return d
}

// addresses resolves the name of a server, each time anew: a service may have moved since the last connection.
func (d *dialer) addresses(ctx context.Context, server string) ([]string, error) {
	if d.lookup == nil {
		return []string{server}, nil
	}
	host, port, err := net.SplitHostPort(server)
	if err != nil {
		return nil, fmt.Errorf("a server is written host:port: %w", err)
	}
	if net.ParseIP(host) != nil {
		return []string{server}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	found, err := d.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	addresses := make([]string, len(found))
	for i, ip := range found {
		addresses[i] = net.JoinHostPort(ip, port)
	}
	rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	return addresses, nil
}

// connect tries the addresses of the next server; attach makes a session's connection out of a fresh one. It returns nil
// and no error when none of them would do; an error that it returns is final for the session.
func (d *dialer) connect(ctx context.Context, attach func(net.Conn) (*connection, error)) (*connection, error) {
	at := d.next
	d.next = (d.next + 1) % len(d.servers)
	d.tried[at] = nil
	addresses, err := d.addresses(ctx, d.servers[at])
	if err != nil {
		d.failed(at, d.servers[at], err)
	}
	for _, addr := range addresses {
		conn, err := d.try(ctx, addr, attach)
		if err == nil {
			conn.server, conn.addr = at, addr
			return conn, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		d.failed(at, addr, err)
		if r, ok := err.(*refusal); ok && r.code.EndsSession() { // a server's word, not an error of DialContext
			return nil, err
		}
	}
	d.failures++
	return nil, nil
}

func (d *dialer) try(ctx context.Context, addr string, attach func(net.Conn) (*connection, error)) (*connection, error) {
	limited, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	nc, err := d.dial(limited, "tcp", addr)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = nc.Close() })
	conn, err := attach(nc)
	stop()
	if err != nil {
		_ = nc.Close()
		return nil, err
	}
	return conn, nil
}

func (d *dialer) failed(server int, addr string, err error) {
	d.tried[server] = append(d.tried[server], Attempt{d.servers[server], addr, err})
}

// lost records the end of a connection that had been attached and lived for that long.
func (d *dialer) lost(conn *connection, lived time.Duration, err error) {
	if lived >= steadyAfter {
		d.failures, d.pause = 0, backoffMin
		clear(d.tried)
	} else {
		d.failures++
	}
	d.tried[conn.server] = []Attempt{{d.servers[conn.server], conn.addr, err}}
}

// answered forgets the failures: the newest was about the session that has ended, and no server's fault.
func (d *dialer) answered() { clear(d.tried) }

// backoff returns how long to wait before the next attempt: nothing within a round of all servers.
func (d *dialer) backoff() time.Duration {
	if d.failures == 0 || d.failures%len(d.servers) != 0 {
		return 0
	}
	pause := d.pause
	d.pause = min(2*d.pause, backoffMax)
	return pause - rand.N(pause/2)
}

// err returns the newest failures of all servers, nil if there are none.
func (d *dialer) err() error {
	all := slices.Concat(d.tried...)
	if len(all) == 0 {
		return nil
	}
	return &DialError{all}
}

// incompatible reports whether every server has refused the client's version of the protocol.
func (d *dialer) incompatible() bool {
	return !slices.ContainsFunc(d.tried, func(attempts []Attempt) bool {
		return len(attempts) == 0 || slices.ContainsFunc(attempts, func(a Attempt) bool { return !errors.Is(a.Err, wire.CodeVersionMismatch) })
	})
}
