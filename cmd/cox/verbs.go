package main

import (
	"fmt"
	"slices"
)

// allVerbs is the table of commands, in the order in which help lists them.
func allVerbs() []*verb {
	return []*verb{
		createVerb(), getVerb(), setVerb(), deleteVerb(), deleteallVerb(), existsVerb(), statVerb(),
		lsVerb(), treeVerb(), findVerb(), duVerb(), cpVerb(), mvVerb(), getAllChildrenNumberVerb(), getEphemeralsVerb(),
		watchVerb(), addWatchVerb(), removewatchesVerb(), printwatchesVerb(),
		lockVerb(), semaphoreVerb(), electVerb(), observeVerb(), barrierVerb(), groupVerb(), serviceVerb(), configVerb(), whyVerb(),
		multiVerb(), txnVerb(), syncVerb(),
		sessionVerb(), sessionsVerb(), killSessionVerb(), connectVerb(), closeVerb(), historyVerb(), redoVerb(), quitVerb(),
		versionVerb(), helpVerb(),
	}
}

// find returns the verb of that name.
func (s *shell) find(name string) (*verb, error) {
	for _, v := range s.verbs {
		if v.name == name || slices.Contains(v.aliases, name) {
			return v, nil
		}
	}
	hint := ""
	if near := nearest(name, s.names()); near != "" {
		hint = "did you mean " + near + "? "
	}
	return nil, &usageError{text: fmt.Sprintf("unknown command %q: %s(help lists the commands)", escape(name), hint)}
}

// names are the names of all verbs that can be used here.
func (s *shell) names() []string {
	var names []string
	for _, v := range s.verbs {
		if s.mode == oneShot && v.where != anywhere || s.mode == script && v.where == atPrompt {
			continue
		}
		names = append(names, v.name)
	}
	return names
}
