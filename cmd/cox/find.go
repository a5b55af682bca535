package main

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

func findVerb() *verb {
	return &verb{
		name: "find", args: "[PATH]", argsMax: 1, paths: 1, long: true, group: "Trees",
		summary: "print the paths of the nodes at or below a node that meet conditions",
		options: withOptions([]option{
			{"name", "name", "GLOB", "the last part of the path matches, with * ? [a-z]; quote it"},
			{"type", "type", "KIND", "persistent, ephemeral, container or ttl"},
			{"owner", "owner", "SESSION", "ephemeral nodes of that session, as sessions lists them"},
			{"size", "size", "[+|-]BYTES", "so many bytes of data; + more than that, - less"},
			{"newer", "newer", "ZXID", "created, or its data set, behind that transaction"},
		}, freshness...),
		details: `All conditions must be met; all nodes are seen as of one moment. Without PATH: everything. With --json
there is one object for each node.

  find /app -name 'job-*'
  find -type ephemeral
  find /app -size +100000`,
		run: runFind,
	}
}

// condition is what find demands of a node.
type condition func(client.Entry) bool

// nodeKinds are the values of find -type.
var nodeKinds = []client.Kind{client.KindPersistent, client.KindEphemeral, client.KindContainer, client.KindTTL}

type foundNodeRecord struct {
	Path string      `json:"path"`
	Stat *statRecord `json:"stat"`
}

func runFind(c *call) error {
	conditions, err := c.conditions()
	if err != nil {
		return err
	}
	root := c.arg(0)
	if root == "" {
		root = "/"
	}
	var with []client.ReadOption
	if c.out.json || slices.ContainsFunc([]string{"type", "owner", "size", "newer"}, c.has) {
		with = append(with, client.WithStats())
	}
	_, err = c.subtree(root, func(e client.Entry) error {
		if slices.ContainsFunc(conditions, func(met condition) bool { return !met(e) }) {
			return nil
		}
		if !c.out.json {
			c.out.printf("%s\n", e.Path)
			return nil
		}
		line, err := encodeJSON(foundNodeRecord{e.Path, newStatRecord(e.Stat)})
		_, _ = c.out.stdout.Write(line) // subtree's Flush returns its error
		return err
	}, with...)
	return err
}

// conditions reads the options.
func (c *call) conditions() (all []condition, err error) {
	if glob, ok := c.values["name"]; ok {
		if _, err := path.Match(glob, ""); err != nil {
			return nil, c.misuse("-name takes a pattern such as 'job-*', not %q", escape(glob))
		}
		all = append(all, func(e client.Entry) bool {
			ok, _ := path.Match(glob, path.Base(e.Path)) // the pattern was checked
			return ok
		})
	}
	if name, ok := c.values["type"]; ok {
		i := slices.IndexFunc(nodeKinds, func(k client.Kind) bool { return k.String() == name })
		if i < 0 {
			return nil, c.misuse("-type is persistent, ephemeral, container or ttl, not %q", escape(name))
		}
		all = append(all, func(e client.Entry) bool { return e.Stat.Kind == nodeKinds[i] })
	}
	if text, ok := c.values["owner"]; ok {
		id, ok := sessionID(text)
		if !ok {
			return nil, c.misuse("-owner takes the id of a session such as 0x1f, not %q", escape(text))
		}
		all = append(all, func(e client.Entry) bool { return client.SessionID(e.Stat.Owner) == id && id != 0 })
	}
	if text, ok := c.values["size"]; ok {
		n, err := strconv.ParseInt(strings.TrimLeft(text, "+-"), 10, 64)
		if err != nil || len(text)-len(strings.TrimLeft(text, "+-")) > 1 {
			return nil, c.misuse("-size takes bytes: 100, +100 for more, -100 for less, not %q", escape(text))
		}
		all = append(all, func(e client.Entry) bool {
			switch text[0] {
			case '+':
				return e.Stat.DataLength > n
			case '-':
				return e.Stat.DataLength < n
			}
			return e.Stat.DataLength == n
		})
	}
	z, ok, err := c.zxid(c.verb, "newer")
	if ok {
		all = append(all, func(e client.Entry) bool { return e.Stat.Mzxid > z })
	}
	return all, err
}

// sessionID reads the id of a session as it is shown everywhere, with its 0x: without, 10 might mean two of them.
func sessionID(text string) (client.SessionID, bool) {
	digits, ok := strings.CutPrefix(text, "0x")
	n, err := strconv.ParseUint(digits, 16, 64)
	return client.SessionID(n), ok && err == nil
}
