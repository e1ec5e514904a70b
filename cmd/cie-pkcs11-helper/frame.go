package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/softwarecie/cie/internal/secret"
)

// A frame is, each number big-endian:
//
//	length of what follows   4 bytes
//	identifier of the call   4 bytes
//	function, or CK_RV       4 bytes
//	arguments, or results
//
// An argument is a number of 8 bytes, or a byte string: its length as a number,
// then the bytes. The length absent, all ones, is a NULL pointer.

const (
	headerLength = 8       // after the length
	maxFrame     = 1 << 20 // length of what follows, in bytes
	maxLogin     = 1 << 10
	absent       = ^uint64(0)
)

// errFrame reports a frame that the library does not send.
var errFrame = errors.New("malformed frame")

// A frame is one call. That of a login has its arguments in locked memory, of
// which there is no other copy.
type frame struct {
	id       uint32
	function function
	body     []byte
	locked   *secret.Buffer
}

func readFrame(r io.Reader) (frame, error) {
	var head [4 + headerLength]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return frame{}, err
	}
	length := binary.BigEndian.Uint32(head[:])
	f := frame{id: binary.BigEndian.Uint32(head[4:]), function: function(binary.BigEndian.Uint32(head[8:]))}
	limit := uint32(maxFrame)
	if f.function.carriesPIN() {
		limit = maxLogin
	}
	if length < headerLength || length > limit {
		return frame{}, fmt.Errorf("%w: %d bytes", errFrame, length)
	}
	if length -= headerLength; f.function.carriesPIN() {
		f.locked = secret.New(max(int(length), 1))
		f.body = f.locked.Bytes()[:length]
	} else {
		f.body = make([]byte, length)
	}
	_, err := io.ReadFull(r, f.body)
	return f, err
}

// A reader takes the arguments of a call apart. After the first that is not there
// all others are zero.
type reader struct {
	rest   []byte
	failed bool
}

func (r *reader) number() uint64 {
	if len(r.rest) < 8 {
		r.failed, r.rest = true, nil
		return 0
	}
	v := binary.BigEndian.Uint64(r.rest)
	r.rest = r.rest[8:]
	return v
}

// bytes gives a byte string, and whether it was there at all.
func (r *reader) bytes() ([]byte, bool) {
	n := r.number()
	if r.failed || n == absent {
		return nil, false
	}
	if n > uint64(len(r.rest)) {
		r.failed, r.rest = true, nil
		return nil, false
	}
	b := r.rest[:n:n]
	r.rest = r.rest[n:]
	return b, true
}

// done says whether the arguments were what was expected, and nothing more.
func (r *reader) done() bool { return !r.failed && len(r.rest) == 0 }

// A writer puts results together.
type writer struct{ out []byte }

func (w *writer) number(v uint64) { w.out = binary.BigEndian.AppendUint64(w.out, v) }

func (w *writer) bytes(b []byte) {
	w.number(uint64(len(b)))
	w.out = append(w.out, b...)
}

func (w *writer) absent() { w.number(absent) }

// answer is the frame of an answer.
func answer(id uint32, value uint32, results []byte) []byte {
	out := make([]byte, 0, 4+headerLength+len(results))
	out = binary.BigEndian.AppendUint32(out, uint32(headerLength+len(results)))
	out = binary.BigEndian.AppendUint32(out, id)
	out = binary.BigEndian.AppendUint32(out, value)
	return append(out, results...)
}
