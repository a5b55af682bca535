package recipes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"github.com/coxswain-io/coxswain/client"
)

// Registry is where services say at what addresses they are, and whether they are well, for those who call them.
//
//	/services               a container
//	/services/web           a container: goes when no instance is left
//	/services/web/web-1     {"address":"10.0.0.7:80","tags":["eu"],"health":"passing"}     ephemeral: an [Instance]
//	/services/web/web-2     {…,"health":"critical","note":"no sign of life for 10s"}
//
// It guarantees:
//   - An instance whose process has died or hangs as a whole is gone when its session has ended, in the same moment for all
//     who ask; that of a process which lives and whose service does not is critical when its TTL has passed ([WithTTL]).
//   - Signs of life cost nothing: the process counts them itself, on its own clock, and writes only when the health is
//     another one. So a thousand instances that are well cause no writes at all.
//   - With client.Config.Renew an instance comes back in the session that follows, as healthy as it then is.
//   - A [Discovery] misses nothing, and answers without asking the service.
//
// What it cannot: know that an instance which calls itself well can be reached from elsewhere. What is listed may have died less
// than a session timeout ago, so callers try another instance when one does not answer.
//
// Costs: one write to register, one to leave, one for each change of health. A service that is looked for is one watch and a
// mirror of its instances in each process that does.
//
// Counterparts: Consul's services with TTL checks, where each heartbeat is a request, and its DeregisterCriticalServiceAfter
// ([DeregisterAfter]); Curator's ServiceDiscovery and ServiceProvider, which know no health; etcd's naming package, with a
// lease for each address.
//
// Other nodes below the path whose data are like those above count too, persistent ones as well: that is a service that does
// not know this package. Those whose data are different do not. A Registry remembers nothing but the ids of its own instances: a
// process has one per client. All methods may be called from any goroutine.
type Registry struct {
	c    *client.Client
	path string

	mu  sync.Mutex
	own map[string]*client.Registration // by their paths; nil: is being registered
}

// NewRegistry returns the registry at a path, which need not exist. It does not ask the service.
func NewRegistry(c *client.Client, path string) *Registry {
	return &Registry{c: c, path: path, own: map[string]*client.Registration{}}
}

// Service is what an instance of a service tells about itself.
type Service struct {
	Name     string            // of the service: "web"; a name of a node, so without "/"
	ID       string            // of the instance, unique among those of the service; likewise. Default: Address
	Address  string            // "host:port", as callers are to use it
	Tags     []string          // "eu", "canary"
	Metadata map[string]string // "weight": "10"
}

// Health is whether an instance can do its work.
type Health string

const (
	HealthPassing  Health = "passing"
	HealthCritical Health = "critical"
)

// ServiceInstance is one registered instance, as others see it. Its slices and maps are shared and must not be modified.
type ServiceInstance struct {
	Service
	Health  Health
	Note    string           // why it is critical
	Session client.SessionID // that it goes with; 0 if it stays
	Zxid    client.Zxid      // the transaction that registered it
}

// serviceRecord is what the node of an instance has; a stranger's has no health and passes.
type serviceRecord struct {
	Address  string            `json:"address"`
	Tags     []string          `json:"tags,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Health   Health            `json:"health,omitempty"`
	Note     string            `json:"note,omitempty"`
}

// Services returns the names of the services that have an instance, healthy or not, in ascending order. A registry that does
// not exist has none.
func (r *Registry) Services(ctx context.Context) ([]string, error) {
	var names []string
	for child, err := range r.c.ChildrenSeq(ctx, r.path, client.WithStats()) {
		if errors.Is(err, client.ErrNoNode) {
			return nil, nil
		} else if err != nil {
			return nil, failed("services", r.path, err)
		}
		if child.Stat.NumChildren > 0 {
			names = append(names, child.Name)
		}
	}
	return names, nil
}

// Lookup asks the service for the instances of a service, all of one moment, those that pass first, and in the order of their
// ids. A service that does not exist has none. Errors: client.ErrBadArguments for an impossible name.
func (r *Registry) Lookup(ctx context.Context, name string) ([]ServiceInstance, error) {
	path, err := r.pathOf("lookup", name)
	if err != nil {
		return nil, err
	}
	var missing error
	entries := func(yield func(client.Entry) bool) {
		for e, err := range r.c.List(ctx, path, client.WithData(), client.WithStats()) {
			if missing = err; err != nil || !yield(e) {
				return
			}
		}
	}
	found := instancesOf(path, entries)
	if missing != nil && !errors.Is(missing, client.ErrNoNode) {
		return nil, failed("lookup", path, missing)
	}
	return found, nil
}

// instancesOf returns the instances among the nodes below a service's path.
func instancesOf(path string, nodes iter.Seq[client.Entry]) []ServiceInstance {
	var found []ServiceInstance
	prefix := join(path, "")
	for e := range nodes {
		id, below := strings.CutPrefix(e.Path, prefix)
		var data serviceRecord
		if !below || id == "" || strings.Contains(id, "/") || json.Unmarshal(e.Data, &data) != nil || data.Address == "" {
			continue
		}
		i := ServiceInstance{Health: data.Health, Note: data.Note, Session: client.SessionID(e.Stat.Owner), Zxid: e.Stat.Czxid}
		i.Service = Service{Name: nameOf(path), ID: id, Address: data.Address, Tags: data.Tags, Metadata: data.Metadata}
		if i.Health != HealthPassing && i.Health != "" {
			i.Health = HealthCritical
		} else {
			i.Health = HealthPassing
		}
		found = append(found, i)
	}
	slices.SortStableFunc(found, func(a, b ServiceInstance) int { // the nodes come in the order of their names
		switch {
		case a.Health == b.Health:
			return 0
		case a.Health == HealthPassing:
			return -1
		}
		return 1
	})
	return found
}

// pathOf is the path of a service.
func (r *Registry) pathOf(op, name string) (string, error) {
	if fault := nameFault(name); fault != "" {
		detail := fmt.Sprintf("the name of the service %q %s", name, fault)
		return "", &Error{Op: op, Path: r.path, Err: client.ErrBadArguments, Detail: detail}
	}
	return join(r.path, name), nil
}

// complete returns s with what has a default, or what is wrong with it.
func (s Service) complete(path string) (Service, error) {
	bad := func(detail string) (Service, error) {
		return s, &Error{Op: "register", Path: path, Err: client.ErrBadArguments, Detail: detail}
	}
	host, port, err := net.SplitHostPort(s.Address)
	if err != nil || host == "" || port == "" {
		return bad(fmt.Sprintf("the address %q is not host:port", s.Address))
	}
	if s.ID == "" {
		s.ID = s.Address
	}
	if fault := nameFault(s.ID); fault != "" {
		return bad(fmt.Sprintf("the id %q %s", s.ID, fault))
	}
	s.Tags, s.Metadata = slices.Clone(s.Tags), maps.Clone(s.Metadata)
	return s, nil
}

// nameFault is why a text cannot be the name of a node, as far as the service would take it for something else; what else is
// wrong it says itself.
func nameFault(name string) string {
	switch {
	case name == "":
		return "is empty"
	case name == ".", name == "..":
		return "is a relative path"
	case strings.Contains(name, "/"):
		return `contains "/"`
	}
	return ""
}

// nameOf is the last name of a path.
func nameOf(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
