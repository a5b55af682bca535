// Package planted checks the checkers: it plants bugs, one at a time, and demands that a test suite of this project notices.
//
//	Bugs ── edits of the source, by overlay, nothing on disk is touched ──▶ go test of one suite ──▶ must fail, for the right reason
//
// What a green suite is worth depends on what would turn it red. So each of these bugs is one that a tired engineer could
// make and a reviewer could miss, breaks a promise of the project, and leaves everything compiling.
//
// # Invariants
//
//   - The product holds no code for this: a bug is text that replaces other text when the compiler reads the file, so no
//     flag, tag or variable of a released binary can switch one on.
//   - Every edit must find its text exactly once, and what comes out must parse: a test that runs always checks it, so the
//     set does not rot while the code moves on.
//   - The suite must fail within five minutes and its output must have the words that belong to the bug. A suite that
//     fails because it does not compile, or in general, has not found anything.
//   - Without a bug the same commands pass: the test for that is the ordinary run of those suites.
//
// The run needs minutes per bug, so it is behind the build tag "planted": make planted.
//
// # What it does not do
//
// It is no mutation testing of every line; it does not say that what no bug stands for is checked.
package planted
