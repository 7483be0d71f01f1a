// Package compare measures the policies of Parley beside those of failsafe-go, in the same
// run. It is a module of its own, so that failsafe-go is in nobody's module graph.
package compare
