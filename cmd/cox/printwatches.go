package main

func printwatchesVerb() *verb {
	return &verb{
		name: "printwatches", args: "[on|off]", argsMax: 1, actions: []string{"on", "off"}, where: inSession, group: "Watches",
		summary: "say whether the events of watches are printed, or change it",
		details: `A one-shot watch that fires while it is off is used up in silence, and so are the events of others.

  printwatches off`,
		run: runPrintwatches,
	}
}

type printwatchesRecord struct {
	Printwatches string `json:"printwatches"`
}

func (r *printwatchesRecord) text(o *output) { o.printf("printwatches is %s\n", r.Printwatches) }

func runPrintwatches(c *call) error {
	silent := &c.shell.watches.silent
	c.shell.drain() // what has fired before counts by the old setting
	switch c.arg(0) {
	case "on":
		*silent = false
	case "off":
		*silent = true
	case "":
	default:
		return c.misuse("printwatches is on or off, not %q", escape(c.arg(0)))
	}
	r := &printwatchesRecord{"on"}
	if *silent {
		r.Printwatches = "off"
	}
	return c.give(r)
}
