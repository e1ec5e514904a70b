package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/rig"
)

func TestVersion(t *testing.T) {
	for described, want := range map[string]string{
		"v1.2.3": "1.2.3", "v1.2.3-0-gabcdef0": "1.2.3", "v1.2.3-4-gabcdef0": "1.2.3+4.gabcdef0", "v0.0.0-93-gb8c954a": "0.0.0+93.gb8c954a",
	} {
		v, err := parseVersion(described)
		if err != nil || v.String() != want {
			t.Errorf("%s: %s, %v; want %s", described, v, err, want)
		}
	}
	for _, bad := range []string{"", "1.2", "v1.2.x", "v1.2.3-rc1", "v1.2.3-x-gabc", "v1.2.3-1-abc", "v1.2.3 -n", "v-1.2.3"} {
		if v, err := parseVersion(bad); err == nil {
			t.Errorf("%q is taken for %s", bad, v)
		}
	}
}

// dpkg and rpm order the versions as time does.
func TestVersionsAreOrdered(t *testing.T) {
	rig.Need(t, "dpkg")
	order := []string{"v0.0.0-93-gb8c954a", "v0.1.0", "v0.1.0-1-gfffffff", "v0.1.0-10-g0000000", "v0.1.1", "v0.10.0"}
	for i := range order[1:] {
		a, _ := parseVersion(order[i])
		b, _ := parseVersion(order[i+1])
		if err := exec.Command("dpkg", "--compare-versions", a.String(), "lt", b.String()).Run(); err != nil {
			t.Errorf("%s is not before %s", a, b)
		}
	}
}

func testRelease(t *testing.T) *rel {
	t.Helper()
	d, err := load("../packages.toml")
	if err != nil {
		t.Fatal(err)
	}
	v, err := parseVersion("v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	return &rel{description: d, version: v, date: time.Unix(1700000000, 0).UTC(), arch: "amd64", build: t.TempDir(), out: t.TempDir(), known: map[string]string{}}
}

// The description says the same in all formats.
func TestDescription(t *testing.T) {
	r := testRelease(t)
	owner := map[string]string{}
	for _, p := range r.Packages {
		if p.Name == "" || p.Summary == "" || p.Section == "" || len(p.Summary) > 80 || strings.HasSuffix(p.Summary, ".") {
			t.Errorf("%+v", p)
		}
		for _, format := range []string{"deb", "rpm", "arch"} {
			if p.Name == "cie" && len(p.Depends[format]) != 3 {
				t.Errorf("cie in %s depends on %v", format, p.Depends[format])
			}
			for _, f := range p.files(format, r.arch) {
				key := format + f[0] + f[1]
				if owner[key] != "" {
					t.Errorf("%s and %s both have %s", owner[key], p.Name, f[1])
				}
				owner[key] = p.Name
				if strings.Contains(r.expand(format, f[1]), "{") || strings.HasPrefix(f[1], "/etc") || strings.HasPrefix(f[1], "/home") {
					t.Errorf("%s: %s", p.Name, f[1])
				}
			}
		}
	}
	for _, line := range strings.Split(wrapped(r.Packages[0].Description), "\n") {
		if len(line) > 79 || line != "" && (line[0] != ' ' || line[1] == ' ') {
			t.Errorf("%q", line)
		}
	}
}

// Files are laid out the same, whatever the umask, time and order.
func TestLayOut(t *testing.T) {
	r := testRelease(t)
	source := filepath.Join(r.build, "man")
	for name, content := range map[string]string{"a.1": "one", "b.1": "two"} {
		if err := write(filepath.Join(source, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	root := t.TempDir()
	if err := r.install("deb", "{build}/none", "/x/", root); err == nil {
		t.Error("a file that is not there is no error")
	}
	if err := r.install("deb", source+"/*.1", "/usr/share/man/man1/", root); err != nil {
		t.Fatal(err)
	}
	if err := r.stamp(root); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(files(root), " "); got != "usr/share/man/man1/a.1.gz usr/share/man/man1/b.1.gz" {
		t.Error(got)
	}
	for _, name := range everything(root) {
		info, err := os.Stat(filepath.Join(root, name))
		if err != nil || !info.ModTime().Equal(r.date) {
			t.Errorf("%s: %v", name, err)
		}
		if want := map[bool]os.FileMode{true: 0o755, false: 0o644}[info.IsDir()]; info.Mode().Perm() != want {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
}

// A package has the list of what it installs, and no other key than the described
// one may sign it.
func TestInstalledList(t *testing.T) {
	r := testRelease(t)
	seed := make([]byte, ed25519.SeedSize)
	private := ed25519.NewKeyFromSeed(seed)
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, name := range []string{"etc/apparmor.d/cie", "usr/bin/cie", "usr/share/doc/cie-cli/copyright"} {
		if err := write(filepath.Join(root, name), []byte(name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(root, "usr/bin/cie")
	public := private.Public().(ed25519.PublicKey)
	usr := filepath.Join(root, "usr")
	names := files(usr)
	list := func() {
		t.Helper()
		if err := r.installedList("cie-cli", "tar", usr, "share/cie/cie-cli", names); err != nil {
			t.Fatal(err)
		}
	}
	list()
	if _, err := release.CheckInstalled(public, program); !errors.Is(err, release.ErrNoList) {
		t.Errorf("without a signature: %v", err)
	}
	if flags, err := r.ldflags(); err != nil || !strings.Contains(flags, "-X main.releaseKey= ") {
		t.Errorf("%s, %v: no key is there", flags, err)
	}
	t.Setenv("CIE_RELEASE_KEY", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	list()
	all, err := release.CheckInstalled(public, program)
	if err != nil || len(all) != 1 || all[0].Name != "cie-cli" || all[0].Version != "1.2.3" || all[0].Files != 3 {
		t.Errorf("%+v, %v", all, err)
	}
	flags, err := r.ldflags()
	_, key, _ := strings.Cut(flags, "releaseKey=")
	key, _, _ = strings.Cut(key, " ")
	if built, err2 := release.ParsePublic([]byte(key)); err != nil || err2 != nil || !built.Equal(public) {
		t.Errorf("%s: %v, %v", flags, err, err2)
	}
	seed[0] = 1
	if der, err = x509.MarshalPKIXPublicKey(ed25519.NewKeyFromSeed(seed).Public()); err != nil {
		t.Fatal(err)
	}
	r.Key = base64.StdEncoding.EncodeToString(der)
	if _, err := r.signer(); err == nil {
		t.Error("signed with another key than that of the description")
	}
}

// The bill names what this test was linked from.
func TestModules(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, m := range modulesOf(self) {
		found = found || m.Path == "github.com/BurntSushi/toml" && strings.HasPrefix(m.Version, "v")
	}
	if !found {
		t.Errorf("%v", modulesOf(self))
	}
	if got := uuid([32]byte{}); got != "00000000-0000-8000-8000-000000000000" {
		t.Error(got)
	}
}
