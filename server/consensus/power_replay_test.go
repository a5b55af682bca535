package consensus

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// replayer makes the images of the disks at one moment of a trace after another.
type replayer struct {
	disks []*image
	files map[uint64]*stored
	acks  []string
}

func (r *replayer) apply(s step) error {
	if s.kind == stepAck {
		r.acks = append(r.acks, string(s.data))
		return nil
	}
	disk := r.disks[s.disk]
	switch s.kind {
	case stepWrite:
		f := r.files[s.file]
		f.changes = append(f.changes, change{s.at, s.data})
		return nil
	case stepCut:
		f := r.files[s.file]
		f.changes = append(f.changes, change{at: s.at})
		return nil
	case stepSyncFile:
		r.files[s.file].sync()
		return nil
	case stepSyncDir:
		d := disk.lookup(s.path)
		if d == nil {
			return fmt.Errorf("sync of %s, which does not exist", s.path)
		}
		d.sync()
		return nil
	}
	dir, name, err := disk.find(s.path)
	if err != nil {
		return err
	}
	switch s.kind {
	case stepCreate: // the file may exist: then it is opened
		f := dir.names[name]
		if f == nil {
			f = &stored{}
			dir.put(name, f)
		}
		r.files[s.file] = f
	case stepMkdir:
		if dir.names[name] == nil {
			dir.put(name, newDirectory())
		}
	case stepRemove:
		dir.drop(name)
	case stepRename:
		target, newName, err := disk.find(s.to)
		if err != nil {
			return err
		}
		if target != dir {
			return fmt.Errorf("%s is renamed to another directory: %s", s.path, s.to)
		}
		moved := dir.names[name]
		dir.rename(func(names map[string]*stored) { delete(names, name); names[newName] = moved })
	}
	return nil
}

// syncs is how many syncs the trace has.
func (o *outage) syncs() (n int) {
	for _, s := range o.trace.steps {
		if s.kind.syncs() {
			n++
		}
	}
	return n
}

// newReplayer is one before the first step of the trace.
func (o *outage) newReplayer() (*replayer, error) {
	r := &replayer{files: map[uint64]*stored{}, acks: slices.Clone(o.kept)}
	for _, dir := range o.before {
		disk, err := readImage(dir)
		if err != nil {
			return nil, err
		}
		r.disks = append(r.disks, disk)
	}
	return r, nil
}

// each calls check for so many of the trace's syncs, spread evenly, with what the disks hold just before it takes effect.
func (o *outage) each(points int, check func(sync int, r *replayer) error) error {
	r, err := o.newReplayer()
	if err != nil {
		return err
	}
	at, syncs := 0, o.syncs()
	for _, s := range o.trace.steps {
		if s.kind.syncs() {
			if points >= syncs || at*points/syncs != (at+1)*points/syncs {
				if err := check(at, r); err != nil {
					return err
				}
			}
			at++
		}
		if err := r.apply(s); err != nil {
			return err
		}
	}
	return nil
}

// eachKill calls check for so many steps of the trace, with directories as a process leaves them that is killed after the step.
func (o *outage) eachKill(kills int, random *rand.Rand, check func(step int, roots []string, r *replayer) error) error {
	r, err := o.newReplayer()
	if err != nil {
		return err
	}
	chosen := map[int]bool{}
	for range kills {
		chosen[random.IntN(len(o.trace.steps))] = true
	}
	for i, s := range o.trace.steps {
		if err := r.apply(s); err != nil {
			return err
		}
		if !chosen[i] {
			continue
		}
		roots, err := r.lose(len(r.disks), nil) // the power of none of them
		if err == nil {
			err = check(i, roots, r)
		}
		if err := errors.Join(err, removeRoots(roots)); err != nil {
			return fmt.Errorf("killed after step %d of %d, -power.seed=%d: %w", i, len(o.trace.steps), *powerSeed, err)
		}
	}
	return nil
}

// lose makes directories with what is left of the disks. If only is not negative, that one loses its power and the others
// are as they are.
func (r *replayer) lose(only int, chance *rand.Rand) (roots []string, err error) {
	for i, disk := range r.disks {
		root, err := os.MkdirTemp("", "left")
		if err != nil {
			return roots, err
		}
		roots = append(roots, root)
		if err := disk.lose(root, luck{all: only >= 0 && i != only, chance: chance}); err != nil {
			return roots, err
		}
	}
	return roots, nil
}

func removeRoots(roots []string) error {
	var errs []error
	for _, root := range roots {
		errs = append(errs, os.RemoveAll(root))
	}
	return errors.Join(errs...)
}

// try takes the power at so many moments of the trace, spread over its syncs: so that nothing survives but what was synced, then
// so that any part of the rest does, then from one server only, then again with other chances. So many times the servers are
// started again as well. It returns how many moments were tried before one was wrong.
func (o *outage) try(points, restarts int) (tried int, err error) {
	syncs := o.syncs()
	variants := max(2, points/syncs)
	every := max(1, min(points/variants, syncs)*variants/restarts)
	err = o.each(points/variants, func(sync int, r *replayer) error {
		for variant := range variants {
			only, chance := -1, rand.New(rand.NewPCG(*powerSeed, uint64(sync*variants+variant)))
			if variant == 0 {
				chance = nil
			}
			if variant%3 == 2 && len(r.disks) > 1 {
				only = sync % len(r.disks)
			}
			roots, err := r.lose(only, chance)
			if err == nil {
				err = o.checkElection(roots, r.acks)
			}
			if err == nil && tried%every == 0 {
				err = o.checkRestart(roots, r.acks)
			}
			if err := errors.Join(err, removeRoots(roots)); err != nil {
				return fmt.Errorf("power lost in sync %d of %d, variant %d, -power.seed=%d, after %d acknowledgements: %w",
					sync, syncs, variant, *powerSeed, len(r.acks), err)
			}
			tried++
		}
		return nil
	})
	return tried, err
}

// mustTry is try for a cluster that loses nothing.
func (o *outage) mustTry(t *testing.T, points, restarts int) {
	t.Helper()
	tried, err := o.try(points, restarts)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d syncs, %d acknowledgements, %d moments tried", o.syncs(), len(o.sent), tried)
}
