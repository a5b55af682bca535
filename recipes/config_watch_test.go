package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// follow waits until a watch has a value that is wanted, and checks that it never goes back.
func follow(t *testing.T, w *recipes.ConfigWatch[limits], wanted func(recipes.Versioned[limits]) bool) recipes.Versioned[limits] {
	t.Helper()
	for last := client.Zxid(0); ; {
		v, changed := w.Value()
		if v.Zxid < last {
			t.Fatalf("%v after %v", v.Zxid, last)
		}
		if last = v.Zxid; wanted(v) {
			return v
		}
		done(t, "another value", changed)
	}
}

func rate(n int) func(recipes.Versioned[limits]) bool {
	return func(v recipes.Versioned[limits]) bool { return v.Value.Rate == n }
}

func TestConfigWatchStaysWithTheLastGoodValue(t *testing.T) {
	cf, c := configs(t)
	w, err := cf.Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	says := func(w *recipes.ConfigWatch[limits], want error) {
		t.Helper()
		for {
			_, changed := w.Value()
			if err := w.Err(); errors.Is(err, want) {
				return
			}
			done(t, fmt.Sprint("error ", want), changed)
		}
	}
	says(w, recipes.ErrNoVersion)
	if _, err := cf.Set(within(t), limits{1}); err != nil {
		t.Fatal(err)
	}
	follow(t, w, rate(1))
	says(w, nil)
	if _, err := c.Set(within(t), "/c", []byte("garbage")); err != nil {
		t.Fatal(err)
	}
	says(w, recipes.ErrInvalid)
	follow(t, w, rate(1))

	// Who comes now gets the same.
	late, err := recipes.NewConfig(c, "/c", recipes.WithValidation(positive)).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	follow(t, late, rate(1))
	says(late, recipes.ErrInvalid)
	late.Close()
	if done(t, "the end", late.Done()); !errors.Is(late.Err(), recipes.ErrReleased) {
		t.Error(late.Err())
	}

	if _, err := cf.Set(within(t), limits{2}); err != nil {
		t.Fatal(err)
	}
	follow(t, w, rate(2))
	says(w, nil)
	if _, err := c.DeleteTree(within(t), "/c"); err != nil {
		t.Fatal(err)
	}
	says(w, recipes.ErrNoVersion)
	follow(t, w, rate(2))
	if _, err := cf.Set(within(t), limits{3}); err != nil {
		t.Fatal(err)
	}
	if v := follow(t, w, rate(3)); v.Version != 1 {
		t.Errorf("%+v", v)
	}
	says(w, nil)
}

func TestConfigWatchGoesOnThroughFaults(t *testing.T) {
	cluster := servertest.Start(t, 3)
	follower := cluster.Client(t, func(c *client.Config) { c.Renew = true })
	final := cluster.Client(t)
	cf := recipes.NewConfig(cluster.Client(t), "/c", recipes.WithValidation(positive))
	w, err := recipes.NewConfig(follower, "/c", recipes.WithValidation(positive)).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ends, err := recipes.NewConfig(final, "/c", recipes.WithValidation(positive)).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer ends.Close()
	for i, fault := range []func(){
		func() {},
		func() { cluster.CutClients(int(follower.Session().Server) - 1) },
		func() { cluster.ExpireSession(follower.Session().ID) },
		func() { cluster.ExpireSession(final.Session().ID) },
		func() { leader := cluster.Leader(); cluster.Kill(leader) },
	} {
		fault()
		if _, err := cf.Set(within(t), limits{i + 1}); err != nil {
			t.Fatal(err)
		}
		follow(t, w, rate(i+1))
	}
	if done(t, "the end", ends.Done()); !errors.Is(ends.Err(), client.ErrSessionExpired) {
		t.Error(ends.Err())
	}
	v, changed := ends.Value()
	select {
	case <-changed:
		t.Error("something changes after the end")
	default:
	}
	if v.Value.Rate < 3 {
		t.Errorf("%+v is left", v)
	}
}

// TestConfigWatchBeginsWithWhatWasSet asks a server that has yet to hear of it.
func TestConfigWatchBeginsWithWhatWasSet(t *testing.T) {
	cluster := servertest.Start(t, 3)
	behind := (cluster.Leader() + 1) % 3
	at := func(server int) func(*client.Config) {
		return func(c *client.Config) { c.Servers = []string{cluster.Addrs()[server]} }
	}
	cf := recipes.NewConfig[limits](cluster.Client(t, at(cluster.Leader())), "/c")
	away := recipes.NewConfig[limits](cluster.Client(t, at(behind)), "/c")
	cluster.Partition([]int{(behind + 1) % 3, (behind + 2) % 3}, []int{behind})
	if _, err := cf.Set(within(t), limits{1}); err != nil {
		t.Fatal(err)
	}
	heal := time.AfterFunc(100*time.Millisecond, cluster.Heal)
	defer heal.Stop()
	w, err := away.Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if v, _ := w.Value(); v.Value.Rate != 1 {
		t.Errorf("it begins with %+v", v)
	}
}

// TestConfigWatchReadsAgainInTheNextSession ends a session when the event of a change has come and the read that it causes has not
// arrived.
func TestConfigWatchReadsAgainInTheNextSession(t *testing.T) {
	cluster := servertest.Start(t, 1)
	v := &valve{held: make(chan struct{}, 1)}
	follower := cluster.Client(t, func(c *client.Config) { c.Renew, c.DialContext = true, v.dial })
	cf := recipes.NewConfig(cluster.Client(t), "/c", recipes.WithValidation(positive))
	w, err := recipes.NewConfig(follower, "/c", recipes.WithValidation(positive)).Watch(within(t))
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	v.mu.Lock()
	v.shut = true
	v.mu.Unlock()
	if _, err := cf.Set(within(t), limits{1}); err != nil {
		t.Fatal(err)
	}
	done(t, "the read", v.held)
	cluster.ExpireSession(follower.Session().ID)
	v.mu.Lock()
	v.shut = false
	v.mu.Unlock()
	follow(t, w, rate(1))
	if n := follower.Session().Renewals; n != 1 {
		t.Errorf("%d renewals", n)
	}
}

// valve drops what clients send while it is shut, and tells that there was something.
type valve struct {
	mu   sync.Mutex
	shut bool
	held chan struct{}
}

func (v *valve) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	return &valved{conn, v}, err
}

type valved struct {
	net.Conn
	valve *valve
}

func (c *valved) Write(b []byte) (int, error) {
	c.valve.mu.Lock()
	defer c.valve.mu.Unlock()
	if !c.valve.shut {
		return c.Conn.Write(b)
	}
	select {
	case c.valve.held <- struct{}{}:
	default:
	}
	return len(b), nil
}
