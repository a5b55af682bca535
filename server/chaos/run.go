package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/server/process"
)

// run is a run under way.
type run struct {
	Config
	site    *site
	kinds   []Kind // those of Config.Faults that this machine can make
	client  *client.Client
	summary Summary
	undo    []func() error // done backwards
}

// Run hurts a cluster until Config.For has passed, Config.Rounds were made, ctx has ended, or the first violation, which is in
// the summary. An error is of the run itself; the summary is then of what was before.
func Run(ctx context.Context, cfg Config) (summary Summary, err error) {
	if err := cfg.validate(); err != nil {
		return Summary{}, err
	}
	if cfg.Load == nil {
		cfg.Load = load
	}
	r := &run{Config: cfg, summary: newSummary(cfg.Seed)}
	defer func() {
		for i := len(r.undo) - 1; i >= 0; i-- {
			err = errors.Join(err, r.undo[i]())
		}
		summary = r.summary
	}()
	if err := r.open(ctx); err != nil {
		return summary, err
	}
	began := time.Now()
	for n := 1; cfg.Rounds == 0 || n <= cfg.Rounds; n++ {
		if cfg.For > 0 && time.Since(began) >= cfg.For || ctx.Err() != nil {
			break
		}
		found, err := r.round(ctx, n)
		if ctx.Err() != nil {
			break // what a round says that was interrupted means nothing
		}
		r.summary.Rounds++
		if err != nil {
			r.summary.Violations = found
			return summary, fmt.Errorf("seed %d, round %d: %w", cfg.Seed, n, err)
		}
		r.summary.Processes.measure(r.site.cluster)
		if len(found) > 0 {
			r.summary.Violations = found
			break
		}
	}
	r.summary.Took = time.Since(began)
	return summary, nil
}

// open makes the network and the disks and starts the cluster.
func (r *run) open(ctx context.Context) error {
	if r.choose(); len(r.kinds) == 0 {
		return errors.New("none of the faults can be made here")
	}
	places, err := process.Loopback(r.Servers)
	if err != nil {
		return err
	}
	s := &site{excused: make([]bool, r.Servers)}
	var extra []string
	if r.Network {
		if s.network, err = OpenNetwork(r.Servers, r.Seed); err != nil {
			return fmt.Errorf("network: %w", err)
		}
		r.undo = append(r.undo, s.network.Close)
		extra = append(extra, "--insecure-raft")
		for i := range places {
			at := func(port uint16) string { return netip.AddrPortFrom(s.network.Addr(i), port).String() }
			places[i] = process.Place{Client: at(7181), Raft: at(7182), Admin: at(7183), Through: s.network.Prefix(i)}
		}
	}
	if r.has("full") {
		extra = append(extra, "--disk-watermark", strconv.Itoa(diskWatermark))
		for i := range places {
			dir := filepath.Join(r.Dir, strconv.Itoa(i+1))
			if err := mountDisk(dir); err != nil {
				return err
			}
			r.undo = append(r.undo, func() error { return unmountDisk(dir) })
			s.disks = append(s.disks, dir)
		}
	}
	if r.Clocked {
		for i := range places {
			file := filepath.Join(r.Dir, "clock-"+strconv.Itoa(i+1))
			if err := setClock(file, 0); err != nil {
				return err
			}
			s.clocks = append(s.clocks, file)
			places[i].Through = append(slices.Clone(places[i].Through), "env", "WALLCLOCK_FILE="+file)
		}
	}
	ready, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	if s.cluster, err = process.StartAt(ready, r.Binary, r.Dir, places, extra...); err != nil {
		return err
	}
	r.undo = append(r.undo, s.cluster.Close)
	r.site = s
	r.client, err = client.Dial(ready, client.Config{Servers: s.cluster.Addrs(), Name: "chaos", Renew: true})
	if err != nil {
		return err
	}
	r.undo = append(r.undo, func() error {
		// The cluster may be broken: it is closed all the same.
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeWait)
		defer cancel()
		_ = r.client.Close(closing)
		return nil
	})
	_, _, err = r.client.Create(ready, probe, nil)
	return err
}

// choose leaves out, and tells, what cannot be done here. Without namespaces the servers are on loopback.
func (r *run) choose() {
	r.Network = r.Network && lacking(network) == ""
	for _, k := range r.Faults {
		why := lacking(k.area)
		switch {
		case why != "":
		case k.area == network && !r.Network:
			why = "the servers are on loopback"
		case k.Name == "clock" && !r.Clocked:
			why = "this coxswain was not built for it"
		}
		if why != "" {
			r.summary.LeftOut = append(r.summary.LeftOut, k.Name+" ("+why+")")
			r.Tell("left out: %s, which is: %s: %s", k.Name, k.Does, why)
			continue
		}
		r.kinds = append(r.kinds, k)
	}
}

func (r *run) has(name string) bool {
	return slices.ContainsFunc(r.kinds, func(k Kind) bool { return k.Name == name })
}

// hurt makes a round's faults, one episode after the other. What an error leaves behind is for site.heal.
func (r *run) hurt(ctx context.Context, plan []episode) error {
	for _, e := range plan {
		if err := pass(ctx, e.before); err != nil {
			return err
		}
		var on []fault
		var failed error
		for _, k := range e.kinds {
			f := k.make(r.site)
			told, err := f.begin(ctx)
			on = append(on, f)
			r.Tell("  %s: %s", k.Name, told)
			if failed = err; failed != nil {
				break
			}
		}
		if failed == nil {
			failed = pass(ctx, e.hold)
		}
		for i, f := range on {
			if d, ok := f.(doubtful); !ok || d.happened() {
				r.summary.Faults[e.kinds[i].Name]++
			} else {
				r.Tell("  %s: it has hurt nobody", e.kinds[i].Name)
			}
			failed = errors.Join(failed, f.end(context.WithoutCancel(ctx)))
		}
		if failed != nil {
			return failed
		}
	}
	return nil
}

// episode is faults that are on at the same time.
type episode struct {
	before, hold time.Duration
	kinds        []Kind
}

// plan draws a round's episodes.
func (r *run) plan(rng *rand.Rand) (plan []episode, takes time.Duration) {
	draw := &site{rng: rng}
	hold := cmp.Or(r.Hold, holdMax)
	for range cmp.Or(r.Episodes, episodesMin+rng.IntN(episodesMax-episodesMin+1)) {
		e := episode{before: draw.between(min(beforeMin, hold), min(beforeMax, hold)), hold: draw.between(min(holdMin, hold), hold)}
		first := r.kinds[rng.IntN(len(r.kinds))]
		second := r.kinds[rng.IntN(len(r.kinds))]
		e.kinds = []Kind{first}
		if rng.IntN(2) == 0 && first.area != second.area && first.area != everything && second.area != everything {
			e.kinds = append(e.kinds, second)
		}
		plan = append(plan, e)
		takes += e.before + e.hold
	}
	return plan, takes
}

// pass waits.
func pass(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
