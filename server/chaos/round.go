package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"strconv"
	"sync"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// round hurts the cluster under one load, heals it, and judges. It returns what was against the rules, with an error of the run
// what had been found until then.
func (r *run) round(ctx context.Context, n int) (found []string, err error) {
	rng := rand.New(rand.NewPCG(r.Seed, uint64(n)))
	r.site.rng = rng
	r.site.found = nil
	seed := rng.Uint64()
	plan, takes := r.plan(rng)
	root := "/chaos-" + strconv.Itoa(n)
	if _, _, err := r.client.Create(ctx, root, nil); err != nil {
		return nil, err
	}
	r.Tell("round %d: %d faults in %v", n, len(plan), takes.Round(time.Second))

	limited, cancel := context.WithTimeout(ctx, takes+loadWait)
	defer cancel()
	healed := make(chan struct{})
	var recorded *history.History
	var failed error
	var load sync.WaitGroup
	load.Go(func() {
		recorded, failed = r.Load(limited, Work{
			Seed: seed, Cluster: r.site.cluster, Root: root, Operations: r.Operations, Clients: r.Clients,
			Think: takes * time.Duration(r.Clients) / time.Duration(max(r.Operations, 1)),
			Calm:  func() { <-healed },
		})
	})
	err = r.hurt(ctx, plan)
	found = append(found, r.site.found...)
	found = append(found, r.site.ended()...)
	err = errors.Join(err, r.site.heal())
	at := time.Now()
	close(healed)
	if err == nil {
		found = append(found, r.serves(ctx, at)...)
	}
	load.Wait()
	switch {
	case err != nil:
		return found, err
	case limited.Err() != nil && ctx.Err() == nil:
		found = append(found, fmt.Sprintf("P12: the load had not ended %v after the last fault", loadWait))
	case failed != nil:
		found = append(found, "the load: "+failed.Error())
	}
	found = append(found, r.agree(ctx)...)
	report := r.judge(recorded)
	for _, v := range report.Violations {
		found = append(found, v.Error())
	}
	found = append(found, r.site.ended()...)
	r.Tell("  %d operations, %d unknown, %d events, checked in %v; %d violations", report.Operations, report.Unknowns, report.Events,
		report.Took.Round(time.Millisecond), len(found))
	if len(found) > 0 {
		dir, err := r.keep(n, found, recorded)
		if err != nil {
			return found, err
		}
		return append(found, "kept in "+dir), nil
	}
	if report.Undecided {
		file, err := r.keepHistory(fmt.Sprintf("undecided-%d.json", n), recorded)
		if err != nil {
			return nil, err
		}
		r.Tell("  it is not decided whether there is an order of the operations that explains all answers: see %s", file)
	}
	return nil, r.clear(ctx, root)
}

// judge checks what was recorded.
func (r *run) judge(recorded *history.History) history.Report {
	if recorded == nil {
		return history.Report{}
	}
	report := history.CheckHistory(recorded, checkLimit)
	r.summary.Operations += report.Operations
	r.summary.Unknowns += report.Unknowns
	r.summary.Events += report.Events
	if report.Undecided {
		r.summary.Undecided++
	}
	return report
}

// probe is the node that is written to see if the cluster serves.
const probe = "/chaos"

// serves checks that a write succeeds in time after the end of all faults.
func (r *run) serves(ctx context.Context, healed time.Time) []string {
	limited, cancel := context.WithDeadline(ctx, healed.Add(r.Calm))
	defer cancel()
	for limited.Err() == nil {
		_, err := r.client.Set(limited, probe, nil)
		if err == nil {
			r.summary.writes(time.Since(healed))
			return nil
		}
		if !errors.Is(err, client.ErrNoSpace) && !client.Retryable(err) && !client.Unknown(err) && limited.Err() == nil {
			return []string{"P12: a write after the end of all faults: " + err.Error()}
		}
		if err := pass(limited, pollEvery); err != nil {
			break
		}
	}
	return []string{fmt.Sprintf("P12: no write has succeeded %v after the end of all faults", r.Calm)}
}

// agree checks that all servers serve, with the same state, in time after the end of the load.
func (r *run) agree(ctx context.Context) []string {
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, r.Calm)
	defer cancel()
	for i := range r.site.cluster.Len() {
		if err := r.site.cluster.WaitReady(limited, i); err != nil {
			return []string{"P12: " + err.Error()}
		}
	}
	if _, err := r.site.cluster.Agreed(limited); err != nil {
		return []string{"P9, P12: " + err.Error()}
	}
	r.summary.agrees(time.Since(began))
	return nil
}

// clear removes a round's nodes, so that the state does not grow.
func (r *run) clear(ctx context.Context, root string) error {
	for {
		err := r.remove(ctx, root)
		if err == nil || !client.Retryable(err) && !client.Unknown(err) || ctx.Err() != nil {
			return err
		}
	}
}

func (r *run) remove(ctx context.Context, root string) error {
	_, err := r.client.Multi(ctx, client.DeleteTreeOp(path.Clean(root)))
	if errors.Is(err, client.ErrNoNode) {
		return nil // removed by an earlier attempt
	}
	return err
}
