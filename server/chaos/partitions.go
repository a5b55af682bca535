package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// lost loses every packet.
var lost = Link{Drop: 1}

// cut changes directions of the network.
type cut struct {
	*site
	choose func(ctx context.Context) ([]direction, string)
	dirs   []direction
	link   Link
}

// direction is from one host to another; the clients are the host behind the servers.
type direction struct{ from, to int }

func (f *cut) begin(ctx context.Context) (string, error) {
	var told string
	f.dirs, told = f.choose(ctx)
	for _, d := range f.dirs {
		f.network.Set(d.from, d.to, f.link)
	}
	return told, nil
}

func (f *cut) end(context.Context) error {
	for _, d := range f.dirs {
		f.network.Set(d.from, d.to, Link{})
	}
	return nil
}

// around are the directions between server i and all other servers, and the clients.
func (s *site) around(i int, clients bool, in, out bool) []direction {
	var dirs []direction
	for j := range s.network.Servers() + 1 {
		if j == i || j == s.network.Clients() && !clients {
			continue
		}
		if out {
			dirs = append(dirs, direction{i, j})
		}
		if in {
			dirs = append(dirs, direction{j, i})
		}
	}
	return dirs
}

func newIsolate(s *site) fault {
	v, clients := s.pick(), s.rng.IntN(2) == 0
	return &cut{site: s, link: lost, choose: func(ctx context.Context) ([]direction, string) {
		i := s.resolve(ctx, v)
		told := v.name(i) + " is cut off from the others"
		if clients {
			told += " and from clients"
		}
		return s.around(i, clients, true, true), told
	}}
}

func newSplit(s *site) fault {
	order := s.rng.Perm(s.cluster.Len())
	minority := 1 + s.rng.IntN(s.cluster.Len()/2)
	return &cut{site: s, link: lost, choose: func(context.Context) ([]direction, string) {
		return across(order[:minority], order[minority:]), numbers(order[:minority]) + " are cut off from " + numbers(order[minority:])
	}}
}

func newBridge(s *site) fault {
	order := s.rng.Perm(s.cluster.Len())
	half := (len(order) + 1) / 2
	return &cut{site: s, link: lost, choose: func(context.Context) ([]direction, string) {
		return across(order[1:half], order[half:]),
			fmt.Sprintf("%s and %s reach each other through server %d only", numbers(order[1:half]), numbers(order[half:]), order[0]+1)
	}}
}

// across are both directions between two groups.
func across(a, b []int) []direction {
	var dirs []direction
	for _, i := range a {
		for _, j := range b {
			dirs = append(dirs, direction{i, j}, direction{j, i})
		}
	}
	return dirs
}

func newOneWay(s *site) fault {
	v, in, clients := s.pick(), s.rng.IntN(2) == 0, s.rng.IntN(4) == 0
	return &cut{site: s, link: lost, choose: func(ctx context.Context) ([]direction, string) {
		i := s.resolve(ctx, v)
		told := "what " + v.name(i) + " sends is lost"
		if in {
			told = "what is sent to " + v.name(i) + " is lost"
		}
		if clients {
			told += ", also between it and clients"
		}
		return s.around(i, clients, in, !in), told
	}}
}

func newLossy(s *site) fault {
	share := 0.02 + 0.28*s.rng.Float64()
	return s.everywhere(Link{Drop: share, Duplicate: share / 4, Reorder: share / 2},
		fmt.Sprintf("%.0f %% of the packets are lost, %.0f %% doubled, %.0f %% overtaken", 100*share, 25*share, 50*share))
}

func newSlow(s *site) fault {
	if s.rng.IntN(3) == 0 {
		rate := float64(int(16) << 10 << s.rng.IntN(5))
		return s.everywhere(Link{Rate: rate}, fmt.Sprintf("at most %.0f KiB/s pass", rate/1024))
	}
	delay := s.between(time.Millisecond, 100*time.Millisecond).Round(time.Millisecond)
	return s.everywhere(Link{Delay: delay, Jitter: delay}, fmt.Sprintf("packets take %v to %v", delay, 2*delay))
}

// everywhere changes all directions, or all around one server.
func (s *site) everywhere(l Link, told string) fault {
	v, all := s.pick(), s.rng.IntN(2) == 0
	return &cut{site: s, link: l, choose: func(ctx context.Context) ([]direction, string) {
		if !all {
			i := s.resolve(ctx, v)
			return s.around(i, true, true, true), told + " around " + v.name(i)
		}
		var dirs []direction
		for i := range s.network.Servers() {
			dirs = append(dirs, s.around(i, true, false, true)...)
			dirs = append(dirs, direction{s.network.Clients(), i})
		}
		return dirs, told + " everywhere"
	}}
}

// flap cuts one server off and back, several times a second.
type flap struct {
	*site
	victim
	server int
	rng    *rand.Rand
	stop   chan struct{}
	wg     sync.WaitGroup
}

func newFlap(s *site) fault {
	return &flap{site: s, victim: s.pick(), rng: rand.New(rand.NewPCG(s.rng.Uint64(), 0)), stop: make(chan struct{})}
}

func (f *flap) begin(ctx context.Context) (string, error) {
	f.server = f.resolve(ctx, f.victim)
	f.wg.Go(func() {
		for n := 1; ; n++ {
			for _, d := range f.around(f.server, true, true, true) {
				f.network.Set(d.from, d.to, Link{Drop: float64(n % 2)})
			}
			select {
			case <-f.stop:
				return
			case <-time.After(flapMin + time.Duration(f.rng.Int64N(int64(flapMax-flapMin)))):
			}
		}
	})
	return f.name(f.server) + " is cut off and back, again and again", nil
}

func (f *flap) end(context.Context) error {
	close(f.stop)
	f.wg.Wait()
	for _, d := range f.around(f.server, true, true, true) {
		f.network.Set(d.from, d.to, Link{})
	}
	return nil
}
