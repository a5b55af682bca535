package main

import (
	"fmt"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/urfave/cli/v2"
	"gopkg.in/yaml.v3"
)

// readConfigFile gives the flags that were set neither on the command line nor in the environment the values of the
// configuration file, if one was named. A key that is no flag is an error: a setting that is silently ignored is worse
// than none.
func readConfigFile(c *cli.Context) error {
	name := c.String("config")
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	return applySettings(c, name, text)
}

// applySettings gives the flags the values in the text of the configuration file name.
func applySettings(c *cli.Context, name string, text []byte) error {
	var settings map[string]any
	if err := yaml.Unmarshal(text, &settings); err != nil {
		return fmt.Errorf("--config %s: %w", name, err)
	}
	var known []string
	for _, f := range c.Command.Flags {
		known = append(known, f.Names()[0])
	}
	keys := make([]string, 0, len(settings))
	for key := range settings {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	for _, key := range keys {
		if !slices.Contains(known, key) || key == "config" || key == "help" {
			return fmt.Errorf("--config %s: unknown key %q; the keys are the flags without --: %s", name, key, strings.Join(known, ", "))
		}
		if c.IsSet(key) {
			continue
		}
		value := settings[key]
		switch value.(type) {
		case string, int, uint64, bool:
		default:
			return fmt.Errorf("--config %s: %s: want one value, as on the command line", name, key)
		}
		if err := c.Set(key, fmt.Sprint(value)); err != nil {
			return fmt.Errorf("--config %s: %s: %w", name, key, err)
		}
	}
	return nil
}
