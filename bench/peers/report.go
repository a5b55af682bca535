package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// What is between the two is written by hand, and kept when the rest is written anew.
const (
	handBegin = "<!-- written by hand: begin -->"
	handEnd   = "<!-- written by hand: end -->"
)

// elsewhere is what the list of bars has and this comparison does not measure.
const elsewhere = `
Lists come in pages: the client fetches them so, and the time is that of all pages. The pause of a snapshot of 1,000,000 nodes,
and the live heap of a node, are measured by benchmarks of the core (` + "`make microbench`" + `), without peers. A connection carries one session, so there is no row
for many sessions on one connection: that what is written does not depend on their number is measured with own connections.
`

var systemNames = []string{ours, "ZooKeeper", "etcd"}

// writeReport writes what a journal has to a file of Markdown. What was written into it by hand stays.
func writeReport(path string, j *journal) error {
	hand := ""
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if _, rest, ok := strings.Cut(string(old), handBegin); ok {
		hand, _, ok = strings.Cut(rest, handEnd)
		if !ok {
			return fmt.Errorf("%s: %q is missing: what is written by hand would be lost", path, handEnd)
		}
	}
	return os.WriteFile(path, []byte(report(j, hand)), 0o644)
}

// report is the text, with what is written by hand at its end.
func report(j *journal, hand string) string {
	var b strings.Builder
	s := j.setting
	fmt.Fprintf(&b, "# Measured against ZooKeeper and etcd\n\n%s · `make bench-peers` writes this file.\n\n", s.Date)
	fmt.Fprintf(&b, "- Machine: %s.\n", s.Machine)
	for _, v := range s.Versions {
		fmt.Fprintf(&b, "- %s.\n", v)
	}
	fmt.Fprintf(&b, `
Three servers of each on loopback, one system at a time and a new cluster in each round: coxswain, ZooKeeper, etcd, coxswain, …
Rounds: %d, of what takes long fewer; each workload for %s after %s of warm-up, on a cluster that was under load before. Each has
its durability as shipped (all sync before they acknowledge), its own Go client, sessions of %s, values of %d bytes, and the load
generator on the same cores. A figure is the median of the rounds, with the smallest and the largest. A ratio is ours over the
better peer's in the same round, and its median is what is held against the bar. CPU is that of all servers, user and system.

`, s.Rounds, s.Duration, s.Warmup, sessionTimeout, valueBytes)
	found := tally(j)
	fmt.Fprintf(&b, "**%d bars are held, %d are not, %d are not measured.**", len(found[held]), len(found[notHeld]), len(found[unmeasured]))
	for _, v := range []verdict{notHeld, unmeasured} {
		if rows := slices.Compact(found[v]); len(rows) > 0 {
			fmt.Fprintf(&b, " %s: %s.", v, strings.Join(rows, ", "))
		}
	}
	b.WriteString("\n\n## Throughput and latency\n\n" +
		"| workload | clients | coxswain | ZooKeeper | etcd | ratio | bar | |\n|---|---:|---:|---:|---:|---:|---|---|\n")
	eachRow(1, func(r row) { throughputLine(&b, j, r) })
	b.WriteString("\n## Capacity and recovery\n\n| what | coxswain | ZooKeeper | etcd | ratio | bar | |\n|---|---:|---:|---:|---:|---|---|\n")
	eachRow(2, func(r row) { capacityLines(&b, j, r) })
	b.WriteString(elsewhere)
	if failures := j.failures(); len(failures) > 0 {
		b.WriteString("\n## What failed\n\n")
		for _, f := range failures {
			fmt.Fprintf(&b, "- %s, %s, round %d: %s\n", f.Row, f.System, f.Round+1, strings.Join(strings.Fields(f.Error), " "))
		}
	}
	if hand == "" {
		hand = "\n"
	}
	fmt.Fprintf(&b, "\n## What falls short\n\n%s%s%s\n", handBegin, hand, handEnd)
	return b.String()
}

