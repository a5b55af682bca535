package main

import "testing"

// TestBars: by rounds and not by medians if it is a ratio, against the better peer, and never held by what was not measured.
func TestBars(t *testing.T) {
	faster, cheaper := atLeast(3, throughput), atMost(0.5, cpu)
	for _, c := range []struct {
		what             string
		bar              bar
		ours, zoo, other series
		want             verdict
		ratio            float64
		peer             string
	}{
		{"three times the better", faster, series{30}, series{10}, series{5}, held, 3, "ZooKeeper"},
		{"three times the worse", faster, series{30}, series{5}, series{20}, notHeld, 1.5, "etcd"},
		{"half of the cheaper", cheaper, series{5}, series{20}, series{10}, held, 0.5, "etcd"},
		{"half of the dearer", cheaper, series{9}, series{18}, series{10}, notHeld, 0.9, "etcd"},
		{"a slow round was slow for all", faster, series{30, 3, 33}, series{10, 1, 11}, series{1, 0.1, 1}, held, 3, "ZooKeeper"},
		{"rounds that one lacks do not count", faster, series{30, 1, 30}, series{10, 0, 10}, series{1, 1, 1}, held, 3, "ZooKeeper"},
		{"a peer was not measured", faster, series{30}, series{10}, nil, unmeasured, 0, ""},
		{"we were not measured", faster, nil, series{10}, series{10}, unmeasured, 0, "ZooKeeper"},
		{"one peer alone counts", faster.against("ZooKeeper"), series{30}, series{10}, series{100}, held, 3, "ZooKeeper"},
		{"a limit below", under(10, p50), series{9, 10, 12}, nil, nil, held, 0, ""},
		{"a limit below, missed", under(10, p50), series{9, 11, 12}, nil, nil, notHeld, 0, ""},
		{"a limit below for the worst", under(10, p50.largest()), series{9, 10, 12}, nil, nil, notHeld, 0, ""},
		{"a limit above", over(100, throughput), series{100}, nil, nil, held, 0, ""},
		{"a limit, and nothing measured", under(10, p50), series{0, 0}, nil, nil, unmeasured, 0, ""},
	} {
		got := c.bar.judge(map[string]series{ours: c.ours, "ZooKeeper": c.zoo, "etcd": c.other})
		if got.verdict != c.want || got.ratio != c.ratio {
			t.Errorf("%s: %+v", c.what, got)
		}
		if c.ratio != 0 && got.peer != c.peer {
			t.Errorf("%s: compared with %q", c.what, got.peer)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0.512: "0.51", 9.99: "9.99", 12.34: "12.3", 999.6: "1,000", 1234567: "1,234,567"} {
		if got := number(v); got != want {
			t.Errorf("%v is written %q and not %q", v, got, want)
		}
	}
}
