package wire

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/coxswain-io/coxswain/session"
	"github.com/coxswain-io/coxswain/znode"
)

var classNames = map[Class]string{Refused: "refused", Resend: "resend", Elsewhere: "elsewhere", Final: "final"}

// The specification prints the table of codes; a code cannot be added, or its meaning changed, in only one of the places.
func TestSpecificationPrintsTheCodeTable(t *testing.T) {
	var want []string
	for _, c := range Codes() {
		want = append(want, fmt.Sprintf("//\t%4d  %-23s  %-9s  %s", c, c.Name(), classNames[c.Class()], c.Meaning()))
	}
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(source), "// # Codes\n")
	section, _, _ = strings.Cut(section, "// # ")
	var got []string
	for line := range strings.Lines(section) {
		if strings.HasPrefix(line, "//\t") {
			got = append(got, strings.TrimRight(line, "\n"))
		}
	}
	if g, w := strings.Join(got, "\n"), strings.Join(want, "\n"); g != w {
		t.Errorf("doc.go prints\n%s\nthe table says\n%s", g, w)
	}
}

// The specification lists every kind of request, and none that there is not.
func TestSpecificationListsTheKinds(t *testing.T) {
	source, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[Kind]string{}
	for _, m := range regexp.MustCompile(`(?m)^//\t ?(\d+) ([A-Z]\w+) +\[`).FindAllStringSubmatch(string(source), -1) {
		n, _ := strconv.Atoi(m[1])
		listed[Kind(n)] = m[2]
	}
	for _, k := range allKinds {
		if listed[k] == "" {
			t.Errorf("%d, %v, is not listed", k, k)
		}
		delete(listed, k)
	}
	for k, name := range listed {
		t.Errorf("%d %s is listed and unknown", k, name)
	}
}

// A code of the tree or the session table travels as the same number, under the same name.
func TestCodesAreThoseOfTheTreeAndTheSessions(t *testing.T) {
	for code, inner := range map[Code]int32{
		CodeOK:                      int32(znode.CodeOK),
		CodeRuntimeInconsistency:    int32(znode.CodeRuntimeInconsistency),
		CodeUnimplemented:           int32(znode.CodeUnimplemented),
		CodeBadArguments:            int32(znode.CodeBadArguments),
		CodeNoNode:                  int32(znode.CodeNoNode),
		CodeBadVersion:              int32(znode.CodeBadVersion),
		CodeNoChildrenForEphemerals: int32(znode.CodeNoChildrenForEphemerals),
		CodeNodeExists:              int32(znode.CodeNodeExists),
		CodeNotEmpty:                int32(znode.CodeNotEmpty),
		CodeInvalidACL:              int32(znode.CodeInvalidACL),
		CodeTooLarge:                int32(znode.CodeTooLarge),
		CodeTooMany:                 int32(znode.CodeTooMany),
		CodeMismatch:                int32(znode.CodeMismatch),
		CodeSessionExpired:          int32(session.CodeExpired),
		CodeSessionMoved:            int32(session.CodeMoved),
		CodeGap:                     int32(session.CodeGap),
		CodeWindowFull:              int32(session.CodeWindowFull),
		CodeNoLease:                 int32(session.CodeNoLease),
		CodeLateAttempt:             int32(session.CodeLateAttempt),
		CodeForgotten:               int32(session.CodeForgotten),
	} {
		if code == CodeTooMany && inner != int32(session.CodeTooMany) {
			t.Errorf("the two packages disagree about %s", code.Name())
		}
		if int32(code) != inner {
			t.Errorf("%s is %d here and %d inside", code.Name(), code, inner)
		}
	}
	for _, c := range []znode.Code{znode.CodeNoNode, znode.CodeBadVersion, znode.CodeNodeExists, znode.CodeNotEmpty, znode.CodeTooLarge, znode.CodeMismatch} {
		if got := Code(c).Error(); got != c.Error() {
			t.Errorf("code %d is %q here and %q in the tree", c, got, c.Error())
		}
	}
}

func TestCodesAreDistinct(t *testing.T) {
	names, numbers := map[string]bool{}, map[Code]bool{}
	for _, c := range Codes() {
		if names[c.Name()] || numbers[c] {
			t.Errorf("%d %s is in the table twice", c, c.Name())
		}
		names[c.Name()], numbers[c] = true, true
		if c.Meaning() == "" || c.Error() == "" {
			t.Errorf("%s has no text", c.Name())
		}
	}
}

func TestUnknownCodeIsAPlainRefusal(t *testing.T) {
	c := Code(-999)
	if c.Class() != Refused || c.Error() != "code -999" || c.Name() != "-999" || c.Retryable() || c.EndsSession() {
		t.Errorf("an unknown code is %v %q", c.Class(), c.Error())
	}
	if !errors.Is(error(c), Code(-999)) {
		t.Error("a code is not an error equal to itself")
	}
}

// What decides whether a number is used up decides whether a write can be lost or doubled, so it is written out.
func TestWhichRepliesUseUpTheNumberOfAWrite(t *testing.T) {
	open := map[Code]bool{
		CodeSessionExpired: true,
		CodeGap:            true, CodeWindowFull: true, // resend
		CodeSessionMoved: true, CodeNoLease: true, CodeLateAttempt: true, CodeNoQuorum: true, CodeDraining: true, // elsewhere
		CodeZxidAhead: true, CodeSlowConsumer: true, CodeBusy: true,
	}
	for _, c := range Codes() {
		if c.UsesNumber() == open[c] {
			t.Errorf("%s: uses up the number: %v", c.Name(), c.UsesNumber())
		}
	}
}
