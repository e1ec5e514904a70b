package emulator

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
)

// A stream is an endless, reproducible sequence of bytes:
// SHA-256(key ‖ counter) for the counter 0, 1, 2 … as 8 bytes big-endian, with
// key = SHA-256(label ‖ 00 ‖ seed). Same label and seed, same bytes, on every
// machine and in every version.
type stream struct {
	key     [sha256.Size]byte
	counter uint64
	rest    []byte
}

func newStream(label, seed string) *stream {
	return &stream{key: sha256.Sum256([]byte(label + "\x00" + seed))}
}

func (s *stream) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(s.rest) == 0 {
			s.refill()
		}
		k := copy(p[n:], s.rest)
		n, s.rest = n+k, s.rest[k:]
	}
	return len(p), nil
}

func (s *stream) refill() {
	block := sha256.Sum256(binary.BigEndian.AppendUint64(s.key[:], s.counter))
	s.rest = block[:]
	s.counter++
}

// digits returns n decimal digits.
func (s *stream) digits(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = '0' + byte(s.below(10))
	}
	return string(text)
}

// below returns a number from 0 to n-1, n at most 65536 (the bias does not
// matter here).
func (s *stream) below(n int) int { return int(binary.BigEndian.Uint16(take(s, 2))) % n }

// take reads n bytes of r; a source that ends gives zeros for the rest.
func take(r io.Reader, n int) []byte {
	b := make([]byte, n)
	_, _ = io.ReadFull(r, b)
	return b
}
