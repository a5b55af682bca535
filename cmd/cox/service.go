package main

import (
	"context"
	"strings"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
)

func serviceVerb() *verb {
	return &verb{
		name: "service", args: "register|list|watch [NAME] [ID] [ADDRESS]", argsMin: 1, argsMax: 4, long: true, program: true,
		actions: []string{"register", "list", "watch"}, group: "Coordination",
		summary: "be found as a service while a program runs, or until Ctrl-C; tell who can be found",
		options: []option{
			{"", "tags", "TAG,…", "of the instance that is registered"},
			{"", "check", "COMMAND", "how healthy it is: run with sh -c; it passes with status 0"},
			{"", "ttl", "DURATION", "critical if no check has passed for so long (default 30s); three are made in it"},
			sessionOption,
		},
		details: `register NAME ID ADDRESS makes an instance of the service NAME known, at an ADDRESS that is written
HOST:PORT, until its program ends, or without a program until Ctrl-C. Without --check it passes as long as
cox runs. With one it is not registered until the check has passed for the first time, which is tried once
a second or more often while the program runs already. A critical instance is listed with the last line
that the check has printed. Nothing is written as long as a check finds what the one before it did.

If another session has an instance of that ID it is waited for, which is said on stderr. When the session
of a single command is lost the instance comes back with the next one.

list prints the services, list NAME the instances of one, watch NAME those and what changes, until Ctrl-C.
Services are nodes below /services.

  cox service register web a1 10.0.0.7:8080 --tags eu,v2 --check 'curl -fsS localhost:8080/health' -- ./server
  service list web
  cox service watch --json web`,
		run: runService,
	}
}

// servicesPath is where services are.
const servicesPath = "/services"

