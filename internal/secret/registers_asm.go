//go:build amd64 || arm64

package secret

import "golang.org/x/sys/cpu"

// forgetRegisters overwrites the registers a computation may have used.
func forgetRegisters() { clearRegisters(cpu.X86.HasAVX) }

// clearRegisters sets them to zero; wide are those of AVX.
func clearRegisters(wide bool)
