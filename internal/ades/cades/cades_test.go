package cades

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // for a signature that must not count
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

// vectorTime is when the vectors were valid.
var vectorTime = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

const vectors = "../../../testdata/signatures"

func vector(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectors, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// readAndVerify reads a file, with a document if it has none.
func readAndVerify(t testing.TB, file, document []byte) (*File, []Signature) {
	t.Helper()
	f, err := Read(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	if f.Detached && document != nil {
		if err := f.ReadDetached(bytes.NewReader(document)); err != nil {
			t.Fatal(err)
		}
	}
	return f, f.Verify(vectorTime)
}

// All rows of EXPECTED.tsv, as far as a file alone tells: signatures, level,
// cryptography, encoding.
func TestVectors(t *testing.T) {
	document := vector(t, "doc.txt")
	encodings := map[string]string{"cades/b-ber.p7m": "BER", "cades/b-base64.p7m": "base64", "cades/b-pem.p7m": "PEM"}
	rows := strings.Split(strings.TrimRight(string(vector(t, "EXPECTED.tsv")), "\n"), "\n")[1:]
	rows = slices.DeleteFunc(rows, func(row string) bool { return !strings.HasPrefix(row, "cades/") })
	if len(rows) != 16 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, row := range rows {
		columns := strings.Split(row, "\t")
		name, count, level := columns[0], int(columns[1][0]-'0'), columns[2]
		file := vector(t, name)
		f, signatures := readAndVerify(t, file, document)
		if want := encodings[name]; f.Encoding != want && (want != "" || f.Encoding != "DER") {
			t.Errorf("%s: encoding %s", name, f.Encoding)
		}
		if len(signatures) != count {
			t.Fatalf("%s: %d signatures, want %d", name, len(signatures), count)
		}
		for _, s := range signatures {
			if !s.Intact || s.Failure != nil || s.Level != level || s.Certificate == nil || s.Claimed.IsZero() {
				t.Errorf("%s: %+v", name, s)
			}
		}
		if strings.Contains(columns[1], "counter") != (len(signatures[0].Counter) == 1) {
			t.Errorf("%s: counter-signatures %+v", name, signatures[0].Counter)
		}
		for _, c := range signatures[0].Counter {
			if !c.Intact || c.Failure != nil || !strings.Contains(columns[6], "signer2") {
				t.Errorf("%s: %+v", name, c)
			}
		}
		if f.Nested() != strings.Contains(name, "nested") {
			t.Errorf("%s: nested %v", name, f.Nested())
		}
		if strings.Contains(columns[6], "content = doc.txt") || name == "cades/b-ber.p7m" {
			var content bytes.Buffer
			if _, err := Read(bytes.NewReader(file), &content); err != nil || !bytes.Equal(content.Bytes(), document) {
				t.Errorf("%s: content %q, %v", name, content.Bytes(), err)
			}
		}
	}
}

// A detached signature without its document is neither wrong nor right.
func TestDocumentMissing(t *testing.T) {
	_, s := readAndVerify(t, vector(t, "cades/b-detached.p7s"), nil)
	wantFailure(t, "no document", s, SignedDataNotFound, false)
	_, s = readAndVerify(t, vector(t, "cades/b-detached.p7s"), []byte("another"))
	wantFailure(t, "another document", s, HashFailure, true)
}

func wantFailure(t *testing.T, name string, all []Signature, reason Reason, invalid bool) {
	t.Helper()
	if len(all) == 0 {
		t.Fatalf("%s: no signature", name)
	}
	s := all[len(all)-1]
	if s.Failure == nil || s.Failure.Reason != reason || s.Failure.Invalid != invalid {
		t.Errorf("%s: %+v, want %s, invalid %v", name, s.Failure, reason, invalid)
	}
}

// An opaque key signs as a card does: nobody can look into it.
type opaque struct{ key crypto.Signer }

func (o opaque) Public() crypto.PublicKey { return o.key.Public() }
func (o opaque) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return o.key.Sign(rand.Reader, digest, opts)
}

// holder is a person with a key of her own, made once.
var holder = sync.OnceValues(func() (*x509.Certificate, *rsa.PrivateKey) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return certificateOf(key, 7), key
})

