package recipes

import (
	"errors"
	"fmt"
	"testing"

	"github.com/coxswain-io/coxswain/client"
)

// TestMemoryGateForgetsNothingThatMatters: more resources than a gate remembers, and still no token below one that was seen.
func TestMemoryGateForgetsNothingThatMatters(t *testing.T) {
	g := NewMemoryGate(0)
	const n = gateResourcesMax + gateResourcesMax/2
	for i := 1; i <= n; i++ {
		if err := g.Admit(t.Context(), fmt.Sprint(i), client.Zxid(i)); err != nil {
			t.Fatal(err)
		}
		if len(g.known) > gateResourcesMax {
			t.Fatalf("it remembers %d", len(g.known))
		}
	}
	for i := 2; i <= n; i += 97 {
		if err := g.Admit(t.Context(), fmt.Sprint(i), client.Zxid(i-1)); !errors.Is(err, ErrFenced) {
			t.Fatalf("resource %d: an older token: %v", i, err)
		}
		if err := g.Admit(t.Context(), fmt.Sprint(i), n+1); err != nil {
			t.Fatalf("resource %d: a new token: %v", i, err)
		}
	}
}

// One that acts all the time is not refused, however old its hold is and however many others come and go.
func TestMemoryGateRemembersWhoActs(t *testing.T) {
	g := NewMemoryGate(0)
	for i := range 2 * gateResourcesMax {
		if i%1000 == 0 {
			if err := g.Admit(t.Context(), "the leader's", 10); err != nil {
				t.Fatalf("after %d others: %v", i, err)
			}
		}
		if err := g.Admit(t.Context(), fmt.Sprint(i), client.Zxid(1000+i)); err != nil {
			t.Fatal(err)
		}
	}
}
