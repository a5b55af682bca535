package consensus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Names in the data directory.
const (
	lockName     = "lock"          // held while a process runs on the directory
	identityName = "identity.json" // whose data this is
	bootName     = "boot"          // how often it was started
	bootCopyName = "boot.copy"     // the same, written after it
	startingName = "starting"      // exists from before the log's directory does until the first start is complete
)

// dataDir is a locked data directory.
//
//	first start:  starting ── raft/ ── census ── identity.json ── replica runs ── starting removed
//
// So an empty place for the log is taken for a first start only while the replica cannot have promised anything yet.
type dataDir struct {
	path   string
	medium medium
	lock   *os.File
}

// openDataDir makes the directory if necessary and locks it.
func openDataDir(path string, m medium) (*dataDir, error) {
	unwritable := func(err error) error {
		return &Refusal{Reason: ReasonNotWritable, Detail: fmt.Sprintf("data directory %s cannot be used: "+
			"make it a directory that this user may write, or choose another one", path), Err: err}
	}
	if err := makeDirectory(path, m); err != nil {
		return nil, unwritable(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, unwritable(err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := closeToOthers(path); err != nil {
			return nil, unwritable(err)
		}
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unwritable(err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		lock.Close()
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, unwritable(err)
		}
		return nil, &Refusal{Reason: ReasonLocked, Detail: fmt.Sprintf("another coxswain is running on data directory %s: "+
			"stop it first, or give this one a directory of its own", path)}
	}
	return &dataDir{path: path, medium: m, lock: lock}, nil
}

// makeDirectory makes a directory and those above it that do not exist. Its name is on the disk before anything in it is
// acknowledged.
func makeDirectory(path string, m medium) error {
	if _, err := m.Stat(path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	above := filepath.Dir(path)
	if above != path {
		if err := makeDirectory(above, m); err != nil {
			return err
		}
	}
	if err := m.MkdirAll(path, 0o700); err != nil {
		return err
	}
	return syncDirectory(above, m)
}

// closeToOthers takes the directory's permissions away from everybody else, unless it seems to be somebody else's: nobody
// wants his /tmp closed because of a mistyped option.
func closeToOthers(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	ours := len(entries) == 0
	for _, e := range entries {
		ours = ours || e.Name() == lockName
	}
	if !ours {
		return errors.New("it is open to other users and holds files that are not coxswain's")
	}
	return os.Chmod(path, 0o700)
}

// close releases the lock.
func (d *dataDir) close() error { return d.lock.Close() }

func (d *dataDir) file(name string) string { return filepath.Join(d.path, name) }

// raft is Dragonboat's directory.
func (d *dataDir) raft() string { return d.file("raft") }

// has reports whether a file of the data directory exists.
func (d *dataDir) has(name string) (bool, error) {
	_, err := os.Lstat(d.file(name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// beginFirstStart marks the first start and clears what an interrupted one left behind. There is no identity, so the
// replica has never run.
func (d *dataDir) beginFirstStart() error {
	if err := d.write(startingName, []byte("a first start is under way; this replica has not run yet\n")); err != nil {
		return err
	}
	if err := d.medium.RemoveAll(d.raft()); err != nil {
		return err
	}
	return d.sync()
}

// endFirstStart removes the mark: from now on a missing log is a lost log.
func (d *dataDir) endFirstStart() error {
	if err := d.medium.Remove(d.file(startingName)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return d.sync()
}

// nextBoot counts this start. The number is on disk before it is returned. It must never be one that was used before, as the
// entries of an earlier start are refused; so a number that damage has made smaller is mended from the copy, if there is one.
func (d *dataDir) nextBoot(first bool) (uint64, error) {
	var boot uint64
	text, err := os.ReadFile(d.file(bootName))
	switch {
	case err == nil:
		boot, err = strconv.ParseUint(strings.TrimSpace(string(text)), 10, 63)
		if err != nil || boot == 0 {
			return 0, d.identityLost(bootName, fmt.Errorf("content is %.40q", text))
		}
	case !errors.Is(err, fs.ErrNotExist) || !first:
		return 0, d.identityLost(bootName, err)
	}
	if text, err := os.ReadFile(d.file(bootCopyName)); err == nil {
		if copied, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 63); err == nil {
			boot = max(boot, copied)
		}
	}
	boot++
	content := []byte(strconv.FormatUint(boot, 10) + "\n")
	if err := d.write(bootName, content); err != nil {
		return 0, err
	}
	return boot, d.write(bootCopyName, content)
}

func (d *dataDir) identityLost(name string, err error) error {
	return &Refusal{Reason: ReasonIdentity, Detail: fmt.Sprintf("%s is missing or damaged although the data directory has been in use: "+
		"bring the directory back as it was, or remove this server from the cluster and add a new one with an id that was never used",
		d.file(name)), Err: err}
}

// write replaces a file atomically and durably.
func (d *dataDir) write(name string, content []byte) (err error) {
	defer func() {
		if err != nil {
			err = &Refusal{Reason: ReasonNotWritable, Detail: fmt.Sprintf("cannot write %s: check the disk and the permissions", d.file(name)), Err: err}
		}
	}()
	f, err := d.medium.OpenFile(d.file(name+".new"), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := d.medium.Rename(d.file(name+".new"), d.file(name)); err != nil {
		return err
	}
	return d.sync()
}

// sync makes names in the directory durable.
func (d *dataDir) sync() error { return syncDirectory(d.path, d.medium) }

func syncDirectory(path string, m medium) error {
	f, err := m.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
