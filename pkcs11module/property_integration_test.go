//go:build integration

package pkcs11module

import (
	"os"
	"testing"
)

// TestNoSequenceBlocksACardAtLength is TestNoSequenceBlocksACard with 1,000
// sequences, or 10,000 in a night ("make soak").
func TestNoSequenceBlocksACardAtLength(t *testing.T) {
	sequences := uint64(1000)
	if os.Getenv("CIE_SOAK") != "" {
		sequences = 10000
	}
	noSequenceBlocks(t, 1<<32, sequences/uint64(len(behaviours))+1)
}
