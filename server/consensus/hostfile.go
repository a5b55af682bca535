package consensus

import (
	"bytes"
	"crypto/md5"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// hostFiles lie in Dragonboat's directory and say whose it is: half of an MD5 sum, then what it is the sum of. Dragonboat finds
// out that one is damaged by panics which do not say which, or by following a nil pointer.
var hostFiles = []string{"NODEHOST.ID", "dragonboat.ds"}

const hostFileSumBytes = 8

// checkHostFiles names the first of the files in raftDir that Dragonboat cannot read. One that is not there it writes anew.
func checkHostFiles(raftDir string) error {
	for _, name := range hostFiles {
		path := filepath.Join(raftDir, name)
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if len(text) < hostFileSumBytes {
			return fmt.Errorf("%s is damaged: it has only %d bytes", path, len(text))
		}
		if sum := md5.Sum(text[hostFileSumBytes:]); !bytes.Equal(text[:hostFileSumBytes], sum[md5.Size-hostFileSumBytes:]) {
			return fmt.Errorf("%s is damaged: its checksum does not match", path)
		}
	}
	return nil
}