func eachRow(section int, do func(row)) {
	for _, g := range groups {
		if g.section != section {
			continue
		}
		for _, r := range g.rows {
			do(r)
		}
	}
}

// tally has for each verdict the rows of the bars, a row as often as it has such bars.
func tally(j *journal) map[verdict][]string {
	found := map[verdict][]string{}
	for _, g := range groups {
		for _, r := range g.rows {
			for _, b := range r.bars {
				v := b.judge(j.all(r.name, b.figure)).verdict
				found[v] = append(found[v], r.name)
			}
		}
	}
	return found
}

// throughputLine is a row with all that a workload has.
func throughputLine(b *strings.Builder, j *journal, r row) {
	clients := fmt.Sprint(r.clients)
	if r.callers > 0 {
		clients = fmt.Sprintf("%d × %d", r.clients, r.callers)
	}
	fmt.Fprintf(b, "| %s | %s |", r.title, clients)
	for _, name := range systemNames {
		fmt.Fprintf(b, " %s |", workloadCell(j, r.name, name))
	}
	var ratios, bars, verdicts []string
	for _, bar := range r.bars {
		judged := bar.judge(j.all(r.name, bar.figure))
		ratios = append(ratios, bar.figure.name+" "+ratioText(judged))
		bars = append(bars, bar.figure.name+" "+bar.String())
		verdicts = append(verdicts, string(judged.verdict))
	}
	fmt.Fprintf(b, " %s | %s | %s |\n", strings.Join(ratios, "<br>"), strings.Join(bars, "<br>"), strings.Join(verdicts, "<br>"))
}

func workloadCell(j *journal, row, system string) string {
	rate := j.all(row, throughput)[system]
	if rate.median() == 0 {
		return "–"
	}
	text := fmt.Sprintf("%s/s%s<br>p50 %s, p99 %s ms<br>%s µs/op", number(rate.median()), rangeText(rate),
		number(j.all(row, p50)[system].median()), number(j.all(row, p99)[system].median()), number(j.all(row, cpu)[system].median()))
	var failed int64
	for _, r := range j.results(row, system) {
		failed += r.Errors
	}
	if failed > 0 {
		text += fmt.Sprintf("<br>%d errors", failed)
	}
	return text
}

// capacityLines are one for each figure, with all bars that are about it.
func capacityLines(b *strings.Builder, j *journal, r row) {
	for i := 0; i < len(r.bars); {
		f := r.bars[i].figure
		all := j.all(r.name, f)
		fmt.Fprintf(b, "| %s: %s |", r.title, f.name)
		for _, name := range systemNames {
			fmt.Fprintf(b, " %s |", figureCell(f, all[name]))
		}
		var bars, verdicts []string
		var judged judgement
		for ; i < len(r.bars) && r.bars[i].figure.name == f.name; i++ {
			judged = r.bars[i].judge(all)
			bars = append(bars, r.bars[i].String())
			verdicts = append(verdicts, string(judged.verdict))
		}
		fmt.Fprintf(b, " %s | %s | %s |\n", ratioText(judged), strings.Join(bars, "<br>"), strings.Join(verdicts, "<br>"))
	}
}

func figureCell(f figure, s series) string {
	v := f.value(s)
	if v == 0 {
		return "–"
	}
	if f.worst {
		return number(v) + " " + f.unit
	}
	return number(v) + " " + f.unit + rangeText(s)
}

// rangeText is empty if there is one round.
func rangeText(s series) string {
	if len(s.measured()) < 2 {
		return ""
	}
	least, most := s.ends()
	return fmt.Sprintf(" [%s–%s]", number(least), number(most))
}

func ratioText(j judgement) string {
	if j.ratio == 0 {
		return "–"
	}
	return fmt.Sprintf("%s × %s", number(j.ratio), j.peer)
}
