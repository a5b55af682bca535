package main

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func configVerb() *verb {
	return &verb{
		name: "config", args: "get|set|history|rollback|watch NAME [VALUE|VERSION]", argsMin: 2, argsMax: 3, long: true,
		actions: []string{"get", "set", "history", "rollback", "watch"}, paths: 2, group: "Coordination",
		summary: "values in JSON with versions: set one, look back, go back, follow it",
		options: []option{
			{"v", "version", "VERSION", "get: that version instead of the present one"},
			{"m", "comment", "TEXT", "set, rollback: kept with the version"},
			{"", "if-zxid", "ZXID", "set, rollback: only if the present value is of that transaction, 0 for none"},
			fileOption,
		},
		details: `set replaces the value, which is JSON, and keeps the newest 50 versions; VALUE may be - for standard input.
rollback writes an old value as a new version. history lists the versions, the newest first; watch prints
the value and each that follows, until Ctrl-C; a value that is no JSON, which a stranger may have written,
is told on stderr. NAME is the path of a node, or without a slash in front one below /config.

  config set limits '{"rate": 100}' -m "for the sale"
  cox config get limits | jq .rate
  config history limits
  config rollback limits 7`,
		run: runConfig,
	}
}

type configRecord struct {
	Path    string          `json:"path"`
	Version int64           `json:"version"`
	Value   json.RawMessage `json:"value,omitempty"` // absent: it is no JSON
	Zxid    string          `json:"zxid"`
	TimeMS  int64           `json:"time_ms"`
	By      string          `json:"by,omitempty"`
	Comment string          `json:"comment,omitempty"`
	Error   string          `json:"error,omitempty"`

	action string
}

func newConfigRecord(path, action string, v recipes.Versioned[json.RawMessage]) *configRecord {
	r := &configRecord{
		Path: path, Version: v.Version, Value: v.Value, Zxid: v.Zxid.String(), TimeMS: v.Time.UnixMilli(), Comment: v.Comment,
		action: action,
	}
	if v.By != 0 {
		r.By = v.By.String()
	}
	if v.Err != nil {
		r.Error = v.Err.Error()
	}
	return r
}

func (r *configRecord) text(o *output) {
	switch r.action {
	case "get":
		o.printf("%s\n", string(r.Value))
	case "watch":
		o.printf("version %d (zxid %s) = %s\n", r.Version, r.Zxid, string(r.Value))
	default:
		o.printf("Set %s (version %d)\n", r.Path, r.Version)
	}
}

type configHistoryRecord struct {
	Path     string          `json:"path"`
	Versions []*configRecord `json:"versions"`
}

func (r *configHistoryRecord) text(o *output) {
	rows := [][]string{{"version", "time", "session", "comment", "value"}}
	for _, v := range r.Versions {
		value := string(v.Value)
		if v.Error != "" {
			value = v.Error
		}
		at := time.UnixMilli(v.TimeMS).Format(time.DateTime)
		rows = append(rows, []string{strconv.FormatInt(v.Version, 10), at, v.By, v.Comment, value})
	}
	if len(rows) > 1 {
		o.table("", rows)
	}
}

func runConfig(c *call) error {
	action := c.args[0]
	path, err := c.place(c.args[1], "/config")
	if err != nil {
		return err
	}
	if len(c.args) > 2 && action != "set" && action != "rollback" {
		return c.misuse("config %s takes a NAME only", escape(action))
	}
	options, err := c.configOptions(action)
	if err != nil {
		return err
	}
	switch action {
	case "get":
		return c.configGet(path)
	case "set":
		return c.configSet(path, options)
	case "history":
		return c.configHistory(path)
	case "rollback":
		return c.configRollback(path, options)
	case "watch":
		return c.configWatch(path)
	}
	return c.misuse("config can get, set, history, rollback and watch, not %q", escape(action))
}

