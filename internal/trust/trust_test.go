package trust

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/rig"
)

var now = time.Date(2026, time.November, 1, 0, 0, 0, 0, time.UTC)

func realSOD(t testing.TB) []byte {
	t.Helper()
	file, err := os.ReadFile("../../testdata/vectors/sod-2022.bin")
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestBuiltIn(t *testing.T) { // fingerprints as published
	want := map[string]bool{
		"24490b589de47553733db6053865edfe14266d5d46bc3933186327a7cb7cfb8e": true,
		"1cebe30f2122b8d134b0a3018554ed0f62945056290942fce08396407b944146": true,
		"f9f2c2554b60c7c6c1f17a3696cfd46afb65618fee17a3d42ac89be3a8f8c689": true,
		"87364fb476e74962e7c495b9bbaf727813ee007cb56a0ada6ab9868123db267e": true,
		"40f425927e8a1e6a297a15c2a9d79e2221bf4fe25b2f21e3bfad53a1ba58b0d7": true,
		"b1a742662b31738726071132840880c251f63d47db6b60a6dc6a8333eb1706ae": true,
		"363a3386e9016ecbafa3d11be2877540812b52d6839e71dd22ab98d8a734ca05": true,
		"8f3cce1555f96594d294f00fec381fda9d8bac7271fcbdc8bb8f7766b0e27eee": true,
	}
	r := BuiltIn()
	for _, a := range append(r.csca, r.cie...) {
		if sum := fmt.Sprintf("%x", sha256.Sum256(a.Raw)); !want[sum] {
			t.Errorf("%s: fingerprint %s", a.Subject, sum)
		} else {
			delete(want, sum)
		}
		path, verdict, err := climb(append(r.csca, r.cie...), a.Certificate)
		if err != nil || verdict != Genuine || len(path) == 0 {
			t.Errorf("%s: %v, %v, %v", a.Subject, path, verdict, err)
		}
	}
	if len(want) != 0 || len(r.csca) != 3 || len(r.cie) != 5 || r.HasTest() {
		t.Errorf("missing: %v", want)
	}
}

func TestRealSOD(t *testing.T) {
	s, err := ParseSOD(realSOD(t))
	if err != nil {
		t.Fatal(err)
	}
	if verdict, err := s.Verify(BuiltIn(), now); verdict != Genuine || err != nil {
		t.Errorf("%v, %v", verdict, err)
	}
	if len(s.digests) != 6 || s.hash.Size() != 64 {
		t.Errorf("%d digests of %d bytes", len(s.digests), s.hash.Size())
	}
	if verdict, err := s.Verify(&Roots{}, now); verdict != Unknown || !errors.Is(err, ErrIssuer) {
		t.Errorf("without roots: %v, %v", verdict, err)
	}
	if verdict, err := s.Verify(BuiltIn(), now.AddDate(20, 0, 0)); verdict != Unknown || !errors.Is(err, ErrValidity) {
		t.Errorf("in 20 years: %v, %v", verdict, err)
	}
	if err := s.Check(GroupNIS, []byte("123456789012")); !errors.Is(err, ErrDigest) {
		t.Errorf("another NIS: %v", err)
	}
	if err := s.Check(0x02, nil); !errors.Is(err, ErrNoDigest) {
		t.Errorf("a group that is not there: %v", err)
	}
}

// signedParts are the bytes of the real SOD that a signature covers: content,
// signed attributes, both signatures, the document signer's certificate.
func signedParts(t testing.TB, file []byte) (parts []bool) {
	s, err := ParseSOD(file)
	if err != nil {
		t.Fatal(err)
	}
	parts = make([]bool, len(file))
	mark := func(part []byte) {
		at := bytes.Index(file, part)
		if at < 0 {
			t.Fatal("part not found")
		}
		for i := range part {
			parts[at+i] = true
		}
	}
	mark(s.content)
	mark(s.attributes[1:]) // the tag is not what is signed
	mark(s.signature)
	mark(s.signer.RawTBSCertificate)
	mark(s.signer.Signature)
	return parts
}

func TestRealSODEachFlippedBitIsRefused(t *testing.T) {
	file := realSOD(t)
	parts, roots := signedParts(t, file), BuiltIn()
	var flipped, outside atomic.Int64
	var wait sync.WaitGroup
	for worker := range 2 {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for i := worker; i < len(file); i += 2 {
				for bit := range 8 {
					bad := bytes.Clone(file)
					bad[i] ^= 1 << bit
					verdict := Failed
					if s, err := ParseSOD(bad); err == nil {
						verdict, _ = s.Verify(roots, now)
					}
					flipped.Add(1)
					if !parts[i] {
						outside.Add(1)
					}
					if verdict == Genuine || verdict == Test {
						t.Errorf("byte %d bit %d accepted", i, bit)
					}
				}
			}
		}()
	}
	wait.Wait()
	t.Logf("%d bits flipped, all refused: %d in signed parts, %d in what holds them together",
		flipped.Load(), flipped.Load()-outside.Load(), outside.Load())
}

