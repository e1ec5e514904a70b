//go:build integration

package cie

import "testing"

// TestFaultMatrixInFull is TestFaultMatrix with all kinds of fault at each command.
// It needs nothing but time.
func TestFaultMatrixInFull(t *testing.T) { faultMatrix(t, len(faultKinds)) }
