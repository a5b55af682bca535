package main

import (
	"errors"
	"strings"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func whyVerb() *verb {
	return &verb{
		name: "why", args: "PATH…", argsMin: 1, argsMax: -1, paths: 1, group: "Coordination",
		summary: "tell who has a lock, a term or permits, who waits for whom, and in which sessions",
		options: []option{{"r", "recursive", "", "of everything at or below each PATH, as of one moment"}},
		details: `It knows locks, read-write locks, semaphores, elections, configs and leases by the names of their nodes, and
tells of any other ephemeral node which session it belongs to. Without a slash in front PATH is the name of
a lock, a semaphore, an election, a barrier, a group, a service or a config, if only one has that name.

since is when a node was made, which for those in line is when they asked; fence is the number of that
transaction, as in COXSWAIN_FENCE. When a session was last heard only the server that it is attached to
knows; the service ends it when that, or the server itself, has been silent for the timeout. A session that
is attached to no server ends when the time shown has passed. Names are what clients call themselves, and
not to be trusted.

With -r, or several paths, sessions that wait for each other in a circle are told too: a deadlock, unless
one of them does several things at a time, or, with several paths, which are looked at one after the
other, things have changed in between. Each cox command has a session of its own, so a circle of programs
that take a second lock with cox, under a first one, is not seen. With --json there is one object for each
path, then one for each circle.

  why backup
  why -r /locks
  kill-session 0x1f          takes it away from a session; see help kill-session`,
		run: runWhy,
	}
}

func runWhy(c *call) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	var all []recipes.Explanation
	for _, name := range c.args {
		found, err := c.explained(cl, name)
		if err != nil {
			return err
		}
		all = append(all, found...)
	}
	for _, e := range all {
		if err := c.give(newExplanationRecord(e)); err != nil {
			return err
		}
	}
	for _, circle := range recipes.Circles(all...) {
		r := &circleRecord{of: circle}
		for _, claim := range circle {
			r.Circle = append(r.Circle, newClaimRecord(claim))
		}
		if err := c.give(r); err != nil {
			return err
		}
	}
	return c.out.stdout.Flush()
}

// explained is what a name or path stands for, with -r and whatever is below it. That there is no such node is an answer.
func (c *call) explained(cl *client.Client, name string) ([]recipes.Explanation, error) {
	absent := []recipes.Explanation{{Path: name, Purpose: recipes.PurposeAbsent}}
	path, err := c.called(cl, name)
	if err != nil || path == "" {
		return absent, err
	}
	if !c.has("recursive") {
		e, err := recipes.Explain(c.ctx, cl, path)
		return []recipes.Explanation{e}, err
	}
	found, err := recipes.ExplainTree(c.ctx, cl, path)
	if errors.Is(err, client.ErrNoNode) {
		return absent, nil
	}
	if err == nil && len(found) == 0 && !c.out.json {
		c.out.printf("%s: nothing at or below it is held or waited for\n", path)
	}
	return found, err
}

// recipesAt is where the verbs have what they are given without a slash in front.
var recipesAt = []string{"/locks", "/semaphores", "/elections", "/barriers", "/groups", servicesPath, "/config"}

// called is the path that is meant by a name: itself, or the only node of that name where verbs have theirs; "" if there is none.
func (c *call) called(cl *client.Client, name string) (string, error) {
	if strings.HasPrefix(name, "/") {
		return name, nil
	}
	reads := make([]client.ReadOp, len(recipesAt))
	for i, parent := range recipesAt {
		path, err := c.place(name, parent)
		if err != nil {
			return "", err
		}
		reads[i] = client.ExistsOf(path)
	}
	results, _, err := cl.MultiRead(c.ctx, reads)
	if err != nil {
		return "", err
	}
	var found []string
	for i, r := range results {
		if r.Err == nil {
			found = append(found, recipesAt[i]+"/"+name)
		}
	}
	switch len(found) {
	case 0:
		return "", nil
	case 1:
		return found[0], nil
	}
	return "", c.misuse("several are called %q: %s", escape(name), escape(strings.Join(found, ", ")))
}
