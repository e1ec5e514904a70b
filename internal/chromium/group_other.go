//go:build !unix

package chromium

import "os/exec"

// ownGroup does nothing: there are no groups of processes.
func ownGroup(*exec.Cmd) {}

// killGroup ends a process; its children end when they notice.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
