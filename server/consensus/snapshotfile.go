package consensus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/lni/dragonboat/v4/raftpb"
)

// Dragonboat's snapshot file, version 2: a header padded with zeros to 1 KiB (length, then a protobuf with its own
// CRC-32 and that of all blocks' CRC-32s), blocks of 2 MiB each followed by its CRC-32, and a tail with the length of the
// blocks and a magic number. Dragonboat checks blocks while it reads and panics without saying which file it is; it looks
// at neither the tail nor any checksum of the header. So the file that a start will use is checked here before.
const (
	snapshotHeaderBytes = 1024
	snapshotBlockBytes  = 2<<20 + 4
	snapshotTailBytes   = 16
	snapshotVersion     = 2
)

var (
	snapshotTailMagic = []byte{0x3F, 0x5B, 0xCB, 0xF1, 0xFA, 0xBA, 0x81, 0x9F}
	snapshotDirName   = regexp.MustCompile(`^snapshot-[0-9A-F]{16}$`)
	// snapshotFlag stands in a snapshot's directory until the log knows of the snapshot. After a crash in between
	// Dragonboat decides whether it is used.
	snapshotFlag = "dragonboat.snapshot.message"
)

// newestSnapshot returns the snapshot file below raftDir that a start would use, "" if there is none.
func newestSnapshot(raftDir string) (string, error) {
	var newest, newestName string
	// With the separator WalkDir goes on where raftDir leads if it is a symbolic link.
	err := filepath.WalkDir(raftDir+string(filepath.Separator), func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !entry.IsDir() || !snapshotDirName.MatchString(entry.Name()) {
			return err
		}
		if _, err := os.Lstat(filepath.Join(path, snapshotFlag)); err == nil {
			return fs.SkipDir
		}
		if name := entry.Name(); name > newestName { // fixed-width hexadecimal log index
			newest, newestName = filepath.Join(path, name+".gbsnap"), name
		}
		return fs.SkipDir
	})
	return newest, err
}

// checkSnapshotFile reads a whole snapshot file and reports the first thing that is wrong with it.
func checkSnapshotFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() < snapshotHeaderBytes+snapshotTailBytes {
		return fmt.Errorf("it has only %d bytes", info.Size())
	}
	want, err := readSnapshotHeader(f)
	if err != nil {
		return err
	}
	sums := crc32.NewIEEE()
	left := info.Size() - snapshotHeaderBytes - snapshotTailBytes
	payload := left
	block := make([]byte, min(left, snapshotBlockBytes))
	for at := int64(snapshotHeaderBytes); left > 0; {
		b := block[:min(left, snapshotBlockBytes)]
		if _, err := io.ReadFull(f, b); err != nil {
			return err
		}
		if sum := len(b) - 4; sum <= 0 || crc32.ChecksumIEEE(b[:sum]) != binary.BigEndian.Uint32(b[sum:]) {
			return fmt.Errorf("checksum of the block at byte %d does not match", at)
		}
		sums.Write(b[len(b)-4:])
		left -= int64(len(b))
		at += int64(len(b))
	}
	var tail [snapshotTailBytes]byte
	if _, err := io.ReadFull(f, tail[:]); err != nil {
		return err
	}
	if !bytes.Equal(tail[8:], snapshotTailMagic) || binary.LittleEndian.Uint64(tail[:]) != uint64(payload) {
		return errors.New("its end is missing or damaged")
	}
	if !bytes.Equal(sums.Sum(nil), want) {
		return errors.New("checksum of all blocks does not match")
	}
	return nil
}

// readSnapshotHeader returns the checksum of the blocks' checksums.
func readSnapshotHeader(r io.Reader) ([]byte, error) {
	var b [snapshotHeaderBytes]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint64(b[:])
	if n > snapshotHeaderBytes-8 || len(bytes.Trim(b[8+n:], "\x00")) > 0 {
		return nil, errors.New("its header is damaged")
	}
	var header raftpb.SnapshotHeader
	if err := header.Unmarshal(b[8 : 8+n]); err != nil {
		return nil, fmt.Errorf("its header is damaged: %w", err)
	}
	// The header's checksum is that of the header without it.
	sum := header.HeaderChecksum
	header.HeaderChecksum = nil
	record, err := header.Marshal()
	if err != nil {
		return nil, err
	}
	if len(sum) != 4 || crc32.ChecksumIEEE(record) != binary.BigEndian.Uint32(sum) {
		return nil, errors.New("checksum of its header does not match")
	}
	if header.Version != snapshotVersion || header.ChecksumType != raftpb.CRC32IEEE {
		return nil, fmt.Errorf("it has format version %d, this program knows version %d", header.Version, snapshotVersion)
	}
	return header.PayloadChecksum, nil
}

// checkNewestSnapshot refuses a start from a damaged snapshot.
func checkNewestSnapshot(raftDir string) error {
	path, err := newestSnapshot(raftDir)
	if err != nil {
		return &Refusal{Reason: ReasonLog, Detail: fmt.Sprintf("cannot look through %s: check the disk and the permissions", raftDir), Err: err}
	}
	if path == "" {
		return nil
	}
	if err := checkSnapshotFile(path); err != nil {
		return damagedSnapshot(path, err)
	}
	return nil
}

func damagedSnapshot(path string, err error) error {
	return &Refusal{Reason: ReasonSnapshot, Detail: fmt.Sprintf("snapshot %s is damaged, and the state cannot be rebuilt without it: "+
		"check the disk, bring the data directory back from a copy of this server, or remove the server from the cluster "+
		"and add a new one with an id that was never used", path), Err: err}
}
