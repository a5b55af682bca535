package consensus

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// cutSegments ends every log file below dir after its last whole record, as a crash may have left zeros there, or a
// record of which only some pages came to the disk, which tan would take for damage. It must be called before tan opens
// them. A file with a whole record behind a broken one is damaged, not torn, and an error: never more than one record is
// not synced. Damage of the very last record cannot be told from a torn one.
func cutSegments(dir string) error {
	// With the separator WalkDir goes on where dir leads if it is a symbolic link.
	err := filepath.WalkDir(dir+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !isSegment(path) {
			return err
		}
		return cutSegment(path)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the first start
	}
	return err
}

func cutSegment(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	// tan has made the index when it closes a file. If it could not finish that, the zeros end with a page.
	_, err = os.Stat(strings.TrimSuffix(path, segmentSuffix) + ".index")
	if err == nil && info.Size()%segmentPage != 0 {
		return nil
	}
	end, err := intactLength(file)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if end == info.Size() {
		return nil
	}
	return errors.Join(file.Truncate(end), file.Sync())
}

// Format of tan's log files, which is that of LevelDB: blocks, filled with chunks, of which one or several are a record.
// A chunk does not cross blocks. Its header is a checksum of what follows it (4 bytes), the length of the payload (2),
// the type (1). If there is no room for a header the rest of the block is zeros.
const (
	blockBytes       = 32 << 10
	chunkHeaderBytes = 7

	chunkFull   = 1
	chunkFirst  = 2
	chunkMiddle = 3
	chunkLast   = 4
)

var errDamagedSegment = errors.New("a record of the log is damaged, and whole ones follow it")

// intactLength returns where the last record ends before which everything is whole.
func intactLength(r io.Reader) (int64, error) {
	var (
		in     = bufio.NewReaderSize(r, 1<<20)
		block  = make([]byte, blockBytes)
		end    int64 // of the last whole record
		inside bool  // a record has begun
		broken bool  // something after end is not as it was written
	)
	for base := int64(0); ; base += blockBytes {
		n, err := io.ReadFull(in, block)
		if err != nil && err != io.ErrUnexpectedEOF {
			if err == io.EOF {
				return end, nil
			}
			return 0, err
		}
		for at := 0; at+chunkHeaderBytes <= n; {
			kind, next, whole := chunkAt(block[:n], at)
			switch {
			case !whole:
				broken = true
				if next == 0 {
					next = resume(block[:n], at)
				}
			case broken:
				if kind == chunkFull || kind == chunkFirst {
					return 0, errDamagedSegment
				}
			case inside == (kind == chunkFull || kind == chunkFirst):
				broken = true
			default:
				if inside = kind == chunkFirst || kind == chunkMiddle; !inside {
					end = base + int64(next)
				}
			}
			at = next
		}
	}
}

// chunkAt describes the chunk at an offset of a block: where the next one is, 0 if that cannot be known, and whether it is
// as it was written.
func chunkAt(block []byte, at int) (kind byte, next int, whole bool) {
	header := block[at : at+chunkHeaderBytes]
	sum, length := binary.LittleEndian.Uint32(header), int(binary.LittleEndian.Uint16(header[4:]))
	kind = header[6]
	next = at + chunkHeaderBytes + length
	if kind < chunkFull || kind > chunkLast || next > len(block) {
		return kind, 0, false
	}
	return kind, next, sum == uint32(xxhash.Sum64(block[at+6:next]))
}

// resume returns where records go on in a block behind at, where nothing can be read; its length if nowhere. Only chunks
// that lead on to the end of what is written count, as the data of a torn record may hold whatever a client has put there.
func resume(block []byte, at int) int {
	for at++; at+chunkHeaderBytes <= len(block); at++ {
		if kind := block[at+6]; (kind == chunkFull || kind == chunkFirst) && leadsOn(block, at) {
			return at
		}
	}
	return len(block)
}

// leadsOn reports whether there are only whole chunks from at to the end of the block, or to zeros.
func leadsOn(block []byte, at int) bool {
	for at+chunkHeaderBytes <= len(block) && [chunkHeaderBytes]byte(block[at:]) != [chunkHeaderBytes]byte{} {
		_, next, whole := chunkAt(block, at)
		if !whole {
			return false
		}
		at = next
	}
	return true
}
