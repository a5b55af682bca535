package storage_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/server"
)

// finding is what was seen of a server that was started on a damaged directory.
type finding struct {
	served   bool            // it said that it was ready
	ended    bool            // its process has ended since
	log      string          // what it wrote since it was started
	read     error           // what was wrong with its answers, nil if it did not serve
	lost     int             // how many of the last acknowledged writes it did not have
	mayLose  bool            // they may be missing: the damage cannot be told from a record torn by a loss of power
	statuses []server.Status // of all servers that run, at the end
	restored error           // what was wrong when it was brought back with its directory as it was, if it had ended
}

// judge puts a finding into a few words, the same for equal ones, or says what must not be.
func (f finding) judge() (outcome string, err error) {
	for i, s := range f.statuses {
		first := f.statuses[0]
		if s.Zxid != first.Zxid || s.ClockMS != first.ClockMS {
			return "", fmt.Errorf("server %d of those that run is at %v, the first one at %v", i+1, s.Zxid, first.Zxid)
		}
		if s.Digest != first.Digest {
			return "", fmt.Errorf("at %v server %d of those that run has digest %s, the first one %s", s.Zxid, i+1, s.Digest, first.Digest)
		}
	}
	if f.ended { // perhaps while it was read
		if outcome = reason(f.log); outcome == "" {
			return "", errors.New("it ended and does not say why, or not what to do")
		}
		if f.served {
			outcome = "served, then " + outcome
		}
		if f.restored != nil {
			return "", fmt.Errorf("with its directory as it was: %w", f.restored)
		}
		return outcome, nil
	}
	switch {
	case !f.served:
		return "", errors.New("it neither refuses nor serves")
	case f.read != nil:
		return "", f.read
	case f.lost > 0 && !f.mayLose:
		return "", fmt.Errorf("it has lost the last %d acknowledged writes", f.lost)
	case len(f.statuses) == 0:
		return "", errors.New("nobody was asked for a digest")
	case f.lost > 0:
		return "serves without the last writes, damaged at the end of the log", nil
	}
	return "serves", nil
}

// reason is why a server ended, by what it wrote: "" if it does not say, or ended by a panic without having said what to do.
func reason(log string) string {
	advised := false
	for line := range strings.Lines(log) {
		if text, refused := strings.CutPrefix(line, "coxswain: "); refused {
			why, advice, _ := strings.Cut(text, ": ")
			if strings.TrimSpace(advice) == "" {
				return ""
			}
			return "refused: " + withoutNames(why)
		}
		var entry struct{ Level, Error, Message string }
		if json.Unmarshal([]byte(line), &entry) == nil && entry.Error != "" && entry.Message == "cannot go on" {
			why, _, _ := strings.Cut(entry.Error, ": ")
			return "ended: " + withoutNames(why)
		}
		advised = advised || strings.Contains(line, "the log cannot go on, the process stops: ") && strings.Contains(line, "add a new one")
		if text, panicked := strings.CutPrefix(line, "panic: "); panicked && advised {
			return "ended by a panic: " + withoutNames(text)
		}
	}
	return ""
}

// withoutNames leaves the words of a message that name no file and no number.
func withoutNames(text string) string {
	return strings.Join(slices.DeleteFunc(strings.Fields(text), func(word string) bool { return strings.ContainsAny(word, "/0123456789") }), " ")
}

// compare checks what a server answers against what was acknowledged: the names of all nodes, in order, and the data of each.
func compare(acknowledged [][]byte, names []string, get func(path string) ([]byte, error)) (lost int, err error) {
	if lost = len(acknowledged) - len(names); lost < 0 {
		return 0, fmt.Errorf("it has %d nodes, %d were acknowledged", len(names), len(acknowledged))
	}
	for n, name := range names {
		if "/data/"+name != nodePath(n) {
			return 0, fmt.Errorf("%s is missing, %s is there", nodePath(n), name)
		}
		data, err := get(nodePath(n))
		if err != nil {
			return 0, err
		}
		if !bytes.Equal(data, acknowledged[n]) {
			return 0, fmt.Errorf("%s has other data than was acknowledged", nodePath(n))
		}
	}
	return lost, nil
}

