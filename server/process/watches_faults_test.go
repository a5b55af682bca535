package process_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

// hurt kills the leader every two seconds or so and starts it again, or stops a server from running for a while.
func (t *trial) hurt(ctx context.Context, rng *rand.Rand) error {
	for {
		select {
		case <-t.stop:
			return nil
		case <-time.After(time.Second + upTo(rng, 2*time.Second)):
		}
		leader, err := t.cluster.Leader(ctx)
		if err != nil {
			return err
		}
		if rng.IntN(4) == 0 {
			i := rng.IntN(t.cluster.Len())
			if err := t.cluster.Pause(i); err != nil {
				return err
			}
			<-time.After(200*time.Millisecond + upTo(rng, 2*time.Second))
			if err := t.cluster.Resume(i); err != nil {
				return err
			}
			t.pauses++
			continue
		}
		if err := t.cluster.Kill(leader); err != nil {
			return err
		}
		<-time.After(upTo(rng, 500*time.Millisecond))
		if err := t.cluster.Run(leader); err != nil {
			return err
		}
		if err := t.cluster.WaitReady(ctx, leader); err != nil {
			return err
		}
		t.kills.Add(1)
	}
}

// disturb cuts connections, and ends the session of the client that opens another one.
func (t *trial) disturb(ctx context.Context, rng *rand.Rand, operator *client.Client) error {
	for n := 0; ; n++ {
		select {
		case <-t.stop:
			return nil
		case <-time.After(upTo(rng, 100*time.Millisecond)):
		}
		o := t.obs[rng.IntN(len(t.obs))]
		o.line.breakOne()
		if o.renews && rng.IntN(60) == 0 {
			if err := operator.KillSession(ctx, o.c.Session().ID); err != nil && !errors.Is(err, client.ErrNoSession) {
				return err
			}
			o.kills++
		}
	}
}
