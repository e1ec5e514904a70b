package ades

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/trust"
)

const vectors = "../../testdata/signatures"

// vectorTime is when the vectors were valid.
var vectorTime = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// roots believe the test CA too.
func roots(t testing.TB) *trust.Roots {
	t.Helper()
	folder := t.TempDir()
	root, err := os.ReadFile(vectors + "/pki/root.pem")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "root.pem"), string(root))
	r, err := trust.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func write(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every row of EXPECTED.tsv: who signed, who vouches, and valid only where the file has
// all that proves it.
func TestVectors(t *testing.T) {
	table, err := os.ReadFile(vectors + "/EXPECTED.tsv")
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimRight(string(table), "\n"), "\n")[1:]
	believing, r := roots(t), trust.BuiltIn()
	for _, row := range rows {
		columns := strings.Split(row, "\t")
		path := filepath.Join(vectors, columns[0])
		report, err := VerifyFile(t.Context(), path, filepath.Join(vectors, "doc.txt"), believing, vectorTime)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		verdict, reason, kind, revocation := Undetermined, TryLater, KindTest, revNotAsked
		wrong := ErrUndetermined
		switch {
		case strings.HasPrefix(columns[5], "expired"):
			reason, kind = OutOfBounds, KindOther // its CA was not yet there while it was valid
		case strings.HasSuffix(columns[5], "inside"):
			verdict, reason, revocation, wrong = Valid, "", revGood, nil
		}
		if report.Verdict != verdict || !errors.Is(report.Err(), wrong) {
			t.Errorf("%s: %s", path, report.Verdict)
		}
		for _, s := range report.Signatures {
			if s.Reason != reason || !s.Intact || s.Signer.Kind != kind || s.Signer.Name == "" || s.Revocation != revocation || s.Level != columns[2] ||
				(s.Proved != "") != (verdict == Valid) || (len(s.Stamps) == 1) != (columns[2] != "B-B") {
				t.Errorf("%s: %+v", path, s)
			}
		}
		if nested := strings.Contains(columns[0], "nested"); nested != (report.Inside != nil) || nested && report.Inside.Signatures[0].Reason != TryLater {
			t.Errorf("%s: inside %+v", path, report.Inside)
		}
		stranger, err := VerifyFile(t.Context(), path, filepath.Join(vectors, "doc.txt"), r, vectorTime)
		if err != nil || stranger.Verdict != Undetermined || stranger.Signatures[0].Signer.Kind != KindOther || stranger.Signatures[0].Reason != NoChain && !strings.HasPrefix(columns[5], "expired") {
			t.Errorf("%s without its root: %+v, %v", path, stranger.Signatures, err)
		}
	}
}

// A detached signature is held against the file beside it, if there is one.
func TestDetached(t *testing.T) {
	folder := t.TempDir()
	for from, to := range map[string]string{"cades/b-detached.p7s": "doc.txt.p7s", "doc.txt": "doc.txt"} {
		content, err := os.ReadFile(filepath.Join(vectors, from))
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(folder, to), string(content))
	}
	path := filepath.Join(folder, "doc.txt.p7s")
	for _, tt := range []struct {
		change  func()
		verdict Verdict
		reason  string
	}{
		{func() {}, Undetermined, "TRY_LATER"},
		{func() { write(t, filepath.Join(folder, "doc.txt"), "another") }, Invalid, "HASH_FAILURE"},
		{func() { _ = os.Remove(filepath.Join(folder, "doc.txt")) }, Undetermined, "SIGNED_DATA_NOT_FOUND"},
	} {
		tt.change()
		r, err := VerifyFile(t.Context(), path, "", roots(t), vectorTime)
		if err != nil || r.Verdict != tt.verdict || string(r.Signatures[0].Reason) != tt.reason {
			t.Errorf("%+v, %v, want %s", r, err, tt.reason)
		}
	}
	if _, err := Extract(t.Context(), path, "", false, roots(t), vectorTime); !errors.Is(err, ErrDetached) {
		t.Errorf("%v", err)
	}
}

func TestNoSignedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "text.p7m")
	for _, content := range []string{"", "Hello", "0", "MIIM", "-----BEGIN", "\x30\x80\x06\x09"} {
		write(t, path, content)
		if _, err := VerifyFile(t.Context(), path, "", roots(t), vectorTime); !errors.Is(err, ErrFormat) {
			t.Errorf("%q: %v", content, err)
		}
	}
	if _, err := VerifyFile(t.Context(), filepath.Dir(path), "", roots(t), vectorTime); err == nil {
		t.Error("a folder was read")
	}
}

// opaque hides a key, as a card does.
type opaque struct{ key *rsa.PrivateKey }

func (o opaque) Public() crypto.PublicKey { return o.key.Public() }
func (o opaque) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return o.key.Sign(rand.Reader, digest, opts)
}

// holder is a signer with a certificate of her own.
func holder(t testing.TB) (opaque, *x509.Certificate) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0x80), Subject: pkix.Name{CommonName: "Test"}, KeyUsage: x509.KeyUsageDigitalSignature,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return opaque{key}, c
}

