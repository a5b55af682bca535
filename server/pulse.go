package server

import (
	"context"
	"math"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/wire"
)

// pulse does what time demands of a server: it renews its lease, ends sessions that were silent for too long, and, while it
// leads, moves the cluster clock and reaps nodes. All of it is proposed through the log; leadership only saves work, and
// two servers that both believe they lead do no harm.
func (s *Server) pulse(ctx context.Context) {
	ticks, stop := s.config.Clock.Ticker(pulseEvery)
	defer stop()
	var advanced, reaped, measured session.Mono
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		now := s.now()
		s.proposer.stir()
		if now-measured >= session.Mono(diskEvery.Milliseconds()) {
			measured = now
			s.measureDisk()
		}
		s.expireSilent(now)
		if number, due := s.lease.beatDue(now, s.lowDisk.Load()); due {
			s.addBeat(number)
		}
		if !s.raft.IsLeader() {
			continue
		}
		if now-advanced >= session.Mono(advanceEvery.Milliseconds()) {
			advanced = now
			s.advance(now)
		}
		if now-reaped >= session.Mono(reapEvery.Milliseconds()) {
			reaped = now
			s.reap()
		}
	}
}

// expireSilent proposes the end of sessions that were silent for too long, and lets clients go that this server may not
// answer any more because its lease is not being renewed.
func (s *Server) expireSilent(now session.Mono) {
	for _, c := range s.allBound() {
		if c.held.Load() {
			// The client may be sending and is not read from, because of others' load: that is not its silence. It can only
			// delay the end of the session, and not for long: a client that does not take its replies is disconnected.
			id, attempt := c.session()
			s.lease.hear(id, attempt, now)
		}
	}
	expiries, covered := s.lease.tick(now)
	for _, e := range expiries {
		// From here on nothing is answered on its behalf, whatever arrives: so before the Expire is proposed.
		if c := s.bound(e.ID); c != nil {
			if _, attempt := c.session(); attempt == e.Attempt {
				c.end(wire.CodeNoLease, "nothing was heard of the session for longer than its timeout")
			}
		}
	}
	if len(expiries) > 0 {
		s.proposer.add(math.MaxInt, func(b *batch) {
			for _, e := range expiries {
				b.commands.Expire(e.ID, e.Attempt)
				b.waiters = append(b.waiters, waiter{})
			}
		})
	}
	if !covered {
		for _, c := range s.allBound() {
			c.end(wire.CodeNoLease, "this server is cut off from the quorum: use another one")
		}
	}
}

// proposeBeat renews the lease whether or not it is due.
func (s *Server) proposeBeat() { s.addBeat(s.lease.beat(s.now())) }

func (s *Server) addBeat(number uint64) {
	s.proposer.add(math.MaxInt, func(b *batch) {
		b.commands.Beat(number, s.lowDisk.Load())
		b.waiters = append(b.waiters, waiter{})
	})
}

// advance proposes a step of the cluster clock: from its present value by the time that has passed since that was applied
// here. Others may have proposed the same; only one of them takes effect (the clock rule).
func (s *Server) advance(now session.Mono) {
	s.mu.RLock()
	from, since, mark, needed := s.st.Sessions().Clock(), s.clockAt, s.st.Mark(), s.st.NeedsClock()
	s.mu.RUnlock()
	step := min(session.Clock(now-since), session.MaxStepMS)
	if !needed || step <= 0 {
		return
	}
	s.proposer.add(batchBytesMax, func(b *batch) {
		b.commands.Advance(from, from+step, mark)
		b.waiters = append(b.waiters, waiter{})
	})
}

// reap proposes the removal of containers and TTL nodes that are due. What is no longer due when it is applied stays.
func (s *Server) reap() {
	s.mu.RLock()
	due := s.st.Tree().Expired(int64(s.st.Sessions().Clock()), reapMax)
	s.mu.RUnlock()
	if len(due) == 0 {
		return
	}
	s.proposer.add(batchBytesMax, func(b *batch) {
		for _, e := range due {
			b.commands.Reap(e)
			b.waiters = append(b.waiters, waiter{})
		}
	})
}

// measureDisk compares the free space of the data directory with the watermark. Whether the disk is short travels with the
// Beats, so that all servers refuse the same writes; it clears itself when there is a tenth more than the watermark again.
func (s *Server) measureDisk() {
	free, err := s.config.freeDisk(s.config.DataDir)
	if err != nil {
		s.log.Warn().Err(err).Str("dir", s.config.DataDir).Msg("cannot measure the free disk space")
		return
	}
	s.metrics.freeDisk.Store(free)
	low, was := free < s.config.DiskWatermark, s.lowDisk.Load()
	if was && free < s.config.DiskWatermark+s.config.DiskWatermark/10 {
		low = true
	}
	if low == was {
		return
	}
	s.lowDisk.Store(low)
	if low {
		s.log.Error().Uint64("free_bytes", free).Uint64("watermark_bytes", s.config.DiskWatermark).
			Msg("little disk space left: the cluster refuses writes that need room until there is more")
	} else {
		s.log.Info().Uint64("free_bytes", free).Msg("there is disk space again")
	}
	s.proposeBeat()
}
