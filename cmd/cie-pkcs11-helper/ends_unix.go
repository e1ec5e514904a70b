//go:build !windows

package main

import "os"

// ends are what leads from and to the library: one socket.
func ends() (in, out *os.File) { return os.Stdin, os.Stdin }
