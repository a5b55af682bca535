package load

import (
	"cmp"
	"context"
)

// bulkNodes is how many nodes are loaded.
const bulkNodes = 200_000

// Bulk loads nodes, each by a call of its own with many callers, into a cluster that should have one server and an empty tree.
// The latencies are not measured; PerSecond is the rate. Figures: resident_bytes_per_node, what the largest server's process has
// grown by, and resident_bytes_per_node_restart after a restart; restart_ms, from the start of all servers after a kill to the
// first linearizable read. The nodes stay.
var bulk = Capacity{
	Name:      "bulk",
	About:     "load nodes: rate, memory per node, time of a restart; with --local 1 (--nodes, --size, --clients, --callers)",
	OnCluster: measureBulk,
}

func measureBulk(ctx context.Context, c Cluster, o Options) (Result, error) {
	nodes := cmp.Or(o.Nodes, bulkNodes)
	before, err := largestResident(c)
	if err != nil {
		return Result{}, err
	}
	cpu := cpuOf(c, o)
	g, err := fill(ctx, c, o, nodes)
	if err != nil {
		return Result{}, err
	}
	cpu.stop()
	after, err := largestResident(c)
	if err != nil {
		return Result{}, err
	}
	took, err := restartSome(ctx, c, g.path, everyServer(c)...)
	if err != nil {
		return Result{}, err
	}
	again, err := largestResident(c)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Target: c.Name(), Workload: "bulk", Clients: cmp.Or(o.Clients, fillClients), Callers: cmp.Or(o.Callers, fillCallers),
		Seconds: g.took.Seconds(), Operations: int64(nodes), PerSecond: float64(nodes) / g.took.Seconds(),
		ResidentMB: after / 1e6,
		Figures: map[string]float64{
			"nodes":                           float64(nodes),
			"resident_bytes_per_node":         (after - before) / float64(nodes),
			"resident_bytes_per_node_restart": (again - before) / float64(nodes),
			"restart_ms":                      milliseconds(took),
		},
	}
	if cpu.known() {
		r.ServerCPUMicros = cpu.seconds * 1e6 / float64(nodes)
	}
	return r, nil
}
