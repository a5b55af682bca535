package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/server"
	"github.com/coxswain-io/coxswain/server/admin"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// changes are all the requests that change something.
var changes = []string{"/members/add?id=2&addr=127.0.0.1:1", "/members/remove?id=1", "/transfer-leader?to=1"}

// request makes one request and returns its status and what its body says.
func request(t *testing.T, c *http.Client, method, url string) (int, server.Status, admin.Failure) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var body struct {
		server.Status
		admin.Failure
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
		if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
			t.Fatal(err)
		}
	}
	return response.StatusCode, body.Status, body.Failure
}

func closed(t *testing.T, l *admin.Listener) {
	t.Helper()
	if err := l.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func TestByTCPNothingCanBeChanged(t *testing.T) {
	cluster := servertest.Start(t, 1)
	l, err := admin.Listen("127.0.0.1:0", cluster.Server(0))
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, l)
	base := "http://" + l.Addr()
	if code, status, _ := request(t, http.DefaultClient, http.MethodGet, base+"/status"); code != http.StatusOK || status.Leader != 1 {
		t.Errorf("status: %d, %+v", code, status)
	}
	for _, path := range append([]string{"/status", "/readyz", "/livez", "/metrics"}, changes...) {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
			if code, _, _ := request(t, http.DefaultClient, method, base+path); code != http.StatusMethodNotAllowed && code != http.StatusNotFound {
				t.Errorf("%s %s: %d", method, path, code)
			}
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestTheSocketAnswersChanges(t *testing.T) {
	cluster := servertest.Start(t, 1)
	dir, err := os.MkdirTemp("", "socket") // short, unlike the test's own
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path, err := admin.SocketPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	// A process that was killed left its socket behind.
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l, err := admin.ListenSocket(dir, cluster.Server(0))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}}
	for _, q := range []struct {
		method, path string
		code         int
		says         string
	}{
		{http.MethodGet, "/status", http.StatusOK, ""},
		{http.MethodPost, "/transfer-leader?to=1", http.StatusOK, ""},
		{http.MethodPost, "/transfer-leader?to=2", http.StatusConflict, "not a voting member"},
		{http.MethodPost, "/members/remove?id=1", http.StatusConflict, "last one"},
		{http.MethodPost, "/members/add?id=2&addr=127.0.0.1:1", http.StatusConflict, "no server answers"},
		{http.MethodPost, "/members/add?id=2", http.StatusConflict, "host:port"},
		{http.MethodPost, "/members/add?id=two&addr=127.0.0.1:1", http.StatusBadRequest, "number"},
		{http.MethodPost, "/members/remove", http.StatusBadRequest, "number"},
		{http.MethodPost, "/transfer-leader?to=0", http.StatusBadRequest, "from 1"},
		{http.MethodGet, "/members/remove?id=1", http.StatusMethodNotAllowed, ""},
	} {
		code, status, failure := request(t, c, q.method, "http://coxswain"+q.path)
		if code != q.code || !strings.Contains(failure.Error, q.says) || q.says != "" && failure.Error == "" {
			t.Errorf("%s %s: %d %q, want %d %q", q.method, q.path, code, failure.Error, q.code, q.says)
		}
		if code == http.StatusOK && (status.Server != 1 || len(status.Members) != 1) {
			t.Errorf("%s %s: %+v", q.method, q.path, status)
		}
	}
	c.CloseIdleConnections()
	closed(t, l)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
}

func TestAPathThatIsTooLongIsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	if _, err := admin.ListenSocket(dir, nil); !errors.Is(err, admin.ErrPathTooLong) || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v", err)
	}
}
