package main

import "os"

// ends are what leads from and to the library: two pipes, since a pipe that is
// being read cannot be written to.
func ends() (in, out *os.File) { return os.Stdin, os.Stdout }
