package client

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSessionsAreListedInPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newService("one:1")
		s.limits.Page = 3
		var clients []*Client
		for range 8 {
			clients = append(clients, connect(t, s))
		}
		if _, _, err := clients[4].Create(t.Context(), "/e", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		var zxid Zxid
		i := 0
		for entry, err := range clients[0].Sessions(t.Context(), WithZxid(&zxid)) {
			if err != nil {
				t.Fatal(err)
			}
			want := SessionEntry{ID: clients[i].Session().ID, Name: "test", Server: 1, Attached: true, Timeout: 10 * time.Second}
			if i == 4 {
				want.Ephemerals, want.Writes = 1, 1
			}
			if entry != want {
				t.Errorf("session %d is %+v, want %+v", i, entry, want)
			}
			i++
		}
		if i != 8 || zxid != s.zxid {
			t.Errorf("%d sessions as of %v", i, zxid)
		}
		for range clients[0].Sessions(t.Context()) {
			break
		}
	})
}

func TestKilledSessionIsGoneWhenTheCallReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := t.Context()
		s := newService("one:1")
		operator, victim := connect(t, s), connect(t, s)
		if _, _, err := victim.Create(ctx, "/e", nil, Ephemeral()); err != nil {
			t.Fatal(err)
		}
		if err := operator.KillSession(ctx, victim.Session().ID); err != nil {
			t.Fatal(err)
		}
		if _, there, err := operator.Exists(ctx, "/e"); there || err != nil {
			t.Errorf("its ephemeral node is still there: %v", err)
		}
		if _, err := victim.Get(ctx, "/"); !errors.Is(err, ErrSessionExpired) {
			t.Errorf("its client goes on: %v", err)
		}
		id := victim.Session().ID
		err := operator.KillSession(ctx, id)
		if !errors.Is(err, ErrNoSession) || err.Error() != "no session: session "+id.String() || !NotApplied(err) || Retryable(err) {
			t.Errorf("a second time: %v", err)
		}
		id = operator.Session().ID
		err = operator.KillSession(ctx, id)
		if !errors.Is(err, ErrBadArguments) || err.Error() != "bad arguments: session "+id.String()+" (close it instead)" {
			t.Errorf("its own: %v", err)
		}
		if _, err := operator.Get(ctx, "/"); err != nil {
			t.Errorf("the operator's session has ended: %v", err)
		}
	})
}
