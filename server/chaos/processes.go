package chaos

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// kill ends servers with SIGKILL; they are started again on the data they have.
type kill struct {
	*site
	choose func(ctx context.Context) ([]int, string)
	killed []int
}

func newKill(s *site) fault {
	v := s.pick()
	return &kill{site: s, choose: func(ctx context.Context) ([]int, string) {
		i := s.resolve(ctx, v)
		return []int{i}, v.name(i)
	}}
}

func newKillMost(s *site) fault {
	order := s.rng.Perm(s.cluster.Len())[:s.cluster.Len()/2+1]
	return &kill{site: s, choose: func(context.Context) ([]int, string) { return order, numbers(order) }}
}

func newKillAll(s *site) fault {
	order := s.rng.Perm(s.cluster.Len())
	return &kill{site: s, choose: func(context.Context) ([]int, string) { return order, "all servers" }}
}

func (f *kill) begin(ctx context.Context) (string, error) {
	var told string
	f.killed, told = f.choose(ctx)
	var errs []error
	for _, i := range f.killed {
		errs = append(errs, f.kill(i))
	}
	return "kill -9 of " + told, errors.Join(errs...)
}

func (f *kill) end(context.Context) error {
	var errs []error
	for _, i := range f.killed {
		errs = append(errs, f.up(i))
	}
	return errors.Join(errs...)
}

// pause stops a server from running; it is unaware of the time that has passed when it goes on.
type pause struct {
	*site
	victim
	paused int
	runs   bool // it was not down
}

func newPause(s *site) fault { return &pause{site: s, victim: s.pick()} }

func (f *pause) begin(ctx context.Context) (string, error) {
	f.paused = f.resolve(ctx, f.victim)
	if f.runs = f.cluster.Running(f.paused); !f.runs {
		return "SIGSTOP of " + f.name(f.paused) + ", which is down", nil
	}
	return "SIGSTOP of " + f.name(f.paused), f.cluster.Pause(f.paused)
}

func (f *pause) happened() bool { return f.runs }

func (f *pause) end(context.Context) error {
	if !f.cluster.Running(f.paused) {
		return nil
	}
	return f.cluster.Resume(f.paused)
}

// transfers hand the leadership over, again and again, to one server after the other in random order.
type transfers struct {
	*site
	order  []int
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

func newTransfers(s *site) fault { return &transfers{site: s, order: s.rng.Perm(s.cluster.Len())} }

func (f *transfers) begin(ctx context.Context) (string, error) {
	ctx, f.cancel = context.WithCancel(ctx)
	f.wg.Go(func() {
		tick := time.NewTicker(transferEvery)
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			to := f.order[n%len(f.order)]
			// A refusal is an answer, too: it leads already, or it is too far behind.
			_ = f.cluster.Transfer(ctx, to, to)
		}
	})
	return fmt.Sprintf("transfer of the leadership every %v", transferEvery), nil
}

func (f *transfers) end(context.Context) error {
	f.cancel()
	f.wg.Wait()
	return nil
}

// rolling restarts one server after the other with SIGTERM, as an upgrade does.
type rolling struct {
	*site
	order []int
}

func newRolling(s *site) fault { return &rolling{site: s, order: s.rng.Perm(s.cluster.Len())} }

func (f *rolling) begin(ctx context.Context) (string, error) {
	for _, i := range f.order {
		if err := f.cluster.Stop(i); err != nil {
			f.found = append(f.found, "P12: "+err.Error())
		}
		f.excused[i] = true
		if err := f.up(i); err != nil {
			return "", err
		}
		ready, cancel := context.WithTimeout(ctx, readyWait)
		err := f.cluster.WaitReady(ready, i)
		cancel()
		if err != nil {
			f.found = append(f.found, "P12: after a rolling restart: "+err.Error())
		}
		f.excused[i] = false
	}
	return "SIGTERM and start of " + numbers(f.order) + ", one after the other", nil
}

func (f *rolling) end(context.Context) error { return nil }

// numbers names servers.
func numbers(servers []int) string {
	text := "servers"
	for n, i := range servers {
		if n > 0 {
			text += ","
		}
		text += fmt.Sprintf(" %d", i+1)
	}
	return text
}
