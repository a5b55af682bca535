package main

import (
	"strings"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func lockVerb() *verb {
	return &verb{
		name: "lock", args: "NAME", argsMin: 1, argsMax: 1, long: true, program: true, group: "Coordination",
		summary: "take a lock and run a program under it, or hold it until Ctrl-C",
		options: []option{
			tryOption, waitOption, labelOption,
			{"", "delay", "DURATION", "keep it from everybody for so long after a loss; all its users must say so"},
			sessionOption,
		},
		details: `Locks are given in the order of asking. NAME is the path of a node, or without a slash in front one below
/locks; nodes that are absent are made, and go when nobody wants the lock. Ctrl-C while waiting leaves
the line.

` + holdingHelp + `

So whatever the program writes to the tree can be made to depend on its still having the lock:

  cox lock backup -- ./backup.sh
  cox lock --try --label "nightly run" backup -- ./backup.sh
  cox lock deploy -- sh -c 'cox multi "check $COXSWAIN_LOCK --if-czxid $COXSWAIN_FENCE" "set /app/version 7"'
  why /locks/backup          who has it, who waits`,
		run: runLock,
	}
}

// heldRecord is what is held without a program.
type heldRecord struct {
	Path  string `json:"path"`
	Node  string `json:"node"`
	Fence string `json:"fence"`
	Value string `json:"value,omitempty"` // of a leader

	fence client.Zxid
	verb  string // "Locked"
}

func newHeldRecord(verb, path string, h *recipes.Hold) *heldRecord {
	return &heldRecord{Path: path, Node: h.Path(), Fence: h.Fence().String(), fence: h.Fence(), verb: verb}
}

func (r *heldRecord) text(o *output) {
	o.printf("%s %s: fence %d, node %s\n", r.verb, r.Path, uint64(r.fence), r.Node)
}

// named is the path that a name stands for: itself, or one below parent.
func named(name, parent string) string {
	if strings.HasPrefix(name, "/") {
		return name
	}
	return parent + "/" + name
}

func runLock(c *call) error {
	path := named(c.args[0], "/locks")
	var options []recipes.LockOption
	if c.has(labelOption.long) {
		options = append(options, recipes.WithLabel([]byte(c.values[labelOption.long])))
	}
	if text, ok := c.values["delay"]; ok {
		d, err := duration(text)
		if err != nil {
			return c.misuse("--delay takes a duration such as 500ms or 15s, not %q", escape(text))
		}
		options = append(options, recipes.LockDelay(d))
	}
	ctx, cancel, err := c.waiting()
	if err != nil {
		return err
	}
	defer cancel()
	cl, program, err := c.holder()
	if err != nil {
		return err
	}
	lock := recipes.NewLock(cl, path, options...)
	take := lock.Acquire
	if c.has(tryOption.long) {
		take = lock.TryAcquire
	}
	h, err := take(ctx)
	if err != nil {
		return c.refused(cl, path, err)
	}
	return c.newHolding(cl, path, h).keep(program, fenced(h), newHeldRecord("Locked", path, h))
}
