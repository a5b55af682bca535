package server

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain checks that a server that was closed leaves no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
