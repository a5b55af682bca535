package wire

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

const goldenFile = "testdata/golden.txt"

var appendGolden = flag.Bool("append-golden", false, "append the bytes of new messages to "+goldenFile)

// The bytes of every message stay as they were in every version: the file is only appended to. A line that does not
// match any more is an incompatible change of the protocol, not a file to update.
func TestGoldenBytes(t *testing.T) {
	text, err := os.ReadFile(goldenFile)
	if err != nil && !*appendGolden {
		t.Fatal(err)
	}
	golden := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if name, bytes, ok := strings.Cut(strings.TrimSpace(line), " "); ok && name != "#" {
			golden[name] = bytes
		}
	}
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
