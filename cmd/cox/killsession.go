package main

func killSessionVerb() *verb {
	return &verb{
		name: "kill-session", args: "ID", argsMin: 1, argsMax: 1, group: "Session",
		summary: "end another client's session; its ephemeral nodes are gone",
		details: `It is not asked whether you are sure. The client finds out when it next hears from the service; one that
is cut off believes in its session until its own deadline, at most the session's timeout from now. Do not
give away what it held before that, unless whoever uses it is fenced.

  sessions
  kill-session 0x1f`,
		run: runKillSession,
	}
}

type killedRecord struct {
	ID     string `json:"id"`
	Killed bool   `json:"killed"`
}

func (r *killedRecord) text(o *output) {
	o.printf("Killed %s; if its client is cut off it may believe in it until its own deadline, at most the timeout from now\n", r.ID)
}

func runKillSession(c *call) error {
	id, ok := sessionID(c.args[0])
	if !ok {
		return c.misuse("kill-session takes the id of a session such as 0x1f, not %q", escape(c.args[0]))
	}
	cl, err := c.client()
	if err != nil {
		return err
	}
	if err := cl.KillSession(c.ctx, id); err != nil {
		return err
	}
	return c.give(&killedRecord{id.String(), true})
}
