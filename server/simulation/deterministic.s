//go:build deterministic

// The function without a body in deterministic.go is in package runtime.
