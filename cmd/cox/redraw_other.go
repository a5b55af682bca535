//go:build !unix

package main

// redraw does nothing where there is no signal for it: the prompt comes back with the next key.
func redraw() {}
