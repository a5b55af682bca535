package modellog

import (
	"math/rand/v2"
	"time"
)

// about draws a time around mean: mostly less, now and then several times as much. It is never zero, and two are hardly ever
// the same, so that the order of events does not depend on the scheduler.
func about(rng *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(1 + min(rng.ExpFloat64(), 10)*float64(mean))
}

// send has take called, under Cluster.mu, with the log of the replica to, after a while; perhaps twice or never. The message
// outlives its sender: it can reach a replica after the sender, or the receiver itself, was started again.
// The caller holds Cluster.mu.
func (l *Log) send(to uint64, take func(*Log)) {
	c, from := l.cluster, l.disk
	if from.paused {
		c.hold(from, func() {
			if !l.over {
				l.send(to, take)
			}
		})
		return
	}
	copies := 1
	if to != from.id { // nobody loses what he tells himself
		if from.rng.Float64() < c.rates.Drop {
			copies = 0
		}
		if from.rng.Float64() < c.rates.Duplicate {
			copies++
		}
	}
	for range copies {
		delay := c.rates.Delay
		if to == from.id {
			delay /= ownShare
		} else if times := c.replicas[to-1].late; times > 0 {
			delay *= time.Duration(times)
		}
		time.AfterFunc(about(from.rng, delay), func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.arrive(from.id, to, take)
		})
	}
}

func (c *Cluster) arrive(from, to uint64, take func(*Log)) {
	r := c.replicas[to-1]
	if c.closed || from != to && c.blocked[[2]uint64{from, to}] || r.running == nil || !r.running.takesPart {
		return
	}
	if r.paused {
		c.hold(r, func() {
			if l := r.running; l != nil && l.takesPart {
				take(l)
			}
		})
		return
	}
	take(r.running)
}

// hold keeps something for the moment at which r is resumed.
func (c *Cluster) hold(r *replica, what func()) {
	if len(r.held) < heldMax {
		r.held = append(r.held, what)
	}
}

// after has do called, under Cluster.mu, once delay has passed, if this start of the replica is not over then. A replica
// that is paused does it when it is resumed. The caller holds Cluster.mu.
func (l *Log) after(delay time.Duration, do func()) {
	time.AfterFunc(delay, func() {
		c, r := l.cluster, l.disk
		c.mu.Lock()
		defer c.mu.Unlock()
		switch {
		case l.over:
		case r.paused:
			r.held = append(r.held, func() { // a timer is not lost, however many messages wait
				if !l.over {
					do()
				}
			})
		default:
			do()
		}
	})
}

// task has do called without any lock once delay has passed, if this start of the replica is not over then. Close waits for
// it. The caller holds Cluster.mu.
func (l *Log) task(delay time.Duration, do func()) {
	time.AfterFunc(delay, func() {
		l.cluster.mu.Lock()
		if l.over {
			l.cluster.mu.Unlock()
			return
		}
		l.tasks.Add(1)
		l.cluster.mu.Unlock()
		defer l.tasks.Done()
		do()
	})
}
