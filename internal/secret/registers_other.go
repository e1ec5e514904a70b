//go:build !amd64 && !arm64

package secret

import (
	"crypto/sha256"
	"runtime"
)

// forgetRegisters does with zeros what a computation on a secret does: it digests
// and copies them, through the same registers.
//
//go:noinline
func forgetRegisters() {
	var zeros, copied [256]byte
	for range 2 {
		sum := sha256.Sum256(zeros[:])
		copy(copied[:], sum[:])
		copy(copied[:], zeros[:])
	}
	runtime.KeepAlive(&copied)
}
