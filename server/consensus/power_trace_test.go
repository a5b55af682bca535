package consensus

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/lni/vfs"
)

// trace is all that was done to the disks of a cluster, in order, with what was acknowledged in between. From it the image
// of each disk can be made for any moment, without running the cluster again.
type trace struct {
	mu     sync.Mutex
	steps  []step // guarded by mu
	next   uint64 // number of the next file; guarded by mu
	broken error  // what the model of a disk does not know; guarded by mu
}

// step is one change of one disk, or an acknowledgement.
type step struct {
	disk int
	kind stepKind
	path string
	to   string // the new name
	file uint64 // number of the file, for write, cut and syncFile
	at   int64  // offset of a write, length of a cut
	data []byte // of a write; a command that was acknowledged
}

type stepKind int

const (
	stepCreate stepKind = iota
	stepMkdir
	stepWrite
	stepCut
	stepSyncFile
	stepSyncDir
	stepRename
	stepRemove
	stepAck
)

func (k stepKind) syncs() bool { return k == stepSyncFile || k == stepSyncDir }

func (t *trace) add(s step) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.steps = append(t.steps, s)
}

func (t *trace) acknowledge(cmd string) { t.add(step{kind: stepAck, data: []byte(cmd)}) }

func (t *trace) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = errors.Join(t.broken, err)
}

// tracedDisk is a medium whose changes are traced. Nothing is really synced, as nobody takes this machine's power.
type tracedDisk struct {
	hardDisk
	trace *trace
	disk  int
	root  string // paths of the trace are relative to it
}

func newTracedDisk(t *trace, disk int, root string) *tracedDisk {
	return &tracedDisk{hardDisk{vfs.Default}, t, disk, root}
}

func (d *tracedDisk) relative(path string) string {
	rel, err := filepath.Rel(d.root, path)
	if err != nil || strings.HasPrefix(rel, "..") {
		d.trace.fail(fmt.Errorf("%s is outside of %s", path, d.root))
	}
	return filepath.ToSlash(rel)
}

// did makes a change and traces it, with nothing in between.
func (d *tracedDisk) did(s step, make func() error) error {
	d.trace.mu.Lock()
	defer d.trace.mu.Unlock()
	if err := make(); err != nil {
		return err
	}
	s.disk = d.disk
	d.trace.steps = append(d.trace.steps, s)
	return nil
}

// number is that of a newly opened file.
func (d *tracedDisk) number() uint64 {
	d.trace.mu.Lock()
	defer d.trace.mu.Unlock()
	d.trace.next++
	return d.trace.next
}

func (d *tracedDisk) OpenFile(name string, flag int, mode fs.FileMode) (mediumFile, error) {
	number := d.number()
	var file *os.File
	err := d.did(step{kind: stepCreate, path: d.relative(name), file: number}, func() (err error) {
		file, err = os.OpenFile(name, flag, mode)
		return err
	})
	if err != nil {
		return nil, err
	}
	if flag&os.O_TRUNC != 0 {
		d.trace.add(step{disk: d.disk, kind: stepCut, file: number})
	}
	return &tracedFile{File: file, disk: d, number: number}, nil
}

func (d *tracedDisk) Create(name string) (vfs.File, error) {
	return d.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
}

// Open also opens directories, which may then be synced.
func (d *tracedDisk) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return d.OpenDir(name)
	}
	file, err := d.FS.Open(name, opts...)
	if err != nil {
		return nil, err
	}
	return readFile{file, d, name}, nil
}

func (d *tracedDisk) OpenForAppend(name string) (vfs.File, error) {
	file, err := d.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	_, err = file.Seek(0, io.SeekEnd)
	return file, err
}

func (d *tracedDisk) ReuseForWrite(name, _ string) (vfs.File, error) {
	d.trace.fail(fmt.Errorf("%s is used again", name))
	return nil, errors.ErrUnsupported
}

func (d *tracedDisk) Link(name, _ string) error {
	d.trace.fail(fmt.Errorf("%s gets a second name", name))
	return errors.ErrUnsupported
}

func (d *tracedDisk) OpenDir(name string) (vfs.File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	return &tracedDirectory{file, d, d.relative(name)}, nil
}

func (d *tracedDisk) MkdirAll(name string, mode fs.FileMode) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	if err := d.MkdirAll(filepath.Dir(name), mode); err != nil {
		return err
	}
	return d.did(step{kind: stepMkdir, path: d.relative(name)}, func() error { return os.Mkdir(name, mode) })
}

func (d *tracedDisk) Remove(name string) error {
	return d.did(step{kind: stepRemove, path: d.relative(name)}, func() error { return os.Remove(name) })
}

func (d *tracedDisk) RemoveAll(name string) error {
	if _, err := os.Lstat(name); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return d.did(step{kind: stepRemove, path: d.relative(name)}, func() error { return os.RemoveAll(name) })
}

func (d *tracedDisk) Rename(from, to string) error {
	return d.did(step{kind: stepRename, path: d.relative(from), to: d.relative(to)}, func() error { return os.Rename(from, to) })
}

// Lock makes the file as the file system does.
func (d *tracedDisk) Lock(name string) (io.Closer, error) {
	if err := d.did(step{kind: stepCreate, path: d.relative(name), file: d.number()}, func() error { return nil }); err != nil {
		return nil, err
	}
	return d.FS.Lock(name)
}

type tracedFile struct {
	*os.File
	disk   *tracedDisk
	number uint64
	at     int64 // where Write goes on; owned by the writer
}

func (f *tracedFile) WriteAt(p []byte, at int64) (n int, err error) {
	data := p // the zeros ahead need no memory of their own
	if len(p) > 0 && &p[0] != &zeros[0] {
		data = append([]byte(nil), p...)
	}
	return len(p), f.disk.did(step{kind: stepWrite, file: f.number, at: at, data: data}, func() error {
		_, err := f.File.WriteAt(p, at)
		return err
	})
}

func (f *tracedFile) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := f.WriteAt(p, f.at)
	f.at += int64(n)
	return n, err
}

func (f *tracedFile) Seek(offset int64, whence int) (int64, error) {
	at, err := f.File.Seek(offset, whence)
	f.at = at
	return at, err
}

func (f *tracedFile) Truncate(n int64) error {
	return f.disk.did(step{kind: stepCut, file: f.number, at: n}, func() error { return f.File.Truncate(n) })
}

func (f *tracedFile) Sync() error {
	return f.disk.did(step{kind: stepSyncFile, file: f.number}, func() error { return nil })
}

func (f *tracedFile) syncData() error     { return f.Sync() }
func (f *tracedFile) reserve(int64) error { return nil }

type tracedDirectory struct {
	*os.File
	disk *tracedDisk
	path string
}

func (f *tracedDirectory) Sync() error {
	return f.disk.did(step{kind: stepSyncDir, path: f.path}, func() error { return nil })
}

// readFile is opened for reading. That it is synced is not known to the model.
type readFile struct {
	vfs.File
	disk *tracedDisk
	name string
}

func (f readFile) Sync() error {
	f.disk.trace.fail(fmt.Errorf("%s is synced by a reader", f.name))
	return errors.ErrUnsupported
}
