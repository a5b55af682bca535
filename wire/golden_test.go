package wire

import (
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

const goldenFile = "testdata/golden.txt"

var appendGolden = flag.Bool("append-golden", false, "append the bytes of new messages to "+goldenFile)

// readGolden returns the file and the lines in it by name.
func readGolden(t *testing.T) (text []byte, golden map[string]string) {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	if err != nil && !*appendGolden {
		t.Fatal(err)
	}
	golden = map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, bytes, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			golden[name] = bytes
		}
	}
	return text, golden
}

// The bytes of every message stay as they were in every version: the file is only appended to. A line that does not
// match any more is an incompatible change of the protocol, not a file to update. A message that says something new gets a
// name of its own in messages_test.go, and its line by -append-golden.
func TestGoldenBytes(t *testing.T) {
	text, golden := readGolden(t)
	var missing strings.Builder
	for _, m := range messages() {
		want, ok := golden[m.name]
		delete(golden, m.name)
		switch got := hex.EncodeToString(m.frame); {
		case !ok && *appendGolden:
			fmt.Fprintf(&missing, "%s %s\n", m.name, got)
		case !ok:
			t.Errorf("%s has no golden bytes; run the test with -append-golden", m.name)
		case got != want:
			t.Errorf("%s: the bytes have changed:\ngot  %s\nwant %s", m.name, got, want)
		}
	}
	for name := range golden {
		t.Errorf("%s is in %s and no message any more", name, goldenFile)
	}
	if missing.Len() > 0 {
		if err := os.WriteFile(goldenFile, append(text, missing.String()...), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// What was ever sent is understood.
func TestGoldenBytesAreDecoded(t *testing.T) {
	_, golden := readGolden(t)
	for _, m := range messages() {
		frame, err := hex.DecodeString(golden[m.name])
		if err != nil || len(frame) <= frameHeadBytes {
			t.Errorf("%s: %d golden bytes, %v", m.name, len(frame), err)
			continue
		}
		if n := binary.BigEndian.Uint32(frame); int(n) != len(frame)-frameHeadBytes {
			t.Errorf("%s: %d bytes are announced, %d follow", m.name, n, len(frame)-frameHeadBytes)
		}
		value, err := m.decode(frame[frameHeadBytes:])
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
			continue
		}
		sameValue(t, m.name, value, m.value)
	}
}
