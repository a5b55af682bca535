package recipes_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/recipes"
	"github.com/coxswain-io/coxswain/server/servertest"
)

// joined makes a member for the length of the test.
func joined(t testing.TB, c *client.Client, name, metadata string) *recipes.Membership {
	t.Helper()
	m, err := recipes.NewGroup(c, "/g").Join(within(t), name, []byte(metadata))
	must(t, err)
	return m
}

// membersAre waits until the members are those, written as name=metadata.
func membersAre(t testing.TB, m *recipes.Members, want string) []recipes.Member {
	t.Helper()
	for stop := within(t); ; {
		members, changed := m.Members()
		var got []string
		for _, member := range members {
			got = append(got, member.Name+"="+string(member.Metadata))
		}
		if strings.Join(got, " ") == want {
			return members
		}
		select {
		case <-changed:
			must(t, m.Err())
		case <-stop.Done():
			t.Fatalf("members %q, expected %q", got, want)
		}
	}
}

func TestGroupIsWhoHasJoined(t *testing.T) {
	root := tree(t)
	a, b, observer := view(t, root), view(t, root), view(t, root)
	group := recipes.NewGroup(observer, "/g")
	if members, err := group.Members(within(t)); err != nil || len(members) != 0 {
		t.Errorf("before anybody has joined: %v, %v", members, err)
	}
	members, err := group.Watch(within(t))
	must(t, err)
	defer members.Close()
	membersAre(t, members, "")

	one := joined(t, a, "one", "x")
	two := joined(t, b, "two", "y")
	now := membersAre(t, members, "one=x two=y")
	if now[0].Session != a.Session().ID || now[1].Session != b.Session().ID || now[0].Joined >= now[1].Joined {
		t.Errorf("%+v", now)
	}
	listed, err := group.Members(within(t))
	if err != nil || len(listed) != 2 || listed[1].Name != "two" || string(listed[1].Metadata) != "y" {
		t.Errorf("%+v, %v", listed, err)
	}
	must(t, one.Set(within(t), []byte("z")))
	membersAre(t, members, "one=z two=y")
	if state, _ := two.State(); state != client.RegistrationUp || two.Name() != "two" || two.Err() != nil {
		t.Errorf("%v %s, %v", state, two.Name(), two.Err())
	}
	must(t, two.Leave(within(t)))
	must(t, two.Leave(within(t)))
	if listed, err := group.Members(within(t)); err != nil || len(listed) != 1 {
		t.Errorf("after one has left: %+v, %v", listed, err)
	}
	membersAre(t, members, "one=z")

	// What somebody else puts there is no member.
	_, _, err = b.Create(within(t), "/g/a-note", []byte("persistent"))
	must(t, err)
	unnamed := joined(t, b, "", "w")
	if !strings.HasPrefix(unnamed.Name(), "member-") {
		t.Errorf("a name of the service's: %s", unnamed.Name())
	}
	membersAre(t, members, unnamed.Name()+"=w one=z")

	// Who is deleted is told so and does not come back by himself.
	must(t, observer.Delete(within(t), "/g/one"))
	membersAre(t, members, unnamed.Name()+"=w")
	eventually(t, "lost", func() bool {
		state, _ := one.State()
		return state == client.RegistrationLost && errors.Is(one.Err(), client.ErrNoNode)
	})
	members.Close()
	if !errors.Is(members.Err(), client.ErrClosed) {
		t.Error(members.Err())
	}
}

// TestGroupRefusesNames: a "/" would make a node further down, which no list shows, and a number stand in the way of members
// without names.
func TestGroupRefusesNames(t *testing.T) {
	c := view(t, tree(t))
	for _, name := range []string{"a/b", "..", "member-0000000001"} {
		if _, err := recipes.NewGroup(c, "/g").Join(within(t), name, nil); !errors.Is(err, client.ErrBadArguments) {
			t.Errorf("%q: %v", name, err)
		}
	}
	joined(t, c, "member-of-0000000001", "")
}

func TestGroupNameBelongsToOneMember(t *testing.T) {
	root := tree(t)
	a, b := view(t, root), view(t, root)
	first := joined(t, a, "name", "a")
	short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var why *recipes.Error
	_, err := recipes.NewGroup(b, "/g").Join(short, "name", []byte("b"))
	if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &why) {
		t.Errorf("the name is taken: %v", err)
	}
	second := make(chan *recipes.Membership)
	go func() {
		m, err := recipes.NewGroup(b, "/g").Join(within(t), "name", []byte("b"))
		if err != nil {
			t.Error(err)
		}
		second <- m
	}()
	must(t, first.Leave(within(t)))
	<-second
	members, err := recipes.NewGroup(a, "/g").Members(within(t))
	if err != nil || len(members) != 1 || string(members[0].Metadata) != "b" {
		t.Errorf("%+v, %v", members, err)
	}
}

// TestGroupMembersComeAndGoWithTheirSessions: a member whose session has ended is gone; with Renew it comes back, with its newest
// metadata, and shows by Joined that it is another one.
func TestGroupMembersComeAndGoWithTheirSessions(t *testing.T) {
	cluster := servertest.Start(t, 1)
	mortal, observer := cluster.Client(t), cluster.Client(t)
	lasting := cluster.Client(t, func(c *client.Config) { c.Renew = true })
	members, err := recipes.NewGroup(observer, "/g").Watch(within(t))
	must(t, err)
	defer members.Close()
	dies := joined(t, mortal, "mortal", "1")
	stays := joined(t, lasting, "lasting", "1")
	must(t, stays.Set(within(t), []byte("2")))
	before := membersAre(t, members, "lasting=2 mortal=1")
	cluster.ExpireSession(mortal.Session().ID)
	cluster.ExpireSession(lasting.Session().ID)
	var after []recipes.Member
	eventually(t, "back", func() bool {
		after = membersAre(t, members, "lasting=2")
		return after[0].Joined > before[0].Joined
	})
	if after[0].Session == before[0].Session {
		t.Errorf("before %+v, after %+v", before[0], after[0])
	}
	eventually(t, "the end", func() bool {
		state, _ := dies.State()
		return state == client.RegistrationLost && errors.Is(dies.Err(), client.ErrSessionExpired)
	})
}
