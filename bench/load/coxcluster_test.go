package load

import (
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestALeaderIsLostDuringARun: the run goes on, and tells for how long nobody was answered.
func TestALeaderIsLostDuringARun(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "coxswain")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/coxswain-io/coxswain/cmd/coxswain").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	t.Chdir(t.TempDir())
	cluster, err := StartCox(t.Context(), binary, 3)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	}()
	leader, err := cluster.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	killed := false
	before := int64(0)
	r, err := Run(t.Context(), cluster, Plan{Workload: "set", Clients: 4, Callers: 2, Duration: 3 * time.Second}, func(p Progress) {
		if p.Phase != Measuring || killed {
			return
		}
		killed, before = true, int64(p.PerSecond)
		if err := cluster.Kill(leader); err != nil {
			t.Error(err)
		}
	})
	if err != nil || !killed {
		t.Fatalf("the leader was killed: %v; %v", killed, err)
	}
	if r.Errors > 0 || r.Operations <= before || r.Figures["silence_ms"] < 20 || r.ServerCPUMicros > 0 {
		t.Errorf("before about %d sets, then %+v", before, r)
	}
}
