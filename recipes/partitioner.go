package recipes

import (
	"context"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-rendezvous"

	"github.com/coxswain-io/coxswain/client"
)

// Partitioner spreads a set of partitions over the members that are alive, and moves few of them when members come and go.
//
//	/work                                     container
//	/work/members/a                           ephemeral: a member
//	/work/members/b
//	/work/locks/p-orders-0/lock-0000000003    the [Lock] of a partition, held by its owner
//
// Every member computes from the list of members who should own what, by rendezvous hashing: the member whose hash with the
// partition is the highest. Nobody has to be asked and nothing is written but the locks. When one of m members goes, its
// partitions are spread over the others and no other one moves; when one comes it gets 1/m of each. The shares are as even
// as chance makes them: of 1,000 partitions on 10 members each had 88 to 113 (measured); a few partitions on a few members
// are spread less evenly, and several times as many partitions as members more.
//
// Owning a partition is holding its lock. A member that should own one gets in line for it; one that should not any more is
// told by [Partition.Revoked], finishes what it is doing and releases, and then the next one has it. Or it dies, and the
// next one has it when its session has expired.
//
// What it guarantees is what [Hold] does: a partition has one owner at most, with a Context that ends before the next one
// has it, a Fence that is higher than those of all earlier owners, and Commit. While members do not change and none is cut
// off, each partition is owned in the end by the member that all compute. What it cannot: hurry up an owner that does not
// release what is revoked; keep a partition owned without a pause while it moves.
//
// All members must be given the same partitions; one that only some know is spread over all, and not owned if it falls to a
// member that does not know it. A change of members costs each member one wake-up and one read of the list, and a write for
// each partition that it gains or gives back.
//
// A partition is named by any text. It is escaped in the tree as in a URL, behind "p-".
//
// It is kazoo's SetPartitioner, which waits until the members have not changed for half a minute, and then has all of them
// release everything and acquire it anew. Consumer groups of Kafka have a coordinator for it.
type Partitioner struct {
	c          *client.Client
	path       string
	partitions []string
}

// NewPartitioner returns the partitioner at path, which need not exist, of a set of partitions; one that is there twice counts
// once. It does not ask the service.
func NewPartitioner(c *client.Client, path string, partitions []string) *Partitioner {
	return &Partitioner{c: c, path: path, partitions: slices.Compact(slices.Sorted(slices.Values(partitions)))}
}

// Join makes this process a member, under a name that no other member has, and returns its partitions, which come one by
// one. It waits while there is a member of that name, such as this one in its life before. If ctx ends first it fails with
// its cause. Errors: those of [client.Client.Register] and [client.Client.AddWatch].
//
// With client.Config.Renew the member is there again in the session that follows an expired one.
func (p *Partitioner) Join(ctx context.Context, member string) (*Partitions, error) {
	members := join(p.path, "members")
	watch, err := p.c.AddWatch(ctx, members)
	if err != nil {
		return nil, failed("join", p.path, err)
	}
	registration, err := p.c.Register(ctx, join(members, nodeName(member)), nil, client.ContainerParents())
	if err != nil {
		watch.Close()
		return nil, failed("join", p.path, err)
	}
	return newPartitions(p, member, watch, registration), nil
}

// assigned returns which of the partitions fall to a member: none if it is not among the members.
func assigned(partitions, members []string, member string) map[string]bool {
	own := map[string]bool{}
	if !slices.Contains(members, member) {
		return own
	}
	// In one order everywhere, because of two members with the same hash. The slash keeps the names of partitions apart from
	// those of members: equal ones would give the lowest hash of all.
	table := rendezvous.New(slices.Sorted(slices.Values(members)), xxhash.Sum64String)
	for _, partition := range partitions {
		if table.Lookup("/"+partition) == member {
			own[partition] = true
		}
	}
	return own
}
