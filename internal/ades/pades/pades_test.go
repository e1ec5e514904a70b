package pades

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
)

const vectors = "../../../testdata/signatures"

// vectorTime is when the vectors were valid.
var vectorTime = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

func read(t testing.TB, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(vectors, "pades", name))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// opaque hides a key, as a card does.
type opaque struct{ key *rsa.PrivateKey }

func (o opaque) Public() crypto.PublicKey { return o.key.Public() }
func (o opaque) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return o.key.Sign(rand.Reader, digest, opts)
}

// holder is a signer with a certificate of her own.
var holder = sync.OnceValues(func() (opaque, *x509.Certificate) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x80), Subject: pkix.Name{CommonName: "Test"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: vectorTime.Add(-time.Hour), NotAfter: vectorTime.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		panic(err)
	}
	return opaque{key}, c
})

// sign signs a PDF, and has it checked.
func sign(t testing.TB, content []byte) []byte {
	t.Helper()
	d, err := Read(t.Context(), content, vectorTime)
	if err != nil {
		t.Fatal(err)
	}
	key, c := holder()
	if err := d.Sign(key, c, nil, vectorTime); err != nil {
		t.Fatal(err)
	}
	var signed bytes.Buffer
	if err := d.Write(&signed); err != nil {
		t.Fatal(err)
	}
	if err := d.Check(t.Context(), signed.Bytes(), vectorTime); err != nil {
		t.Fatal(err)
	}
	return signed.Bytes()
}

// verify expects a PDF with so many signatures.
func verify(t testing.TB, content []byte, signatures int) *File {
	t.Helper()
	f, err := Verify(t.Context(), content, vectorTime)
	if err != nil || len(f.Signatures) != signatures {
		t.Fatalf("%+v, %v, want %d signatures", f, err, signatures)
	}
	return f
}

// Every row of EXPECTED.tsv: how many signatures, of which level, over what.
func TestVectors(t *testing.T) {
	table, err := os.ReadFile(filepath.Join(vectors, "EXPECTED.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for row := range strings.Lines(string(table)) {
		columns := strings.Split(row, "\t")
		name, ok := strings.CutPrefix(columns[0], "pades/")
		if !ok {
			continue
		}
		rows++
		n, err := strconv.Atoi(columns[1])
		if err != nil {
			t.Fatal(err)
		}
		f := verify(t, read(t, name), n)
		for i, s := range f.Signatures {
			// The column speaks of the first signature first.
			whole := strings.HasPrefix(columns[4], "whole file") || i > 0
			if !s.Intact || s.Failure != nil || s.Level != columns[2] || s.Whole != whole || s.Claimed.IsZero() {
				t.Errorf("%s: %+v", name, s)
			}
		}
		var kinds []string
		for _, c := range f.Signatures[0].Changes {
			if !c.Allowed {
				t.Errorf("%s: %+v", name, c)
			}
			kinds = append(kinds, c.Kind)
		}
		want := map[string]string{"b-two.pdf": SignatureAdded, "lt.pdf": ValidationAdded, "lta.pdf": StampAdded + " " + ValidationAdded}[name]
		if got := strings.Join(kinds, " "); got != want {
			t.Errorf("%s: changes %q, want %q", name, got, want)
		}
		if unchecked := slices.Contains(f.Signatures[0].Notes, cades.NoteStamp); unchecked != (len(f.Stamps) > 0) {
			t.Errorf("%s: %v", name, f.Signatures[0].Notes)
		}
		if stamps := len(f.Stamps); stamps != strings.Count(columns[6], "document time stamp") {
			t.Errorf("%s: %d time stamps", name, stamps)
		}
	}
	if rows != 11 {
		t.Errorf("%d rows", rows)
	}
}

// What we sign verifies, again and again, beside all that others signed, and no byte
// of what was there changes.
func TestSign(t *testing.T) {
	for _, name := range []string{"base.pdf", "base-xrefstream.pdf", "base-rot90.pdf", "b.pdf", "b-two.pdf", "b-visible.pdf", "b-xrefstream.pdf", "certify2.pdf", "lta.pdf"} {
		before := read(t, name)
		there, err := Verify(t.Context(), before, vectorTime)
		if err != nil {
			t.Fatal(err)
		}
		once := sign(t, before)
		twice := sign(t, once)
		if !bytes.HasPrefix(once, before) || !bytes.HasPrefix(twice, once) {
			t.Errorf("%s: other bytes", name)
		}
		f := verify(t, twice, len(there.Signatures)+2)
		for i, s := range f.Signatures {
			if s.Failure != nil || !s.Intact || s.Whole != (i == len(f.Signatures)-1) {
				t.Errorf("%s: %+v", name, s)
			}
		}
	}
}

// What is not signed is refused for a reason of its own.
func TestRefused(t *testing.T) {
	base := string(read(t, "base.pdf"))
	for name, tt := range map[string]struct {
		content string
		want    error
	}{
		"encrypted":  {string(read(t, "base-aes256.pdf")), ErrProtected},
		"certified":  {string(certified(t, 1)), ErrLocked},
		"xfa":        {strings.Replace(base, "/Catalog", "/Catalog/NeedsRendering true/AcroForm<</XFA[]>>", 1), ErrDamaged}, // offsets are wrong as well
		"offsets":    {strings.Replace(base, "000000", "000001", 3), ErrFormat},
		"no trailer": {base[:900], ErrDamaged},
		"no PDF":     {"%PDF-1.7\nHello", ErrFormat},
		"empty":      {"", ErrFormat},
		"xfa alone":  {string(update([]byte(base), "1 0 obj<</Type/Catalog/Pages 2 0 R/NeedsRendering true/AcroForm<</XFA[(a)(b)]>>>>endobj")), ErrXFA},
		"no page":    {string(update([]byte(base), "2 0 obj<</Type/Pages/Count 0/Kids[]>>endobj")), ErrFormat},
	} {
		if _, err := Read(t.Context(), []byte(tt.content), vectorTime); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
}

// A time stamp for which there is no room leaves the signature as it was.
func TestNoRoomForTimeStamp(t *testing.T) {
	d, err := Read(t.Context(), read(t, "base.pdf"), vectorTime)
	if err != nil {
		t.Fatal(err)
	}
	key, c := holder()
	if err := d.Sign(key, c, nil, vectorTime); err != nil {
		t.Fatal(err)
	}
	if len(d.Value()) != 256 {
		t.Errorf("value of %d bytes", len(d.Value()))
	}
	var before, after bytes.Buffer
	_ = d.Write(&before) // into memory
	if err := d.Stamp(append([]byte{0x30, 0x82, 0x40, 0x00}, make([]byte, 0x4000)...)); err == nil {
		t.Error("it found room")
	}
	_ = d.Write(&after)
	if !bytes.Equal(before.Bytes(), after.Bytes()) {
		t.Error("the signature is another")
	}
	if err := d.Check(t.Context(), after.Bytes(), vectorTime); err != nil {
		t.Error(err)
	}
}

// A home directory stays as it is: the reader of objects would make folders in it.
func TestNothingInHome(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_CONFIG_HOME", home)
	sign(t, read(t, "base.pdf"))
	if entries, err := os.ReadDir(home); err != nil || len(entries) > 0 {
		t.Errorf("%v, %v", entries, err)
	}
}