type instanceRecord struct {
	ID       string            `json:"id"`
	Address  string            `json:"address"`
	Health   string            `json:"health"`
	Note     string            `json:"note,omitempty"`
	Tags     []string          `json:"tags,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Session  string            `json:"session,omitempty"`
}

func newInstanceRecord(i recipes.ServiceInstance) instanceRecord {
	r := instanceRecord{ID: i.ID, Address: i.Address, Health: string(i.Health), Note: i.Note, Tags: i.Tags, Metadata: i.Metadata}
	if i.Session != 0 {
		r.Session = i.Session.String()
	}
	return r
}

type servicesRecord struct {
	Services []string `json:"services"`
}

func (r *servicesRecord) text(o *output) {
	for _, name := range r.Services {
		o.printf("%s\n", name)
	}
}

type instancesRecord struct {
	Service   string           `json:"service"`
	Instances []instanceRecord `json:"instances"`
}

func (r *instancesRecord) text(o *output) {
	rows := [][]string{{"health", "id", "address", "tags", "session", "note"}}
	for _, i := range r.Instances {
		rows = append(rows, []string{i.Health, i.ID, i.Address, strings.Join(i.Tags, ","), i.Session, i.Note})
	}
	if len(rows) > 1 {
		o.table("", rows)
	}
}

// instanceChangeRecord is what has become of an instance: passing, critical, or gone.
type instanceChangeRecord struct {
	Event    string         `json:"event"`
	Instance instanceRecord `json:"instance"`
}

func (r *instanceChangeRecord) text(o *output) {
	o.printf("%-8s  %s  %s", r.Event, r.Instance.ID, r.Instance.Address)
	if r.Instance.Note != "" && r.Event == string(recipes.HealthCritical) {
		o.printf("  %s", r.Instance.Note)
	}
	o.printf("\n")
}

type registeredRecord struct {
	Service string `json:"service"`
	ID      string `json:"id"`
	Address string `json:"address"`
}

func (r *registeredRecord) text(o *output) {
	o.printf("Registered %s as %s of %s\n", r.Address, r.ID, r.Service)
}

func runService(c *call) error {
	action := c.args[0]
	switch {
	case action == "register" && len(c.args) < 4:
		return c.misuse("service register takes a NAME, an ID and an ADDRESS")
	case action == "register":
		return c.registerService()
	case action != "list" && action != "watch":
		return c.misuse("service can register, list and watch, not %q", escape(action))
	case len(c.args) > 2 || c.command != nil:
		return c.misuse("service %s takes a NAME only", action)
	case action == "watch" && len(c.args) < 2:
		return c.misuse("service watch takes a NAME")
	}
	cl, err := c.forLong()
	if err != nil {
		return err
	}
	registry := recipes.NewRegistry(cl, servicesPath)
	ctx, cancel := c.step()
	defer cancel()
	switch {
	case action == "watch":
		found, err := registry.Watch(ctx, c.args[1])
		if err != nil {
			return err
		}
		defer found.Close()
		return c.watchInstances(cl, found)
	case len(c.args) < 2:
		names, err := registry.Services(ctx)
		if err != nil {
			return err
		}
		return c.give(&servicesRecord{append([]string{}, names...)})
	}
	instances, err := registry.Lookup(ctx, c.args[1])
	if err != nil {
		return err
	}
	r := &instancesRecord{c.args[1], []instanceRecord{}}
	for _, i := range instances {
		r.Instances = append(r.Instances, newInstanceRecord(i))
	}
	return c.give(r)
}

// watchInstances prints the instances, and each change.
func (c *call) watchInstances(cl *client.Client, found *recipes.Discovery) error {
	before := map[string]recipes.ServiceInstance{}
	var order []string
	return c.follow(cl, "the watch", func() (<-chan struct{}, error) {
		now, changed := found.Instances()
		if err := found.Err(); err != nil {
			return nil, err
		}
		is := map[string]recipes.ServiceInstance{}
		for _, i := range now {
			is[i.ID] = i
		}
		for _, id := range order {
			if is[id].Zxid != before[id].Zxid {
				if err := c.give(&instanceChangeRecord{"gone", newInstanceRecord(before[id])}); err != nil {
					return nil, err
				}
			}
		}
		order = nil
		for _, i := range now {
			order = append(order, i.ID)
			old := before[i.ID]
			if old.Zxid == i.Zxid && old.Health == i.Health && old.Note == i.Note {
				continue
			}
			if err := c.give(&instanceChangeRecord{string(i.Health), newInstanceRecord(i)}); err != nil {
				return nil, err
			}
		}
		before = is
		return changed, nil
	})
}

func (c *call) registerService() error {
	ttl := ttlDefault
	if d, ok, err := c.span("ttl", "30s"); err != nil {
		return err
	} else if ok {
		if ttl = d; !c.has("check") {
			return c.misuse("--ttl needs a --check, whose passing it counts from")
		}
	}
	c.shell.renew = c.shell.mode == oneShot // the instance comes back
	cl, program, err := c.holder(c.ctx)
	if err != nil {
		return err
	}
	service := recipes.Service{Name: c.args[1], ID: c.args[2], Address: c.args[3]}
	if c.has("tags") {
		service.Tags = strings.Split(c.values["tags"], ",")
	}
	what := servicesPath + "/" + service.Name + "/" + service.ID
	told := &registeredRecord{service.Name, service.ID, service.Address}
	registry := recipes.NewRegistry(cl, servicesPath)
	if c.has("check") {
		k := &check{command: c.values["check"], every: max(ttl/checksPerTTL, time.Millisecond)}
		k.register = func(ctx context.Context) (*recipes.Instance, error) {
			if text := c.duplicate(ctx, cl, what); text != "" {
				k.note(ctx, text)
			}
			return registry.Register(ctx, service, recipes.WithTTL(ttl))
		}
		return c.newChecked(cl, what, k).keep(program, nil, told)
	}
	if text := c.duplicate(c.ctx, cl, what); text != "" {
		c.out.complain("cox: %s\n", text)
	}
	instance, err := registry.Register(c.ctx, service)
	if err != nil {
		return err
	}
	return c.newPresence(cl, what, instance, instance.Close).keep(program, nil, told)
}