// A wrong outcome is found, whichever it is.
func TestOutcomesAreJudged(t *testing.T) {
	at := func(digests ...string) (all []server.Status) {
		for _, d := range digests {
			all = append(all, server.Status{Zxid: 7, Digest: d})
		}
		return all
	}
	const (
		refusal = "coxswain: the log in /d/raft cannot be used: check the disk\n"
		advice  = `{"level":"error","message":"the log cannot go on, the process stops: remove this server from the cluster and add a new one: x"}` + "\n"
		panics  = "panic: invalid commitTo index 7\n"
		fatal   = `{"level":"error","error":"snapshot /x is damaged: check the disk","message":"cannot go on"}` + "\n"
	)
	behind := at("a", "a", "a")
	behind[1].Zxid = 6
	for _, c := range []struct {
		name string
		f    finding
		want string // empty: must be rejected
	}{
		{"it serves and agrees", finding{served: true, statuses: at("a", "a", "a")}, "serves"},
		{"alone it serves", finding{served: true, statuses: at("a")}, "serves"},
		{"it refuses", finding{ended: true, log: refusal, statuses: at("a", "a")}, "refused: the log in cannot be used"},
		{"it ends and says why", finding{ended: true, log: fatal}, "ended: snapshot is damaged"},
		{"a panic, and what to do", finding{ended: true, log: advice + panics}, "ended by a panic: invalid commitTo index"},
		{"it serves, and ends then", finding{served: true, ended: true, log: advice + panics, read: errors.New("connection lost")},
			"served, then ended by a panic: invalid commitTo index"},
		{"the torn end of the log", finding{served: true, lost: 2, mayLose: true, statuses: at("a")},
			"serves without the last writes, damaged at the end of the log"},

		{"wrong data", finding{served: true, read: errors.New("/data/000000 has other data"), statuses: at("a")}, ""},
		{"writes are missing", finding{served: true, lost: 1, statuses: at("a")}, ""},
		{"another digest", finding{served: true, statuses: at("a", "b", "a")}, ""},
		{"another digest of the others", finding{ended: true, log: refusal, statuses: at("a", "b")}, ""},
		{"it never catches up", finding{served: true, statuses: behind}, ""},
		{"it hangs", finding{statuses: at("a", "a")}, ""},
		{"it hangs and has warned", finding{log: advice, statuses: at("a", "a")}, ""},
		{"it ends without a word", finding{ended: true, statuses: at("a", "a")}, ""},
		{"it serves and ends without a word", finding{served: true, ended: true, statuses: at("a", "a")}, ""},
		{"it refuses without advice", finding{ended: true, log: "coxswain: damaged\n"}, ""},
		{"a panic without advice", finding{ended: true, log: panics}, ""},
		{"nobody was asked", finding{served: true}, ""},
		{"it cannot be brought back", finding{ended: true, log: refusal, restored: errors.New("refused")}, ""},
	} {
		if got, err := c.f.judge(); got != c.want || (err == nil) != (c.want != "") {
			t.Errorf("%s: judged %q, %v", c.name, got, err)
		}
	}
}

func TestAnswersAreCompared(t *testing.T) {
	acknowledged := [][]byte{[]byte("zero"), []byte("one"), {}}
	served := map[string]string{"/data/000000": "zero", "/data/000001": "one", "/data/000002": "", "/data/000003": "more"}
	names := []string{"000000", "000001", "000002", "000003"}
	for _, c := range []struct {
		name  string
		names []string
		other string // data of the second node, if not empty
		lost  int
		bad   bool
	}{
		{"all", names[:3], "", 0, false},
		{"the last one is missing", names[:2], "", 1, false},
		{"all are missing", nil, "", 3, false},
		{"one in between is missing", []string{names[0], names[2]}, "", 0, true},
		{"one more", names, "", 0, true},
		{"other data", names[:3], "won", 0, true},
	} {
		lost, err := compare(acknowledged, c.names, func(path string) ([]byte, error) {
			if c.other != "" && path == "/data/000001" {
				return []byte(c.other), nil
			}
			return []byte(served[path]), nil
		})
		if lost != c.lost || (err != nil) != c.bad {
			t.Errorf("%s: %d lost, %v", c.name, lost, err)
		}
	}
	if _, err := compare(acknowledged, names[:1], func(string) ([]byte, error) { return nil, errors.New("no node") }); err == nil {
		t.Error("an answer that did not come was accepted")
	}
}
