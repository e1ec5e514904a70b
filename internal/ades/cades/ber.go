package cades

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/asn1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Bounds on what a foreign file may make us do.
const (
	maxDepth   = 64       // of elements within elements
	maxChunks  = 16       // depth of a content in chunks
	maxInside  = 64 << 20 // bytes of certificates, revocation data and signatures
	maxSigners = 100
	maxCerts   = 1000
	maxParts   = 100_000 // elements directly inside another
	maxSorted  = 1 << 20 // bytes of attributes that are put in order once more
)

// Tags of ASN.1 (ITU-T X.690 §8.1.2), with the bit of what has elements inside.
const (
	tagInteger     = 0x02
	tagOctets      = 0x04
	tagOID         = 0x06
	tagSequence    = 0x30
	tagSet         = 0x31
	tagOctetsParts = 0x24
	tag0           = 0xA0 // [0], in which there are elements
	tag1           = 0xA1
	tagKeyID       = 0x80 // [0], which is a string

	constructed = 0x20
)

// ErrFormat means that bytes are no signed file, or one with a mistake in it.
var ErrFormat = errors.New("not a signed file of the form CMS")

// errForm means that tag or length have a form that is not read.
var errForm = errors.New("tag or length of an unknown form")

func malformed(at int64, what string) error {
	return fmt.Errorf("%w: at byte %d: %s", ErrFormat, at, what)
}

// readHeader reads tag and length of an element (ITU-T X.690 §8.1). The length is -1
// where it is indefinite. Of tags with a number above 30 it gives the first byte.
func readHeader(r io.ByteReader) (tag byte, length int64, err error) {
	if tag, err = r.ReadByte(); err != nil {
		return 0, 0, err
	}
	for more, n := tag&0x1F == 0x1F, 0; more; n++ {
		b, err := r.ReadByte()
		if err != nil || n > 3 {
			return 0, 0, cmp.Or(err, errForm)
		}
		more = b&0x80 != 0
	}
	first, err := r.ReadByte()
	switch {
	case err != nil:
		return 0, 0, err
	case first < 0x80:
		return tag, int64(first), nil
	case first == 0x80 && tag&constructed != 0:
		return tag, -1, nil
	case first == 0x80 || first > 0x88:
		return 0, 0, errForm
	}
	for range first & 0x7F {
		b, err := r.ReadByte()
		if err != nil {
			return 0, 0, err
		}
		if length >= 1<<55 {
			return 0, 0, errForm
		}
		length = length<<8 | int64(b)
	}
	return tag, length, nil
}

// A value is one element in memory, as it was received.
type value struct {
	tag     byte
	raw     []byte // all of it
	content []byte // without header, and without the end mark of an indefinite length
}

// next takes the first element of b. The end of one of indefinite length is looked
// for without recursion.
func next(b []byte) (v value, rest []byte, err error) {
	r := bytes.NewReader(b)
	start, end, open := 0, 0, 0
	for first := true; first || open > 0; first = false {
		tag, length, err := readHeader(r)
		at := len(b) - r.Len()
		switch {
		case err != nil:
			return value{}, nil, fmt.Errorf("%w: element cut off: %w", ErrFormat, err)
		case length > int64(r.Len()):
			return value{}, nil, fmt.Errorf("%w: element longer than what holds it", ErrFormat)
		}
		if first {
			v.tag, start = tag, at
		}
		switch {
		case length < 0:
			if open++; open > maxDepth {
				return value{}, nil, fmt.Errorf("%w: too deep", ErrFormat)
			}
		case tag == 0 && length == 0 && open > 0:
			open--
			end = at - 2
		case tag == 0:
			return value{}, nil, fmt.Errorf("%w: end mark out of place", ErrFormat)
		default:
			end = at + int(length)
			_, _ = r.Seek(int64(end), io.SeekStart)
		}
	}
	whole := len(b) - r.Len()
	v.raw, v.content = b[:whole:whole], b[start:end:end]
	return v, b[whole:], nil
}

// elements are those inside a value.
func (v value) elements() ([]value, error) {
	if v.tag&constructed == 0 {
		return nil, fmt.Errorf("%w: nothing inside tag %02X", ErrFormat, v.tag)
	}
	var all []value
	for rest := v.content; len(rest) > 0; {
		var one value
		var err error
		if one, rest, err = next(rest); err != nil {
			return nil, err
		}
		if all = append(all, one); len(all) > maxParts {
			return nil, fmt.Errorf("%w: too many elements", ErrFormat)
		}
	}
	return all, nil
}

// oid is an object identifier in dots.
func (v value) oid() string {
	var id asn1.ObjectIdentifier
	if v.tag != tagOID {
		return ""
	}
	if rest, err := asn1.Unmarshal(v.raw, &id); err != nil || len(rest) > 0 {
		return ""
	}
	return id.String()
}

