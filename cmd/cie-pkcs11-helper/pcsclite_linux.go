//go:build cgo

package main

// What the binding asks of libpcsclite is in pcsclite_linux.c: nothing of the library
// is needed any more, and with this flag what is not needed is not linked.

// #cgo pkg-config: libpcsclite
// #cgo LDFLAGS: -Wl,--as-needed
import "C"
