//go:build unix

// Package procgroup ends a program together with the programs it has started.
package procgroup

import (
	"os/exec"
	"syscall"
)

// Set has a process start in a group of its own.
func Set(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// Kill ends a started process and its children. A group that is gone is no error.
func Kill(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
