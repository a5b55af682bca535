package history

import "iter"

// part is one operation inside of another, or the one that stands alone.
type part struct {
	in  *Input
	out *Output
}

// parts yields the operations that were carried out: those of a Multi, of the branch of a Txn, or the one itself.
func parts(op *Operation) iter.Seq[part] {
	return func(yield func(part) bool) {
		ops := op.In.Ops
		switch op.In.Kind {
		case Multi:
		case Txn:
			if !op.Out.Held {
				ops = op.In.Else
			}
		default:
			yield(part{&op.In, &op.Out})
			return
		}
		for i := range min(len(ops), len(op.Out.Results)) {
			if !yield(part{&ops[i], &op.Out.Results[i]}) {
				return
			}
		}
	}
}

// inputs yields all operations that one may carry out, whatever its conditions turn out to be.
func inputs(in *Input) iter.Seq[*Input] {
	return func(yield func(*Input) bool) {
		if in.Kind != Multi && in.Kind != Txn {
			yield(in)
			return
		}
		for _, ops := range [...][]Input{in.Ops, in.Else} {
			for i := range ops {
				if !yield(&ops[i]) {
					return
				}
			}
		}
	}
}
