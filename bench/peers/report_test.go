package main

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/bench/load"
)

var update = flag.Bool("update", false, "write testdata/report.md anew")

// fixed is a journal of two rounds, with a row that is held, one that is not, one with a failure, and one with errors.
func fixed() *journal {
	j := &journal{setting: setting{
		Date: "2026-01-02", Machine: "a processor, 2 cores", Versions: []string{"coxswain 1", "ZooKeeper 2", "etcd 3"},
		Rounds: 2, Duration: "3s", Warmup: "1s",
	}}
	for round := range 2 {
		for i, name := range systemNames {
			scale := float64(1+round) / float64(1+2*i)
			keep := func(row string, r load.Result) {
				r.Target = name
				j.records = append(j.records, record{Round: round, System: name, Row: row, Result: r})
			}
			keep("set-1", load.Result{PerSecond: 1000 * scale, P50: 0.5, P99: 1.5, ServerCPUMicros: 100})
			keep("set-64", load.Result{PerSecond: 30000 * scale, P50: 2, P99: 9, ServerCPUMicros: 10 / scale, Errors: int64(i)})
			keep("fanout-10", load.Result{P50: 1.5 / scale})
			keep("failover", load.Result{Figures: map[string]float64{"silence_ms": 200 + 200*float64(round), "silence_max_ms": 500 + 200*float64(round)}})
		}
	}
	j.records = append(j.records, record{System: "etcd", Row: "idle", Error: "too many\nopen files"})
	return j
}

// TestReport is that of fixed results, word by word. Run it with -update after a change of the report, and read the difference.
func TestReport(t *testing.T) {
	golden := filepath.Join("testdata", "report.md")
	got := report(fixed(), "\nwords\n")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the report is not that of %s:\n%s", golden, got)
	}
}

// TestWhatIsWrittenByHandStays when the report is written anew.
func TestWhatIsWrittenByHandStays(t *testing.T) {
	path := filepath.Join(t.TempDir(), "RESULTS.md")
	if err := writeReport(path, fixed()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mine := strings.Replace(string(text), handBegin, handBegin+"\nset: the disk.\n", 1)
	if err := os.WriteFile(path, []byte(mine), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(path, fixed()); err != nil {
		t.Fatal(err)
	}
	if text, err = os.ReadFile(path); err != nil || string(text) != mine {
		t.Errorf("what was written is lost: %v\n%s", err, text)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(mine, handEnd, "", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeReport(path, fixed()); err == nil {
		t.Error("without its end what was written by hand would have been lost")
	}
}
