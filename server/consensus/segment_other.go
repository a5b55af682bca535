//go:build !linux

package consensus

import "os"

// Space is reserved and data synced without metadata on Linux only.

func reserve(*os.File, int64) error { return nil }

func syncData(file *os.File) error { return file.Sync() }
