// Package tlv reads and writes BER-TLV data objects (ISO/IEC 7816-4:2020 §6.3,
// ITU-T X.690 (02/2021) §8.1): tags of up to three bytes, definite lengths of up
// to four length bytes after the first.
package tlv

import (
	"errors"
	"math"
)

// maxDepth bounds the nesting that Find follows.
const maxDepth = 16

// ErrSyntax reports bytes that are no data object, or not only data objects.
var ErrSyntax = errors.New("malformed TLV")

// A Tag is the identifier of a data object as its bytes read big-endian: 0x87,
// 0x7F49, 0x5F20.
type Tag uint32

// An Object is one data object. Value is what the length counts, for a
// constructed object the encoding of its children.
type Object struct {
	Tag   Tag
	Value []byte
}

// AppendBinary appends the object with the shortest form of its length.
func (o Object) AppendBinary(b []byte) ([]byte, error) {
	var tag [4]byte
	encoded := appendTag(tag[:0], o.Tag)
	if same, n, err := parseTag(encoded); err != nil || same != o.Tag || n != len(encoded) || uint64(len(o.Value)) > math.MaxUint32 {
		return nil, ErrSyntax
	}
	b = append(b, encoded...)
	b = appendLength(b, len(o.Value))
	return append(b, o.Value...), nil
}

// Append appends the object of that tag and value. It is AppendBinary for tags
// known to be good; it panics on a tag that no object can have.
func Append(b []byte, tag Tag, value []byte) []byte {
	b, err := Object{tag, value}.AppendBinary(b)
	if err != nil {
		panic(err)
	}
	return b
}

func appendTag(b []byte, tag Tag) []byte {
	for shift := 16; shift > 0; shift -= 8 {
		if tag>>shift != 0 {
			b = append(b, byte(tag>>shift))
		}
	}
	return append(b, byte(tag))
}

func appendLength(b []byte, n int) []byte {
	if n < 0x80 {
		return append(b, byte(n))
	}
	bytes := 1
	for n>>(8*bytes) != 0 {
		bytes++
	}
	b = append(b, 0x80|byte(bytes))
	for i := bytes - 1; i >= 0; i-- {
		b = append(b, byte(n>>(8*i)))
	}
	return b
}

// Next reads the data object at the start of in and returns what follows it.
// Value and rest are parts of in, not copies.
func Next(in []byte) (o Object, rest []byte, err error) {
	tag, n, err := parseTag(in)
	if err != nil {
		return Object{}, nil, err
	}
	length, m, err := parseLength(in[n:])
	if err != nil {
		return Object{}, nil, err
	}
	body := in[n+m:]
	if length > uint64(len(body)) {
		return Object{}, nil, ErrSyntax
	}
	return Object{tag, body[:length:length]}, body[length:], nil
}

// Len returns the size in bytes, header included, of the data object that
// starts with these bytes. The value may be missing, the header not.
func Len(in []byte) (int, error) {
	_, n, err := parseTag(in)
	if err != nil {
		return 0, err
	}
	length, m, err := parseLength(in[n:])
	size := uint64(n+m) + length
	if err != nil || size > math.MaxInt32 { // what an int holds everywhere
		return 0, ErrSyntax
	}
	return int(size), nil
}

// Parse reads in as a sequence of data objects and nothing else.
func Parse(in []byte) ([]Object, error) {
	var objects []Object
	for len(in) > 0 {
		o, rest, err := Next(in)
		if err != nil {
			return nil, err
		}
		objects, in = append(objects, o), rest
	}
	return objects, nil
}

// Find descends into in along the path of tags and returns the value of the
// last one, the first match at each level. Each level must be well formed.
func Find(in []byte, path ...Tag) (value []byte, err error) {
	if len(path) > maxDepth {
		return nil, ErrSyntax
	}
	for _, tag := range path {
		if in, err = find(in, tag); err != nil {
			return nil, err
		}
	}
	return in, nil
}

func find(in []byte, tag Tag) ([]byte, error) {
	objects, err := Parse(in)
	if err != nil {
		return nil, err
	}
	for _, o := range objects {
		if o.Tag == tag {
			return o.Value, nil
		}
	}
	return nil, ErrSyntax
}

// parseTag reads a tag of one to three bytes (ISO/IEC 7816-4:2020 §6.3) and says
// how many.
func parseTag(in []byte) (tag Tag, n int, err error) {
	if len(in) == 0 || in[0] == 0 {
		return 0, 0, ErrSyntax
	}
	if in[0]&0x1F != 0x1F {
		return Tag(in[0]), 1, nil
	}
	tag = Tag(in[0])
	for n = 1; n < 3 && n < len(in); n++ {
		tag = tag<<8 | Tag(in[n])
		if in[n]&0x80 == 0 {
			return tag, n + 1, nil
		}
	}
	return 0, 0, ErrSyntax
}

func parseLength(in []byte) (length uint64, n int, err error) {
	if len(in) == 0 {
		return 0, 0, ErrSyntax
	}
	if in[0] < 0x80 {
		return uint64(in[0]), 1, nil
	}
	n = int(in[0] & 0x7F)
	if n == 0 || n > 4 || len(in) < 1+n {
		return 0, 0, ErrSyntax
	}
	for _, b := range in[1 : 1+n] {
		length = length<<8 | uint64(b)
	}
	return length, 1 + n, nil
}
