package cli

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"strings"
	"testing"
)

// What is too long is not signed in part.
func TestDigestOfAllOrNothing(t *testing.T) {
	want := sha256.Sum256([]byte("abcd"))
	for most, fits := range map[int64]bool{3: false, 4: true, 5: true} {
		digest, whole, err := sum(crypto.SHA256, strings.NewReader("abcd"), most)
		if err != nil || whole != fits || fits && !bytes.Equal(digest, want[:]) {
			t.Errorf("at most %d bytes: %X, %v, %v", most, digest, whole, err)
		}
	}
}