func certificateOf(key crypto.Signer, serial int64) *x509.Certificate {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "Test"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: vectorTime.AddDate(-1, 0, 0), NotAfter: vectorTime.AddDate(1, 0, 0), SubjectKeyId: []byte{byte(serial)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return c
}

// sign makes a signed file.
func sign(t testing.TB, content []byte, change func(*Draft)) []byte {
	t.Helper()
	c, key := holder()
	d := &Draft{Certificate: c, Time: vectorTime, Size: int64(len(content)), Digest: sha256.Sum256(content)}
	if change != nil {
		change(d)
	}
	s, err := d.Sign(opaque{key})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.Write(&out, bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestSign(t *testing.T) {
	for _, size := range []int{0, 1, 100, 127, 128, 255, 256, 65535, 65536, 1 << 20} {
		content := bytes.Repeat([]byte{0}, size)
		for _, detached := range []bool{false, true} {
			file := sign(t, content, func(d *Draft) { d.Detached = detached })
			f, signatures := readAndVerify(t, file, content)
			if len(signatures) != 1 || signatures[0].Failure != nil || signatures[0].Notes != nil || signatures[0].Level != "B-B" {
				t.Fatalf("%d bytes, detached %v: %+v", size, detached, signatures)
			}
			if f.Size != int64(size) || f.Detached != detached || f.Trailing {
				t.Errorf("%d bytes: %+v", size, f)
			}
		}
	}
}

// A time stamp changes nothing of what is signed, whatever else is in the file.
func TestStamp(t *testing.T) {
	c, key := holder()
	token := element(tagSequence, []byte{tagInteger, 1, 7})
	for _, name := range []string{"", "lt", "b-two"} {
		content := bytes.NewBufferString("document")
		d := &Draft{Certificate: c, Time: vectorTime}
		if name != "" {
			var err error
			content.Reset()
			if d.Existing, err = Read(bytes.NewReader(vector(t, "cades/"+name+".p7m")), content); err != nil {
				t.Fatal(err)
			}
		}
		d.Size, d.Digest = int64(content.Len()), sha256.Sum256(content.Bytes())
		s, err := d.Sign(opaque{key})
		if err != nil {
			t.Fatal(err)
		}
		s.Stamp(token)
		var out bytes.Buffer
		if err := s.Write(&out, content); err != nil {
			t.Fatal(err)
		}
		_, all := readAndVerify(t, out.Bytes(), nil)
		at := slices.IndexFunc(all, func(found Signature) bool { return bytes.Equal(found.Value, s.Value) })
		if at < 0 || all[at].Failure != nil || len(all[at].Stamps) != 1 || !bytes.Equal(all[at].Stamps[0], token) || all[at].Level == "B-B" {
			t.Errorf("%s: %+v", name, all)
		}
	}
}

// The signed attributes are those of the profile, with their fixed encodings.
func TestAttributes(t *testing.T) {
	file := sign(t, []byte("document"), nil)
	digest := sha256.Sum256([]byte("document"))
	for _, want := range []string{
		"301806092A864886F70D010903310B06092A864886F70D010701",
		"302F06092A864886F70D01090431220420" + hex.EncodeToString(digest[:]),
		"301C06092A864886F70D010905310F170D" + hex.EncodeToString([]byte("261125000000Z")),
	} {
		if !bytes.Contains(file, fixed(want)) {
			t.Errorf("%s is not in the file", want)
		}
	}
}

// All that was there stays, byte for byte, whatever its encoding.
func TestParallel(t *testing.T) {
	for _, name := range []string{"b", "b-two", "b-ber", "b-base64", "b-counter", "b-pss", "b-ski", "t", "lt", "lt-basic", "lta", "nested.txt.p7m"} {
		var content bytes.Buffer
		there, err := Read(bytes.NewReader(vector(t, "cades/"+name+".p7m")), &content)
		if err != nil {
			t.Fatal(err)
		}
		file := sign(t, content.Bytes(), func(d *Draft) { d.Existing = there })
		f, signatures := readAndVerify(t, file, nil)
		if len(signatures) != len(there.signers)+1 {
			t.Fatalf("%s: %d signatures", name, len(signatures))
		}
		for _, s := range signatures {
			if s.Failure != nil || !s.Intact {
				t.Errorf("%s: %+v", name, s.Failure)
			}
		}
		for _, kept := range slices.Concat(there.signers, there.certificates, there.revocation) {
			if !bytes.Contains(file, kept.raw) {
				t.Errorf("%s: something has changed", name)
			}
		}
		want := map[string]byte{"b-ski": 3, "lt": 5, "lt-basic": 5, "lta": 5}[name]
		if got := file[bytes.Index(file, signedData):][len(signedData)+10]; want != 0 && !bytes.Contains(file[:60], versions[want]) {
			t.Errorf("%s: version %d, want %d", name, got, want)
		}
		if f.Encoding != "DER" {
			t.Errorf("%s: %s", name, f.Encoding)
		}
	}
}

func TestArchived(t *testing.T) {
	_, key := holder()
	file := sign(t, []byte("document"), nil)
	f, _ := readAndVerify(t, file, nil)
	stamp := element(tag1, element(tagSequence, fixed("060B2A864886F70D0109100230"), element(tagSet, element(tagSequence))))
	f.signers[0], _, _ = next(element(tagSequence, f.signers[0].content, stamp))
	c, _ := holder()
	d := &Draft{Certificate: c, Time: vectorTime, Existing: f}
	if _, err := d.Sign(opaque{key}); !errors.Is(err, ErrArchived) {
		t.Errorf("%v", err)
	}
}

// A card that returns something else does not make a file.
func TestWrongKey(t *testing.T) {
	c, _ := holder()
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Draft{Certificate: c, Time: vectorTime}).Sign(opaque{other}); !errors.Is(err, ErrSignature) {
		t.Errorf("%v", err)
	}
}

func TestChangedWhileSigning(t *testing.T) {
	c, key := holder()
	content := []byte("document")
	s, err := (&Draft{Certificate: c, Time: vectorTime, Size: 8, Digest: sha256.Sum256(content)}).Sign(opaque{key})
	if err != nil {
		t.Fatal(err)
	}
	for _, other := range []string{"documenT", "documen", "documents"} {
		if err := s.Write(io.Discard, strings.NewReader(other)); !errors.Is(err, ErrChanged) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

// A forger makes files that must not be called good.
type forger struct {
	content    []byte
	attributes [][]byte // nil: none
	digestID   []byte
	algorithm  []byte
	hash       crypto.Hash
	unsigned   bool
	kind       []byte
	signed     []byte // what is signed in place of the attributes
}

func (f forger) file(t testing.TB, c *x509.Certificate, key crypto.Signer) []byte {
	t.Helper()
	message := f.content
	var attributes []byte
	if f.attributes != nil {
		attributes = element(tag0, f.attributes...)
		message = element(tagSet, f.attributes...)
	}
	if f.signed != nil {
		message = f.signed
	}
	signature, err := key.Sign(rand.Reader, digestOf(f.hash, message), f.hash)
	if err != nil {
		t.Fatal(err)
	}
	signer := element(tagSequence, versions[1],
		element(tagSequence, c.RawIssuer, element(tagInteger, c.SerialNumber.Bytes())),
		f.digestID, attributes, f.algorithm, element(tagOctets, signature))
	signers := signer
	if f.unsigned {
		signers = nil
	}
	return element(tagSequence, signedData, element(tag0, element(tagSequence, versions[1], element(tagSet, f.digestID),
		element(tagSequence, f.kind, element(tag0, element(tagOctets, f.content))),
		element(tag0, c.Raw), element(tagSet, signers))))
}

// Every class of attack on a CMS file, and every mistake that other readers overlook.
func TestAttacks(t *testing.T) {
	c, key := holder()
	content := []byte("document")
	digest := sha256.Sum256(content)
	list := func(change func(d *Draft)) [][]byte {
		d := &Draft{Certificate: c, Time: vectorTime, Digest: digest}
		if change != nil {
			change(d)
		}
		set, err := d.attributes()
		if err != nil {
			t.Fatal(err)
		}
		v := value{tag: tagSet, content: set}
		all, err := v.elements()
		if err != nil {
			t.Fatal(err)
		}
		return raws(all) // content-type, signing-time, message-digest, signing-certificate-v2
	}
	good := list(nil)
	base := forger{content: content, attributes: good, digestID: sha256ID, algorithm: sha256RSA, hash: crypto.SHA256, kind: idData}
	with := func(change func(*forger)) forger { f := base; change(&f); return f }
	other := certificateOf(key, 8) // of the same key
	sha1ID, sha1RSA := fixed("300706052B0E03021A"), fixed("300D06092A864886F70D0101050500")
	sum1 := sha1.Sum(content) //nolint:gosec // see above
	digest1 := element(tagSequence, fixed("06092A864886F70D010904"), element(tagSet, element(tagOctets, sum1[:])))

	if _, s := readAndVerify(t, base.file(t, c, key), nil); s[0].Failure != nil {
		t.Fatal(s[0].Failure) // else the forger proves nothing
	}
	for _, tt := range []struct {
		name    string
		file    forger
		reason  Reason
		invalid bool
	}{
		{"C3 content-type missing", with(func(f *forger) { f.attributes = good[1:] }), FormatFailure, true},
		{"C3 content-type another", with(func(f *forger) { f.kind = fixed("060B2A864886F70D0109100104") }), FormatFailure, true},
		{"C3 message-digest missing", with(func(f *forger) { f.attributes = [][]byte{good[0], good[1], good[3]} }), FormatFailure, true},
		{"C3 message-digest of another", with(func(f *forger) { f.content = []byte("Document") }), HashFailure, true},
		{"C3 attribute twice", with(func(f *forger) { f.attributes = append(slices.Clone(good), good[1]) }), FormatFailure, true},
		{"C3 two values", with(func(f *forger) {
			two := element(tagSequence, forContent, element(tagSet, idData, idData))
			f.attributes = append([][]byte{two}, good[1:]...)
		}), FormatFailure, true},
		{"C4 no attributes", with(func(f *forger) { f.attributes = nil }), SigConstraintsFailure, false},
		{"C4 attributes as document", with(func(f *forger) { f.attributes, f.content = nil, element(tagSet, good...) }), SigConstraintsFailure, true},
		{"C4 no attributes, no data", with(func(f *forger) { f.attributes, f.kind = nil, fixed("060B2A864886F70D0109100104") }), FormatFailure, true},
		{"C5 signing-certificate missing", with(func(f *forger) { f.attributes = good[:3] }), SigConstraintsFailure, false},
		{"C5 signing-certificate of another", with(func(f *forger) { f.attributes = list(func(d *Draft) { d.Certificate = other }) }), NoSigningCertificate, true},
		{"C6 two hash functions", with(func(f *forger) { f.algorithm = sha1RSA }), CryptoConstraintsFailure, true},
		{"C7 attributes changed", with(func(f *forger) {
			f.signed = element(tagSet, list(func(d *Draft) { d.Time = vectorTime.AddDate(0, 0, 1) })...)
		}), SigCryptoFailure, true},
		{"SHA-1", with(func(f *forger) {
			f.digestID, f.algorithm, f.hash = sha1ID, sha1RSA, crypto.SHA1
			f.attributes = [][]byte{good[0], good[1], digest1, good[3]}
		}), CryptoConstraintsFailure, false},
		{"algorithm of nobody", with(func(f *forger) { f.algorithm = fixed("300506032A0304") }), CryptoConstraintsFailure, false},
		{"hash of nobody", with(func(f *forger) { f.digestID = fixed("300506032A0304") }), CryptoConstraintsFailure, false},
	} {
		_, signatures := readAndVerify(t, tt.file.file(t, c, key), nil)
		wantFailure(t, tt.name, signatures, tt.reason, tt.invalid)
	}
	_, s := readAndVerify(t, base.file(t, other, key), nil) // C5: the certificate is replaced by another of the key
	wantFailure(t, "C5 certificate replaced", s, NoSigningCertificate, true)
	_, s = readAndVerify(t, with(func(f *forger) { f.unsigned = true }).file(t, c, key), nil)
	if len(s) != 0 {
		t.Errorf("C2: %d signatures in a file without any", len(s))
	}
}

// Files that are odd, and not wrong.
func TestNotes(t *testing.T) {
	c, key := holder()
	d := &Draft{Certificate: c, Time: vectorTime, Digest: sha256.Sum256([]byte("document"))}
	set, err := d.attributes()
	if err != nil {
		t.Fatal(err)
	}
	all, err := value{tag: tagSet, content: set}.elements()
	if err != nil {
		t.Fatal(err)
	}
	sorted := raws(all)
	reversed := slices.Clone(sorted)
	slices.Reverse(reversed)
	base := forger{content: []byte("document"), digestID: sha256ID, algorithm: sha256RSA, hash: crypto.SHA256, kind: idData}
	base.attributes = reversed
	signed := base
	signed.signed = element(tagSet, sorted...) // sent in another order than signed
	noTime := base
	noTime.attributes = [][]byte{sorted[0], sorted[2], sorted[3]}
	file := sign(t, []byte("document"), nil)
	for name, tt := range map[string]struct {
		file []byte
		note Note
	}{
		"C7 not sorted":         {base.file(t, c, key), NoteUnsorted},
		"C7 sorted when signed": {signed.file(t, c, key), NoteUnsorted},
		"C9 no time":            {noTime.file(t, c, key), NoteNoTime},
		"C9 time to come":       {sign(t, []byte("x"), func(d *Draft) { d.Time = vectorTime.Add(time.Hour) }), NoteFuture},
		"C9 time outside":       {sign(t, []byte("x"), func(d *Draft) { d.Time = vectorTime.AddDate(-2, 0, 0) }), NoteOutside},
		"C1 bytes behind":       {append(slices.Clone(file), 0), NoteTrailing},
		"C6 hash not listed":    {unlisted(file), NoteUnlisted},
	} {
		_, s := readAndVerify(t, tt.file, nil)
		if s[0].Failure != nil || !slices.Contains(s[0].Notes, tt.note) {
			t.Errorf("%s: %v, %v", name, s[0].Failure, s[0].Notes)
		}
	}
}

// unlisted says SHA-512 in digestAlgorithms.
func unlisted(file []byte) []byte {
	changed := slices.Clone(file)
	changed[bytes.Index(changed, sha256ID)+len(sha256ID)-1] = 3
	return changed
}

func TestOtherKeys(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := certificateOf(key, 9)
	d := &Draft{Certificate: c, Time: vectorTime, Digest: sha256.Sum256([]byte("document"))}
	set, _ := d.attributes()
	all, _ := value{tag: tagSet, content: set}.elements()
	f := forger{content: []byte("document"), attributes: raws(all), digestID: sha256ID, algorithm: fixed("300A06082A8648CE3D040302"), hash: crypto.SHA256, kind: idData}
	if _, s := readAndVerify(t, f.file(t, c, key), nil); s[0].Failure != nil {
		t.Error(s[0].Failure)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	c = certificateOf(weak, 9)
	file := forger{content: []byte("document"), digestID: sha256ID, algorithm: sha256RSA, hash: crypto.SHA256, kind: idData}.file(t, c, weak)
	_, s := readAndVerify(t, file, nil)
	wantFailure(t, "RSA of 1024 bits", s, CryptoConstraintsFailure, true)
}

// In whatever it is wrapped, it is the same file.
func TestArmour(t *testing.T) {
	file := sign(t, []byte("document"), nil)
	text := base64.StdEncoding.EncodeToString(file)
	lines := ""
	for rest := text; rest != ""; {
		n := min(64, len(rest))
		lines, rest = lines+rest[:n]+"\r\n", rest[n:]
	}
	for encoding, wrapped := range map[string]string{
		"base64": text, "PEM": "-----BEGIN PKCS7-----\n" + lines + "-----END PKCS7-----\n",
		"S/MIME": "MIME-Version: 1.0\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n" + lines,
	} {
		f, s := readAndVerify(t, []byte(wrapped), nil)
		if f.Encoding != encoding || len(s) != 1 || s[0].Failure != nil {
			t.Errorf("%s: %s, %+v", encoding, f.Encoding, s)
		}
	}
}

// Chunks within chunks, to a depth, and no further (C1).
func TestChunks(t *testing.T) {
	file := sign(t, []byte("document"), func(d *Draft) { d.Detached = true })
	wrap := func(depth int) []byte {
		content := slices.Concat(element(tagOctets, []byte("docu")), element(tagOctets, []byte("ment")))
		for range depth {
			content = slices.Concat([]byte{tagOctetsParts, 0x80}, content, []byte{0, 0})
		}
		f, _ := readAndVerify(t, file, nil)
		return slices.Concat([]byte{0x30, 0x80}, signedData, []byte{0xA0, 0x80, 0x30, 0x80}, versions[1], element(tagSet, sha256ID),
			[]byte{0x30, 0x80}, idData, []byte{0xA0, 0x80}, content, []byte{0, 0, 0, 0},
			element(tag0, raws(f.certificates)...), element(tagSet, raws(f.signers)...), []byte{0, 0, 0, 0, 0, 0})
	}
	for _, depth := range []int{1, 2, maxChunks} {
		f, s := readAndVerify(t, wrap(depth), nil)
		if f.Encoding != "BER" || len(s) != 1 || s[0].Failure != nil {
			t.Errorf("depth %d: %+v", depth, s)
		}
	}
	if _, err := Read(bytes.NewReader(wrap(maxChunks+1)), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
}

// A file cut off anywhere is malformed, and no more.
func TestCutOff(t *testing.T) {
	for _, name := range []string{"cades/b.p7m", "cades/b-ber.p7m"} {
		file := vector(t, name)
		for n := range file {
			if _, err := Read(bytes.NewReader(file[:n]), nil); !errors.Is(err, ErrFormat) {
				t.Fatalf("%s cut at %d: %v", name, n, err)
			}
		}
	}
}

// Any change of a byte outside what nothing covers is seen.
func TestEveryByteCounts(t *testing.T) {
	file := sign(t, []byte("document"), nil)
	from, to := bytes.Index(file, []byte("document")), bytes.LastIndex(file, sha256RSA)
	for at := range file {
		inContent := at >= from && at < from+8
		inSignature := at > to+len(sha256RSA)
		if !inContent && !inSignature {
			continue
		}
		changed := slices.Clone(file)
		changed[at] ^= 1
		f, err := Read(bytes.NewReader(changed), nil)
		if err != nil {
			continue
		}
		for _, s := range f.Verify(vectorTime) {
			if s.Failure == nil {
				t.Errorf("byte %d changed, and nobody saw it", at)
			}
		}
	}
}

// FuzzRead: no panic, no hang, and nothing is found intact that is not.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(vectors + "/cades/*")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		var content bytes.Buffer
		read, err := Read(bytes.NewReader(file), &content)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrChanged) {
				t.Fatal(err)
			}
			return
		}
		if content.Len() > len(file) || int64(content.Len()) != read.Size {
			t.Errorf("%d bytes of content in %d", content.Len(), len(file))
		}
		for _, s := range read.Verify(vectorTime) {
			if s.Failure == nil && !s.Intact {
				t.Error("a signature without a fault is not intact")
			}
		}
	})
}

// A disk that fails is no mistake in the file.
func TestReadingFails(t *testing.T) {
	failed := errors.New("disk")
	file := vector(t, "cades/b.p7m")
	for _, n := range []int{0, 1, 10, 70, 2000} {
		r := io.MultiReader(bytes.NewReader(file[:n]), iotest.ErrReader(failed))
		if _, err := read(r, nil, nil); !errors.Is(err, failed) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
}

// Elements without end cost no memory without end.
func TestManyElements(t *testing.T) {
	many := element(tag0, bytes.Repeat([]byte{5, 0}, maxParts+1))
	file := element(tagSequence, signedData, element(tag0, element(tagSequence, versions[1], element(tagSet, sha256ID),
		element(tagSequence, idData), many, element(tagSet))))
	if _, err := Read(bytes.NewReader(file), nil); !errors.Is(err, ErrFormat) {
		t.Errorf("%v", err)
	}
}
