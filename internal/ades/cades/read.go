package cades

import (
	"bufio"
	"bytes"
	"crypto"
	_ "crypto/md5"  //nolint:gosec // old signatures name them: that they do not count is told
	_ "crypto/sha1" //nolint:gosec // the same
	_ "crypto/sha256"
	_ "crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
)

// Object identifiers (RFC 5652, RFC 5035, RFC 8017, ETSI EN 319 122-1).
const (
	oidData       = "1.2.840.113549.1.7.1"
	oidSignedData = "1.2.840.113549.1.7.2"
)

// hashes are the hash functions by their identifiers.
var hashes = map[string]crypto.Hash{
	"1.2.840.113549.2.5":     crypto.MD5,
	"1.3.14.3.2.26":          crypto.SHA1,
	"2.16.840.1.101.3.4.2.4": crypto.SHA224,
	"2.16.840.1.101.3.4.2.1": crypto.SHA256,
	"2.16.840.1.101.3.4.2.2": crypto.SHA384,
	"2.16.840.1.101.3.4.2.3": crypto.SHA512,
}

// A File is a signed file as it was read: a SignedData (RFC 5652 §5.1) whose content
// went by, and left its digests.
type File struct {
	Encoding string // "DER", "BER", "base64", "PEM", "S/MIME"
	Detached bool   // the content is elsewhere
	Size     int64  // of the content, in bytes
	Length   int64  // of the signed data without armour, in bytes
	Trailing bool   // bytes follow that belong to nothing

	kind         []byte  // of the content: the DER of its identifier
	contentType  string  // the same in dots
	algorithms   []value // digestAlgorithms
	certificates []value
	revocation   []value // crls
	signers      []value
	digests      map[crypto.Hash][]byte
	start        []byte // of the content
}

// maxStart is how much of the content is kept: enough to know attributes, or a signed
// file, by.
const maxStart = 64 << 10

// ErrChanged means that a file became another while it was read.
var ErrChanged = errors.New("the file changed while it was read")

