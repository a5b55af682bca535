package chaos

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/coxswain-io/coxswain/server/process"
)

// site is the cluster that is hurt, and what it is hurt with.
type site struct {
	cluster *process.Cluster
	network *Network   // nil: on loopback
	disks   []string   // mount points of small file systems that hold the data directories; nil: they are on no such thing
	clocks  []string   // files that shift the servers' wall clocks; nil: nothing can
	excused []bool     // by server: it is down, or may go down, because of a fault
	found   []string   // what the servers did against the rules while a fault was on
	rng     *rand.Rand // of the round
}

// victim is a server that is chosen before it is known which one leads.
type victim struct {
	leader bool
	number int // if not, or if there is no leader
}

// pick draws a victim: the leader half of the time.
func (s *site) pick() victim {
	return victim{leader: s.rng.IntN(2) == 0, number: s.rng.IntN(s.cluster.Len())}
}

// resolve returns the victim's number now.
func (s *site) resolve(ctx context.Context, v victim) int {
	if !v.leader {
		return v.number
	}
	ctx, cancel := context.WithTimeout(ctx, leaderWait)
	defer cancel()
	if leader, err := s.cluster.Leader(ctx); err == nil {
		return leader
	}
	return v.number
}

// name tells server i and why it was chosen.
func (v victim) name(i int) string {
	if v.leader {
		return fmt.Sprintf("leader, server %d", i+1)
	}
	return fmt.Sprintf("server %d", i+1)
}

// kill ends server i with SIGKILL, if it runs.
func (s *site) kill(i int) error {
	s.excused[i] = true
	if !s.cluster.Running(i) {
		return nil
	}
	return s.cluster.Kill(i)
}

// up starts server i again if it is down because of a fault. A server that went down without one stays down, for the judge.
func (s *site) up(i int) error {
	if s.cluster.Running(i) || !s.excused[i] {
		return nil
	}
	return s.cluster.Run(i)
}

// ended tells which servers went down though no fault excuses it, each with the end of its log.
func (s *site) ended() []string {
	var told []string
	for i := range s.cluster.Len() {
		if !s.cluster.Running(i) && !s.excused[i] {
			told = append(told, fmt.Sprintf("server %d ended by itself: %s", i+1, s.cluster.LogTail(i)))
		}
	}
	return told
}

// downs are the servers that do not run.
func (s *site) downs() []int {
	var down []int
	for i := range s.cluster.Len() {
		if !s.cluster.Running(i) {
			down = append(down, i)
		}
	}
	return down
}

// log is all that server i has written, or why that is not known.
func (s *site) log(i int) string {
	text, err := os.ReadFile(s.cluster.LogFile(i))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// heal undoes every fault, also those that have ended, and starts what is down. Excuses end here.
func (s *site) heal() error {
	var errs []error
	if s.network != nil {
		s.network.Heal()
	}
	for i := range s.cluster.Len() {
		if s.cluster.Running(i) {
			errs = append(errs, s.cluster.Resume(i))
		}
		errs = append(errs, s.up(i))
		s.excused[i] = false
	}
	return errors.Join(errs...)
}

// between draws a time.
func (s *site) between(least, most time.Duration) time.Duration {
	return least + time.Duration(s.rng.Int64N(int64(most-least)+1))
}
