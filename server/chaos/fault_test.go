package chaos

import (
	"context"
	"maps"
	"testing"
)

// blow is a fault that hurts, or does not.
type blow struct{ hurts bool }

func (b blow) begin(context.Context) (string, error) { return "a blow", nil }
func (b blow) end(context.Context) error             { return nil }
func (b blow) happened() bool                        { return b.hurts }

// certain is a fault that always hurts.
type certain struct{}

func (certain) begin(context.Context) (string, error) { return "a certain blow", nil }
func (certain) end(context.Context) error             { return nil }

// TestFaultsCountIfTheyHurt: the summary does not tell of faults that came to nothing.
func TestFaultsCountIfTheyHurt(t *testing.T) {
	kind := func(name string, f fault) Kind {
		return Kind{Name: name, make: func(*site) fault { return f }}
	}
	hit, miss, sure := kind("hit", blow{true}), kind("miss", blow{false}), kind("sure", certain{})
	r := &run{Config: Config{Tell: t.Logf}, site: &site{}, summary: newSummary(1)}
	err := r.hurt(t.Context(), []episode{{kinds: []Kind{hit, miss}}, {kinds: []Kind{miss}}, {kinds: []Kind{sure, hit}}})
	if err != nil {
		t.Fatal(err)
	}
	if want := map[string]int{"hit": 2, "sure": 1}; !maps.Equal(r.summary.Faults, want) {
		t.Errorf("counted %v, want %v", r.summary.Faults, want)
	}
}
