package consensus

import (
	"testing"

	"go.uber.org/goleak"
)

// After all tests no goroutine of this package may be left.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}
