package ades

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/ades/revocation"
	"github.com/softwarecie/cie/internal/trust"
)

// listDay is a time at which the lists of the test CA are of the day.
var listDay = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// lists is a network in which only the lists of the test CA are answered.
func lists(t testing.TB, asked *[]string) Fetch {
	return func(_ context.Context, q revocation.Query) ([]byte, error) {
		*asked = append(*asked, q.URL+string(q.Body))
		name, ok := strings.CutPrefix(q.URL, "http://127.0.0.1:8899/")
		if !ok {
			t.Errorf("asked %s", q.URL)
		}
		if q.Body != nil {
			return nil, errors.New("no responder")
		}
		return os.ReadFile(filepath.Join(vectors, "pki", name))
	}
}

// With the lists that the certificates point to, and at the time at which they were new.
func TestOnline(t *testing.T) {
	for _, tt := range []struct {
		name       string
		now        time.Time
		verdict    Verdict
		reason     cades.Reason
		revocation string
		source     string
		proved     bool
		note       cades.Note
	}{
		{"b.p7m", listDay, Valid, "", "good", "crl-network", false, NoteClaimed},
		{"t.p7m", listDay, Valid, "", "good", "crl-network", true, NoteStampAdd},
		{"lt.p7m", listDay, Valid, "", "good", "ocsp-file", true, NoteEarlier},
		{"revoked.p7m", listDay, Undetermined, RevokedNoPOE, "revoked", "crl-network", false, ""},
		{"revoked.p7m", vectorTime, Undetermined, RevokedNoPOE, "revoked", "crl-network", false, ""},
		{"expired.p7m", listDay, Undetermined, OutOfBounds, "not-asked", "", false, ""},
		{"b-ski.p7m", listDay, Undetermined, TryLater, "unknown", "", false, ""}, // points to nobody
		{"b.p7m", vectorTime, Undetermined, TryLater, "unknown", "", false, ""},  // the lists are old
		{"t.p7m", vectorTime, Undetermined, TryLater, "unknown", "", false, ""},
	} {
		var asked []string
		r, err := VerifyOnline(t.Context(), filepath.Join(vectors, "cades", tt.name), "", roots(t), tt.now, lists(t, &asked))
		if err != nil {
			t.Fatal(err)
		}
		s := r.Signatures[0]
		if r.Verdict != tt.verdict || s.Verdict != tt.verdict || s.Reason != tt.reason || s.Revocation != tt.revocation ||
			s.Source != tt.source || (s.Proved != "") != tt.proved || tt.note != "" && !slices.Contains(s.Notes, tt.note) {
			t.Errorf("%s at %v: %+v", tt.name, tt.now, s)
		}
		slices.Sort(asked)
		if len(asked) != len(slices.Compact(asked)) {
			t.Errorf("%s: asked more than once: %v", tt.name, asked)
		}
	}
}

// Nobody is asked about the certificates of strangers, nor without being told to.
func TestNobodyAsked(t *testing.T) {
	var asked []string
	r, err := VerifyOnline(t.Context(), vectors+"/cades/t.p7m", "", trust.BuiltIn(), listDay, lists(t, &asked))
	if err != nil || asked != nil || r.Signatures[0].Reason != NoChain || r.Signatures[0].Stamps[0].Reason != StampUnknown {
		t.Errorf("asked %v: %+v, %v", asked, r, err)
	}
}

// A proof of time outlives the certificate of the signer, but not that of the authority.
func TestLongTerm(t *testing.T) {
	for _, tt := range []struct {
		name    string
		year    int
		verdict Verdict
		reason  cades.Reason
	}{
		{"lt.p7m", 2030, Valid, ""},
		{"lt-basic.p7m", 2030, Valid, ""},
		{"t.p7m", 2030, Undetermined, OutOfBounds},
		{"lt.p7m", 2037, Undetermined, OutOfBounds},
	} {
		r, err := VerifyFile(t.Context(), vectors+"/cades/"+tt.name, "", roots(t), time.Date(tt.year, 1, 1, 0, 0, 0, 0, time.UTC))
		if err != nil || r.Verdict != tt.verdict || r.Signatures[0].Reason != tt.reason {
			t.Errorf("%s in %d: %+v, %v", tt.name, tt.year, r.Signatures, err)
		}
	}
}

// A signature that leaves a part of the document unsigned is never called valid.
func TestPart(t *testing.T) {
	f, err := cades.Read(strings.NewReader(readFile(t, vectors+"/cades/lt.p7m")), nil)
	if err != nil {
		t.Fatal(err)
	}
	certificates, _ := f.Certificates()
	v := verifier{ctx: t.Context(), roots: roots(t), now: vectorTime}
	for covers, want := range map[string]Verdict{"document": Valid, "revision": Valid, "part": Undetermined, "nothing": Undetermined} {
		if s := v.judge(f.Verify(vectorTime)[0], certificates, covers); s.Verdict != want || want != Valid && s.Reason != cades.SigConstraintsFailure {
			t.Errorf("%s: %+v", covers, s)
		}
	}
}

// Where one of the proofs in a file is changed, the file is not valid any more; and for
// whatever is changed, never is another fact told.
func TestForgedProofs(t *testing.T) {
	file := []byte(readFile(t, vectors+"/cades/lt.p7m"))
	judge := func(content []byte) (Report, error) {
		path := filepath.Join(t.TempDir(), "x.p7m")
		write(t, path, string(content))
		return VerifyFile(t.Context(), path, "", roots(t), vectorTime)
	}
	right, err := judge(file)
	if err != nil || right.Verdict != Valid {
		t.Fatalf("%+v, %v", right, err)
	}
	f, err := cades.Read(bytes.NewReader(file), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := f.Verify(vectorTime)[0]
	token := s.Stamps[0]
	for name, place := range map[string]struct {
		part []byte
		at   int
	}{
		"time stamp": {token, 100}, "its signature": {token, len(token) - 20},
		"answer": {s.Proofs.OCSP[0], 150}, "other answer": {s.Proofs.OCSP[1], 150},
	} {
		changed := slices.Clone(file)
		changed[bytes.Index(file, place.part)+place.at] ^= 1
		if r, err := judge(changed); err == nil && r.Verdict == Valid {
			t.Errorf("%s changed: %+v", name, r.Signatures)
		}
	}
	for at := 0; at < len(file); at += 101 {
		changed := slices.Clone(file)
		changed[at] ^= 4
		r, err := judge(changed)
		if err != nil || r.Verdict != Valid {
			continue
		}
		got, want := r.Signatures[0], right.Signatures[0]
		if got.Proved != want.Proved || got.Signer != want.Signer || got.Updated != want.Updated || r.SHA256 != right.SHA256 {
			t.Errorf("byte %d changed: %+v", at, got)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
