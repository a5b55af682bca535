package chaos

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// jump shifts the wall clocks of servers that were built with overlay.WallClock, and shifts them back at its end.
type jump struct {
	*site
	by     []time.Duration // by server; 0: not at all
	shifts string
}

func newJump(s *site) fault {
	f := &jump{site: s, by: make([]time.Duration, s.cluster.Len())}
	only := s.rng.IntN(s.cluster.Len())
	all := s.rng.IntN(2) == 0
	for i := range f.by {
		by := s.between(time.Second, time.Minute)
		if s.rng.IntN(2) == 0 {
			by = s.between(time.Hour, 48*time.Hour)
		}
		if s.rng.IntN(2) == 0 {
			by = -by
		}
		if all || i == only {
			f.by[i] = by.Round(time.Second)
			f.shifts += fmt.Sprintf(", of server %d by %v", i+1, f.by[i])
		}
	}
	return f
}

func (f *jump) begin(context.Context) (string, error) {
	var errs []error
	for i, by := range f.by {
		if by != 0 {
			errs = append(errs, setClock(f.clocks[i], by))
		}
	}
	return "the wall clock jumps" + f.shifts, errors.Join(errs...)
}

func (f *jump) end(context.Context) error {
	var errs []error
	for i := range f.by {
		errs = append(errs, setClock(f.clocks[i], 0))
	}
	return errors.Join(errs...)
}

// setClock writes a file that a server reads; it sees the old text or the new.
func setClock(file string, by time.Duration) error {
	if err := os.WriteFile(file+".new", fmt.Appendf(nil, "%d\n", int64(by/time.Second)), 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
