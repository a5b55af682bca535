package chaos_test

import (
	"flag"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/server/chaos"
)

var (
	duration   = flag.Duration("chaos.for", 0, "how long TestChaos goes on; 0: one short round of kills on loopback")
	seed       = flag.Uint64("chaos.seed", 0, "where TestChaos and TestDisk begin; 0: by the clock")
	servers    = flag.Int("chaos.servers", 3, "how many servers TestChaos hurts")
	faults     = flag.String("chaos.faults", "all", "kinds of faults, separated by commas")
	operations = flag.Int("chaos.operations", 800, "operations of each round")
	calm       = flag.Duration("chaos.calm", 10*time.Second, "how long after the end of the faults the cluster must be whole again")
)

// TestChaos hurts a cluster at random while clients work, round after round. With -chaos.for the servers have namespaces of their
// own and all kinds of faults happen; by default it is a short round of what every machine can do.
func TestChaos(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: chaos takes ten seconds at least")
	}
	cfg := chaos.Config{Seed: *seed, Servers: *servers, For: *duration, Operations: *operations, Clients: 10, Calm: *calm, Network: true}
	names := *faults
	if *duration == 0 {
		cfg.Rounds, cfg.Network, cfg.Operations, cfg.Calm, names = 1, false, 200, time.Minute, "kill,pause"
		cfg.Episodes, cfg.Hold = 2, 2*time.Second
	}
	conduct(t, cfg, names)
}

// conduct runs chaos with the binary that the faults need, and fails at a violation; what was kept of it stays.
func conduct(t *testing.T, cfg chaos.Config, names string) chaos.Summary {
	t.Helper()
	var err error
	if cfg.Faults, err = chaos.Select(names); err != nil {
		t.Fatal(err)
	}
	for _, k := range cfg.Faults {
		cfg.Clocked = cfg.Clocked || k.Name == "clock"
	}
	if cfg.Clocked {
		cfg.Binary, err = clocked()
	} else {
		cfg.Binary, err = plain()
	}
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(time.Now().UnixNano())
	}
	if cfg.Dir, err = os.MkdirTemp("", "coxchaos"); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	cfg.Tell = func(format string, args ...any) {
		t.Logf("%6.1f s "+format, append([]any{time.Since(start).Seconds()}, args...)...)
	}
	t.Logf("-chaos.seed %d", cfg.Seed)
	// Ctrl-C ends the run in order: network and disks are removed.
	ctx, stop := signal.NotifyContext(t.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	summary, err := chaos.Run(ctx, cfg)
	t.Log(strings.TrimSpace(summary.String()))
	switch {
	case err != nil:
		t.Errorf("%v; see %s", err, cfg.Dir)
	case len(summary.Violations) > 0:
		t.Errorf("%d violations; see %s", len(summary.Violations), cfg.Dir)
	case summary.Undecided > 0:
		t.Errorf("of %d rounds nobody knows whether they were right; see %s", summary.Undecided, cfg.Dir)
	case summary.Operations <= summary.Unknowns || len(summary.Faults) == 0:
		t.Errorf("%d operations with %d unknown under %d kinds of faults: nothing was tested", summary.Operations, summary.Unknowns, len(summary.Faults))
	default:
		if err := os.RemoveAll(cfg.Dir); err != nil {
			t.Error(err)
		}
	}
	return summary
}
