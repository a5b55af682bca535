package servertest_test

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that servers and clients that were closed leave no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
