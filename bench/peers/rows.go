package main

import (
	"time"

	"github.com/coxswain-io/coxswain/bench/load"
)

// row is one measurement with what is asked of us in it.
type row struct {
	name     string // for --only, and in the file of results
	title    string
	workload string            // of load.Workloads or load.Capacities
	other    map[string]string // another workload for a system, by the system's name
	clients  int               // of a workload
	callers  int               // of each client; 0: 1
	options  load.Options      // of a capacity
	takes    time.Duration     // of a capacity, about, for the time that is left
	ours     bool              // nobody else has a figure to compare
	narrow   bool              // each client knows one server only
	bars     []bar
}

// group is rows that are measured on the same cluster, one after the other. Each round starts a new one.
type group struct {
	section int // of the report: 1 throughput and latency, 2 capacity and recovery
	servers int
	rounds  int  // at most; 0: as many as are asked for
	warm    bool // all systems are under load before the first row: a virtual machine compiles what is used
	rows    []row
}

// groups are all rows, in the order in which they are measured and told. Which bars there are was decided before anything was
// measured; a bar is changed only together with its reason.
var groups = []group{
	{section: 1, servers: 3, warm: true, rows: []row{
		{name: "set-1", title: "set", workload: "set", clients: 1, bars: []bar{atMost(0.8, p50)}},
		{name: "set-64", title: "set", workload: "set", clients: 64, bars: []bar{atLeast(3, throughput), atMost(1.0/3, cpu)}},
		{name: "set-256", title: "set", workload: "set", clients: 256, bars: []bar{atLeast(3, throughput), atMost(1/2.5, cpu)}},
		{name: "get-local-1", title: "get, local", workload: "get-local", clients: 1, bars: []bar{atLeast(3, throughput)}},
		{name: "get-local-64", title: "get, local", workload: "get-local", clients: 64, bars: []bar{atLeast(3, throughput), atMost(1.0/4, cpu)}},
		{name: "get-1", title: "get, linearizable", workload: "get", clients: 1, bars: []bar{atLeast(1.5, throughput)}},
		{name: "get-64", title: "get, linearizable", workload: "get", clients: 64, bars: []bar{atLeast(4, throughput)}},
		// At each service's default level: ZooKeeper's reads are local.
		{name: "mix-64", title: "80 % get, 20 % set, default levels", workload: "mix", other: map[string]string{"ZooKeeper": "mix-local"},
			clients: 64, bars: []bar{atLeast(3, throughput).against("ZooKeeper")}},
		{name: "ephemeral-64", title: "ephemeral create + delete", workload: "ephemeral", clients: 64, bars: []bar{atLeast(2.5, throughput)}},
		{name: "lock-1", title: "lock: acquire + release, uncontended", workload: "lock", clients: 1, bars: []bar{atLeast(1.5, throughput)}},
		{name: "handover-16", title: "lock: hand-overs of 16 contenders", workload: "handover", clients: 16, bars: []bar{atLeast(3, throughput)}},
		{name: "pipelined-set", title: "set, many callers on each client", workload: "set", clients: 64, callers: 16, bars: []bar{over(100_000, throughput)}},
		{name: "pipelined-get", title: "get, local, many callers on each client", workload: "get-local", clients: 64, callers: 16, bars: []bar{over(500_000, throughput)}},
	}},
	{section: 2, servers: 3, rounds: 1, rows: []row{
		{name: "idle-cpu", title: "a cluster of three without sessions", workload: "idle-cpu", takes: 50 * time.Second, bars: []bar{
			under(40, named("largest server, resident", "resident_mb_max", "MB", 1)),
			under(2, named("each server, CPU of a core", "cpu_percent_per_server", "%", 1)),
		}},
	}},
	{section: 2, servers: 3, rounds: 3, warm: true, rows: []row{
		{name: "fanout-10", title: "one change to 1,000 watchers on 10 connections", workload: "fanout",
			options: load.Options{Clients: 10, Watches: 1000}, takes: 10 * time.Second, bars: []bar{
				under(2, p50.called("last one told")), atMost(0.6, p50.called("last one told")),
			}},
		{name: "fanout-1000", title: "one change to 1,000 watchers on 1,000 connections", workload: "fanout",
			options: load.Options{Clients: 1000, Watches: 1000}, takes: 20 * time.Second, bars: []bar{
				under(12, p50.called("last one told")), atMost(0.6, p50.called("last one told")),
			}},
		{name: "biglist", title: "a parent of 100,000 children, whole list", workload: "biglist", takes: 25 * time.Second, bars: []bar{
			under(16, p50.called("time")),
			under(15, figure{name: "server CPU", unit: "ms", of: func(r load.Result) float64 { return r.ServerCPUMicros / 1000 }}),
		}},
	}},
	{section: 2, servers: 3, rounds: 2, rows: []row{
		{name: "failover", title: "leader kill -9 under 10 writers", workload: "failover", takes: 40 * time.Second, bars: []bar{
			under(350, named("silence of all, median", "silence_ms", "ms", 1)),
			under(600, named("silence of all, max", "silence_max_ms", "ms", 1).largest()),
			under(1000, named("every client back, max", "back_max_ms", "ms", 1).largest()),
		}},
		{name: "freeze", title: "leader frozen under 10 writers", workload: "freeze", ours: true, takes: 30 * time.Second, bars: []bar{
			under(1000, named("writers on other servers", "others_back_ms", "ms", 1)),
			under(3000, named("all writers", "clients_back_ms", "ms", 1)),
		}},
	}},
	{section: 2, servers: 3, rounds: 1, rows: []row{
		// A client of etcd that knows all servers has a connection to each; one to one server is the least that it can have.
		{name: "idle", title: "10,000 idle sessions, own connections", workload: "idle", narrow: true, takes: 100 * time.Second, bars: []bar{
			under(15, named("all servers, CPU of a core", "cpu_percent", "%", 1)),
			under(30, named("all servers, memory of a session", "resident_bytes_per_session", "kB", 1e-3)),
			under(1.2, quotient("written per second, over that of 1,000 sessions", "written_bytes_per_second", "written_bytes_per_second_tenth")),
		}},
	}},
	{section: 2, servers: 1, rounds: 2, rows: []row{
		{name: "bulk", title: "200,000 nodes of 100 B, one server", workload: "bulk", takes: 40 * time.Second, bars: []bar{
			atLeast(3, throughput.called("load rate")),
			under(700, named("resident of a node", "resident_bytes_per_node", "B", 1)),
		}},
	}},
	{section: 2, servers: 1, rounds: 1, rows: []row{
		{name: "million", title: "1,000,000 nodes of 100 B, one server", workload: "bulk", ours: true,
			options: load.Options{Nodes: 1_000_000}, takes: 60 * time.Second, bars: []bar{
				under(5000, named("restart to the first read", "restart_ms", "ms", 1)),
			}},
	}},
	{section: 2, servers: 3, rounds: 1, rows: []row{
		{name: "restart", title: "restart after kill -9 with 200,000 nodes", workload: "restart", takes: 90 * time.Second, bars: []bar{
			under(600, named("one server, to its first linearizable read", "one_ms", "ms", 1)),
			under(1200, named("all three, to the first", "all_ms", "ms", 1)),
		}},
	}},
	{section: 2, servers: 3, rounds: 1, rows: []row{
		{name: "growth", title: "operations with 1,000,000 nodes, over those with 1,000", workload: "growth", ours: true, takes: 120 * time.Second, bars: []bar{
			under(1.3, named("set, CPU", "set_us_ratio", "×", 1)),
			under(1.3, named("get, CPU", "get_us_ratio", "×", 1)),
			under(1.3, named("create, CPU", "create_us_ratio", "×", 1)),
		}},
	}},
}

// called is f under another name.
func (f figure) called(name string) figure {
	f.name = name
	return f
}
