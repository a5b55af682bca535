package consensus

import (
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/lni/vfs"
)

// segmentFS is the disk as Dragonboat sees it. The log files that tan makes are [segment]s; everything else is passed
// on as it is. May be used by any goroutine.
type segmentFS struct {
	vfs.FS

	mu   sync.Mutex
	open map[string]*segment // by path, those that are being written
}

func newSegmentFS() *segmentFS {
	return &segmentFS{FS: vfs.Default, open: make(map[string]*segment)}
}

// Create reserves the room of a whole segment, if name is one's, so that a full disk shows here and not in the middle.
func (fs *segmentFS) Create(name string) (vfs.File, error) {
	if !isSegment(name) {
		return fs.FS.Create(name)
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return nil, err
	}
	if err := reserve(file, segmentBytes); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s := &segment{File: file, fs: fs}
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
	file, err := fs.FS.Open(name, opts...)
	if err != nil || s == nil {
		return file, err
	}
	return segmentReader{File: file, written: io.NewSectionReader(file, 0, written)}, nil
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
	*os.File
	fs *segmentFS

	written atomic.Int64
	zeroed  int64 // owned by the writer; a multiple of segmentPage
}

// Write appends p, which is not retained.
func (s *segment) Write(p []byte) (int, error) {
	n, err := s.File.WriteAt(p, s.written.Load())
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
	if n, err := s.File.WriteAt(zeros[:to-end], end); err == nil {
		s.zeroed = end + int64(n)
	}
}

var zeros [segmentZeros + segmentPage]byte

// Sync returns when everything written before is on disk.
func (s *segment) Sync() error { return syncData(s.File) }

// Close cuts the file to its records and syncs it: tan may have made the next segment between a write and its Sync,
// which then syncs the next one.
func (s *segment) Close() error {
	err := errors.Join(s.File.Truncate(s.written.Load()), syncData(s.File))
	s.fs.forget(s)
	return errors.Join(err, s.File.Close())
}

// segmentReader reads the records of a segment as far as it was written when it was opened.
type segmentReader struct {
	vfs.File
	written *io.SectionReader
}

func (r segmentReader) Read(p []byte) (int, error)                { return r.written.Read(p) }
func (r segmentReader) ReadAt(p []byte, off int64) (int, error)   { return r.written.ReadAt(p, off) }
func (r segmentReader) Seek(off int64, whence int) (int64, error) { return r.written.Seek(off, whence) }
