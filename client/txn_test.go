package client

import (
	"errors"
	"testing"

	"github.com/coxswain-io/coxswain/wire"
)

func TestConditionsChooseTheBranch(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/x")
		stat, _, err := c.Exists(ctx, "/x")
		if err != nil {
			t.Fatal(err)
		}
		for name, one := range map[string]struct {
			conditions []Op
			failed     int
		}{
			"none":               {nil, -1},
			"all hold":           {[]Op{CheckOp("/x"), CheckOp("/x", IfVersion(0), IfCzxid(stat.Czxid), IfData([]byte("/x"))), AbsentOp("/y")}, -1},
			"a node is absent":   {[]Op{CheckOp("/x"), CheckOp("/y")}, 1},
			"a node is there":    {[]Op{AbsentOp("/x"), CheckOp("/x")}, 0},
			"another version":    {[]Op{CheckOp("/x"), AbsentOp("/y"), CheckOp("/x", IfVersion(7))}, 2},
			"another node":       {[]Op{CheckOp("/x", IfCzxid(stat.Czxid+1))}, 0},
			"set by another one": {[]Op{CheckOp("/x", IfMzxid(stat.Mzxid+1))}, 0},
			"other data":         {[]Op{CheckOp("/x", IfData(nil)), AbsentOp("/x")}, 0},
		} {
			got, err := c.Txn(ctx, If(one.conditions...).Then(GetOp("/x"), CheckOp("/x")).Else(GetOp("/y")))
			if err != nil || got.Held != (one.failed == -1) || got.Failed != one.failed || got.Zxid != s.zxid {
				t.Errorf("%s: %+v %v", name, got, err)
				continue
			}
			if got.Held && (len(got.Results) != 2 || string(got.Results[0].Data) != "/x") || !got.Held && (len(got.Results) != 1 || got.Results[0].Existed) {
				t.Errorf("%s: results %+v", name, got.Results)
			}
		}
	})
}

// The use for which others have a loop: take what is free, or learn who has it.
func TestTxnTakesOrTells(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		var created Zxid
		take := func(name string) Txn {
			return If(AbsentOp("/leader")).Then(CreateOp("/leader", []byte(name), Ephemeral(), WithZxid(&created))).Else(GetOp("/leader"))
		}
		got, err := c.Txn(t.Context(), take("me"))
		if err != nil || !got.Held || got.Results[0].Path != "/leader" || created != got.Zxid || got.Results[0].Stat.Czxid != got.Zxid {
			t.Errorf("the first: %+v %v", got, err)
		}
		created = 0
		got, err = c.Txn(t.Context(), take("you"))
		if err != nil || got.Held || string(got.Results[0].Data) != "me" || !got.Results[0].Existed || created != 0 {
			t.Errorf("the second: %+v %v", got, err)
		}
	})
}

func TestTxnIsAValue(t *testing.T) {
	base := If(CheckOp("/a")).Then(CheckOp("/b"))
	one, other := base.Then(CheckOp("/c")), base.Then(CheckOp("/d"))
	if len(base.then) != 1 || one.then[1].op.Path != "/c" || other.then[1].op.Path != "/d" {
		t.Errorf("%+v %+v %+v", base, one, other)
	}
}

func TestErrorsOfATxnTellTheBranchAndTheOperation(t *testing.T) {
	inViews(t, func(t *testing.T, s *service, c *Client) {
		ctx := t.Context()
		makeNodes(t, c, "/x", "/x/y", "/z")
		yes, no := If(CheckOp("/x")), If(AbsentOp("/x"))
		for _, one := range []struct {
			txn    Txn
			code   error
			branch Branch
			index  int
			text   string
		}{
			{yes.Then(SetOp("/x", nil), SetOp("/z", nil, IfVersion(3))), ErrBadVersion, BranchThen, 1,
				"then: operation 1: bad version: /z has version 0, expected 3"},
			{no.Then(CheckOp("/z")).Else(DeleteOp("/x")), ErrNotEmpty, BranchElse, 0,
				"else: operation 0: not empty: /x (its children come first, it has 1)"},
			{yes.Then(CreateOp("/a/b/c", nil)).Else(CheckOp("/a/b/c")), ErrNoNode, BranchThen, 0,
				"then: operation 0: no node: /a/b (parent of /a/b/c; the option Parents makes it)"},
			{no.Else(CopyTreeOp("/x", "/z")), ErrNodeExists, BranchElse, 0,
				"else: operation 0: node exists: /z (a tree is copied to where nothing is; choose another path)"},
			// Both branches have an operation there that might be meant.
			{yes.Then(CheckOp("/q")).Else(CheckOp("/q")), ErrNoNode, BranchThen, 0,
				"then: operation 0: no node: /q"},
			{no.Then(CheckOp("/z", IfVersion(3))).Else(CheckOp("/z", IfVersion(4))), ErrBadVersion, BranchElse, 0,
				"else: operation 0: bad version: /z has version 0, expected 4"},
			// Found before anything is sent.
			{If(CheckOp("/x"), CheckOp("z")), ErrBadArguments, BranchIf, 1,
				`condition 1: bad arguments: z (a path starts with "/")`},
			{If(SetOp("/x", nil)), ErrBadArguments, BranchIf, 0,
				"condition 0: bad arguments: /x (a condition is a check or an absence, not a set)"},
			{yes.Else(GetOp("/x"), DeleteOp("//")), ErrBadArguments, BranchElse, 1,
				""},
			{yes.Then(CreateOp("/n", nil, Ephemeral(), Container())), ErrBadArguments, BranchThen, 0,
				""},
		} {
			_, err := c.Txn(ctx, one.txn)
			var e *Error
			if !errors.Is(err, one.code) || !errors.As(err, &e) || e.Branch != one.branch || e.Index != one.index || one.text != "" && err.Error() != one.text {
				t.Errorf("got %v, want %s", err, one.text)
			}
			if !NotApplied(err) || Unknown(err) || Retryable(err) {
				t.Errorf("%v is classified as %v %v %v", err, NotApplied(err), Unknown(err), Retryable(err))
			}
		}
		if node, err := c.Get(ctx, "/x"); err != nil || node.Stat.Version != 0 {
			t.Errorf("a failed transaction had an effect: %+v %v", node, err)
		}
	})
}

func TestTxnIsLimited(t *testing.T) {
	inBubble(t, func(t *testing.T, s *service, c *Client) {
		third := make([]Op, wire.OpsMax/3)
		for i := range third {
			third[i] = CheckOp("/")
		}
		full := If(third...).Then(third...).Else(third...)
		if got, err := c.Txn(t.Context(), full.Then(CheckOp("/"))); err != nil || len(got.Results) != len(third)+1 {
			t.Errorf("as many as may be: %d results, %v", len(got.Results), err)
		}
		if _, err := c.Txn(t.Context(), full.Then(CheckOp("/"), CheckOp("/"))); !errors.Is(err, ErrTooMany) || !NotApplied(err) {
			t.Errorf("one too many: %v", err)
		}
		big := make([]byte, wire.DataMax)
		if _, err := c.Txn(t.Context(), If().Then(SetOp("/", big), SetOp("/", big)).Else(SetOp("/", big))); !errors.Is(err, ErrTooLarge) {
			t.Errorf("too large: %v", err)
		}
		if len(s.requests) != 1 {
			t.Errorf("%d requests were sent", len(s.requests))
		}
	})
}
