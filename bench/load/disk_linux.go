package load

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// diskWritten is how many bytes have been written, by anybody, to the disk that dir is on, and whether that is counted. What the
// system counts for a process is no measure: a page of a log that is written again and again counts each time as the large
// piece of memory that it lies in.
func diskWritten(dir string) (float64, bool) {
	const sectorBytes = 512
	var s unix.Stat_t
	if err := unix.Stat(dir, &s); err != nil {
		return 0, false
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/stat", unix.Major(uint64(s.Dev)), unix.Minor(uint64(s.Dev))))
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text))
	if len(fields) < 7 {
		return 0, false
	}
	sectors, err := strconv.ParseFloat(fields[6], 64)
	return sectors * sectorBytes, err == nil
}
