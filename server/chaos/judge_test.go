package chaos_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
	"github.com/coxswain-io/coxswain/server/chaos"
)

// TestJudge plants what must be found in the one round of a run, beside one in which nothing is wrong.
func TestJudge(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: each case takes some seconds")
	}
	binary, err := plain()
	if err != nil {
		t.Fatal(err)
	}
	kinds, err := chaos.Select("pause")
	if err != nil {
		t.Fatal(err)
	}
	created := history.Operation{
		Client: 1, Session: 1, Call: 1, Return: 2, In: history.Input{Kind: history.Create, Path: "/a"},
		Out: history.Output{Fate: history.Applied, Zxid: 5, Path: "/a", Stat: client.Stat{Czxid: 5, Mzxid: 5, Pzxid: 5}},
	}
	for _, c := range []struct {
		name string
		want string // in the only violation; "": none
		load func(ctx context.Context, w chaos.Work) (*history.History, error)
	}{
		{"nothing", "", func(_ context.Context, w chaos.Work) (*history.History, error) {
			w.Calm()
			return &history.History{}, nil
		}},
		{"clients saw what cannot be", "P8", func(_ context.Context, w chaos.Work) (*history.History, error) {
			again := created
			again.Client, again.Call, again.Return = 2, 3, 4
			w.Calm()
			return &history.History{Operations: []history.Operation{created, again}}, nil
		}},
		{"an operation with an error that nothing explains", "the load: " + client.ErrBadVersion.Error(), func(_ context.Context, w chaos.Work) (*history.History, error) {
			w.Calm()
			return &history.History{}, client.ErrBadVersion
		}},
		{"a server ended by itself", "server 2 ended by itself", func(_ context.Context, w chaos.Work) (*history.History, error) {
			w.Calm()
			return &history.History{}, w.Cluster.Kill(1)
		}},
		{"no write after the faults", "P12: no write", func(_ context.Context, w chaos.Work) (*history.History, error) {
			for i := range 2 {
				if err := w.Cluster.Kill(i); err != nil {
					return nil, err
				}
			}
			w.Calm()
			return &history.History{}, nil
		}},
		{"a server that does not come back", "P12: server", func(ctx context.Context, w chaos.Work) (*history.History, error) {
			w.Calm()
			leader, err := w.Cluster.Leader(ctx)
			if err != nil {
				return nil, err
			}
			return &history.History{}, w.Cluster.Pause((leader + 1) % 3)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			calm := time.Minute
			if strings.HasPrefix(c.want, "P12") {
				calm = time.Second // what is waited for does not happen
			}
			dir := t.TempDir()
			cfg := chaos.Config{
				Binary: binary, Dir: dir, Seed: 3, Servers: 3, Faults: kinds, Rounds: 1, Operations: 1, Clients: 1, Calm: calm, Load: c.load,
				Episodes: 1, Hold: 50 * time.Millisecond, Tell: t.Logf,
			}
			summary, err := chaos.Run(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			found := strings.Join(summary.Violations, "\n")
			if (c.want == "") != (len(summary.Violations) == 0) || !strings.Contains(found, c.want) {
				t.Errorf("found %q, want %q", found, c.want)
			}
			kept, err := os.ReadFile(filepath.Join(dir, "violation-1", "found.txt"))
			if c.want != "" && (err != nil || !strings.Contains(string(kept), c.want)) {
				t.Errorf("kept %q, %v", kept, err)
			}
			if _, err := os.Stat(filepath.Join(dir, "violation-1", "server-1.log")); (err == nil) != (c.want != "") {
				t.Errorf("the log of server 1: %v", err)
			}
		})
	}
}

// TestWhatIsLeftOutIsTold: what this machine cannot do is left out with a reason, and so is what a run on loopback cannot.
func TestWhatIsLeftOutIsTold(t *testing.T) {
	var told []string
	cfg := chaos.Config{
		Binary: "/nowhere/coxswain", Dir: t.TempDir(), Servers: 3, Faults: chaos.Kinds(), Rounds: 1,
		Tell: func(format string, args ...any) { told = append(told, format) },
	}
	summary, err := chaos.Run(t.Context(), cfg)
	if err == nil || !strings.Contains(err.Error(), syscall.ENOENT.Error()) {
		t.Fatalf("a run of no binary: %v", err)
	}
	text := summary.String()
	for _, name := range []string{"isolate (", "lossy (", "clock (this coxswain was not built for it)"} {
		if !strings.Contains(text, name) {
			t.Errorf("the summary does not say that this was left out: %s: %s", name, text)
		}
	}
	if len(told) != len(summary.LeftOut) {
		t.Errorf("%d kinds were told at the start, %d in the summary", len(told), len(summary.LeftOut))
	}
	if strings.Contains(text, "kill (") {
		t.Errorf("a kill can be made everywhere: %s", text)
	}
}

func TestSelect(t *testing.T) {
	if all, err := chaos.Select("all"); err != nil || len(all) != len(chaos.Kinds()) {
		t.Errorf("all: %d, %v", len(all), err)
	}
	if two, err := chaos.Select("kill, slow"); err != nil || len(two) != 2 || two[1].Name != "slow" {
		t.Errorf("two: %v, %v", two, err)
	}
	if _, err := chaos.Select("kill,flood"); err == nil {
		t.Error("a fault that does not exist was selected")
	}
}
