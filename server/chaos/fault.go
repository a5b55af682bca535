package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// fault is one way to hurt a cluster, once. All that is random in it was drawn when it was made.
type fault interface {
	// begin hurts, and tells what it did to whom.
	begin(ctx context.Context) (told string, err error)
	// end undoes it, as far as that is not done for all faults by site.heal.
	end(ctx context.Context) error
}

// doubtful is a fault that may come to nothing, because its victim was down or has not done what would have been hurt.
type doubtful interface {
	// happened reports whether it has hurt. It is asked right before end.
	happened() bool
}

// area is what a fault touches: no two faults of one area are on at the same time.
type area uint8

const (
	processes area = iota
	network
	disk
	clock
	everything // it is on alone
)

// Kind is a kind of fault.
type Kind struct {
	Name string
	Does string
	area area
	make func(s *site) fault
}

// Kinds are all kinds of faults.
func Kinds() []Kind {
	return []Kind{
		{"kill", "kill -9 of the leader or another server", processes, newKill},
		{"killmost", "kill -9 of a majority at once", processes, newKillMost},
		{"killall", "kill -9 of all servers at once", processes, newKillAll},
		{"pause", "SIGSTOP of the leader or another server", processes, newPause},
		{"transfer", "the leadership is handed over, again and again", processes, newTransfers},
		{"rolling", "SIGTERM and start, one server after the other", everything, newRolling},
		{"isolate", "one server is cut off from the others, and perhaps from clients", network, newIsolate},
		{"split", "a minority of the servers is cut off from the majority", network, newSplit},
		{"oneway", "packets to or from one server are lost, those in the other direction are not", network, newOneWay},
		{"bridge", "two groups of servers reach each other through one server only", network, newBridge},
		{"lossy", "packets are lost, doubled and reordered", network, newLossy},
		{"slow", "packets take long, by a narrow line or a long one", network, newSlow},
		{"flap", "one server is cut off and back, several times a second", network, newFlap},
		{"eio", "fsync of one server fails", disk, newFailedSync},
		{"slowdisk", "fsync of one server or of all takes long", disk, newSlowSync},
		{"full", "the disk of one server is full", disk, newFull},
		{"clock", "the wall clock of one server or of all jumps", clock, newJump},
	}
}

// Select returns the kinds with the given names, separated by commas; "" or "all" are all of them.
func Select(names string) ([]Kind, error) {
	all := Kinds()
	if names == "" || names == "all" {
		return all, nil
	}
	var chosen []Kind
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(k Kind) bool { return k.Name == strings.TrimSpace(name) })
		if i < 0 {
			return nil, fmt.Errorf("there is no fault named %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
