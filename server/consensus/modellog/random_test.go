package modellog

import (
	"flag"
	"math/rand/v2"
	"testing"
	"testing/synctest"
)

var (
	flagSeed   = flag.Uint64("modellog.seed", 1, "first seed of the random test")
	flagRounds = flag.Int("modellog.rounds", 25, "number of seeds of the random test")
	flagSteps  = flag.Int("modellog.steps", 60, "number of faults with each seed")
)

// plantedSeeds is with how many seeds a planted weakness must be found; most are with the first few.
const plantedSeeds = 300

// outcome is what one seed led to.
type outcome struct {
	violations         []string
	committed, commits int // entries, and different commands
	terms, recoveries  int
	sum                uint64 // of everything that was committed, with its place
}

// try runs one seed. The weaknesses are planted.
func try(t *testing.T, seed uint64, weak weaknesses) (got outcome) {
	synctest.Test(t, func(*testing.T) {
		rng := rand.New(rand.NewPCG(seed, 6))
		tr := &trial{rng: rng, submitted: map[string]bool{}, leaders: map[uint64]uint64{}}
		size := []int{1, 2, 3, 3, 3, 5}[rng.IntN(6)]
		tr.cluster = New(rand.New(rand.NewPCG(seed, 7)), size, tr.rates())
		tr.cluster.weak = weak
		for i := range size {
			tr.nodes = append(tr.nodes, &node{id: uint64(i + 1)})
		}
		got = tr.run()
	})
	return got
}

func TestThePromisesHoldWhateverHappens(t *testing.T) {
	var all outcome
	for seed := *flagSeed; seed < *flagSeed+uint64(*flagRounds); seed++ {
		got := try(t, seed, weaknesses{})
		for _, v := range got.violations {
			t.Errorf("-modellog.seed %d: %s", seed, v)
		}
		all.committed += got.committed
		all.commits += got.commits
		all.terms += got.terms
		all.recoveries += got.recoveries
	}
	t.Logf("%d entries, %d of them repeated, %d terms, %d recoveries from a snapshot", all.committed, all.committed-all.commits, all.terms, all.recoveries)
}

func TestASeedAlwaysLeadsToTheSameLog(t *testing.T) {
	for seed := range uint64(5) {
		if a, b := try(t, seed, weaknesses{}), try(t, seed, weaknesses{}); a.sum != b.sum {
			t.Errorf("seed %d: %d entries, then %d, or others", seed, a.committed, b.committed)
		}
	}
}

func TestABrokenRuleIsFound(t *testing.T) {
	for name, c := range map[string]struct {
		weak weaknesses
		from uint64 // the seed at which the search begins: shortly before one that finds it
	}{
		"commit without a majority":                    {weak: weaknesses{commitAlone: true}},
		"election of one that lacks entries":           {weak: weaknesses{electAnyone: true}},
		"two votes in one term":                        {weak: weaknesses{voteTwice: true}, from: 60},
		"barrier without asking a majority":            {weak: weaknesses{confirmNothing: true}, from: 8},
		"barrier before a commit in the new term":      {weak: weaknesses{confirmOldTerm: true}},
		"barrier before the machine has got there":     {weak: weaknesses{barrierUnapplied: true}},
		"acknowledgement of what is not on disk":       {weak: weaknesses{ackUnsynced: true}},
		"submit returns before its command is applied": {weak: weaknesses{releaseEarly: true}},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := c.from; seed < c.from+plantedSeeds; seed++ {
				if got := try(t, seed, c.weak); len(got.violations) > 0 {
					t.Logf("seed %d: %s", seed, got.violations[0])
					return
				}
			}
			t.Errorf("not found with %d seeds", plantedSeeds)
		})
	}
}
