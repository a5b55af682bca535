package workload

import (
	"context"
	"errors"
	"fmt"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// perform makes one call and returns what it has answered. also goes with a Get, Exists or Children.
func perform(ctx context.Context, c *client.Client, in history.Input, also ...client.ReadOption) (history.Output, error) {
	var out history.Output
	zxid := client.WithZxid(&out.Zxid)
	reading := append([]client.ReadOption{client.AtLevel(in.Level), zxid}, also...)
	var err error
	switch in.Kind {
	case history.Create:
		out.Path, out.Stat, err = c.Create(ctx, in.Path, in.Data, append(createOptions(in), zxid)...)
	case history.Set:
		out.Stat, err = c.Set(ctx, in.Path, in.Data, append(writeOptions(in), zxid)...)
	case history.Delete:
		err = c.Delete(ctx, in.Path, append(writeOptions(in), zxid)...)
	case history.Get:
		var node client.Node
		node, err = c.Get(ctx, in.Path, reading...)
		out.Data, out.Stat = node.Data, node.Stat
	case history.Exists:
		out.Stat, out.Exists, err = c.Exists(ctx, in.Path, reading...)
	case history.Children:
		out.Children, out.Stat, err = c.Children(ctx, in.Path, reading...)
	case history.Sync:
		err = c.Sync(ctx)
	case history.Read:
		var parts []client.ReadResult
		parts, out.Zxid, err = c.MultiRead(ctx, readOps(in.Ops), reading...)
		out.Results = readResults(in.Ops, parts)
	case history.Multi:
		var results []client.Result
		ops := opsOf(in.Ops)
		ops[0] = opOf(in.Ops[0], zxid) // one of them tells for all
		results, err = c.Multi(ctx, ops...)
		out.Results = resultsOf(in.Ops, results)
	case history.Txn:
		then := opsOf(in.Ops)
		then[0] = opOf(in.Ops[0], zxid) // of a refusal all of them tell
		var result client.TxnResult
		result, err = c.Txn(ctx, client.If(opsOf(in.If)...).Then(then...).Else(opsOf(in.Else)...))
		if err == nil {
			out.Zxid, out.Held = result.Zxid, result.Held
			out.Results = resultsOf(branch(in, result.Held), result.Results)
		}
	default:
		return out, fmt.Errorf("kind %d is no call", in.Kind)
	}
	if err != nil {
		out = history.Output{Zxid: out.Zxid}
	}
	return out, err
}

// branch is what a transaction carries out.
func branch(in history.Input, held bool) []history.Input {
	if held {
		return in.Ops
	}
	return in.Else
}

func createOptions(in history.Input) (opts []client.CreateOption) {
	switch in.Mode {
	case client.KindEphemeral:
		opts = append(opts, client.Ephemeral())
	case client.KindContainer:
		opts = append(opts, client.Container())
	case client.KindTTL:
		opts = append(opts, client.TTL(lifetime))
	}
	if in.Sequential {
		opts = append(opts, client.Sequential())
	}
	return opts
}

func writeOptions(in history.Input) (opts []client.WriteOption) {
	if in.Version != nil {
		opts = append(opts, client.IfVersion(*in.Version))
	}
	return opts
}

func opsOf(ins []history.Input) []client.Op {
	ops := make([]client.Op, len(ins))
	for i, in := range ins {
		ops[i] = opOf(in)
	}
	return ops
}

func opOf(in history.Input, also ...client.AnyOption) client.Op {
	creating, writing := createOptions(in), writeOptions(in)
	for _, option := range also {
		creating, writing = append(creating, option), append(writing, option)
	}
	switch in.Kind {
	case history.Create:
		return client.CreateOp(in.Path, in.Data, creating...)
	case history.Set:
		return client.SetOp(in.Path, in.Data, writing...)
	case history.Delete:
		return client.DeleteOp(in.Path, writing...)
	case history.Absent:
		return client.AbsentOp(in.Path)
	default:
		return client.CheckOp(in.Path, writing...)
	}
}

func readOps(ins []history.Input) []client.ReadOp {
	ops := make([]client.ReadOp, len(ins))
	for i, in := range ins {
		switch in.Kind {
		case history.Get:
			ops[i] = client.GetOf(in.Path)
		case history.Exists:
			ops[i] = client.ExistsOf(in.Path)
		default:
			ops[i] = client.ChildrenOf(in.Path)
		}
	}
	return ops
}

// resultsOf returns the results of the operations of a transaction.
func resultsOf(ins []history.Input, results []client.Result) []history.Output {
	outs := make([]history.Output, len(results))
	for i, r := range results {
		outs[i] = history.Output{Fate: history.Applied, Stat: r.Stat}
		if ins[i].Kind == history.Create {
			outs[i].Path = r.Path
		}
	}
	return outs
}

// readResults returns the results of the parts of a read: that of an absent node is Refused, or for Exists that it is absent.
func readResults(ins []history.Input, parts []client.ReadResult) []history.Output {
	outs := make([]history.Output, len(parts))
	for i, r := range parts {
		failed, _ := errors.AsType[*client.Error](r.Err)
		switch {
		case failed != nil && ins[i].Kind == history.Exists && errors.Is(failed, client.ErrNoNode):
			outs[i] = history.Output{Fate: history.Applied}
		case failed != nil:
			outs[i] = history.Output{Fate: history.Refused, Code: failed.Code}
		default:
			outs[i] = history.Output{
				Fate: history.Applied, Stat: r.Stat, Data: r.Data, Children: r.Children, Exists: ins[i].Kind == history.Exists,
			}
		}
	}
	return outs
}
