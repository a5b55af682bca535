package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
	"github.com/coxswain-io/coxswain/znode"
)

// Names of the packages below for what the methods take and return.
type (
	// Stat is what the service knows about a node besides its data.
	Stat = znode.Stat
	// Zxid numbers the transactions of the service.
	Zxid = znode.Zxid
	// Kind is what a node is; [Stat] has it.
	Kind = znode.Kind
	// SessionID names a session; the stat of an ephemeral node has it as the owner.
	SessionID = session.ID
)

// The kinds of nodes.
const (
	KindPersistent = znode.Persistent
	KindEphemeral  = znode.Ephemeral
	KindContainer  = znode.Container
	KindTTL        = znode.TTL
)

// Config says to whom a client connects and how. The zero value is a client of a server on this machine.
type Config struct {
	// Servers are host:port addresses of servers of one cluster, tried in a random order. Names are resolved each time
	// one is dialed. Default: 127.0.0.1:7181.
	Servers []string

	// SessionTimeout is how long the session outlives its last contact with the service. The service bounds it; see
	// [SessionInfo]. Default: 10 s.
	SessionTimeout time.Duration

	// Name is what the client calls itself in the service's logs and lists of sessions, at most 128 bytes. Default:
	// program@host/pid.
	Name string

	// Level is how fresh reads are that do not say it themselves. Default: [Linearizable].
	Level Level

	// Renew makes the client open another session when the service has ended the present one, and go on: calls wait for it,
	// registrations ([Client.Register]) and persistent watches come back in it. What belonged to the old session does not:
	// its ephemeral nodes are gone, its one-shot watches and its [Client.SessionContext] end with [ErrSessionExpired]. The
	// end is told by the state Renewing, and for ever by [SessionInfo].Renewals. Default: an expired client is of no use.
	Renew bool

	// Handover is a session of another process to go on with, from [Client.Export]. SessionTimeout then counts for a
	// following session only. If the session has ended meanwhile Dial fails with [ErrSessionExpired], or with Renew opens
	// another one, and Renewals is 1. Default: a new session.
	Handover Handover

	// DialContext opens a connection to a server, for TLS, proxies and tests. It gets the address as it is in Servers,
	// and must respect its context. Default: plain TCP.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// validate returns cfg with its defaults, or what is wrong with it.
func (cfg Config) validate() (Config, error) {
	if len(cfg.Servers) == 0 {
		cfg.Servers = []string{serverDefault}
	}
	if cfg.SessionTimeout == 0 {
		cfg.SessionTimeout = timeoutDefault
	}
	if cfg.SessionTimeout < time.Millisecond {
		return cfg, fmt.Errorf("session timeout %v: give it at least a second", cfg.SessionTimeout)
	}
	if cfg.Name == "" {
		cfg.Name = ownName()
	}
	if len(cfg.Name) > wire.NameBytesMax {
		return cfg, fmt.Errorf("client name of %d bytes: the limit is %d", len(cfg.Name), wire.NameBytesMax)
	}
	if cfg.Level > Session {
		return cfg, fmt.Errorf("read level %d: there are Linearizable and Session", cfg.Level)
	}
	return cfg, nil
}

// ownName says which process this is, for the operators' eyes, cut to what a name may have. What cannot be found out is left
// out.
func ownName() string {
	name := filepath.Base(os.Args[0])
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	pid := "/" + strconv.Itoa(os.Getpid())
	return strings.ToValidUTF8(name[:min(len(name), wire.NameBytesMax-len(pid))], "") + pid
}

// Client is one session with the service, over one connection at a time, or a view of one ([Client.Chroot]). All methods
// may be called from any goroutine.
type Client struct {
	*core
	root chroot
}

// core is what all views of a client share.
type core struct {
	// immutable
	cfg    Config
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutines of the client have ended

	// owned by the goroutine that runs the session
	dialer *dialer

	calls sync.Pool // of *call

	mu sync.Mutex
	// guarded by mu
	status        status
	session       attached
	renewals      int   // sessions before this one
	ended         error // why the newest of those that have ended did
	lease         lease
	queue         queue
	questions     questions
	watches       watches
	streams       streams       // but for its WaitGroup
	registrations registrations // but for its WaitGroup
	conn          *connection   // nil unless Connected
	lastXid       wire.Xid

	closeErr error // what the first Close has found
}

// Dial opens a session, or takes one over ([Config].Handover), and returns when a server has confirmed it. It keeps trying,
// all servers in turn, until ctx ends; the error then tells every address and why it failed. A session that was opened keeps
// itself up, also across servers, until [Client.Close] or [Client.Export].
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	cfg, err := cfg.validate()
	if err != nil {
		return nil, err
	}
	return dial(ctx, cfg, newDialer(&cfg))
}

