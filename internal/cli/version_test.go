package cli

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/sums"
)

// A project is one with a key, and a release of it: packed, and installed.
type project struct {
	t       *testing.T
	key     ed25519.PrivateKey
	folder  string // of the packages
	program string // installed
	feed    string
	client  *http.Client
}

func newProject(t *testing.T) *project {
	t.Helper()
	p := &project{t: t, key: ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), folder: t.TempDir()}
	p.write(filepath.Join(p.folder, "cie.deb"), "package")
	p.write(filepath.Join(p.folder, "cie.rpm"), "package")
	p.sign(p.folder, p.folder, "cie.deb", "cie.rpm")
	usr := t.TempDir()
	p.program = filepath.Join(usr, "bin", "cie")
	list := filepath.Join("share", "cie", "cie-cli")
	p.write(p.program, "program")
	p.write(filepath.Join(usr, list, release.Origin), "cie-cli 1.2.3 tar\n")
	p.sign(usr, filepath.Join(usr, list), "bin/cie", filepath.ToSlash(filepath.Join(list, release.Origin)))
	return p
}

func (p *project) write(file, content string) {
	p.t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(content), 0o600)); err != nil {
		p.t.Fatal(err)
	}
}

func (p *project) sign(root, folder string, names ...string) {
	p.t.Helper()
	list, err := sums.Write(root, names)
	if err != nil {
		p.t.Fatal(err)
	}
	p.write(filepath.Join(folder, sums.Name), string(list))
	p.write(filepath.Join(folder, sums.Signature), string(ed25519.Sign(p.key, list)))
}

// public is the key as it is built into a program.
func (p *project) public() string {
	der, err := x509.MarshalPKIXPublicKey(p.key.Public())
	if err != nil {
		p.t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(der)
}

// run gives a command to a program with a key, "" for none.
func (p *project) run(key string, args ...string) answer {
	p.t.Helper()
	var out, errs bytes.Buffer
	a := App{Out: &out, Err: &errs, Version: "1.2.3", Key: key, Feed: p.feed, Client: p.client, Program: p.program, Getenv: func(name string) string { return map[string]string{"CIE_LANG": "en"}[name] }}
	got := answer{status: a.Run(context.Background(), append(args, "--json"))}
	if err := json.Unmarshal(out.Bytes(), &got.result); err != nil {
		p.t.Fatalf("%v: %s%s", err, &out, &errs)
	}
	return got
}

func TestVersionVerify(t *testing.T) { // [145]
	p := newProject(t)
	deb := filepath.Join(p.folder, "cie.deb")
	if a := p.run(p.public(), "version", "--verify"); a.status != exitOK || len(a.Packages) != 1 || a.Packages[0].Name != "cie-cli" || a.Packages[0].Files != 2 || a.Version != "1.2.3" {
		t.Errorf("installed: %+v", a)
	}
	if a := p.run(p.public(), "version", "--verify", p.folder); a.status != exitOK || len(a.Files) != 2 {
		t.Errorf("folder: %+v", a)
	}
	if a := p.run(p.public(), "version", "--verify", deb); a.status != exitOK || len(a.Files) != 1 || a.Files[0] != "cie.deb" {
		t.Errorf("file: %+v", a)
	}
	if a := p.run("", "version", "--verify"); a.status != exitOther || a.Code != "CIE-REL-01" {
		t.Errorf("no key: %d %s", a.status, a.Code)
	}
	der, _ := base64.StdEncoding.DecodeString(p.public())
	file := filepath.Join(t.TempDir(), "release.pem")
	p.write(file, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})))
	if a := p.run("", "version", "--verify", "--key", file, deb); a.status != exitOK || len(a.Files) != 1 {
		t.Errorf("key in a file: %+v", a)
	}
	for _, wrong := range [][]string{{"version", deb}, {"version", "--key", file}, {"version", "--verify", "--key", deb}} {
		if a := p.run("", wrong...); a.status != exitUsage {
			t.Errorf("%v: %d %s", wrong, a.status, a.Code)
		}
	}
}

func TestVersionVerifyRefuses(t *testing.T) { // [145]
	for name, tt := range map[string]struct {
		file, code string // that is changed, "": taken away
		args       func(p *project) []string
	}{
		"changed package":   {"cie.deb", "CIE-REL-05", func(p *project) []string { return []string{p.folder} }},
		"changed list":      {sums.Name, "CIE-REL-04", func(p *project) []string { return []string{p.folder} }},
		"changed signature": {sums.Signature, "CIE-REL-04", func(p *project) []string { return []string{p.folder} }},
		"unknown file":      {"other.deb", "CIE-REL-07", func(p *project) []string { return []string{filepath.Join(p.folder, "other.deb")} }},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProject(t)
			p.write(filepath.Join(p.folder, tt.file), "other")
			if a := p.run(p.public(), append([]string{"version", "--verify"}, tt.args(p)...)...); a.status != exitNotSigned || a.Code != tt.code || a.OK || len(a.Files) != 0 {
				t.Errorf("%d %s %v, want %s", a.status, a.Code, a.Files, tt.code)
			}
		})
	}
	p := newProject(t)
	p.write(p.program, "other")
	if a := p.run(p.public(), "version", "--verify"); a.status != exitNotSigned || a.Code != "CIE-REL-05" || len(a.Packages) != 0 {
		t.Errorf("changed program: %d %s %v", a.status, a.Code, a.Packages)
	}
}
