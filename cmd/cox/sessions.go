package main

import (
	"time"

	"github.com/coxswain-io/coxswain/client"
)

func sessionsVerb() *verb {
	return &verb{
		name: "sessions", group: "Session",
		summary: "list all sessions of the service",
		options: freshness,
		details: `In the order in which they were opened. server is the id of the server that a session is attached to;
an expiring one is attached to none, and ends when the time shown has passed on the service's clock.
Names are what clients call themselves, and not to be trusted. With --json there is one object for each
session.

  sessions`,
		run: runSessions,
	}
}

type sessionEntryRecord struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	Server     uint64 `json:"server"`
	Attached   bool   `json:"attached"`
	TimeoutMS  int64  `json:"timeout_ms"`
	LeftMS     int64  `json:"left_ms,omitempty"`
	Ephemerals int64  `json:"ephemerals"`
	Writes     uint64 `json:"writes"`
}

func newSessionEntryRecord(e client.SessionEntry) sessionEntryRecord {
	return sessionEntryRecord{
		e.ID.String(), e.Name, e.Server, e.Attached, e.Timeout.Milliseconds(), e.Left.Milliseconds(), e.Ephemerals, e.Writes,
	}
}

// runSessions prints as it goes.
func runSessions(c *call) error {
	options, err := c.level(c.verb)
	if err != nil {
		return err
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	own, first := cl.Session().ID, true
	for e, err := range cl.Sessions(c.ctx, options...) {
		if err != nil {
			_ = c.out.stdout.Flush() // what was listed so far; err counts
			return err
		}
		if first {
			first = false
			c.shell.drain()
			if !c.out.json {
				c.out.printf("%-18s  %6s  %-20s  %8s  %10s  %8s  %s\n", "id", "server", "state", "timeout", "ephemerals", "writes", "name")
			}
		}
		if err := c.printSession(e, own); err != nil {
			return err
		}
	}
	return c.out.stdout.Flush()
}

func (c *call) printSession(e client.SessionEntry, own client.SessionID) error {
	if c.out.json {
		line, err := encodeJSON(newSessionEntryRecord(e))
		_, _ = c.out.stdout.Write(line) // Flush returns its error
		return err
	}
	state, name := "attached", e.Name
	if !e.Attached {
		state = "expiring in " + e.Left.Round(100*time.Millisecond).String()
	}
	if e.ID == own {
		name += " (this session)"
	}
	c.out.printf("%-18s  %6d  %-20s  %8s  %10d  %8d  %s\n", e.ID, e.Server, state, e.Timeout, e.Ephemerals, e.Writes, name)
	return nil
}
