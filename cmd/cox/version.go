package main

import (
	"runtime"
	"runtime/debug"
)

func versionVerb() *verb {
	return &verb{
		name: "version", group: "Help",
		summary: "print the version of cox",
		details: `  version`,
		run:     func(c *call) error { return c.give(&versionRecord{version(), runtime.Version()}) },
	}
}

type versionRecord struct {
	Version string `json:"version"`
	Go      string `json:"go"`
}

func (r *versionRecord) text(o *output) { o.printf("cox %s, %s\n", r.Version, r.Go) }

// version is that of the build: the module's, or the commit's.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	v := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && (v == "" || v == "(devel)") {
			v = s.Value
		}
	}
	if v == "" {
		return "(devel)"
	}
	return v
}