func names(t testing.TB, folder string) string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// A document is signed, signed by a second person, signed as a file, and taken out.
func TestSignAndExtract(t *testing.T) {
	folder := t.TempDir()
	document := filepath.Join(folder, "letter.txt")
	write(t, document, "Dear reader")
	for _, tt := range []struct {
		path, want string
		how        How
	}{
		{"letter.txt", "letter.txt.p7m", How{}},
		{"letter.txt", "letter.txt.p7s", How{Detached: true}},
		{"letter.txt.p7m", "letter-2.txt.p7m", How{}},
		{"letter-2.txt.p7m", "letter-2-3.txt.p7m", How{}},
		{"letter.txt.p7m", "letter.txt.p7m.p7m", How{Nested: true}},
		{"letter.txt.p7m", "letter.txt.p7m.p7s", How{Detached: true}},
		{"letter.txt", "other", How{Output: filepath.Join(folder, "other")}},
	} {
		key, c := holder(t)
		got, err := SignFile(t.Context(), filepath.Join(folder, tt.path), tt.how, key, c, nil)
		if err != nil || filepath.Base(got) != tt.want {
			t.Fatalf("%s: %s, %v, want %s", tt.path, got, err, tt.want)
		}
		r, err := VerifyFile(t.Context(), got, "", roots(t), time.Now())
		if err != nil || r.Verdict != Undetermined || !r.Signatures[0].Intact {
			t.Errorf("%s: %+v, %v", got, r, err)
		}
		if _, err := SignFile(t.Context(), filepath.Join(folder, tt.path), tt.how, key, c, nil); !errors.Is(err, ErrExists) {
			t.Errorf("%s: %v", got, err)
		}
	}
	out := t.TempDir()
	for _, tt := range []struct {
		path      string
		innermost bool
		want      string
	}{
		{"letter-2-3.txt.p7m", false, "letter-2-3.txt"},
		{"letter.txt.p7m.p7m", false, "letter.txt.p7m"},
		{"letter.txt.p7m.p7m", true, "letter.txt"},
		{"other", false, "other.content"},
	} {
		e, err := Extract(t.Context(), filepath.Join(folder, tt.path), out, tt.innermost, roots(t), time.Now())
		if err != nil || filepath.Base(e.Output) != tt.want {
			t.Fatalf("%s: %s, %v, want %s", tt.path, e.Output, err, tt.want)
		}
	}
	for _, name := range []string{"letter.txt", "letter-2-3.txt", "other.content"} {
		if content, err := os.ReadFile(filepath.Join(out, name)); err != nil || string(content) != "Dear reader" {
			t.Errorf("%s: %q, %v", name, content, err)
		}
	}
	if got := names(t, out); got != "letter-2-3.txt letter.txt letter.txt.p7m other.content" {
		t.Errorf("left: %s", got) // no temporary file
	}
	if _, err := Extract(t.Context(), filepath.Join(folder, "letter.txt.p7m.p7m"), out, true, roots(t), time.Now()); !errors.Is(err, ErrExists) {
		t.Errorf("%v", err)
	}
}

// What does not become a signature leaves nothing behind.
func TestNothingLeft(t *testing.T) {
	folder := t.TempDir()
	document := filepath.Join(folder, "letter.txt")
	write(t, document, "Dear reader")
	key, c := holder(t)
	_, other := holder(t)
	if _, err := SignFile(t.Context(), document, How{}, key, other, nil); !errors.Is(err, ErrSelf) {
		t.Errorf("a key that is not the certificate's: %v", err)
	}
	j, err := Prepare(t.Context(), document, How{})
	if err != nil {
		t.Fatal(err)
	}
	defer j.Close()
	if err := j.Sign(key, c, nil, c.NotAfter.Add(time.Second)); !errors.Is(err, ErrExpired) {
		t.Errorf("%v", err)
	}
	if err := j.Sign(key, c, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := j.Finish(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	write(t, document, "Dear writer")
	if err := j.Finish(t.Context()); !errors.Is(err, ErrChanged) {
		t.Errorf("%v", err)
	}
	write(t, j.Output, "somebody's")
	write(t, document, "Dear reader")
	if err := j.Finish(t.Context()); !errors.Is(err, ErrExists) {
		t.Errorf("%v", err)
	}
	if content, _ := os.ReadFile(j.Output); string(content) != "somebody's" {
		t.Error("a file was overwritten")
	}
	if got := names(t, folder); got != "letter.txt letter.txt.p7m" {
		t.Errorf("left: %s", got)
	}
}

// What is taken out of a file with a bad signature says so in its name.
func TestExtractInvalid(t *testing.T) {
	folder := t.TempDir()
	content, err := os.ReadFile(vectors + "/cades/b.p7m")
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(content), "Documento", "Dokumento", 1)
	path := filepath.Join(folder, "contract.p7m")
	write(t, path, changed)
	e, err := Extract(t.Context(), path, "", false, roots(t), vectorTime)
	if err != nil || e.Verdict != Invalid || filepath.Base(e.Output) != "contract.INVALID.txt" || !e.Guessed {
		t.Errorf("%+v, %v", e, err)
	}
}

func TestSafeName(t *testing.T) {
	for name, want := range map[string]string{"a/b.txt": "a_b.txt", "con.txt": "_con.txt", "a\n.pdf": "a_.pdf", "..": "_..", "nul": "_nul.txt"} {
		if got, _, err := safeName(name, strings.NewReader("text")); err != nil || got != want {
			t.Errorf("%q: %q, %v, want %q", name, got, err, want)
		}
	}
}

// The report is for scripts too.
func TestReportAsJSON(t *testing.T) {
	r, err := VerifyFile(t.Context(), vectors+"/cades/b.p7m", "", roots(t), vectorTime)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"verdict":"undetermined"`, `"reason":"TRY_LATER"`, `"intact":true`, `"tax_code":"RSSMRA80A01H501U"`, `"revocation":"not-asked"`, `"claimed_time":"2026-11-22T03:13:56Z"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is not in %s", want, text)
		}
	}
}
