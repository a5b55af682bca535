package admin

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/coxswain-io/coxswain/server"
)

// socketName is the socket's name in the data directory.
const socketName = "admin.sock"

// socketPathMax bounds the path of a unix socket, in bytes: the smallest limit among the systems in use (104 with the zero
// at its end; Linux has 108).
const socketPathMax = 103

// ErrPathTooLong is returned by [ListenSocket] and [SocketPath] if the data directory's absolute path is too long for a
// socket in it.
var ErrPathTooLong = errors.New("the absolute path of the data directory is too long for a unix socket")

// SocketPath is where the server of a data directory listens for its operators.
func SocketPath(dataDir string) (string, error) {
	path, err := filepath.Abs(filepath.Join(dataDir, socketName))
	if err != nil {
		return "", err
	}
	if len(path) > socketPathMax {
		return path, fmt.Errorf("%s has %d bytes, the limit is %d: %w", path, len(path), socketPathMax, ErrPathTooLong)
	}
	return path, nil
}

// ListenSocket starts to serve s's condition, and changes to its cluster, on a unix socket in its data directory, which only
// the user who runs the server can reach. The caller's server must be running on that directory: a socket that an earlier
// process left behind is removed.
func ListenSocket(dataDir string, s *server.Server) (*Listener, error) {
	path, err := SocketPath(dataDir)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("a socket of an earlier start is in the way: %w", err)
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("admin socket: %w", err)
	}
	// Until here the directory alone, mode 0700, keeps others out.
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return start(listener, ControlHandler(s)), nil
}

// Failure is the JSON answer to a change that was not made, or not seen through.
type Failure struct {
	Error string `json:"error"`
}

// ControlHandler serves s's condition and changes its cluster. Whoever reaches it may do everything: keep it on a socket
// with the right permissions. A change that was made is answered by the server's status.
func ControlHandler(s *server.Server) http.Handler {
	mux := condition(s)
	mux.HandleFunc("POST /members/add", change(s, func(ctx context.Context, r *http.Request) error {
		id, err := number(r, "id")
		if err != nil {
			return err
		}
		return s.AddMember(ctx, id, r.URL.Query().Get("addr"))
	}))
	mux.HandleFunc("POST /members/remove", change(s, func(ctx context.Context, r *http.Request) error {
		id, err := number(r, "id")
		if err != nil {
			return err
		}
		return s.RemoveMember(ctx, id)
	}))
	mux.HandleFunc("POST /transfer-leader", change(s, func(ctx context.Context, r *http.Request) error {
		to, err := number(r, "to")
		if err != nil {
			return err
		}
		return s.TransferLeader(ctx, to)
	}))
	return mux
}

// badRequest is a request that makes no sense.
type badRequest struct{ error }

func number(r *http.Request, name string) (uint64, error) {
	text := r.URL.Query().Get(name)
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return 0, badRequest{fmt.Errorf("%s=%q: want a server's number, from 1", name, text)}
	}
	return n, nil
}

// change answers 200 with the status, 400 for a request that makes no sense, 503 when time ran out, 409 when the server
// refuses.
func change(s *server.Server, do func(context.Context, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), changeTimeout)
		defer cancel()
		err := do(ctx, r)
		var bad badRequest
		switch {
		case err == nil:
			replyJSON(w, http.StatusOK, s.Status())
		case errors.As(err, &bad):
			replyJSON(w, http.StatusBadRequest, Failure{err.Error()})
		case errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled):
			replyJSON(w, http.StatusServiceUnavailable, Failure{err.Error()})
		default:
			replyJSON(w, http.StatusConflict, Failure{err.Error()})
		}
	}
}
