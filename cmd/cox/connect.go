package main

import (
	"errors"
	"net"
	"strings"
)

func connectVerb() *verb {
	return &verb{
		name: "connect", args: "[HOST:PORT,…]", argsMax: 1, where: inSession, group: "Session",
		summary: "close the session and open a new one, on these servers or the same",
		details: `What belongs to the old session, ephemeral nodes and watches, is gone.

  connect
  connect 10.0.0.1:7181,10.0.0.2:7181`,
		run: runConnect,
	}
}

func runConnect(c *call) error {
	servers := c.shell.servers
	if len(c.args) > 0 {
		var err error
		if servers, err = parseServers(c.args[0]); err != nil {
			return c.misuse("connect: %v", err)
		}
	}
	// The new session is what was asked for, also when the old one cannot be closed in time: say so and go on.
	if err := c.shell.end(); err != nil {
		c.out.complain("cox: %v\n", err)
	}
	c.shell.servers, c.shell.closed = servers, false
	if _, err := c.client(); err != nil {
		return err
	}
	return runSession(c)
}

// parseServers reads a list of addresses.
func parseServers(list string) ([]string, error) {
	var servers []string
	for s := range strings.SplitSeq(list, ",") {
		s = strings.TrimSpace(s)
		host, port, err := net.SplitHostPort(s)
		if err != nil || host == "" || port == "" {
			return nil, errors.New("servers are written HOST:PORT,HOST:PORT,…, not \"" + escape(s) + "\"")
		}
		servers = append(servers, s)
	}
	return servers, nil
}
