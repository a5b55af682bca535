package main

import (
	"fmt"
	"strconv"
)

// bar is what is asked of a figure of ours: to be so many times that of the better peer, or of one, in the same round; or to be
// above or below a limit.
type bar struct {
	figure figure
	most   bool    // at most that, and not at least
	bound  float64 // of the ratio, or of the figure if that is absolute
	fixed  bool    // the bound is one of the figure, in its unit
	peer   string  // with whom it is compared; empty: the better one
}

func atLeast(bound float64, f figure) bar { return bar{figure: f, bound: bound} }
func atMost(bound float64, f figure) bar  { return bar{figure: f, bound: bound, most: true} }
func over(bound float64, f figure) bar    { return bar{figure: f, bound: bound, fixed: true} }
func under(bound float64, f figure) bar   { return bar{figure: f, bound: bound, fixed: true, most: true} }

// against is the bar with one peer to compare with.
func (b bar) against(peer string) bar {
	b.peer = peer
	return b
}

func (b bar) String() string {
	sign := "≥"
	if b.most {
		sign = "≤"
	}
	switch {
	case b.fixed:
		return fmt.Sprintf("%s %s %s", sign, boundText(b.bound), b.figure.unit)
	case b.peer != "":
		return fmt.Sprintf("%s %s × %s", sign, boundText(b.bound), b.peer)
	default:
		return fmt.Sprintf("%s %s × better peer", sign, boundText(b.bound))
	}
}

func boundText(v float64) string {
	if v >= 1000 {
		return number(v)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// verdict is whether a bar holds.
type verdict string

const (
	held       verdict = "held"
	notHeld    verdict = "**NOT held**"
	unmeasured verdict = "not measured"
)

// judgement is what was found for a bar.
type judgement struct {
	verdict verdict
	ratio   float64 // ours to the peer's, the median of all rounds that have both; 0: none
	peer    string  // whose
}

// judge decides whether a bar holds. all has the figure of each system by its name. Whether a ratio holds is decided by rounds,
// so that a time in which the machine was slow for everybody does not decide it. Which peer is the better one is decided by
// the medians.
func (b bar) judge(all map[string]series) judgement {
	j := judgement{verdict: unmeasured, peer: b.peer}
	if j.peer == "" {
		j.peer = b.better(all)
	}
	var ratios series
	for round, v := range all[ours] {
		if peer := all[j.peer]; round < len(peer) && peer[round] != 0 && v != 0 {
			ratios = append(ratios, v/peer[round])
		}
	}
	j.ratio = ratios.median()
	found := j.ratio
	if b.fixed {
		found = b.figure.value(all[ours])
	}
	switch {
	case found == 0:
	case b.most && found <= b.bound, !b.most && found >= b.bound:
		j.verdict = held
	default:
		j.verdict = notHeld
	}
	return j
}

// better is the peer whose median is better; empty: not all have one.
func (b bar) better(all map[string]series) (name string) {
	for _, peer := range systemNames {
		s := all[peer]
		if peer == ours {
			continue
		}
		m := s.median()
		if m == 0 {
			return ""
		}
		if best := all[name].median(); name == "" || (b.most && m < best) || (!b.most && m > best) {
			name = peer
		}
	}
	return name
}
