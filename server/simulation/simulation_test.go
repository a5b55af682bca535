package simulation

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	runs       = flag.Int("simulation.runs", 5, "how many clusters TestHistories runs")
	seed       = flag.Uint64("simulation.seed", 0, "seed of the first run, the next have the following ones (0: at random)")
	operations = flag.Int("simulation.operations", 200, "operations of each run, about")
	watchful   = flag.Bool("simulation.watchful", false, "most operations set watches")
	traceFile  = flag.String("simulation.trace", "", "write down everything that happens, into this `file`")
)

// firstSeed is the seed of the first run.
func firstSeed() uint64 {
	if *seed != 0 {
		return *seed
	}
	return uint64(rand.Uint32()) + 1
}

// repeat is the command that runs one seed again.
func repeat(seed uint64) string {
	overlay := ""
	if Deterministic {
		overlay = `-tags deterministic -overlay "$(go run ./internal/overlay/make deterministic)" `
	}
	return fmt.Sprintf("go test %s./server/simulation -run TestHistories -args -simulation.runs 1 -simulation.seed %d -simulation.operations %d -simulation.watchful=%t",
		overlay, seed, *operations, *watchful)
}

// TestHistories runs clusters and checks what their clients have seen. A deterministic build makes each run in a process of its
// own, as many at once as -test.parallel says.
func TestHistories(t *testing.T) {
	first := firstSeed()
	apart := Deterministic && os.Getenv(alone) == ""
	sum := &tally{faults: map[string]int{}}
	t.Run("seeds", func(all *testing.T) {
		for i := range uint64(*runs) {
			all.Run(strconv.FormatUint(first+i, 10), func(t *testing.T) {
				var result *Result
				if apart {
					t.Parallel()
					result = runApart(t, first+i)
				} else {
					result = runHere(t, first+i)
				}
				if t.Failed() {
					t.Log("to repeat:", repeat(first+i))
				}
				if result != nil && sum.add(result)%100 == 0 {
					t.Log(sum)
				}
			})
		}
	})
	t.Log(sum)
	if sum.gaveUp > 0 {
		t.Errorf("%d histories are undecided: they may be wrong", sum.gaveUp)
	}
	if sum.sum.Operations == 0 && sum.sum.Uses == 0 {
		t.Error("nothing was done")
	}
}

// runHere makes a run in this process.
func runHere(t *testing.T, seed uint64) *Result {
	cfg := Config{Seed: seed, Operations: *operations, Watchful: *watchful}
	if *traceFile != "" {
		f, err := os.Create(*traceFile)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		cfg.Trace = f
	}
	result := Run(t, cfg)
	for _, err := range result.Wrong {
		t.Error(err)
	}
	result.Wrong = nil // an error is no JSON
	line, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("result %s", line)
	return result
}

// alone is set in the environment of a process that makes one run.
const alone = "SIMULATION_ALONE"

var resultLine = regexp.MustCompile(`result (\{.*\})`)

// runApart makes a run in another process. It returns nil, and t has failed, if that did not get to its end.
func runApart(t *testing.T, seed uint64) *Result {
	out, err := single(t.Context(), os.Args[0], seed)
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	found := resultLine.FindStringSubmatch(out)
	if found == nil {
		t.Errorf("there is no result in:\n%s", out)
		return nil
	}
	result := new(Result)
	if err := json.Unmarshal([]byte(found[1]), result); err != nil {
		t.Error(err)
		return nil
	}
	return result
}

// tally adds up results.
type tally struct {
	mu sync.Mutex

	// Guarded by mu.
	runs    int
	sum     Result // but for what belongs to one run
	settled int
	gaveUp  int
	faults  map[string]int
}

// add returns how many there are.
func (s *tally) add(r *Result) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.runs++
	s.sum.Operations += r.Operations
	s.sum.Unknowns += r.Unknowns
	s.sum.Uses += r.Uses
	s.sum.Streams += r.Streams
	s.sum.Shots += r.Shots
	s.sum.Told += r.Told
	s.sum.Gaps += r.Gaps
	s.sum.Sessions += r.Sessions
	s.sum.Expired += r.Expired
	s.sum.Virtual += r.Virtual
	if r.Settled {
		s.settled++
	}
	if r.Undecided {
		s.gaveUp++
	}
	for kind, n := range r.Faults {
		s.faults[kind] += n
	}
	return s.runs
}

func (s *tally) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var faults []string
	for _, kind := range slices.Sorted(maps.Keys(s.faults)) {
		faults = append(faults, fmt.Sprintf("%s %d", kind, s.faults[kind]))
	}
	return fmt.Sprintf("%d runs, %d operations, %d unknown, %d uses of locks, %d persistent and %d one-shot watches, %d events, %d gaps, "+
		"%d sessions, %d of them expired, %v of virtual time, %d settled by the log, %d undecided; %s",
		s.runs, s.sum.Operations, s.sum.Unknowns, s.sum.Uses, s.sum.Streams, s.sum.Shots, s.sum.Told, s.sum.Gaps,
		s.sum.Sessions, s.sum.Expired, s.sum.Virtual.Round(time.Second), s.settled, s.gaveUp, strings.Join(faults, ", "))
}
