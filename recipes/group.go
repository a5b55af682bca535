package recipes

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/coxswain-io/coxswain/client"
)

// Group is the set of those processes that have joined it and live. Each member is an ephemeral node with the member's
// metadata, so it goes when the member leaves, or when its session ends:
//
//	/groups/web                      a container: it goes when nobody is a member any more
//	/groups/web/host-7               a member that has chosen its name
//	/groups/web/member-0000000012    one that has not
//
// What it guarantees: a name belongs to one member at a time. A member whose session has ended is no longer listed, and one
// that has joined is listed until then, or until it leaves. With client.Config.Renew a member comes back in the next session
// by itself, with its newest metadata.
//
// What it cannot: list only processes that work. One that hangs or is cut off is a member until its session ends; one that
// has just been killed likewise. So members may be chosen to share work, but what must not be done twice is done with a
// [Lock], an [Election] or a [Partitioner].
//
// To join is one write, to follow a group costs what a [Cache] costs: a change is one small event to each follower, and
// nobody lists anything again.
//
// Counterparts: GroupMember in Curator, Party in kazoo, a prefix of keys with leases in etcd, members of a service in Consul.
//
// A Group is stateless; all methods may be called from any goroutine.
type Group struct {
	c    *client.Client
	path string
}

// memberPrefix begins the names of members that have not chosen one.
const memberPrefix = "member-"

// NewGroup returns the group at a path, which need not exist. It does not ask the service.
func NewGroup(c *client.Client, path string) *Group { return &Group{c: c, path: path} }

// Member is a member of a group.
type Member struct {
	Name     string
	Metadata []byte           // must not be modified
	Session  client.SessionID // that the member belongs to
	Joined   client.Zxid      // the transaction in which it did; it tells a member from one that has come back
}

// Join makes this process a member and returns when it is one. A name is that of a node, without "/", and not like those that
// the service gives; a name that another living session's member has is waited for, so a process that was started again gets its
// name when the session of its former life has ended. If name is "" the service gives one, another one in each session.
//
// Metadata, at most a mebibyte, is what others are told about the member; it is copied. If ctx ends first Join fails with a
// client.WaitError, wrapped, and there is no member. Other errors: client.ErrBadArguments for an impossible name, those of
// [client.Client.Register].
func (g *Group) Join(ctx context.Context, name string, metadata []byte) (*Membership, error) {
	options := []client.CreateOption{client.ContainerParents()}
	if name == "" {
		name, options = memberPrefix, append(options, client.Sequential())
	} else if fault := memberNameFault(name); fault != "" {
		detail := fmt.Sprintf("the name of the member %q %s", name, fault)
		return nil, &Error{Op: "join", Path: g.path, Err: client.ErrBadArguments, Detail: detail}
	}
	r, err := g.c.Register(ctx, join(g.path, name), metadata, options...)
	if err != nil {
		return nil, failed("join", g.path, err)
	}
	return &Membership{r}, nil
}

// memberNameFault is why a text cannot be chosen as the name of a member. A number that the service has yet to give must be free
// then: it does not go on to the next one.
func memberNameFault(name string) string {
	if number, ok := strings.CutPrefix(name, memberPrefix); ok && number != "" && number == sequence(name) {
		return "is like those that the service gives"
	}
	return nameFault(name)
}

// Membership is this process's being a member of a group, until it leaves. All methods may be called from any goroutine.
type Membership struct {
	node *client.Registration
}

// Name returns the name of the member: the newest one if the service gives it.
func (m *Membership) Name() string {
	path := m.node.Path()
	return path[strings.LastIndexByte(path, '/')+1:]
}

// Set replaces the member's metadata, for this session and those that follow. It is [client.Registration.Set].
func (m *Membership) Set(ctx context.Context, metadata []byte) error {
	return m.node.Set(ctx, metadata)
}

// State tells whether this process is a member at the moment, and returns a channel that is closed when that changes:
// client.RegistrationPending between two sessions, client.RegistrationLost for ever when somebody has deleted the node or the
// session has ended for good, client.RegistrationClosed after Leave.
func (m *Membership) State() (client.RegistrationState, <-chan struct{}) { return m.node.State() }

// Err returns why this process is not a member at the moment; nil while it is. It is [client.Registration.Err].
func (m *Membership) Err() error { return m.node.Err() }

// Leave ends the membership, and returns when nobody will be told any more that this process is a member, or when ctx ends:
// it leaves anyhow then, as soon as the service is reached. Leaving again returns nil.
func (m *Membership) Leave(ctx context.Context) error { return m.node.Close(ctx) }

// Members returns those who are members now, in ascending order of their names, all as of one point in time: everybody whose
// Join had returned before. No members are no error.
func (g *Group) Members(ctx context.Context) ([]Member, error) {
	var members []Member
	for e, err := range g.c.List(ctx, g.path, client.WithData(), client.WithStats(), client.AtLevel(client.Linearizable)) {
		switch {
		case errors.Is(err, client.ErrNoNode):
			return nil, nil
		case err != nil:
			return nil, failed("members", g.path, err)
		case parentOf(e.Path) == g.path && e.Path != g.path:
			members = appendMember(members, &e)
		}
	}
	return members, nil
}

// appendMember adds the member that a node below a group's stands for; a node that is not ephemeral stands for none.
func appendMember(members []Member, e *client.Entry) []Member {
	if e.Stat.Kind != client.KindEphemeral {
		return members
	}
	name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]
	return append(members, Member{Name: name, Metadata: e.Data, Session: client.SessionID(e.Stat.Owner), Joined: e.Stat.Czxid})
}

// Watch follows the group and returns when its members are known. Errors: those of [NewCache].
func (g *Group) Watch(ctx context.Context) (*Members, error) {
	cache, err := NewCache(ctx, g.c, g.path)
	if err != nil {
		return nil, err
	}
	return &Members{cache: cache, path: g.path}, nil
}

// Members is who the members of a group are, always up to date. It must be closed.
type Members struct {
	cache *Cache
	path  string
}

// Members returns the members in ascending order of their names, and a channel that is closed when that may have changed, or
// when it is not followed any more: [Members.Err]. It does not block. Changes in quick succession may be seen as one; whoever
// wants to see a member that has left and come back in between compares Joined.
func (m *Members) Members() ([]Member, <-chan struct{}) {
	view, changed := m.cache.View()
	var members []Member
	for e := range view.Children(m.path) {
		members = appendMember(members, &e)
	}
	return members, changed
}

// Err returns why the group is not followed any more, see [Cache.Err]; nil while it is.
func (m *Members) Err() error { return m.cache.Err() }

// Close ends the following. It does not block for long.
func (m *Members) Close() { m.cache.Close() }
