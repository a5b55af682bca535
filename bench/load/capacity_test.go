package load

import (
	"context"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Every capacity is measured, with small numbers, on processes of our own; each tells all its figures, and leaves a cluster that
// still answers.
func TestCapacitiesOfACluster(t *testing.T) {
	if testing.Short() {
		t.Skip("starts clusters of processes")
	}
	binary := filepath.Join(t.TempDir(), "coxswain")
	if out, err := exec.Command("go", "build", "-o", binary, "github.com/coxswain-io/coxswain/cmd/coxswain").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	t.Chdir(t.TempDir()) // the clusters' data goes below the working directory
	for _, test := range []struct {
		capacity Capacity
		servers  int
		options  Options
		figures  []string // those that must be above 0, besides what is in every result
	}{
		{bigList, 1, Options{Nodes: 3000, Times: 2}, []string{"children"}},
		{bulk, 1, Options{Nodes: 3000}, []string{"nodes", "restart_ms"}},
		{failover, 3, Options{Clients: 4, Times: 1}, []string{"silence_ms", "back_ms", "silence_max_ms", "back_max_ms"}},
		{fanOut, 3, Options{Watches: 20, Clients: 4, Times: 3}, []string{"first_ms", "watches", "events_per_second"}},
		{freeze, 3, Options{Clients: 3, Times: 1}, []string{"silence_ms", "others_back_ms", "clients_back_ms", "clients_median_back_ms"}},
		{growth, 1, Options{Nodes: 3000, Duration: 200 * time.Millisecond}, []string{"set_alone_ratio", "get_alone_ratio", "create_alone_ratio"}},
		{idle, 3, Options{Clients: 20, Duration: 200 * time.Millisecond}, nil},
		{still, 3, Options{Duration: 200 * time.Millisecond, Times: 1}, []string{"start_ms"}},
		{restart, 3, Options{Nodes: 2000, Times: 1}, []string{"one_ms", "all_ms"}},
	} {
		t.Run(test.capacity.Name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c, err := StartCox(ctx, binary, test.servers)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}()
			r, err := test.capacity.Measure(ctx, c, test.options)
			if err != nil {
				t.Fatal(err)
			}
			if r.Workload != test.capacity.Name || r.Target != c.Name() || r.Seconds <= 0 {
				t.Errorf("the result is of %q of %q in %v s", r.Workload, r.Target, r.Seconds)
			}
			for _, name := range test.figures {
				if r.Figures[name] <= 0 {
					t.Errorf("%s is %v; there are %v", name, r.Figures[name], slices.Sorted(maps.Keys(r.Figures)))
				}
			}
			for i := range c.Len() {
				if err := readAt(ctx, c, "/", i); err != nil {
					t.Errorf("server %d afterwards: %v", i+1, err)
				}
			}
		})
	}
}
