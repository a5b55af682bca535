package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/coxswain-io/coxswain/server"
)

// Times and sizes of the HTTP server: it talks to probes, not to browsers far away.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	idleTimeout    = time.Minute
	headerBytesMax = 8 << 10
)

// Listener serves one server's condition.
type Listener struct {
	http  http.Server
	addr  net.Addr
	ended chan struct{}
	err   error // of Serve; valid when ended is closed
}

// Listen starts to serve s's condition on addr (host:port; port 0 picks a free one). It returns an error if addr cannot be
// listened on.
func Listen(addr string, s *server.Server) (*Listener, error) {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("admin address %s: %w: choose another --admin-addr, or an empty one to do without", addr, err)
	}
	l := &Listener{addr: listener.Addr(), ended: make(chan struct{})}
	l.http = http.Server{
		Handler: Handler(s), ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytesMax,
	}
	go func() {
		defer close(l.ended)
		if err := l.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			l.err = err
		}
	}()
	return l, nil
}

// Addr is the address that is listened on, with the port that was picked.
func (l *Listener) Addr() string { return l.addr.String() }

// Close stops listening, waits for requests under way until ctx ends, and returns what went wrong since Listen.
func (l *Listener) Close(ctx context.Context) error {
	err := l.http.Shutdown(ctx)
	<-l.ended
	return errors.Join(l.err, err)
}

// Handler serves s's condition.
func Handler(s *server.Server) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { reply(w, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.IsReady() {
			http.Error(w, "not ready: the server has not caught up with a quorum yet", http.StatusServiceUnavailable)
			return
		}
		reply(w, "ready\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		s.WriteMetrics(w)
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		_ = e.Encode(s.Status()) // fails only if the client has gone
	})
	return mux
}

func reply(w io.Writer, text string) { _, _ = io.WriteString(w, text) } // fails only if the client has gone
