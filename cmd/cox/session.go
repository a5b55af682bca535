package main

import (
	"time"

	"github.com/coxswain-io/coxswain/client"
)

func sessionVerb() *verb {
	return &verb{
		name: "session", group: "Session",
		summary: "print the session's id, timeout, server and state",
		details: `The session is closed, and its ephemeral nodes are gone, when the command, the script or the shell
ends. If the program dies without closing it, that happens after the timeout.

  session`,
		run: runSession,
	}
}

type sessionRecord struct {
	ID        string `json:"id"`
	TimeoutMS int64  `json:"timeout_ms"`
	Server    string `json:"server"`
	ServerID  uint64 `json:"server_id"`
	State     string `json:"state"`
}

func (r *sessionRecord) text(o *output) {
	o.printf("id       %s\n", r.ID)
	o.printf("timeout  %v\n", time.Duration(r.TimeoutMS)*time.Millisecond)
	o.printf("server   %s (id %d)\n", r.Server, r.ServerID)
	o.printf("state    %s\n", r.State)
}

func runSession(c *call) error {
	cl, err := c.client()
	if err != nil {
		return err
	}
	state, _ := cl.State()
	if state == client.Expired {
		return cl.Err()
	}
	info := cl.Session()
	return c.give(&sessionRecord{info.ID.String(), info.Timeout.Milliseconds(), c.shell.server(), info.Server, state.String()})
}
