package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// SpoilDisks spoils the disk of the leader Config.Rounds times, under load, in turn by failing fsyncs, lack of room and slowness. It
// returns at the first violation. Config.Faults, Episodes, Operations and Load do not matter.
func SpoilDisks(ctx context.Context, cfg Config) (summary DiskSummary, err error) {
	if cfg.Faults, err = Select("eio,full,slowdisk"); err != nil {
		return summary, err
	}
	if err := cfg.validate(); err != nil {
		return summary, err
	}
	if why := lacking(disk); why != "" {
		return summary, errors.New("disks cannot be spoiled here: " + why)
	}
	r := &run{Config: cfg, summary: newSummary(cfg.Seed)}
	defer func() {
		for i := len(r.undo) - 1; i >= 0; i-- {
			err = errors.Join(err, r.undo[i]())
		}
	}()
	if err := r.open(ctx); err != nil {
		return summary, err
	}
	spoilers := []func(s *site) fault{
		func(s *site) fault {
			return &failedSync{site: s, victim: victim{leader: true}, injection: injection{inject: "error=EIO"}}
		},
		func(s *site) fault {
			return &full{site: s, victim: victim{leader: true}, room: s.room()}
		},
		func(s *site) fault {
			return &slowSync{site: s, victim: victim{leader: true}, by: s.between(20*time.Millisecond, 500*time.Millisecond).Round(time.Millisecond)}
		},
	}
	for n := range cfg.Rounds {
		if err := ctx.Err(); err != nil {
			return summary, err
		}
		r.site.rng = rand.New(rand.NewPCG(cfg.Seed, uint64(n)))
		r.site.found = nil
		if err := r.spoil(ctx, n, spoilers[n%len(spoilers)](r.site), &summary); err != nil {
			return summary, fmt.Errorf("seed %d, round %d: %w", cfg.Seed, n+1, err)
		}
		summary.Rounds++
	}
	return summary, nil
}

// spoil makes one round; what is against the rules is the error.
func (r *run) spoil(ctx context.Context, n int, f fault, summary *DiskSummary) error {
	w, err := startSetters(ctx, r.site.cluster.Addrs(), fmt.Sprintf("/disk-%d", n+1), diskSetters)
	if err != nil {
		return err
	}
	told, failed := f.begin(ctx)
	w.silence()
	if failed == nil {
		failed = pass(ctx, diskHold)
	}
	answers, silence := w.silence()
	down := len(r.site.downs())
	refused := w.refusals()
	failed = errors.Join(failed, f.end(ctx), r.site.heal())
	at := time.Now()
	found := append(slices.Clone(r.site.found), r.site.ended()...)
	if failed == nil {
		found = append(found, r.serves(ctx, at)...)
	}
	if err := w.stop(ctx); err != nil {
		found = append(found, err.Error())
	}
	if failed != nil {
		return failed
	}
	found = append(found, r.agree(ctx)...)
	if silence > silenceMax {
		found = append(found, fmt.Sprintf("T10: nobody was answered for %v", silence))
	}
	if _, ok := f.(*failedSync); ok {
		if down == 0 {
			found = append(found, "T10: the server whose fsync failed still runs")
		} else if !strings.Contains(r.site.log(f.(*failedSync).server), "input/output error") {
			found = append(found, "T10: the server whose fsync failed does not say so in its log")
		}
	}
	summary.add(answers, silence, refused, down)
	r.Tell("round %d: %s: %d writes answered, %d refused, %d servers stopped, silence %d ms", n+1, told, answers, refused, down, silence.Milliseconds())
	if len(found) > 0 {
		dir, err := r.keep(n+1, found, nil)
		return errors.Join(errors.New(strings.Join(found, "\n")+"\nkept in "+dir), err)
	}
	return nil
}

// DiskSummary is what SpoilDisks has done.
type DiskSummary struct {
	Rounds, Writes, Refused, Stopped int
	SilenceMax                       time.Duration
}

func (s *DiskSummary) add(writes int, silence time.Duration, refused, stopped int) {
	s.Writes += writes
	s.Refused += refused
	s.Stopped += stopped
	s.SilenceMax = max(s.SilenceMax, silence)
}

func (s DiskSummary) String() string {
	return fmt.Sprintf("%d rounds, %d writes acknowledged while the disk was bad and none of them lost, %d refused for lack of room, %d servers stopped, "+
		"longest silence %d ms", s.Rounds, s.Writes, s.Refused, s.Stopped, s.SilenceMax.Milliseconds())
}
