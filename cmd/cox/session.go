package main

import (
	"os"
	"strconv"
	"time"

	"github.com/coxswain-io/coxswain/client"
)

func sessionVerb() *verb {
	return &verb{
		name: "session", group: "Session",
		summary: "print the session's id, timeout, server and state",
		details: `valid tells for how long the session is certainly alive, if nothing more is heard from the service; name
is what sessions shows to others; zxid is the newest transaction that was seen, which --at-least takes.
The session is closed, and its ephemeral nodes are gone, when the command, the script or the shell ends.
If the program dies without closing it, that happens after the timeout.

  session`,
		run: runSession,
	}
}

type sessionRecord struct {
	ID         string `json:"id"`
	TimeoutMS  int64  `json:"timeout_ms"`
	Server     string `json:"server"`
	ServerID   uint64 `json:"server_id"`
	State      string `json:"state"`
	ValidForMS int64  `json:"valid_for_ms"`
	Name       string `json:"name"`
	Zxid       string `json:"zxid"`
}

func (r *sessionRecord) text(o *output) {
	o.printf("id       %s\n", r.ID)
	o.printf("timeout  %v\n", time.Duration(r.TimeoutMS)*time.Millisecond)
	o.printf("server   %s (id %d)\n", r.Server, r.ServerID)
	o.printf("state    %s\n", r.State)
	o.printf("valid    for %v\n", time.Duration(r.ValidForMS)*time.Millisecond)
	o.printf("name     %s\n", r.Name)
	o.printf("zxid     %s\n", r.Zxid)
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
	return c.give(&sessionRecord{
		info.ID.String(), info.Timeout.Milliseconds(), c.shell.server(), info.Server, state.String(),
		info.ValidFor().Milliseconds(), sessionName(), cl.LastZxid().String(),
	})
}

// sessionName is what the shell calls itself: who looks at a list of sessions can find the process.
func sessionName() string {
	const hostMax = 64 // bytes; the service takes 128 for the whole name
	name := "cox"
	if host, err := os.Hostname(); err == nil && len(host) <= hostMax {
		name += "@" + host
	}
	return name + "/" + strconv.Itoa(os.Getpid())
}
