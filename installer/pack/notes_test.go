package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/release"
)

func TestNotes(t *testing.T) {
	const changelog = "# Changelog\n\nText.\n\n## Unreleased\n\n### Added\n\n- new\n\n## [1.2.3] - 2026-11-20\n\n- third\n\n## 1.2.2\n\n- second\n\n## 1.2.1\n\n## 1.2.0\n\n- first\n"
	for described, want := range map[string]string{
		"v1.2.3": "- third", "v1.2.2": "- second", "v1.2.0": "- first", "v1.2.3-4-gabcdef0": "### Added\n\n- new",
	} {
		v, err := parseVersion(described)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := notes(changelog, v); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", described, got, err, want)
		}
	}
	for _, none := range []string{"v1.2.1", "v1.2", "v9.9.9", "v1.2.30"} {
		v, _ := parseVersion(none)
		if got, err := notes(changelog, v); err == nil {
			t.Errorf("%s: %q", none, got)
		}
	}
	own, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := notes(string(own), version{tag: "0.0.0", ahead: 1}); err != nil || !strings.Contains(got, "### Added") {
		t.Errorf("our own: %v", err)
	}
}

// The notice is one that the programs believe, of a tagged version only.
func TestNotice(t *testing.T) {
	r := testRelease(t)
	now := time.Date(2026, 11, 25, 12, 0, 0, 5, time.UTC)
	if err := r.notice(now); err == nil {
		t.Error("a notice without a key")
	}
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CIE_RELEASE_KEY", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	if err := r.notice(now); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(filepath.Join(r.out, "notice.json"))
	signature, err2 := os.ReadFile(filepath.Join(r.out, "notice.json.sig"))
	n, err3 := release.ReadNotice(private.Public().(ed25519.PublicKey), content, signature, now)
	if err := errors.Join(err, err2, err3); err != nil || n.Version != "1.2.3" || !n.NewerThan("1.2.2") || !strings.HasSuffix(n.Notes, "/v1.2.3") || n.Expires.Sub(n.Date) != validity {
		t.Errorf("%+v, %v", n, err)
	}
	r.version.ahead = 1
	if err := r.notice(now); err == nil {
		t.Error("a notice of what is not released")
	}
}
