package main

import (
	"bytes"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func groupVerb() *verb {
	return &verb{
		name: "group", args: "join|list|watch NAME [MEMBER] [METADATA]", argsMin: 2, argsMax: 4, long: true, program: true,
		actions: []string{"join", "list", "watch"}, paths: 2, group: "Coordination",
		summary: "be a member while a program runs, or until Ctrl-C; tell who the members are",
		options: []option{sessionOption},
		details: `join makes this process a member called MEMBER, or as the service calls it if there is none, until its
program ends, or without a program until Ctrl-C. While another session's member has the name it waits,
which is said on stderr. When the session of a single command is lost the member comes back with the next
one, and the program goes on; it is ended only if somebody deletes the member's node. Its environment has
COXSWAIN_MEMBER and COXSWAIN_SERVERS.

list prints who is a member now, watch that and what changes, until Ctrl-C. NAME is the path of a node, or
without a slash in front one below /groups.

  cox group join web host-7 '{"port":8080}' -- ./server
  group list web
  cox group watch --json web`,
		run: runGroup,
	}
}

type memberRecord struct {
	Name    string `json:"name"`
	Session string `json:"session"`
	Joined  string `json:"joined"`
	dataRecord

	of recipes.Member
}

func newMemberRecord(m recipes.Member) memberRecord {
	return memberRecord{m.Name, m.Session.String(), m.Joined.String(), newDataRecord(m.Metadata), m}
}

type membersRecord struct {
	Path    string         `json:"path"`
	Members []memberRecord `json:"members"`
}

func (r *membersRecord) text(o *output) {
	rows := [][]string{{"member", "session", "joined", "metadata"}}
	for _, m := range r.Members {
		rows = append(rows, []string{m.Name, m.Session, m.Joined, string(m.of.Metadata)})
	}
	if len(rows) > 1 {
		o.table("", rows)
	}
}

// memberChangeRecord is what has become of a member: Joined, Changed or Left.
type memberChangeRecord struct {
	Event  string       `json:"event"`
	Member memberRecord `json:"member"`
}

func (r *memberChangeRecord) text(o *output) {
	o.printf("%-7s  %s  session %s  joined %s", r.Event, r.Member.Name, r.Member.Session, r.Member.Joined)
	if len(r.Member.of.Metadata) > 0 {
		o.printf(" = %s", string(r.Member.of.Metadata))
	}
	o.printf("\n")
}

func runGroup(c *call) error {
	action := c.args[0]
	path, err := c.place(c.args[1], "/groups")
	switch {
	case err != nil:
		return err
	case action != "join" && action != "list" && action != "watch":
		return c.misuse("group can join, list and watch, not %q", escape(action))
	case action != "join" && (len(c.args) > 2 || c.command != nil):
		return c.misuse("group %s takes a NAME only", action)
	case action == "join":
		return c.joinGroup(path)
	}
	cl, err := c.forLong()
	if err != nil {
		return err
	}
	group := recipes.NewGroup(cl, path)
	ctx, cancel := c.step()
	defer cancel()
	if action == "list" {
		members, err := group.Members(ctx)
		if err != nil {
			return err
		}
		r := &membersRecord{path, []memberRecord{}}
		for _, m := range members {
			r.Members = append(r.Members, newMemberRecord(m))
		}
		return c.give(r)
	}
	members, err := group.Watch(ctx)
	if err != nil {
		return err
	}
	defer members.Close()
	return c.watchMembers(cl, members)
}

func (c *call) joinGroup(path string) error {
	c.shell.renew = c.shell.mode == oneShot // the member comes back
	cl, program, err := c.holder(c.ctx)
	if err != nil {
		return err
	}
	if name := c.arg(2); name != "" {
		if text := c.duplicate(c.ctx, cl, path+"/"+name); text != "" {
			c.out.complain("cox: %s\n", text)
		}
	}
	m, err := recipes.NewGroup(cl, path).Join(c.ctx, c.arg(2), []byte(c.arg(3)))
	if err != nil {
		return err
	}
	told := &joinedRecord{path, m.Name(), cl.Session().ID.String()}
	return c.newPresence(cl, path+"/"+m.Name(), m, m.Leave).keep(program, []string{"COXSWAIN_MEMBER=" + m.Name()}, told)
}

type joinedRecord struct {
	Path    string `json:"path"`
	Member  string `json:"member"`
	Session string `json:"session"`
}

func (r *joinedRecord) text(o *output) { o.printf("Joined %s as %s\n", r.Path, r.Member) }

// watchMembers prints the members, and each change.
func (c *call) watchMembers(cl *client.Client, members *recipes.Members) error {
	var before []recipes.Member
	return c.follow(cl, "the watch", func() (<-chan struct{}, error) {
		now, changed := members.Members()
		if err := members.Err(); err != nil {
			return nil, err
		}
		for _, change := range memberChanges(before, now) {
			if err := c.give(change); err != nil {
				return nil, err
			}
		}
		before = now
		return changed, nil
	})
}

// memberChanges is what makes one set of members another: those who have left, then those who have joined or changed.
func memberChanges(before, now []recipes.Member) (all []*memberChangeRecord) {
	index := func(members []recipes.Member) map[string]recipes.Member {
		named := map[string]recipes.Member{}
		for _, m := range members {
			named[m.Name] = m
		}
		return named
	}
	was, is := index(before), index(now)
	for _, m := range before {
		if is[m.Name].Joined != m.Joined {
			all = append(all, &memberChangeRecord{"Left", newMemberRecord(m)})
		}
	}
	for _, m := range now {
		switch old := was[m.Name]; {
		case old.Joined != m.Joined:
			all = append(all, &memberChangeRecord{"Joined", newMemberRecord(m)})
		case !bytes.Equal(old.Metadata, m.Metadata):
			all = append(all, &memberChangeRecord{"Changed", newMemberRecord(m)})
		}
	}
	return all
}
