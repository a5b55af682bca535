package load

import (
	"context"
	"errors"
)

// curveParts are the rates of a curve, as parts of what a closed loop has reached: close to each other where latency rises.
var curveParts = []float64{0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 0.95}

// Curve measures how latency rises with the load: by plan in a closed loop, which finds the greatest rate, and then at rising
// rates below that. It calls each with every result as soon as it is there, the closed loop's first. It ends early if ctx does.
// Progress and errors are those of [Run].
func Curve(ctx context.Context, t Target, plan Plan, each func(Result), progress func(Progress)) error {
	plan.Rate = 0
	most, err := Run(ctx, t, plan, progress)
	if err != nil {
		return err
	}
	each(most)
	if most.PerSecond == 0 {
		return errors.New("a curve needs a workload that works")
	}
	for _, part := range curveParts {
		if ctx.Err() != nil {
			return nil
		}
		plan.Rate = part * most.PerSecond
		r, err := Run(ctx, t, plan, progress)
		if err != nil {
			return err
		}
		each(r)
	}
	return nil
}
