// Package secret keeps codes and keys in memory of their own, outside the Go
// heap: locked against swapping where the system allows it, left out of core
// dumps, cleared by Wipe. A secret never becomes a Go string.
package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"reflect"
	"runtime"
)

// A Buffer is a secret of fixed size. It prints as "[secret]" under every verb.
// The zero value holds nothing.
//
// The memory sits behind a func, the one thing fmt never looks inside: Format
// alone is not called on an unexported field of another struct.
type Buffer struct{ memory func() *[]byte }

func wrap(bytes []byte) *Buffer { return &Buffer{func() *[]byte { return &bytes }} }

// New returns a zeroed Buffer of n bytes, n > 0. Wipe it when done; one that is
// forgotten is cleared when the collector finds it.
func New(n int) *Buffer {
	page := allocate(n)
	b := wrap(page[:n:n])
	runtime.AddCleanup(b, func(page []byte) { clear(page); release(page) }, page)
	return b
}

// Take copies from into a new Buffer and clears from.
func Take(from []byte) *Buffer {
	b := New(max(len(from), 1))
	b.Truncate(Copy(b.Bytes(), from))
	clear(from)
	return b
}

// Bytes gives the secret itself, valid as long as b is referenced. Do not keep
// it, convert it to a string, or append to it.
func (b *Buffer) Bytes() []byte {
	if b == nil || b.memory == nil {
		return nil
	}
	return *b.memory()
}

// Len is the size in bytes; 0 after Wipe.
func (b *Buffer) Len() int { return len(b.Bytes()) }

// Truncate keeps the first n bytes and clears the rest.
func (b *Buffer) Truncate(n int) {
	clear(b.Bytes()[n:])
	if b.memory != nil {
		*b.memory() = b.Bytes()[:n]
	}
}

// Clone returns a copy that is wiped by itself.
func (b *Buffer) Clone() *Buffer {
	c := New(max(b.Len(), 1))
	c.Truncate(Copy(c.Bytes(), b.Bytes()))
	return c
}

// Wipe clears the secret and leaves b empty. It may be called twice, and on nil.
func (b *Buffer) Wipe() {
	if bytes := b.Bytes(); bytes != nil {
		clear(bytes[:cap(bytes)])
		*b.memory() = nil
	}
}

// Copy copies as copy does, a byte at a time. The built-in one moves eight and more
// bytes in a register, where they stay until a signal saves it to memory.
//
//go:noinline
func Copy(to, from []byte) int {
	n := min(len(to), len(from))
	for i := range n {
		to[i] = from[i]
	}
	return n
}

// Equal compares as bytes.Equal does, a byte at a time and always all of them.
func Equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// Forget zeroes what a pointer in v points to. It is for the ciphers of crypto/*,
// which keep their key in an object of their own and have no method to clear it.
// Of nil there is nothing to forget.
func Forget(v any) {
	if v != nil {
		reflect.ValueOf(v).Elem().SetZero()
	}
}

// Format prints "[secret]".
func (*Buffer) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("[secret]")) }

// LogValue logs "[secret]".
func (*Buffer) LogValue() slog.Value { return slog.StringValue("[secret]") }

// MarshalText refuses: a secret is not written to JSON, XML or a settings file.
func (*Buffer) MarshalText() ([]byte, error) { return nil, fmt.Errorf("a secret cannot be encoded") }

// depth is how much stack a computation on a secret may need.
const depth = 24 << 10

// Do runs a computation on a secret, short and without waiting, and clears what it
// leaves behind on the stack and in registers, where compilers and crypto/* have
// copies. Three things would carry such copies off to where nobody clears them:
//
//   - a signal, whose handler saves the registers: none comes meanwhile;
//   - the stack growing, which leaves the old one behind: it is made large enough
//     before;
//   - the collector halving a stack of which less than a quarter is in use: the
//     computation has a stack of its own, with a frame above it that takes more.
func Do(f func()) {
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		undisturbed(func() { below(f) })
	}()
	if p := <-done; p != nil {
		panic(p)
	}
}

// below runs f under a large frame.
//
//go:noinline
func below(f func()) {
	var frame [depth]byte
	clear(frame[:])
	clearStack()
	defer clearStack()
	defer forgetRegisters()
	f()
	runtime.KeepAlive(&frame)
}

// clearStack overwrites what lies below its caller's frame.
//
//go:noinline
func clearStack() {
	var frame [depth]byte
	clear(frame[:])
	runtime.KeepAlive(&frame)
}

// NoDumps keeps the whole process out of core dumps, for programs that handle
// codes.
func NoDumps() { noDumps() }
