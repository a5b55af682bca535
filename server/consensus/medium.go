package consensus

import (
	"io/fs"
	"os"

	"github.com/lni/vfs"
)

// medium is what a replica keeps its data directory on. All that must survive a loss of power goes through it, so that a test
// can put one in its place that loses power or fails. May be used by any goroutine.
type medium interface {
	vfs.FS
	// OpenFile is os.OpenFile.
	OpenFile(name string, flag int, mode fs.FileMode) (mediumFile, error)
}

// mediumFile is a file that is being written.
type mediumFile interface {
	vfs.File
	Name() string
	Truncate(bytes int64) error
	// reserve takes disk space for the first bytes of the file without making it longer.
	reserve(bytes int64) error
	// syncData waits until all of the file is on disk, and as much of its metadata as is needed to read it again.
	syncData() error
}

// hardDisk is the file system of the host.
type hardDisk struct{ vfs.FS }

// OpenFile implements medium.
func (hardDisk) OpenFile(name string, flag int, mode fs.FileMode) (mediumFile, error) {
	file, err := os.OpenFile(name, flag, mode)
	if err != nil {
		return nil, err
	}
	return hardFile{file}, nil
}

type hardFile struct{ *os.File }

func (f hardFile) reserve(bytes int64) error { return reserve(f.File, bytes) }
func (f hardFile) syncData() error           { return syncData(f.File) }
