package chaos_test

import (
	"flag"
	"os"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/server/chaos"
)

var diskRounds = flag.Int("disk.rounds", 0, "how many disks TestDisk spoils; 0: none")

// TestDisk spoils the disk of the leader, under load, in turn by failing fsyncs, lack of room, and slowness.
func TestDisk(t *testing.T) {
	if *diskRounds == 0 {
		t.Skip("without -disk.rounds: it needs root, and half a minute for three rounds")
	}
	cfg := chaos.Config{Seed: *seed, Servers: 3, Rounds: *diskRounds, Calm: *calm, Tell: t.Logf}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-chaos.seed %d", cfg.Seed)
	var err error
	if cfg.Binary, err = plain(); err != nil {
		t.Fatal(err)
	}
	if cfg.Dir, err = os.MkdirTemp("", "coxchaos"); err != nil {
		t.Fatal(err)
	}
	summary, err := chaos.SpoilDisks(t.Context(), cfg)
	t.Log(summary)
	if err != nil {
		t.Fatalf("%v; see %s", err, cfg.Dir)
	}
	if err := os.RemoveAll(cfg.Dir); err != nil {
		t.Error(err)
	}
}
