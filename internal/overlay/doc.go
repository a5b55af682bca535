// Package overlay builds variants of this project for tests, with files of the Go tree and of the project replaced: what
// `go build -overlay` takes. The variants are made from the local Go tree by exact replacements of text, each of which must
// match once: another release of Go, in which one does not, is told and not guessed at.
//
//	GOROOT/src, the project ──▶ Replacement: file, old text, new text ──▶ changed copies + overlay.json ──▶ go test -overlay
//
// There are two sets. [Deterministic] makes goroutines in a testing/synctest bubble run the same way for the same seed: what
// the runtime draws at random there (select, map iteration, timers of the same moment, math/rand) comes from a seeded stream,
// no goroutine is preempted by time, and hashes and addresses are the same in every process. [WallClock] shifts the wall clock
// of a program while it runs, by what a file says. Callers add replacements of their own, as planted bugs.
//
// # What it does not do
//
// It parses no Go, it builds nothing, and nothing here is ever part of what is released.
package overlay
