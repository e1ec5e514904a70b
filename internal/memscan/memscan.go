// Package memscan looks for secrets in the writable memory of a process, from
// outside, to show that none is left after an operation. It serves tests only.
//
// What is looked for is kept masked, so that a process that scans itself, or
// another that scans the scanner, does not find the search instead of a leak.
package memscan

// mask changes every byte of a pattern, and of the memory it is compared with.
const mask = 0xA5

// A Pattern is a secret to look for. It does not hold the secret as such.
type Pattern struct {
	name   string
	masked []byte
}

// A Hit is a place in memory where a secret lies.
type Hit struct {
	Pattern string // name of the pattern
	Address uint64
	Mapping string // of what the memory is: "[heap]", "[stack]", a path; empty for anonymous memory, as Go's heap
}

// Bytes is the pattern of a key or another secret, found as it stands. One of
// fewer than eight bytes turns up by chance in any process.
func Bytes(name string, secret []byte) Pattern {
	masked := make([]byte, len(secret))
	for i, b := range secret {
		masked[i] = b ^ mask
	}
	return Pattern{name, masked}
}

// Code gives the forms in which a PIN or PUK is found in memory: its digits in
// ASCII, UTF-16 and UTF-32 (little endian), packed two to a byte, and padded to
// the block that is enciphered (ISO/IEC 9797-1:2011 §6.3.3, method 2: 80, then
// zeros, to 16 bytes).
//
// Eight digits packed are four bytes, which 4 GB of random memory hold once by
// chance: believe such a hit when it comes again with another code.
func Code(name string, digits []byte) []Pattern {
	padding := make([]byte, 16-len(digits)%16)
	padding[0] = 0x80
	packed := make([]byte, (len(digits)+1)/2)
	for i := range packed {
		packed[i] = mask
	}
	for i, d := range digits {
		packed[i/2] ^= (d - '0') << (4 * (1 - i%2))
	}
	ascii := Bytes("", digits).masked
	return []Pattern{
		{name + " in ASCII", ascii},
		{name + " in UTF-16", widen(digits, 2)},
		{name + " in UTF-32", widen(digits, 4)},
		{name + " packed", packed},
		{name + " padded", append(ascii[:len(ascii):len(ascii)], Bytes("", padding).masked...)},
	}
}

// widen masks characters of width bytes each, the least significant first.
func widen(digits []byte, width int) []byte {
	masked := make([]byte, len(digits)*width)
	for i := range masked {
		masked[i] = mask
		if i%width == 0 {
			masked[i] ^= digits[i/width]
		}
	}
	return masked
}