func TestOpenSSLAgreesOnRealSOD(t *testing.T) {
	rig.Need(t, "openssl")
	cms := filepath.Join(t.TempDir(), "sod.der")
	if err := os.WriteFile(cms, realSOD(t)[4:], 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("openssl", "cms", "-verify", "-inform", "DER", "-in", cms, "-CAfile", "certificates/csca/d11a505e.pem",
		"-purpose", "any", "-out", os.DevNull).CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestRealSODCutAnywhere(t *testing.T) {
	file := realSOD(t)
	for n := range file {
		if _, err := ParseSOD(file[:n]); !errors.Is(err, ErrSOD) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	if _, err := ParseSOD(append(bytes.Clone(file), make([]byte, 100)...)); err != nil {
		t.Errorf("padded with zeros: %v", err)
	}
	if _, err := ParseSOD(append(bytes.Clone(file), 1)); !errors.Is(err, ErrSOD) {
		t.Errorf("trailing byte: %v", err)
	}
}

// emulated reads the SOD of an emulated card and the folder of its state.
func emulated(t testing.TB, b emulator.Behaviour) (sod []byte, card *emulator.Card, folder string) {
	t.Helper()
	card, err := emulator.New(emulator.Options{Behaviour: &b})
	if err != nil {
		t.Fatal(err)
	}
	folder = t.TempDir()
	if err := card.Dump(folder); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"\x00\xA4\x00\x00", "\x00\xA4\x04\x0C\x06\xA0\x00\x00\x00\x00\x39", "\x00\xA4\x02\x0C\x02\x10\x06"} {
		if _, err := card.Transmit([]byte(command)); err != nil {
			t.Fatal(err)
		}
	}
	for {
		out, err := card.Transmit([]byte{0, 0xB0, byte(len(sod) >> 8), byte(len(sod)), 0})
		if err != nil {
			t.Fatal(err)
		}
		sod = append(sod, out[:len(out)-2]...)
		if len(out) < 258 {
			return sod, card, folder
		}
	}
}

func TestEmulatedSOD(t *testing.T) {
	for _, tt := range []struct {
		name      string
		behaviour emulator.Behaviour
		extra     bool
		want      Genuineness
	}{
		{"new", emulator.Behaviour{}, true, Test},
		{"old", emulator.Behaviour{OldSOD: true}, true, Test},
		{"padded", emulator.Behaviour{Padding: 64}, true, Test},
		{"not configured", emulator.Behaviour{}, false, Unknown},
		{"unknown issuer", emulator.Behaviour{UnknownIssuer: true}, true, Unknown}, // a key identifier of nobody
		{"bad signature, new", emulator.Behaviour{BadSignature: true}, true, Failed},
		{"bad signature, old", emulator.Behaviour{BadSignature: true, OldSOD: true}, true, Failed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			file, _, folder := emulated(t, tt.behaviour)
			s, err := ParseSOD(file)
			if err != nil {
				t.Fatal(err)
			}
			roots := BuiltIn()
			if tt.extra {
				if roots, err = Load([]string{folder}); err != nil || !roots.HasTest() {
					t.Fatal(err)
				}
			}
			verdict, err := s.Verify(roots, now)
			if verdict != tt.want {
				t.Errorf("%v, %v", verdict, err)
			}
			if (err == nil) != (verdict == Test) {
				t.Errorf("%v with error %v", verdict, err)
			}
		})
	}
}

func TestHolder(t *testing.T) {
	_, card, folder := emulated(t, emulator.Behaviour{})
	h := HolderOf(card.Certificate())
	if h.FullName() != "CARTA PROVA" || h.TaxCode != "PRVCRT85A41H501E" || h.DocumentNumber != "CA00000AA" {
		t.Errorf("%+v", h)
	}
	if want := time.Date(1985, time.January, 1, 0, 0, 0, 0, time.UTC); !h.BirthDate.Equal(want) {
		t.Errorf("born %v", h.BirthDate)
	}
	roots, err := Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	if path, verdict, err := roots.VerifyHolder(card.Certificate()); len(path) != 2 || verdict != Test || err != nil {
		t.Errorf("%d, %v, %v", len(path), verdict, err)
	}
	if _, verdict, err := BuiltIn().VerifyHolder(card.Certificate()); verdict != Unknown || !errors.Is(err, ErrIssuer) {
		t.Errorf("%v, %v", verdict, err)
	}
	forged, err := x509.ParseCertificate(card.Certificate().Raw)
	if err != nil {
		t.Fatal(err)
	}
	forged.RawTBSCertificate = append(bytes.Clone(forged.RawTBSCertificate), 0)
	if _, verdict, err := roots.VerifyHolder(forged); verdict != Failed || !errors.Is(err, ErrSignature) {
		t.Errorf("forged: %v, %v", verdict, err)
	}
}

func TestBirthDates(t *testing.T) {
	for _, tt := range []struct{ year, month, day, want string }{
		{"85", "A", "41", "1985-01-01"},
		{"26", "T", "31", "1926-12-31"}, // not born yet in 2024: a century earlier
		{"LN", "D", "LP", "2002-04-03"}, // letters in place of digits
		{"85", "B", "30", "0001-01-01"}, // no such day
		{"85", "B", "00", "0001-01-01"},
	} {
		got := birthDate(tt.year, tt.month, tt.day, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC))
		if got.Format(time.DateOnly) != tt.want {
			t.Errorf("%s%s%s = %v, want %s", tt.year, tt.month, tt.day, got, tt.want)
		}
	}
}