// definite is the value with definite, shortest lengths throughout; what is sorted in
// DER is not sorted.
func (v value) definite(depth int) ([]byte, error) {
	if v.tag&constructed == 0 {
		return element(v.tag, v.content), nil
	}
	if depth > maxDepth || v.tag&0x1F == 0x1F {
		return nil, fmt.Errorf("%w: too deep", ErrFormat)
	}
	inside, err := v.elements()
	if err != nil {
		return nil, err
	}
	parts := make([][]byte, len(inside))
	for i, e := range inside {
		if parts[i], err = e.definite(depth + 1); err != nil {
			return nil, err
		}
	}
	return element(v.tag, parts...), nil
}

// element is an element in DER.
func element(tag byte, parts ...[]byte) []byte {
	content := bytes.Join(parts, nil)
	return append(header(tag, int64(len(content))), content...)
}

// header is tag and length in DER.
func header(tag byte, length int64) []byte {
	if length < 0x80 {
		return []byte{tag, byte(length)}
	}
	var digits []byte
	for n := length; n > 0; n >>= 8 {
		digits = append(digits, byte(n))
	}
	slices.Reverse(digits)
	return append([]byte{tag, 0x80 | byte(len(digits))}, digits...)
}

// setOf is a SET OF in DER: sorted by encoded bytes.
func setOf(tag byte, elements ...[]byte) []byte {
	return element(tag, slices.SortedFunc(slices.Values(elements), bytes.Compare)...)
}

// once is a SET OF with no element twice.
func once(tag byte, elements ...[]byte) []byte {
	sorted := slices.SortedFunc(slices.Values(elements), bytes.Compare)
	return element(tag, slices.CompactFunc(sorted, bytes.Equal)...)
}

// A stream reads elements from a file of any size. Frames are the elements it is in.
type stream struct {
	r    *bufio.Reader
	at   int64         // bytes read
	ends []int64       // of the frames; -1: an end mark ends it
	kept *bytes.Buffer // what is read of headers, as it is; nil: nowhere
}

func (s *stream) ReadByte() (byte, error) {
	b, err := s.r.ReadByte()
	if err == nil {
		s.at++
		if s.kept != nil {
			s.kept.WriteByte(b)
		}
	}
	return b, err
}

// header reads tag and length of the next element, which must fit into its frame.
func (s *stream) header() (tag byte, length int64, err error) {
	at := s.at
	if tag, length, err = readHeader(s); err != nil {
		return 0, 0, fault(at, err)
	}
	end := s.at + max(length, 0)
	for _, e := range s.ends {
		if e >= 0 && end > e {
			return 0, 0, malformed(at, "element longer than what holds it")
		}
	}
	return tag, length, nil
}

// enter goes into the next element, which must have that tag.
func (s *stream) enter(want byte) error {
	at := s.at
	tag, length, err := s.header()
	if err != nil {
		return err
	}
	if tag != want {
		return malformed(at, fmt.Sprintf("tag %02X, not %02X", tag, want))
	}
	s.push(length)
	return nil
}

func (s *stream) push(length int64) {
	end := int64(-1)
	if length >= 0 {
		end = s.at + length
	}
	s.ends = append(s.ends, end)
}

// more says whether the frame holds another element.
func (s *stream) more() bool {
	if end := s.ends[len(s.ends)-1]; end >= 0 {
		return s.at < end
	}
	mark, err := s.r.Peek(2)
	return err == nil && !bytes.Equal(mark, []byte{0, 0})
}

// leave goes out of a frame, of which nothing may be left.
func (s *stream) leave() error {
	end := s.ends[len(s.ends)-1]
	if end < 0 {
		at := s.at
		if tag, length, err := readHeader(s); err != nil || tag != 0 || length != 0 {
			return malformed(at, "end mark missing")
		}
	} else if s.at != end {
		return malformed(s.at, "something is left over")
	}
	s.ends = s.ends[:len(s.ends)-1]
	return nil
}

// peek is the tag of the next element, 0 if the frame has no more.
func (s *stream) peek() byte {
	if !s.more() {
		return 0
	}
	b, err := s.r.Peek(1)
	if err != nil {
		return 0
	}
	return b[0]
}

// copy gives the next n bytes to w.
func (s *stream) copy(w io.Writer, n int64) error {
	done, err := io.CopyN(w, s.r, n)
	s.at += done
	return fault(s.at, err)
}

// fault tells a mistake in the file from one in reading it.
func fault(at int64, err error) error {
	var armour base64.CorruptInputError
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return malformed(at, "file cut off")
	case errors.Is(err, errForm), errors.As(err, &armour):
		return malformed(at, err.Error())
	}
	return err
}

// value takes the next element into memory, as it is, of at most limit bytes.
func (s *stream) value(limit int64) (value, error) {
	var raw bytes.Buffer
	s.kept = &raw
	defer func() { s.kept = nil }()
	for open, first := 0, true; first || open > 0; first = false {
		at := s.at
		tag, length, err := s.header()
		switch {
		case err != nil:
			return value{}, err
		case int64(raw.Len())+max(length, 0) > limit:
			return value{}, malformed(at, "element too large")
		case length < 0:
			if open++; open > maxDepth {
				return value{}, malformed(at, "too deep")
			}
		case tag == 0 && length == 0:
			open--
		default:
			if err := s.copy(&raw, length); err != nil {
				return value{}, err
			}
		}
	}
	v, _, err := next(raw.Bytes())
	return v, err
}
