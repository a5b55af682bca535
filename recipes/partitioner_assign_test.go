package recipes

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

func named(prefix string, n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("%s%d", prefix, i)
	}
	return names
}

// owners is who owns each partition by what each member computes; it fails if two would own one, or nobody.
func owners(t *testing.T, partitions, members []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range members {
		for p := range assigned(partitions, members, m) {
			if other, taken := all[p]; taken {
				t.Errorf("%s belongs to %s and to %s", p, other, m)
			}
			all[p] = m
		}
	}
	if len(all) != len(partitions) {
		t.Errorf("%d of %d partitions belong to somebody", len(all), len(partitions))
	}
	return all
}

func TestAssignmentMovesOnlyWhatItMust(t *testing.T) {
	partitions := named("orders-", 1000)
	for _, m := range []int{1, 2, 3, 10, 50} {
		members := named("member-", m)
		before := owners(t, partitions, members)
		after := owners(t, partitions, append(slices.Clone(members), "newcomer"))
		moved := 0
		for p, owner := range before {
			if after[p] != owner {
				moved++
				if after[p] != "newcomer" {
					t.Errorf("%s has moved from %s to %s when another member came", p, owner, after[p])
				}
			}
		}
		if fair := len(partitions) / (m + 1); moved < fair/2 || moved > 2*fair {
			t.Errorf("%d members and one more: %d of %d have moved, %d would be even", m, moved, len(partitions), fair)
		}
	}
}

func TestAssignmentIsBalanced(t *testing.T) {
	partitions, members := named("orders-", 1000), named("member-", 10)
	shares := map[string]int{}
	for _, owner := range owners(t, partitions, members) {
		shares[owner]++
	}
	sizes := slices.Sorted(maps.Values(shares))
	t.Log(sizes)
	if len(sizes) != 10 || sizes[0] < 70 || sizes[9] > 130 {
		t.Errorf("shares of 1000 partitions on 10 members: %v", sizes)
	}
}

func TestAssignmentDoesNotDependOnTheOrderOfMembers(t *testing.T) {
	partitions, members := named("orders-", 100), named("member-", 7)
	backwards := slices.Clone(members)
	slices.Reverse(backwards)
	for _, m := range members {
		if !maps.Equal(assigned(partitions, members, m), assigned(partitions, backwards, m)) {
			t.Error(m)
		}
	}
	if own := assigned(partitions, members, "nobody"); len(own) > 0 {
		t.Errorf("somebody who is no member has %v", own)
	}
}

// Members and partitions may have the same names.
func TestAssignmentOfNamesakes(t *testing.T) {
	names := named("x", 20)
	own := 0
	for p, owner := range owners(t, names, names) {
		if p == owner {
			own++
		}
	}
	if own > 5 {
		t.Errorf("%d of 20 partitions belong to their namesakes", own)
	}
}