func TestDisplay(t *testing.T) { // F86
	long := Display(string(bytes.Repeat([]byte("A"), 10000)))
	if n := len([]rune(long)); n != maxText {
		t.Errorf("%d characters", n)
	}
	if got := Display("ROSSI\u202Egro\x1b[2J"); got != "ROSSI\uFFFDgro\uFFFD[2J" {
		t.Errorf("%q", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	if _, err := Load([]string{"/nonexistent"}); err == nil {
		t.Error("a folder that is not there")
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "x.pem"), []byte("-----BEGIN nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load([]string{folder}); err == nil {
		t.Error("a file that is no certificate")
	}
}

func FuzzParseSOD(f *testing.F) {
	file := realSOD(f)
	f.Add(file)
	f.Add(append(bytes.Clone(file), 0, 0))
	f.Add(newDraft(pki().ds).sign())
	roots := BuiltIn()
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := ParseSOD(in)
		if err != nil {
			if !errors.Is(err, ErrSOD) {
				t.Errorf("untyped error %v", err)
			}
			return
		}
		if len(s.digests) > maxGroups {
			t.Errorf("%d data groups", len(s.digests))
		}
		if verdict, _ := s.Verify(roots, now); verdict != Genuine {
			return
		}
		if !bytes.Equal(bytes.TrimRight(in, "\x00"), bytes.TrimRight(file, "\x00")) {
			t.Errorf("changed and still genuine: %X", in)
		}
	})
}

func FuzzHolderOf(f *testing.F) {
	f.Add(BuiltIn().cie[0].Raw)
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := x509.ParseCertificate(in)
		if err != nil {
			return
		}
		h := HolderOf(c)
		for _, text := range []string{h.Name, h.Surname, h.DocumentNumber} {
			if Display(text) != text {
				t.Errorf("%q is not safe to show", text)
			}
		}
	})
}
