package workload_test

import (
	"flag"
	"testing"

	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/internal/workload"
	"github.com/coxswain-io/coxswain/server/servertest"
)

var uses = flag.Int("workload.uses", 40, "how often TestLocks uses what a lock protects")

func TestLocks(t *testing.T) {
	cluster := servertest.Start(t, 3)
	cfg := config(t, cluster, 0)
	cfg.Clients, cfg.Operations = 5, *uses
	used, err := workload.Locks(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	believed, refused := 0, 0
	for name, uses := range used {
		if len(uses) == 0 {
			t.Errorf("nobody has used %s", name)
		}
		for _, v := range history.CheckUses(uses) {
			t.Errorf("%s: %v", name, v)
		}
		for _, u := range uses {
			if u.Believed {
				believed++
			}
			if !u.Admitted {
				refused++
			}
		}
		t.Logf("%s: %d uses", name, len(uses))
	}
	t.Logf("%d by believers, %d refused", believed, refused)
	if believed < *uses/2 {
		t.Errorf("only %d of %d uses by those who believed in their lock", believed, *uses)
	}
}
