package consensus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// tan keeps the list of its log files in a file MANIFEST-000123, which the file CURRENT names. Both, and the log files, are made
// of records. It takes a missing CURRENT for a new log, reads a damaged list up to the damage, ignores log files that are not in
// the list, and ignores those without an index that are not the newest. A replica would go on with a part of its log, or with
// none, and have forgotten what it has promised. So [checkManifests] looks before tan does.
//
// What it refuses tan never leaves behind, however it ends. A log file gets its first record after the list that has it was
// synced, so one that is not in the list, and newer than those that are, is empty. The index of a log file is renamed into its
// place, and the name synced, before the next log file is made. Files leave the list before they are removed, and never the one
// that is written: the newest state is in it or behind it. A list is written anew at each start, and CURRENT renamed onto it when
// it is synced. Only the import of a snapshot, which nothing here calls, makes a log file without an index for the one before.
const (
	currentName = "CURRENT"
	indexSuffix = ".index"

	manifestNext    = 1 // tags of numbers in a record: the next file's number
	manifestDeleted = 2 // a log file that is not used any more
	manifestNew     = 3 // a log file
)

// checkManifests reports log files below dir that tan would ignore although there is something in them, or was: see
// [segment.mark]. What a crash has left behind the records must have been cut off before.
func checkManifests(dir string) error {
	logs := map[string][]uint64{} // numbers of log files with records, by directory
	err := filepath.WalkDir(dir+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() || !isSegment(path) {
			return err
		}
		number, err := strconv.ParseUint(strings.TrimSuffix(entry.Name(), segmentSuffix), 10, 64)
		if err != nil {
			return nil // not tan's
		}
		if info, err := entry.Info(); err != nil {
			return err
		} else if info.Size() == 0 {
			if _, err := os.Lstat(markOf(path)); err == nil {
				return fmt.Errorf("%s is damaged: its records are gone", path)
			}
			return nil
		}
		logs[filepath.Dir(path)] = append(logs[filepath.Dir(path)], number)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // the first start
	}
	for dir, numbers := range logs {
		err = errors.Join(err, checkManifest(dir, numbers))
	}
	return err
}

// checkManifest checks the list of one directory, in which there are these log files with records. Those before the newest of
// the list may be ones that are about to be removed.
func checkManifest(dir string, logs []uint64) error {
	current, err := os.ReadFile(filepath.Join(dir, currentName))
	if err != nil {
		return err
	}
	names, whole := recordsOf(current)
	if len(names) == 0 || !whole {
		return fmt.Errorf("%s is damaged", filepath.Join(dir, currentName))
	}
	path := filepath.Join(dir, filepath.Base(strings.TrimSpace(string(names[0]))))
	manifest, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	edits, _ := recordsOf(manifest) // a torn end is as good as none, if no log file was begun after it
	listed, err := listedLogs(edits)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	newest := uint64(0)
	for number := range listed {
		newest = max(newest, number)
	}
	for _, number := range logs {
		name := fmt.Sprintf("%06d", number)
		if number > newest {
			return fmt.Errorf("%s is damaged: it does not list the log file %s", path, name+segmentSuffix)
		}
		if number == newest || !listed[number] {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, name+indexSuffix)); err != nil {
			return fmt.Errorf("the index of a log file: %w", err)
		}
	}
	return nil
}

// listedLogs are the log files that are in use after all changes of a list.
func listedLogs(edits [][]byte) (map[uint64]bool, error) {
	listed := map[uint64]bool{}
	for _, edit := range edits {
		for in := bytes.NewReader(edit); in.Len() > 0; {
			tag, err := binary.ReadUvarint(in)
			if err != nil {
				return nil, err
			}
			number, err := binary.ReadUvarint(in)
			if err != nil {
				return nil, err
			}
			switch tag {
			case manifestNext:
			case manifestDeleted:
				delete(listed, number)
			case manifestNew:
				listed[number] = true
			default:
				return nil, fmt.Errorf("unknown tag %d", tag)
			}
		}
	}
	return listed, nil
}

// recordsOf returns the records of a small file up to the first one that is not whole, and whether that is all.
func recordsOf(file []byte) (records [][]byte, whole bool) {
	var record []byte
	for block := range slices.Chunk(file, blockBytes) {
		for at := 0; at+chunkHeaderBytes <= len(block); {
			kind, next, whole := chunkAt(block, at)
			if !whole {
				return records, false
			}
			record = append(record, block[at+chunkHeaderBytes:next]...)
			if kind == chunkFull || kind == chunkLast {
				records, record = append(records, record), nil
			}
			at = next
		}
	}
	return records, true
}
