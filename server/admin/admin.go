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

// Times and sizes of the HTTP server: it talks to probes and to operators, not to browsers far away.
const (
	headerTimeout  = 5 * time.Second
	requestTimeout = 10 * time.Second
	idleTimeout    = time.Minute
	headerBytesMax = 8 << 10
	// changeTimeout is for one change of the membership or of the leader: many elections.
	changeTimeout = 30 * time.Second
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
	return start(listener, Handler(s)), nil
}

func start(listener net.Listener, h http.Handler) *Listener {
	l := &Listener{addr: listener.Addr(), ended: make(chan struct{})}
	l.http = http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout + changeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytesMax,
	}
	go func() {
		defer close(l.ended)
		if err := l.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			l.err = err
		}
	}()
	return l
}

// Addr is the address that is listened on, with the port that was picked.
func (l *Listener) Addr() string { return l.addr.String() }

// Close stops listening, waits for requests under way until ctx ends, and returns what went wrong since Listen.
func (l *Listener) Close(ctx context.Context) error {
	err := l.http.Shutdown(ctx)
	<-l.ended
	return errors.Join(l.err, err)
}

// Handler serves s's condition; it answers nothing that changes anything.
func Handler(s *server.Server) http.Handler { return condition(s) }

func condition(s *server.Server) *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { reply(w, "alive\n") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !s.IsReady() {
			http.Error(w, "not ready: the server has not caught up with a quorum yet, or knows no leader", http.StatusServiceUnavailable)
			return
		}
		reply(w, "ready\n")
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		s.WriteMetrics(w)
	})
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		replyJSON(w, http.StatusOK, s.Status())
	})
	return mux
}

func reply(w io.Writer, text string) { _, _ = io.WriteString(w, text) } // fails only if the client has gone

func replyJSON(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // fails only if the client has gone
}
