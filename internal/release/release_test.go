package release

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/sums"
)

// RFC 8032, 7.1, test 1.
var testKey = ed25519.NewKeyFromSeed([]byte{
	0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4,
	0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
})

func public() ed25519.PublicKey { return testKey.Public().(ed25519.PublicKey) }

// SHA-256 of "abc": FIPS 180-4, the NIST example.
const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

func folder(t *testing.T, list string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"a.deb": "abc", "b.deb": "abc", sums.Name: list} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, sums.Signature), ed25519.Sign(testKey, []byte(list)), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

const both = abc + "  a.deb\n" + abc + "  b.deb\n"

func TestCheck(t *testing.T) {
	good, err := Check(public(), folder(t, both))
	if err != nil || len(good) != 2 {
		t.Errorf("all: %v, %v", good, err)
	}
	good, err = Check(public(), folder(t, both), "b.deb")
	if err != nil || len(good) != 1 || good[0] != "b.deb" {
		t.Errorf("one: %v, %v", good, err)
	}
}

func TestTampered(t *testing.T) {
	change := func(name, content string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tt := range map[string]struct {
		list  string
		spoil func(*testing.T, string)
		file  []string
		want  error
	}{
		"package":         {both, change("b.deb", "abd"), nil, ErrChanged},
		"list":            {both, change(sums.Name, abc+"  a.deb\n"), nil, ErrSignature},
		"signature":       {both, change(sums.Signature, "x"), nil, ErrSignature},
		"no signature":    {both, func(t *testing.T, d string) { _ = os.Remove(filepath.Join(d, sums.Signature)) }, nil, ErrNoList},
		"package missing": {both, func(t *testing.T, d string) { _ = os.Remove(filepath.Join(d, "a.deb")) }, nil, ErrMissing},
		"not listed":      {both, change("c.deb", "abc"), []string{"c.deb"}, ErrUnlisted},
		"other folder":    {abc + "  ../a.deb\n", nil, nil, ErrList},
		"whole path":      {abc + "  /a.deb\n", nil, nil, ErrList},
		"way round":       {abc + "  x/../a.deb\n", nil, nil, ErrList},
		"drive":           {abc + "  C:a.deb\n", nil, nil, ErrList},
		"Windows folder":  {abc + "  ..\\a.deb\n", nil, nil, ErrList},
		"twice":           {abc + "  a.deb\n" + abc + "  a.deb\n", nil, nil, ErrList},
		"short":           {abc[2:] + "  a.deb\n", nil, nil, ErrList},
		"no name":         {abc + "  \n", nil, nil, ErrList},
		"empty":           {"", nil, nil, ErrList},
		"too large":       {both, change(sums.Name, string(make([]byte, maxList+1))), nil, ErrList},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, tt.list)
			if tt.spoil != nil {
				tt.spoil(t, dir)
			}
			if _, err := Check(public(), dir, tt.file...); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	der, err := x509.MarshalPKIXPublicKey(public())
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParsePublic(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
	if err != nil || !bytes.Equal(key, public()) {
		t.Errorf("public: %v", err)
	}
	if der, err = x509.MarshalPKCS8PrivateKey(testKey); err != nil {
		t.Fatal(err)
	}
	private, err := ParsePrivate(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err != nil || !bytes.Equal(private, testKey) {
		t.Errorf("private: %v", err)
	}
	for _, bad := range []string{"", "x", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"} {
		if _, err := ParsePublic([]byte(bad)); !errors.Is(err, ErrKey) {
			t.Errorf("public %q: %v", bad, err)
		}
		if _, err := ParsePrivate([]byte(bad)); !errors.Is(err, ErrKey) {
			t.Errorf("private %q: %v", bad, err)
		}
	}
}

func TestNotice(t *testing.T) {
	now := time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)
	text := `{"version":"1.10.0","date":"2026-11-20T00:00:00Z","notes":"https://example.org/1.10.0","expires":"2026-12-20T00:00:00Z"}`
	n, err := ReadNotice(public(), []byte(text), ed25519.Sign(testKey, []byte(text)), now)
	if err != nil {
		t.Fatal(err)
	}
	for have, want := range map[string]bool{
		"1.9.9": true, "v1.9.9": true, "1.9.9+3.gabcdef0": true, "1.10.0": false, "1.10.0+1.gabcdef0": false,
		"1.10.1": false, "2.0.0": false, "0.0.0": true, "devel": false, "": false, "v1.9.9-4-gabcdef0": true,
	} {
		if got := n.NewerThan(have); got != want {
			t.Errorf("newer than %s: %v", have, got)
		}
	}
	if _, err := ReadNotice(public(), []byte(text+" "), ed25519.Sign(testKey, []byte(text)), now); !errors.Is(err, ErrSignature) {
		t.Errorf("tampered: %v", err)
	}
	if _, err := ReadNotice(public(), []byte(text), ed25519.Sign(testKey, []byte(text)), now.AddDate(0, 1, 0)); !errors.Is(err, ErrExpired) {
		t.Errorf("old: %v", err)
	}
	for _, bad := range []string{
		"", "{}", `{"version":"1.2","date":"2026-11-20T00:00:00Z","notes":"https://example.org","expires":"2027-01-01T00:00:00Z"}`,
		`{"version":"1.2.3","date":"2026-11-20T00:00:00Z","notes":"http://example.org","expires":"2027-01-01T00:00:00Z"}`,
		`{"version":"1.2.3","date":"2026-11-20T00:00:00Z","notes":"file:///etc/passwd","expires":"2027-01-01T00:00:00Z"}`,
		`{"version":"1.2.3","notes":"https://example.org","expires":"2027-01-01T00:00:00Z"}`,
	} {
		if _, err := ReadNotice(public(), []byte(bad), ed25519.Sign(testKey, []byte(bad)), now); !errors.Is(err, ErrNotice) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