func dial(ctx context.Context, cfg Config, d *dialer) (*Client, error) {
	running, cancel := context.WithCancel(context.Background())
	c := &core{cfg: cfg, watches: watches{}, cancel: cancel, done: make(chan struct{}), dialer: d}
	c.status.changed = make(chan struct{})
	c.session.init(cfg)
	if !cfg.Handover.IsZero() {
		c.takeOver(cfg.Handover)
	}
	go c.run(running)
	view := &Client{core: c}
	for {
		switch state, changed := view.State(); state {
		case Connected:
			return view, nil
		case Connecting, Renewing:
			select {
			case <-changed:
			case <-ctx.Done():
				last := view.Err()
				c.stop()
				err := gaveUp(ctx, "dial", "")
				err.State, err.Last = state, last
				return nil, err
			}
		case Suspended: // it was up, for a moment; the caller's first call will wait for it
			return view, nil
		default:
			c.stop()
			return nil, view.Err()
		}
	}
}

// Close ends the session and returns when the service has removed its ephemeral nodes. Calls that are under way are
// answered first; new ones fail with [ErrClosed], and nothing says any more that the session is certainly alive. If ctx ends
// earlier, Close gives up and says so: the client is closed anyhow, and the session ends when its timeout has passed. Closing a
// client whose session has expired, or was handed over, returns nil, and between two sessions it ends at once the calls that wait
// for the next. A second Close waits for the first, and returns what that returned, or an error if its own ctx ends earlier.
func (c *Client) Close(ctx context.Context) error {
	c.mu.Lock()
	first := !c.status.closing
	c.status.closing = true
	c.lease.stop(ErrClosed) // the service may have ended the session long before its answer comes
	c.mu.Unlock()
	if !first {
		select {
		case <-c.done:
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.closeErr
		case <-ctx.Done():
			return fmt.Errorf("another call is still closing the session: %w", ctx.Err())
		}
	}
	err := c.closeSession(ctx)
	c.mu.Lock()
	c.closeErr = err
	c.mu.Unlock()
	c.stop()
	return err
}

func (c *Client) closeSession(ctx context.Context) error {
	c.mu.Lock()
	if c.status.state == Renewing {
		c.end(Closed, ErrClosed) // at once: none is to be opened that nobody closes
	}
	c.mu.Unlock()
	cl := c.newCall(wire.CloseSession)
	cl.encode(&wire.Request{Kind: wire.CloseSession})
	err := c.do(ctx, cl, "close", "")
	_, gaveUp := err.(*WaitError)
	switch {
	case err == nil, !gaveUp && errors.Is(err, ErrSessionExpired), !gaveUp && errors.Is(err, ErrClosed):
		return nil
	default:
		return fmt.Errorf("the session was not closed; its ephemeral nodes stay for %v: %w", c.Session().Timeout, err)
	}
}

// stop ends the client's goroutines, and what is still waiting, and waits for them.
func (c *core) stop() {
	c.mu.Lock()
	c.end(Closed, ErrClosed)
	c.mu.Unlock()
	<-c.done
	c.stopPumps()
	c.registrations.work.Wait()
}