// Read reads a signed file, and gives what it holds to content, which may be nil. No
// more of it is believed than that it has the form: Verify judges it.
func Read(r io.ReadSeeker, content io.Writer) (*File, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	f, err := read(r, content, nil)
	if err != nil || f.Detached {
		return f, err
	}
	missing := f.missing()
	if len(missing) == 0 {
		return f, nil
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	again, err := read(r, nil, missing)
	if err == nil && !bytes.Equal(again.digests[crypto.SHA256], f.digests[crypto.SHA256]) {
		err = ErrChanged
	}
	return again, err
}

// missing are the hash functions that signatures use and the file does not list.
func (f *File) missing() (all []crypto.Hash) {
	for _, raw := range f.signers {
		s, err := parseSigner(raw)
		if err == nil && s.hash != 0 && f.digests[s.hash] == nil {
			all = append(all, s.hash)
		}
	}
	return all
}

// read digests the content with SHA-256, the hash functions the file lists, and those.
func read(r io.Reader, content io.Writer, with []crypto.Hash) (*File, error) {
	f := &File{}
	r, f.Encoding = unwrap(bufio.NewReaderSize(r, 64<<10))
	s := &stream{r: bufio.NewReaderSize(r, 64<<10)}
	if b, err := s.r.Peek(2); err == nil && b[1] == 0x80 && f.Encoding == "DER" {
		f.Encoding = "BER"
	}
	if err := f.read(s, content, with); err != nil {
		return nil, err
	}
	f.Length = s.at
	_, err := s.r.Peek(1)
	f.Trailing = err == nil && f.Encoding != "S/MIME"
	return f, nil
}

func (f *File) read(s *stream, content io.Writer, with []crypto.Hash) error {
	if err := s.enter(tagSequence); err != nil {
		return err
	}
	kind, err := s.value(64)
	if err != nil {
		return err
	}
	if kind.oid() != oidSignedData {
		return malformed(s.at, "no signed data")
	}
	if err := errors.Join(s.enter(tag0), s.enter(tagSequence)); err != nil {
		return err
	}
	if version, err := s.value(64); err != nil || version.tag != tagInteger {
		return malformed(s.at, "no version")
	}
	if f.algorithms, err = s.set(tagSet, maxSigners); err != nil {
		return err
	}
	if err := f.readContent(s, content, with); err != nil {
		return err
	}
	if f.certificates, err = s.optional(tag0, maxCerts); err != nil {
		return err
	}
	if f.revocation, err = s.optional(tag1, maxCerts); err != nil {
		return err
	}
	if f.signers, err = s.set(tagSet, maxSigners); err != nil {
		return err
	}
	return errors.Join(s.leave(), s.leave(), s.leave())
}

// set takes the elements of the next value into memory.
func (s *stream) set(want byte, most int) ([]value, error) {
	at := s.at
	v, err := s.value(maxInside)
	if err != nil {
		return nil, err
	}
	if v.tag != want {
		return nil, malformed(at, fmt.Sprintf("tag %02X, not %02X", v.tag, want))
	}
	all, err := v.elements()
	if err == nil && len(all) > most {
		err = malformed(at, "too many elements")
	}
	return all, err
}

func (s *stream) optional(want byte, most int) ([]value, error) {
	if s.peek() != want {
		return nil, nil
	}
	return s.set(want, most)
}

// readContent reads encapContentInfo (RFC 5652 §5.2), whose octets may come in
// chunks, each of which may come in chunks (ITU-T X.690 §8.7).
func (f *File) readContent(s *stream, content io.Writer, with []crypto.Hash) error {
	if err := s.enter(tagSequence); err != nil {
		return err
	}
	kind, err := s.value(64)
	if err != nil {
		return err
	}
	if f.contentType = kind.oid(); f.contentType == "" {
		return malformed(s.at, "kind of content missing")
	}
	f.kind = element(tagOID, kind.content)
	if f.Detached = !s.more(); f.Detached {
		return s.leave()
	}
	sink := f.sink(content, with)
	if err := s.enter(tag0); err != nil {
		return err
	}
	if err := s.octets(sink); err != nil {
		return err
	}
	sink.sum()
	return errors.Join(s.leave(), s.leave())
}

// octets gives the bytes of an OCTET STRING to w, whole or in chunks.
func (s *stream) octets(w io.Writer) error {
	outside := len(s.ends)
	for first := true; first || len(s.ends) > outside; first = false {
		if len(s.ends) > outside && !s.more() {
			if err := s.leave(); err != nil {
				return err
			}
			continue
		}
		at := s.at
		tag, length, err := s.header()
		switch {
		case err != nil:
			return err
		case tag == tagOctets:
			if err := s.copy(w, length); err != nil {
				return err
			}
		case tag == tagOctetsParts && len(s.ends)-outside < maxChunks:
			s.push(length)
		default:
			return malformed(at, "content is no string of bytes")
		}
	}
	return nil
}

// A sink digests a content.
type sink struct {
	f    *File
	to   io.Writer
	with map[crypto.Hash]hash.Hash
}

func (f *File) sink(to io.Writer, with []crypto.Hash) *sink {
	s := &sink{f, to, map[crypto.Hash]hash.Hash{crypto.SHA256: crypto.SHA256.New()}}
	for _, a := range f.algorithms {
		if h, err := hashOf(a); err == nil {
			with = append(with, h)
		}
	}
	for _, h := range with {
		s.with[h] = h.New()
	}
	return s
}

func (s *sink) Write(p []byte) (int, error) {
	for _, h := range s.with {
		h.Write(p)
	}
	if room := maxStart - len(s.f.start); room > 0 {
		s.f.start = append(s.f.start, p[:min(room, len(p))]...)
	}
	s.f.Size += int64(len(p))
	if s.to == nil {
		return len(p), nil
	}
	return s.to.Write(p)
}

func (s *sink) sum() {
	s.f.digests = map[crypto.Hash][]byte{}
	for h, state := range s.with {
		s.f.digests[h] = state.Sum(nil)
	}
}

// ReadDetached reads the content of a file that has none.
func (f *File) ReadDetached(content io.Reader) error {
	f.Size, f.start = 0, nil
	sink := f.sink(nil, f.missing())
	_, err := io.Copy(sink, content)
	sink.sum()
	return err
}

// errAlgorithm means that nobody here knows an algorithm, which is no fault of it.
var errAlgorithm = errors.New("algorithm not supported")

// Nested says whether the content is a signed file itself.
func (f *File) Nested() bool { return IsSigned(f.start) }

// hashOf is the hash function of an AlgorithmIdentifier.
func hashOf(v value) (crypto.Hash, error) {
	parts, err := v.elements()
	if err != nil || len(parts) == 0 {
		return 0, fmt.Errorf("%w: algorithm", ErrFormat)
	}
	h, ok := hashes[parts[0].oid()]
	if !ok {
		return 0, fmt.Errorf("%w: %s", errAlgorithm, parts[0].oid())
	}
	return h, nil
}

// ContentType is the kind of the content: an object identifier in dots (RFC 5652 §5.2).
func (f *File) ContentType() string { return f.contentType }

// IsSigned says whether bytes look like the start of a signed file.
func IsSigned(start []byte) bool {
	s := &stream{r: bufio.NewReader(bytes.NewReader(start))}
	if s.enter(tagSequence) != nil {
		return false
	}
	kind, err := s.value(64)
	return err == nil && kind.oid() == oidSignedData
}

// unwrap takes armour off: PEM, base64 with or without line ends, or an S/MIME message
// with one part. What it was is told.
func unwrap(r *bufio.Reader) (io.Reader, string) {
	start, _ := r.Peek(4 << 10)
	text := strings.TrimLeft(string(start), "\uFEFF \t\r\n")
	switch {
	case strings.HasPrefix(text, "-----BEGIN"):
		_, _ = r.Discard(len(start) - len(text))
		_, _ = r.ReadSlice('\n')
		return decode(r), "PEM"
	case isMail(text):
		for line := "+"; strings.TrimRight(line, "\r\n") != ""; {
			b, err := r.ReadSlice('\n')
			if line = string(b); err != nil {
				break
			}
		}
		return decode(r), "S/MIME"
	case isBase64(text):
		_, _ = r.Discard(len(start) - len(text))
		return decode(r), "base64"
	}
	return r, "DER"
}

func isMail(text string) bool {
	head, _, _ := strings.Cut(strings.ReplaceAll(strings.ToLower(text), "\r\n", "\n"), "\n\n")
	return strings.Contains(head, "content-type:") && strings.Contains(head, "pkcs7-mime")
}

// isBase64 says whether a text may be base64 of a sequence.
func isBase64(text string) bool {
	return len(text) > 4 && text[0] == 'M' && !strings.ContainsFunc(text, func(r rune) bool {
		return !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/= \t\r\n", r)
	})
}

func decode(r io.Reader) io.Reader { return base64.NewDecoder(base64.StdEncoding, armour{r}) }

// armour leaves out blanks, and ends at the line that ends PEM or a part of a message.
type armour struct{ r io.Reader }

func (a armour) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if end := bytes.IndexByte(p[:n], '-'); end >= 0 {
		n, err = end, io.EOF
	}
	kept := 0
	for _, b := range p[:n] {
		if b != ' ' && b != '\t' {
			p[kept] = b
			kept++
		}
	}
	return kept, err
}

// SHA256 is the digest of the content; nil if it is not known.
func (f *File) SHA256() []byte { return f.digests[crypto.SHA256] }
