package load

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPicture(t *testing.T) {
	var out strings.Builder
	lines := []Line{
		{"one & only", []Result{{Rate: 100, PerSecond: 99, Operations: 1, P50: 0.5, P99: 2, P999: 40}, {Rate: 900, PerSecond: 800, Operations: 1, P50: 1, P99: 9, P999: 90}}},
		{"other", []Result{{PerSecond: 5000, Operations: 1, P50: 7000}, {Rate: 500, PerSecond: 400, Operations: 1, P50: 0.9, P99: 1, P999: 1}}},
	}
	if err := Picture(&out, "latency", lines); err != nil {
		t.Fatal(err)
	}
	for d := xml.NewDecoder(strings.NewReader(out.String())); ; {
		if _, err := d.Token(); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, out.String())
		}
	}
	for text, n := range map[string]int{
		"one &amp; only</text>": 1, ">other</text>": 1, ">p99.9</text>": 1, "<polyline": 6, "<circle": 9, ">0.1</text>": 1, ">100</text>": 2,
		"5000": 0, // a closed loop is not at a rate that somebody chose
	} {
		if got := strings.Count(out.String(), text); got != n {
			t.Errorf("%s is there %d times, not %d, in\n%s", text, got, n, out.String())
		}
	}
	if err := Picture(io.Discard, "nothing", []Line{{Name: "closed", Results: []Result{{PerSecond: 1, Operations: 1}}}}); err == nil {
		t.Error("there is a picture of nothing")
	}
}

// TestCurve: the rates are parts of what the service can carry, and rise.
func TestCurve(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var all []Result
		if err := Curve(t.Context(), &fakeService{takes: 10 * time.Millisecond}, short("get"), func(r Result) { all = append(all, r) }, nil); err != nil {
			t.Fatal(err)
		}
		if len(all) != 1+len(curveParts) || all[0].Rate != 0 || !near(all[0].PerSecond, 100) {
			t.Fatalf("measured %+v", all)
		}
		for i, r := range all[1:] {
			if !near(r.Rate, curveParts[i]*100) || r.PerSecond < 0.98*r.Rate {
				t.Errorf("%v/s were asked and %v/s reached", r.Rate, r.PerSecond)
			}
		}
	})
}
