//go:build !linux

package secret

// undisturbed runs f. Only Linux lets a thread keep signals waiting from here.
func undisturbed(f func()) { f() }
