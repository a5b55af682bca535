package consensus

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/lni/vfs"
)

// segmentFS is the disk as Dragonboat sees it. The log files that tan makes are [segment]s; everything else is passed
// on as it is. May be used by any goroutine.
type segmentFS struct {
	medium

	mu   sync.Mutex
	open map[string]*segment // by path, those that are being written
}

func newSegmentFS(m medium) *segmentFS {
	return &segmentFS{medium: m, open: make(map[string]*segment)}
}

// Create reserves the room of a whole segment, if name is one's, so that a full disk shows here and not in the middle.
func (fs *segmentFS) Create(name string) (vfs.File, error) {
	if !isSegment(name) {
		return fs.medium.Create(name)
	}
	file, err := fs.medium.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	if err := file.reserve(segmentBytes); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &segment{mediumFile: file, fs: fs}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	fs.open[name] = s
	return s, nil
}

// Open shows of a segment that is being written what has been written, without the zeros behind.
func (fs *segmentFS) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	fs.mu.Lock()
	s := fs.open[name]
	fs.mu.Unlock()
	written := int64(math.MaxInt64)
	if s != nil {
		written = s.written.Load()
	}
	file, err := fs.medium.Open(name, opts...)
	if err != nil || s == nil {
		return file, err
	}
	return segmentReader{File: file, written: io.NewSectionReader(file, 0, written)}, nil
}

// RemoveAll removes the mark of a segment behind it.
func (fs *segmentFS) RemoveAll(name string) error {
	err := fs.medium.RemoveAll(name)
	if err == nil && isSegment(name) {
		err = fs.medium.RemoveAll(markOf(name))
	}
	return err
}

func (fs *segmentFS) forget(s *segment) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	delete(fs.open, s.Name())
}

// isSegment: tan names its log files 000123.log; nothing else in the directory of the log ends so.
func isSegment(name string) bool { return strings.HasSuffix(name, segmentSuffix) }

const segmentSuffix = ".log"

// segment is a log file that is being written. Zeros are written ahead of the records, so that a record overwrites
// blocks which the file has already: syncing it then writes no file-system metadata, which costs as much again. Records
// are written in order, by one goroutine at a time; Sync may be called while one is being written.
//
//	[0, written)       records
//	[written, zeroed)  zeros on the disk, cut off by Close; after a crash by cutSegments
//	[zeroed, ...)      reserved, not yet part of the file
type segment struct {
	mediumFile
	fs *segmentFS

	written atomic.Int64
	zeroed  int64 // owned by the writer; a multiple of segmentPage
	marked  atomic.Bool
}

// Write appends p, which is not retained.
func (s *segment) Write(p []byte) (int, error) {
	n, err := s.mediumFile.WriteAt(p, s.written.Load())
	end := s.written.Add(int64(n))
	if err == nil && end > s.zeroed {
		s.zeroAhead(end)
	}
	return n, err
}

func (s *segment) zeroAhead(end int64) {
	// Past the reserved room a step might fail for lack of space although the record did not.
	to := min((end+segmentZeros+segmentPage-1)&^(segmentPage-1), segmentBytes)
	if to <= end {
		return
	}
	// Zeros only save time: if they cannot be written the log goes on without.
	if n, err := s.mediumFile.WriteAt(zeros[:to-end], end); err == nil {
		s.zeroed = end + int64(n)
	}
}

var zeros [segmentZeros + segmentPage]byte

// Sync returns when everything written before is on disk. tan ends the process when it fails, by a panic with this error and
// without a line in the log.
func (s *segment) Sync() error {
	used := s.written.Load() > 0
	err := s.syncData()
	if err == nil && used && !s.marked.Load() {
		err = s.mark()
	}
	if err != nil {
		return fmt.Errorf("the log cannot go on, the process stops: %s: %w", remedy(""), err)
	}
	return nil
}

// mark makes a file that says that the segment has records. Without it one that was emptied could not be told from one that a
// crash has left before its first record.
func (s *segment) mark() error {
	name := markOf(s.Name())
	file, err := s.fs.medium.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close(), syncDirectory(filepath.Dir(name), s.fs.medium)); err != nil {
		return err
	}
	s.marked.Store(true)
	return nil
}

// markOf is the name of the file that says that a segment has records.
func markOf(segment string) string { return strings.TrimSuffix(segment, segmentSuffix) + ".used" }

// Close cuts the file to its records and syncs it: tan may have made the next segment between a write and its Sync,
// which then syncs the next one.
func (s *segment) Close() error {
	err := errors.Join(s.Truncate(s.written.Load()), s.syncData())
	s.fs.forget(s)
	return errors.Join(err, s.mediumFile.Close())
}

// segmentReader reads the records of a segment as far as it was written when it was opened.
type segmentReader struct {
	vfs.File
	written *io.SectionReader
}

func (r segmentReader) Read(p []byte) (int, error)                { return r.written.Read(p) }
func (r segmentReader) ReadAt(p []byte, off int64) (int, error)   { return r.written.ReadAt(p, off) }
func (r segmentReader) Seek(off int64, whence int) (int64, error) { return r.written.Seek(off, whence) }
