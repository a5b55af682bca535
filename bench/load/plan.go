package load

import (
	"errors"
	"fmt"
	"time"
)

// Plan is what [Run] does.
type Plan struct {
	Workload string // the name of one of [Workloads]
	Clients  int
	Callers  int     // of each client
	Rate     float64 // operations per second to start; 0: a closed loop
	Keys     int     // nodes of each client, taken in turn; 0: as many as the workload needs
	Children int     // of the node that is listed; 0: 1000
	Size     int     // bytes of data per node
	Duration time.Duration
	Warmup   time.Duration
	PIDs     []int // of the servers, for their CPU time and memory; nil: those of the target, if it is a Cluster
}

// check returns the plan with its defaults, and its workload.
func (p Plan) check() (Plan, Workload, error) {
	w, ok := workloadNamed(p.Workload)
	switch {
	case !ok:
		return p, w, fmt.Errorf("unknown workload %q", p.Workload)
	case p.Clients < 1 || p.Callers < 1 || p.Duration <= 0:
		return p, w, errors.New("clients, callers and duration must be positive")
	case p.Size < 0 || p.Rate < 0 || p.Keys < 0 || p.Children < 0 || p.Warmup < 0:
		return p, w, errors.New("size, rate, keys, children and warm-up must not be negative")
	}
	if p.Children == 0 {
		p.Children = childrenDefault
	}
	p.Keys = max(p.Keys, w.keysMin, 1)
	return p, w, nil
}

// Progress is how far a run has come.
type Progress struct {
	Phase     Phase
	Elapsed   time.Duration // of the phase; not told of Preparing and Clearing
	Of        time.Duration
	PerSecond float64       // answered, since the progress before
	P99       time.Duration // of those
	Errors    int64         // in all
}

// Phase is a part of a run.
type Phase string

const (
	Preparing Phase = "preparing"  // clients connect, nodes are made
	Warming   Phase = "warming up" // what is done is not counted
	Measuring Phase = "measuring"
	Clearing  Phase = "clearing away"
)
