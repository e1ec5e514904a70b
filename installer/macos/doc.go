// Package macos holds tests only: they judge the lists and scripts by which the
// package for macOS is made, as far as that goes without a Mac.
package macos
