//go:build !unix

// Package procgroup ends a program together with the programs it has started.
package procgroup

import "os/exec"

// Set does nothing: there are no groups of processes.
func Set(*exec.Cmd) {}

// Kill ends a started process; its children end when they notice.
func Kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
