package history

import (
	"bytes"
	"flag"
	"strings"
	"testing"
	"time"
)

var (
	worlds = flag.Int("history.worlds", 48, "how many random histories TestTrueHistories checks")
	seed   = flag.Uint64("history.seed", 1, "of the first of them")
)

// checkLimit is how long a search may take here; it is not meant to be reached.
const checkLimit = 20 * time.Second

func TestTrueHistories(t *testing.T) {
	for i := range *worlds {
		s := *seed + uint64(i)
		w := newWorld(s, 2+i%11, []float64{0, 0.01, 0.03, 0.1}[i%4])
		h := w.run(300)
		r := CheckHistory(h, checkLimit)
		if err := r.Err(); err != nil || r.Undecided {
			t.Fatalf("-history.seed %d (world %d): %v\n%v", *seed, i, r, err)
		}
		if v := CheckTruth(h, w.changes); len(v) > 0 {
			t.Fatalf("-history.seed %d (world %d): %v", *seed, i, v[0])
		}
	}
}

// TestCost tells what a history costs that is as large as those of a run.
func TestCost(t *testing.T) {
	for _, unknown := range []float64{0, 0.015, 0.05} {
		w := newWorld(*seed, 12, unknown)
		r := CheckHistory(w.run(1000), checkLimit)
		if r.Undecided || r.Err() != nil {
			t.Errorf("-history.seed %d: %v", *seed, r)
		}
		t.Logf("%v", r)
	}
}

// TestExplanation: whoever reads the first violation sees the operation at fault among its neighbours, and a page of all.
func TestExplanation(t *testing.T) {
	s := base()
	s.got(3, 40, 50, 7, "0", first)
	err := CheckHistory(&s.h, checkLimit).Err()
	if err == nil {
		t.Fatal("a stale read is not found")
	}
	for _, part := range []string{`the data are "0" instead of "1"`, " ► [40, 50] client 3", "create /a"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in: %v", part, err)
		}
	}
	var page bytes.Buffer
	if err := s.h.Visualize(&page, checkLimit); err != nil || !strings.Contains(page.String(), "create /a") {
		t.Errorf("the page does not show the operations: %v", err)
	}
}
