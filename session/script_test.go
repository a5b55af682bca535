package session

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what the scripts print into testdata as what is expected")

// TestScripts runs testdata/*.txt: the rules by example. A script is a list of blocks, each of comment lines (#), commands,
// a line of four dashes, and what the commands print. The part of a file's name before the first _ says what it is about.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			about, _, _ := strings.Cut(name, "_")
			subject := map[string]func() func(words) string{
				"table": tableSubject, "host": hostSubject, "belief": beliefSubject,
			}[about]()
			var out strings.Builder
			for _, block := range strings.Split(strings.TrimSpace(string(text)), "\n\n") {
				commands, want, _ := strings.Cut(block+"\n", "----\n")
				var got strings.Builder
				for line := range strings.Lines(commands) {
					if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
						if printed := subject(words(strings.Fields(line))); printed != "" {
							fmt.Fprintln(&got, printed)
						}
					}
				}
				fmt.Fprintf(&out, "%s----\n%s\n", commands, got.String())
				if strings.TrimSpace(got.String()) != strings.TrimSpace(want) && !*rewrite {
					t.Errorf("%sgot:\n%swant:\n%s", commands, got.String(), want)
				}
			}
			if *rewrite {
				if err := os.WriteFile(file, []byte(strings.TrimSpace(out.String())+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// words is a command: its name and key=value pairs.
type words []string

func (w words) text(key string) string {
	for _, word := range w[1:] {
		if k, v, ok := strings.Cut(word, "="); ok && k == key {
			return v
		}
	}
	return ""
}

func (w words) number(key string) uint64 {
	text := w.text(key)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 0, 64)
	if err != nil {
		panic(fmt.Sprint(w, ": ", err))
	}
	return n
}

func (w words) has(flag string) bool { return slices.Contains(w[1:], flag) }

func (w words) secret() (s Secret) {
	copy(s[:], w.text("secret"))
	return s
}

func tableSubject() func(words) string {
	t := NewTable()
	return func(w words) string {
		id, a := ID(w.number("id")), Attempt(w.number("a"))
		server, boot, n := Server(w.number("s")), Boot(w.number("b")), w.number("n")
		seq, ack := Seq(w.number("seq")), Seq(w.number("ack"))
		switch w[0] {
		case "advance":
			r := t.Advance(Clock(w.number("from")), Clock(w.number("to")))
			if !r.Applied {
				return "void"
			}
			return fmt.Sprintf("clock %d, leases ended %v, expired %v", t.Clock(), r.LeasesEnded, r.Expired)
		case "run": // by whole steps
			var out []string
			for t.Clock() < Clock(w.number("to")) {
				r := t.Advance(t.Clock(), Clock(w.number("to")))
				if len(r.LeasesEnded)+len(r.Expired) > 0 {
					out = append(out, fmt.Sprintf("clock %d, leases ended %v, expired %v", t.Clock(), r.LeasesEnded, r.Expired))
				}
			}
			return strings.Join(append(out, fmt.Sprintf("clock %d", t.Clock())), "\n")
		case "beat":
			return map[bool]string{true: "renewed", false: "void"}[t.Beat(Beat{server, boot, n, w.has("low")})]
		case "open":
			return t.Open(id, Open{w.secret(), int64(w.number("timeout")), server, boot, n, w.text("name")}).Error()
		case "attach":
			return t.Attach(id, w.secret(), a, server, boot).Error()
		case "expire":
			return map[bool]string{true: "expired", false: "void"}[t.Expire(id, a)]
		case "close":
			return map[bool]string{true: "closed", false: "void"}[t.Close(id)]
		case "kill":
			return map[bool]string{true: "killed", false: "void"}[t.Kill(id)]
		case "outcomes":
			var out strings.Builder
			tomb, ok := t.Outcomes(id, w.secret(), seq, func(seq Seq, reply []byte) bool {
				fmt.Fprintf(&out, ", %d %s", seq, reply)
				return w.number("most") == 0 || uint64(strings.Count(out.String(), ",")) < w.number("most")
			})
			if !ok {
				return "none"
			}
			state := map[bool]string{true: "ended", false: "alive"}[tomb.Ended]
			return fmt.Sprintf("%s, last %d acked %d%s", state, tomb.Last, tomb.Acked, out.String())
		case "graves":
			return fmt.Sprint(t.Graves())
		case "each":
			var out []string
			t.Each(id, func(i Info) bool {
				out = append(out, fmt.Sprintf("%v %q", i.ID, i.Name))
				return len(out) != int(w.number("most"))
			})
			return strings.Join(out, "\n")
		case "write": // as the state does it: admit, carry out, record
			verdict, reply, code := t.Admit(id, seq, ack)
			if verdict == Apply {
				t.Record(id, seq, []byte(w.text("reply")))
				return "applied"
			}
			if verdict == Replay {
				return fmt.Sprintf("replay %s", reply)
			}
			return code.Error()
		case "get":
			i, ok := t.Get(id)
			if !ok {
				return "none"
			}
			where := fmt.Sprintf("attached to %d/%d", i.Server, i.Boot)
			if !i.Attached {
				where = fmt.Sprintf("detached from %d/%d, deadline %d", i.Server, i.Boot, i.Deadline)
			}
			return fmt.Sprintf("%v timeout %d %s attempt %d last %d acked %d replies %d", i.ID, i.TimeoutMS, where, i.Attempt, i.Last, i.Acked, i.Replies)
		case "attached":
			var ids []ID
			t.AttachedTo(server, boot, func(i Info) { ids = append(ids, i.ID) })
			return fmt.Sprint(ids)
		case "booted":
			return fmt.Sprint(t.Booted(server))
		case "lowdisk":
			return fmt.Sprint(t.LowDisk())
		case "len":
			return fmt.Sprint(t.Len())
		case "restart": // from a snapshot
			restored, err := Restore(t.Snapshot())
			if err != nil {
				return err.Error()
			}
			t = restored
			return ""
		}
		panic("unknown command " + w[0])
	}
}

func hostSubject() func(words) string {
	h := NewHost(1, 1)
	table := NewTable()
	table.Beat(Beat{Server: 1, Boot: 1, Number: 1})
	return func(w words) string {
		id, a, at := ID(w.number("id")), Attempt(w.number("a")), Mono(w.number("at"))
		switch w[0] {
		case "beat":
			return fmt.Sprintf("beat %d", h.Beat(at))
		case "due":
			return fmt.Sprint(h.BeatDue(at, w.has("low")))
		case "applied":
			h.BeatApplied(w.number("n"))
		case "covered":
			return fmt.Sprint(h.Covered(at))
		case "attached":
			h.Attached(id, a, int64(w.number("timeout")), at)
		case "detached":
			h.Detached(id)
		case "leaseended":
			h.LeaseEnded()
		case "hear":
			return fmt.Sprint(h.Hear(id, a, at))
		case "mayanswer":
			return fmt.Sprint(h.MayAnswer(id, a, at))
		case "tick":
			return fmt.Sprint(h.Tick(at))
		case "len":
			return fmt.Sprint(h.Len())
		case "table": // what the next reconcile finds attached here
			if c := table.Open(id, Open{TimeoutMS: int64(w.number("timeout")), Server: 1, Boot: 1, Number: uint64(id)}); c != CodeOK {
				return c.Error()
			}
			if a > 1 {
				return table.Attach(id, Secret{}, a, 1, 1).Error()
			}
		case "reconcile":
			h.Reconcile(table, at)
		default:
			panic("unknown command " + w[0])
		}
		return ""
	}
}

func beliefSubject() func(words) string {
	b := &Belief{}
	return func(w words) string {
		a, at, request := Attempt(w.number("a")), Mono(w.number("at")), w.number("r")
		switch w[0] {
		case "begin":
			return fmt.Sprintf("attempt %d", b.Begin(at))
		case "welcomed":
			return fmt.Sprint(b.Welcomed(a, int64(w.number("timeout"))))
		case "sent":
			b.Sent(request, at)
		case "answered":
			b.Answered(a, request)
		case "ended":
			b.Ended()
		case "until":
			until, ok := b.ValidUntil()
			if !ok {
				return "never"
			}
			return fmt.Sprint(until)
		case "valid":
			return fmt.Sprint(b.Valid(at))
		default:
			panic("unknown command " + w[0])
		}
		return ""
	}
}
