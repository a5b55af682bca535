package main

import (
	"slices"
	"strconv"
	"strings"

	"github.com/coxswain-io/coxswain/bench/load"
)

// figure is a number of a result that a bar may be about.
type figure struct {
	name  string // in the report
	unit  string
	of    func(load.Result) float64 // 0: the result has none
	worst bool                      // of several rounds the largest counts, and not the one in the middle
}

var (
	throughput = figure{name: "throughput", unit: "/s", of: func(r load.Result) float64 { return r.PerSecond }}
	p50        = figure{name: "p50", unit: "ms", of: func(r load.Result) float64 { return r.P50 }}
	p99        = figure{name: "p99", unit: "ms", of: func(r load.Result) float64 { return r.P99 }}
	cpu        = figure{name: "CPU", unit: "µs/op", of: func(r load.Result) float64 { return r.ServerCPUMicros }}
)

// named is one of those that a capacity measurement calls by a name, scaled from its unit to that of the report.
func named(name, key, unit string, scale float64) figure {
	return figure{name: name, unit: unit, of: func(r load.Result) float64 { return r.Figures[key] * scale }}
}

// quotient is one figure of a measurement over another.
func quotient(name, over, under string) figure {
	return figure{name: name, unit: "×", of: func(r load.Result) float64 {
		if r.Figures[under] == 0 {
			return 0
		}
		return r.Figures[over] / r.Figures[under]
	}}
}

// largest is f as the largest of all rounds.
func (f figure) largest() figure {
	f.worst = true
	return f
}

// series is one figure of one system in several rounds. An index is a round; 0 is none.
type series []float64

// measured is the rounds that have a value, sorted.
func (s series) measured() []float64 {
	var all []float64
	for _, v := range s {
		if v != 0 {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// median is the value in the middle, of two the mean; 0: there is none.
func (s series) median() float64 {
	all := s.measured()
	if len(all) == 0 {
		return 0
	}
	return (all[(len(all)-1)/2] + all[len(all)/2]) / 2
}

// ends are the smallest and the largest value.
func (s series) ends() (least, most float64) {
	all := s.measured()
	if len(all) == 0 {
		return 0, 0
	}
	return all[0], all[len(all)-1]
}

// value is what counts of all rounds.
func (f figure) value(s series) float64 {
	if f.worst {
		_, most := s.ends()
		return most
	}
	return s.median()
}

// number writes a value with three digits that tell something, and thousands apart.
func number(v float64) string {
	switch {
	case v >= 100:
		return thousands(strconv.FormatFloat(v, 'f', 0, 64))
	case v >= 10:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

func thousands(digits string) string {
	var groups []string
	for len(digits) > 3 {
		groups = append(groups, digits[len(digits)-3:])
		digits = digits[:len(digits)-3]
	}
	groups = append(groups, digits)
	slices.Reverse(groups)
	return strings.Join(groups, ",")
}