func (c *call) configOptions(action string) (options []recipes.ConfigSetOption, err error) {
	writes := action == "set" || action == "rollback"
	z, guarded, err := c.zxid(c.verb, "if-zxid")
	switch {
	case err != nil:
		return nil, err
	case !writes && (guarded || c.has("comment")):
		return nil, c.misuse("--comment and --if-zxid are for config set and rollback")
	case action != "get" && c.has("version"):
		return nil, c.misuse("-v is for config get")
	case action != "set" && c.has(fileOption.long):
		return nil, c.misuse("--data-file is for config set")
	}
	if guarded {
		options = append(options, recipes.IfCurrent(z))
	}
	if c.has("comment") {
		options = append(options, recipes.WithComment(c.values["comment"]))
	}
	return options, nil
}

// config is the config at a path, whose values are any JSON.
func (c *call) config(path string) (*recipes.Config[json.RawMessage], *client.Client, error) {
	cl, err := c.client()
	if err != nil {
		return nil, nil, err
	}
	return recipes.NewConfig[json.RawMessage](cl, path), cl, nil
}

func (c *call) configGet(path string) error {
	version, chosen, err := c.version(c.verb)
	if err != nil {
		return err
	}
	config, _, err := c.config(path)
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	var v recipes.Versioned[json.RawMessage]
	if chosen {
		v, err = config.At(ctx, version)
	} else {
		v, err = config.Get(ctx)
	}
	if err != nil {
		return err
	}
	return c.give(newConfigRecord(path, "get", v))
}

func (c *call) configSet(path string, options []recipes.ConfigSetOption) error {
	value, ok, err := c.data(2)
	switch {
	case err != nil:
		return err
	case !ok:
		return c.misuse("config set: VALUE is missing")
	case !json.Valid(value):
		return c.misuse("config set takes a value in JSON: numbers as they are, text as '\"text\"', {…} and […]")
	}
	config, _, err := c.config(path)
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	v, err := config.Set(ctx, value, options...)
	if err != nil {
		return err
	}
	return c.give(newConfigRecord(path, "set", v))
}

func (c *call) configHistory(path string) error {
	config, _, err := c.config(path)
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	versions, err := config.History(ctx)
	if err != nil {
		return err
	}
	r := &configHistoryRecord{path, []*configRecord{}}
	for _, v := range versions {
		r.Versions = append(r.Versions, newConfigRecord(path, "history", v))
	}
	return c.give(r)
}

func (c *call) configRollback(path string, options []recipes.ConfigSetOption) error {
	version, err := strconv.ParseInt(c.arg(2), 10, 64)
	if err != nil || version < 1 {
		return c.misuse("config rollback takes the number of a version, as history lists them, not %q", escape(c.arg(2)))
	}
	config, _, err := c.config(path)
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	defer cancel()
	v, err := config.Rollback(ctx, version, options...)
	if err != nil {
		return err
	}
	return c.give(newConfigRecord(path, "rollback", v))
}

func (c *call) configWatch(path string) error {
	c.shell.renew = c.shell.mode == oneShot
	config, cl, err := c.config(path)
	if err != nil {
		return err
	}
	ctx, cancel := c.step()
	w, err := config.Watch(ctx)
	cancel()
	if err != nil {
		return err
	}
	defer w.Close()
	var shown client.Zxid
	told := ""
	return c.follow(cl, "the watch", func() (<-chan struct{}, error) {
		v, changed := w.Value()
		err := w.Err()
		select {
		case <-w.Done():
			return nil, err
		default:
		}
		if v.Version > 0 && v.Zxid != shown {
			shown = v.Zxid
			if err := c.give(newConfigRecord(path, "watch", v)); err != nil {
				return nil, err
			}
		}
		if err == nil {
			told = ""
		} else if text := err.Error(); text != told && !errors.Is(err, recipes.ErrNoVersion) {
			told = text
			c.out.complain("cox: %s\n", text)
		}
		return changed, nil
	})
}
