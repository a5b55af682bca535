package main

import (
	"strconv"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

func lsVerb() *verb {
	return &verb{
		name: "ls", args: "PATH", argsMin: 1, argsMax: 1, paths: 1, long: true, group: "Trees",
		summary: "list the children of a node",
		options: withOptions([]option{
			statOption, watchOption,
			{"R", "recursive", "", "list the node and all below, one path to a line"},
			{"l", "long", "", "a table: kind, bytes of data, children, time of the last set, name"},
			{"", "page", "NUMBER", "at most so many, and how to go on if there are more"},
			{"", "after", "NAME", "only the children behind that name"},
		}, freshness...),
		details: `Names come in the order of their bytes. Any number of children is read in pages and printed as it
comes: what changes meanwhile may be among them or not. -R shows all nodes as of one moment; it
excludes the other options but --level and --at-least.

  ls /
  ls -s /app
  ls -R /app
  ls --page 100 /big
  ls --page 100 --after job-0000000099 /big
  cox ls -w /app             waits until a child is created or deleted`,
		run: runLs,
	}
}

func runLs(c *call) error {
	if c.has("recursive") {
		return runLsRecursive(c)
	}
	limit, err := c.number(c.verb, "page", pageMax, 0)
	if err != nil {
		return err
	}
	var w *client.Watch
	cl, options, err := c.reading(&w)
	if err != nil {
		return err
	}
	if c.has("long") {
		options = append([]client.ReadOption{client.WithStats()}, options...) // the watch stays the last
	}
	l := listing{call: c, limit: limit}
	if err := l.read(cl, options); err != nil {
		if w != nil {
			w.Close()
		}
		return err
	}
	c.watching(w, childWatch)
	return nil
}

// listing is a list of children that is printed page by page: memory does not grow with it. The text is zkCli's, [a, b], or a
// table; the object is {"path", "children", "stat"}.
type listing struct {
	call  *call
	limit int // 0: all
	count int
	json  object
}

// entryRecord is one node of a table in JSON.
type entryRecord struct {
	Name string      `json:"name"`
	Stat *statRecord `json:"stat"`
}

func (l *listing) read(cl *client.Client, options []client.ReadOption) error {
	c := l.call
	for after := c.values["after"]; ; {
		page, err := l.page(cl, after, options)
		if err == nil {
			err = l.print(&page)
		}
		if err != nil {
			if l.count > 0 && (c.out.json || !c.has("long")) {
				c.out.cut()
			}
			return err
		}
		if page.More && l.limit == 0 {
			if after = page.Children[len(page.Children)-1].Name; c.has(watchOption.long) {
				options = options[:len(options)-1] // set with the first page, for all of them
				delete(c.values, watchOption.long)
			}
			continue
		}
		return l.finish(&page)
	}
}

func (l *listing) page(cl *client.Client, after string, options []client.ReadOption) (client.Page, error) {
	ctx, cancel := l.call.step()
	defer cancel()
	return cl.ChildrenPage(ctx, l.call.args[0], after, l.limit, options...)
}

func (l *listing) print(page *client.Page) error {
	c, o := l.call, l.call.out
	first := l.json.out == nil
	if first {
		l.json.out = o
		c.shell.drain()
	}
	long := c.has("long")
	switch {
	case !first:
	case o.json:
		if err := l.json.field("path", c.args[0]); err != nil {
			return err
		}
		if long {
			l.json.begin("entries")
		} else {
			l.json.begin("children")
		}
	case long:
		o.printf("%-10s  %10s  %10s  %-19s  %s\n", "kind", "bytes", "children", "modified", "name")
	default:
		o.printf("[")
	}
	for i := range page.Children {
		child := &page.Children[i]
		l.count++
		switch {
		case o.json && long:
			if err := l.json.element(entryRecord{child.Name, newStatRecord(child.Stat)}); err != nil {
				return err
			}
		case o.json:
			if err := l.json.element(child.Name); err != nil {
				return err
			}
		case long:
			s := &child.Stat
			modified := time.UnixMilli(s.MtimeMS).Format(time.DateTime)
			o.printf("%-10s  %10d  %10d  %s  %s\n", s.Kind, s.DataLength, s.NumChildren, modified, child.Name)
		case l.count > 1:
			o.printf(", %s", child.Name)
		default:
			o.printf("%s", child.Name)
		}
	}
	return o.stdout.Flush()
}

// finish prints what follows the names: the parent's stat, and how to go on behind a page.
func (l *listing) finish(page *client.Page) error {
	c, o := l.call, l.call.out
	if o.json {
		l.json.end()
		if err := l.json.field("stat", newStatRecord(page.Stat)); err != nil {
			return err
		}
		if l.limit > 0 {
			if err := l.json.field("more", page.More); err != nil {
				return err
			}
		}
		return l.json.close()
	}
	if !c.has("long") {
		o.printf("]\n")
	}
	if page.More {
		line := "ls --page " + strconv.Itoa(l.limit) + " --after " + quoteWord(page.Children[len(page.Children)-1].Name)
		if c.has("long") {
			line += " -l"
		}
		o.printf("there are more: %s %s\n", line, quoteWord(c.args[0]))
	}
	if c.has(statOption.long) {
		o.printStat(page.Stat)
	}
	return o.stdout.Flush()
}

// runLsRecursive prints as it goes, since the list may be long: {"path", "paths", "zxid"} or a path to a line.
func runLsRecursive(c *call) error {
	for _, long := range []string{statOption.long, watchOption.long, "long", "page", "after"} {
		if c.has(long) {
			return c.misuse("-R excludes -s and -w, -l, --page and --after")
		}
	}
	j := object{out: c.out}
	z, err := c.subtree(c.args[0], func(e client.Entry) error {
		if !c.out.json {
			c.out.printf("%s\n", e.Path)
			return nil
		}
		if j.fields == 0 {
			if err := j.field("path", c.args[0]); err != nil {
				return err
			}
			j.begin("paths")
		}
		return j.element(e.Path)
	})
	switch {
	case err != nil && j.fields > 0:
		c.out.cut()
		return err
	case err != nil || !c.out.json:
		return err
	}
	j.end()
	if err := j.field("zxid", z.String()); err != nil {
		return err
	}
	return j.close()
}
