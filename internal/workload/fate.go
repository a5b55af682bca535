package workload

import (
	"errors"
	"slices"

	"github.com/coxswain-io/coxswain/client"
	"github.com/coxswain-io/coxswain/internal/history"
)

// justified are the refusals that the state of the tree can be the reason for.
var justified = []error{
	client.ErrNoNode, client.ErrNodeExists, client.ErrBadVersion, client.ErrNotEmpty, client.ErrNoChildrenForEphemerals,
}

// fateOf tells what an error says about the fate of its operation. The second result is an error that nothing explains: not a
// refusal that the tree can justify, not the end of a session or of the caller's patience, nor that the service was short of
// something and says so.
func fateOf(err error) (history.Fate, error) {
	if err == nil {
		return history.Applied, nil
	}
	_, waited := errors.AsType[*client.WaitError](err)
	_, answered := errors.AsType[*client.Error](err)
	switch {
	case client.Unknown(err), waited && !client.NotApplied(err):
		return history.Unknown, nil
	case waited:
		return history.NotApplied, nil
	case answered && is(err, justified...):
		return history.Refused, nil
	case is(err, client.ErrSessionExpired, client.ErrClosed), client.Retryable(err):
		return history.NotApplied, nil
	}
	return 0, err
}

func is(err error, targets ...error) bool {
	return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
}

// refused completes the output of an operation that was refused.
func refused(out *history.Output, in history.Input, err error) {
	e, _ := errors.AsType[*client.Error](err)
	out.Code = e.Code
	if in.Kind == history.Multi || in.Kind == history.Txn {
		out.Index, out.Branch = e.Index, e.Branch
	}
}
