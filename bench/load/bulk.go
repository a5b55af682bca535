package load

import (
	"cmp"
	"context"
	"time"
)

// bulkNodes is how many nodes are loaded.
const bulkNodes = 200_000

// HeapTeller is a cluster whose servers tell what is live in their heap.
type HeapTeller interface {
	// LiveBytes is what server i cannot do without, in bytes, of its newest garbage collection or so.
	LiveBytes(ctx context.Context, i int) (float64, error)
}

// Bulk loads nodes, each by a call of its own with many callers, into a cluster that should have one server and an empty tree.
// The latencies are not measured; PerSecond is the rate. Figures: resident_bytes_per_node, what the largest server's process has
// grown by, and live_bytes_per_node, what its heap has, if the service tells; restart_ms, from the start of all servers after a
// kill to the first linearizable read. The nodes stay.
var bulk = Capacity{
	Name:      "bulk",
	About:     "load nodes: rate, memory per node, time of a restart; with --local 1 (--nodes, --size, --clients, --callers)",
	OnCluster: measureBulk,
}

func measureBulk(ctx context.Context, c Cluster, o Options) (Result, error) {
	nodes := cmp.Or(o.Nodes, bulkNodes)
	before, err := footprintOf(ctx, c)
	if err != nil {
		return Result{}, err
	}
	cpu := cpuOf(c, o)
	g, err := fill(ctx, c, o, nodes)
	if err != nil {
		return Result{}, err
	}
	cpu.stop()
	after, err := footprintOf(ctx, c)
	if err != nil {
		return Result{}, err
	}
	took, err := restartSome(ctx, c, g.path, everyServer(c)...)
	if err != nil {
		return Result{}, err
	}
	again, err := footprintOf(ctx, c)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Target: c.Name(), Workload: "bulk", Clients: cmp.Or(o.Clients, fillClients), Callers: cmp.Or(o.Callers, fillCallers),
		Seconds: g.took.Seconds(), Operations: int64(nodes), PerSecond: float64(nodes) / g.took.Seconds(),
		ResidentMB: after.resident / 1e6,
		Figures: map[string]float64{
			"nodes":                           float64(nodes),
			"resident_bytes_per_node":         (after.resident - before.resident) / float64(nodes),
			"resident_bytes_per_node_restart": (again.resident - before.resident) / float64(nodes),
			"restart_ms":                      milliseconds(took),
		},
	}
	if cpu.known() {
		r.ServerCPUMicros = cpu.seconds * 1e6 / float64(nodes)
	}
	if after.live > 0 {
		r.Figures["live_bytes_per_node"] = (after.live - before.live) / float64(nodes)
	}
	return r, nil
}

// footprint is the memory of the largest server of a cluster, in bytes.
type footprint struct {
	resident float64
	live     float64 // 0: the service does not tell
}

func footprintOf(ctx context.Context, c Cluster) (footprint, error) {
	var f footprint
	for i := range c.Len() {
		resident, err := ResidentBytes(c.PID(i))
		if err != nil {
			return f, err
		}
		f.resident = max(f.resident, float64(resident))
		if teller, ok := c.(HeapTeller); ok {
			live, err := teller.LiveBytes(ctx, i)
			if err != nil {
				return f, err
			}
			f.live = max(f.live, live)
		}
	}
	return f, nil
}

// residentOf is the memory of all servers of a cluster together, in bytes.
func residentOf(c Cluster) (float64, error) {
	var total float64
	for i := range c.Len() {
		resident, err := ResidentBytes(c.PID(i))
		if err != nil {
			return 0, err
		}
		total += float64(resident)
	}
	return total, nil
}

// coresUsed is how much of one core the servers of a cluster use together while d passes, in per cent.
func coresUsed(ctx context.Context, c Cluster, d time.Duration) (float64, error) {
	pids := PIDs(c)
	before, err := CPUSeconds(pids)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := rest(ctx, d); err != nil {
		return 0, err
	}
	after, err := CPUSeconds(pids)
	return 100 * (after - before) / time.Since(begun).Seconds(), err
}
