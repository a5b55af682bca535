package process_test

import (
	"fmt"
	"strings"
	"testing"
)

// fault is a way in which a watch can break its promise.
type fault string

const (
	missed     fault = "missed"       // an event did not come
	doubled    fault = "doubled"      // it came twice
	disordered fault = "out of order" // it came behind one of a later transaction
	late       fault = "late"         // it came behind a reply that showed its change
	untrue     fault = "untrue"       // it came for nothing
	wrong      fault = "wrong"        // it brought the wrong data or stat, or a gap the wrong bounds
	ended      fault = "ended"        // the watch ended by itself
)

type violation struct {
	fault fault
	text  string
}

// verdict is what a trial has found.
type verdict struct {
	fired, pending, expired, events, gaps int
	resumed, lax                          int // of the one-shot watches; see arming
	changes                               int
	cuts                                  [cuts]int
	connections, bugs, restores, frames   int
	violations                            []*violation
}

func (v *verdict) count(kind fault) int {
	n := 0
	for _, one := range v.violations {
		if one.fault == kind {
			n++
		}
	}
	return n
}

// judge holds everything that was seen against the truth.
func (t *trial) judge() *verdict {
	t.history.sort()
	v := &verdict{changes: len(t.history.changes)}
	for _, o := range t.obs {
		windows := o.line.windows()
		o.line.mu.Lock()
		v.restores += len(windows)
		v.connections += o.line.dials
		v.bugs += o.line.bugs
		v.frames += o.line.frames
		v.violations = append(v.violations, o.line.found...)
		for i, n := range o.line.cut {
			v.cuts[i] += n
		}
		o.line.mu.Unlock()
		for _, a := range t.armings[o] {
			switch {
			case a.event != nil:
				v.fired++
			case a.ended != nil:
				v.expired++
			default:
				v.pending++
			}
			if bad := t.history.judge(a, windows); bad != nil {
				v.violations = append(v.violations, bad)
			}
			if a.resumed {
				v.resumed++
			}
			if a.lax {
				v.lax++
			}
		}
	}
	for _, s := range t.followed {
		v.events += len(s.events)
		bad, gaps := t.history.judgeStream(s)
		v.violations = append(v.violations, bad...)
		v.gaps += gaps
	}
	return v
}

// report logs what a trial did and found.
func (t *trial) report(log testing.TB, v *verdict) {
	armed := v.fired + v.pending + v.expired
	log.Logf("seed %d: %d one-shot watches (%d fired, %d not due, %d ended with their session; "+
		"%d were set again on another connection, %d of which more than once until they were answered), "+
		"%d persistent ones with %d events, %d gaps",
		t.seed, armed, v.fired, v.pending, v.expired, v.resumed, v.lax, len(t.followed), v.events, v.gaps)
	sessions := 0
	for _, o := range t.obs {
		sessions += o.kills
	}
	log.Logf("%d changes; %d leaders killed, %d pauses, %d sessions with ephemerals died, %d sessions of observers killed; "+
		"%d event frames on %d connections, cut: %d anywhere, %d between frames, %d inside one, %d inside a transaction, "+
		"%d while sending; %d restored; %d bugs committed",
		v.changes, t.kills.Load(), t.pauses, t.deaths, sessions,
		v.frames, v.connections, v.cuts[atOnce], v.cuts[between], v.cuts[inside], v.cuts[torn], v.cuts[halfSent], v.restores, v.bugs)
	var found []string
	for _, kind := range []fault{missed, doubled, disordered, late, untrue, wrong, ended} {
		found = append(found, fmt.Sprintf("%d %s", v.count(kind), kind))
	}
	log.Log("violations: " + strings.Join(found, ", "))
	shown := map[fault]int{}
	for _, one := range v.violations {
		if shown[one.fault]++; shown[one.fault] <= 5 {
			log.Logf("%s: %s", one.fault, one.text)
		}
	}
}
