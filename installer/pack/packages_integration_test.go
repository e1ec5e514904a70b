//go:build integration

package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"debug/elf"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/sums"
)

// What three packages hold, but for manual pages, icons and documents, which are counted
// as "man", "icon" and "doc". The names in braces are those of packages.toml.
var contents = map[string][]string{
	"cie-cli": {
		"/usr/bin/cie", "/usr/share/cie/cie-cli/SHA256SUMS", "/usr/share/cie/cie-cli/SHA256SUMS.sig", "/usr/share/cie/cie-cli/package", "/usr/share/bash-completion/completions/cie", "/usr/share/fish/vendor_completions.d/cie.fish", "{zsh}/_cie", "doc", "man",
	},
	"cie-pkcs11": {
		"/usr/libexec/cie/cie-pkcs11-helper", "/usr/share/cie/cie-pkcs11/SHA256SUMS", "/usr/share/cie/cie-pkcs11/SHA256SUMS.sig",
		"/usr/share/cie/cie-pkcs11/package", "/usr/share/p11-kit/modules/cie.module", "{libdir}/pkcs11/libcie-pkcs11.so", "doc",
	},
	"cie-gui": {
		"/usr/bin/cie-gui", "/usr/share/cie/cie-gui/SHA256SUMS", "/usr/share/cie/cie-gui/SHA256SUMS.sig", "/usr/share/cie/cie-gui/package",
		"/usr/share/applications/it.softwarecie.Cie.desktop", "/usr/share/metainfo/it.softwarecie.Cie.metainfo.xml",
		"/usr/share/applications/it.softwarecie.Cie.verify.desktop",
		"/usr/share/applications/it.softwarecie.Cie.sign.desktop",
		"/usr/share/kio/servicemenus/it.softwarecie.Cie.verify.desktop",
		"/usr/share/kio/servicemenus/it.softwarecie.Cie.sign.desktop",
		"/usr/share/nemo/actions/it.softwarecie.Cie.verify.nemo_action",
		"/usr/share/nemo/actions/it.softwarecie.Cie.sign.nemo_action",
		"/usr/share/Thunar/sendto/it.softwarecie.Cie.verify.desktop",
		"/usr/share/Thunar/sendto/it.softwarecie.Cie.sign.desktop",
		"/usr/share/file-manager/actions/it.softwarecie.Cie.verify.desktop",
		"/usr/share/file-manager/actions/it.softwarecie.Cie.sign.desktop",
		"/usr/share/nautilus-python/extensions/softwarecie-verify.py",
		"/usr/share/nautilus-python/extensions/softwarecie-sign.py",
		"doc", "icon", "man",
	},
}

// policies of Firefox lie where the format's systems read them.
var policies = map[string][]string{
	"deb": {"/usr/lib/firefox/distribution/policies.json", "/usr/share/firefox-esr/distribution/policies.json"}, "arch": {"/usr/lib/firefox/distribution/policies.json"},
}

// lists are the programs that list what a package holds.
var lists = map[string][]string{
	"deb": {"sh", "-c", `dpkg-deb --fsys-tarfile "$0" | bsdtar -tf -`}, "rpm": {"sh", "-c", `rpm -qp --qf "[%{FILEMODES:perms} %{FILENAMES}\n]" "$0" | sed -n "s/^-[^ ]* //p"`}, "arch": {"bsdtar", "-tf"},
}

// TestPackages makes three packages in all formats, as "make packages" does, and has
// other programs say what is in them.
func TestPackages(t *testing.T) {
	for _, tool := range []string{"dpkg-deb", "dpkg-shlibdeps", "lintian", "rpmbuild", "bsdtar", "openssl", "desktop-file-validate", "update-desktop-database", "gio"} {
		rig.Need(t, tool)
	}
	schema := bomSchema(t)
	t.Chdir("../..")
	public := releaseKey(t)
	r := threePackages(t)
	for _, program := range []string{"cie", "cie-pkcs11-helper", "libcie-pkcs11.so"} {
		t.Run("hardened "+program, func(t *testing.T) { checkHardened(t, filepath.Join(r.build, program)) })
	}
	for format, ending := range map[string]string{"deb": ".deb", "rpm": ".rpm", "arch": ".pkg.tar.zst"} {
		for name, want := range contents {
			t.Run(format+" "+name, func(t *testing.T) {
				file := onlyOne(t, filepath.Join(r.out, name+"*"+ending))
				want := append(slices.Clone(want), "doc")
				if name == "cie-pkcs11" {
					want = append(want, policies[format]...)
				}
				if name == "cie-pkcs11" && format == "deb" {
					want = append(want, "/usr/share/lintian/overrides/cie-pkcs11")
				}
				if profile := map[string]string{"cie-cli": "cie", "cie-pkcs11": "cie-pkcs11-helper"}[name]; profile != "" && format != "rpm" { // Fedora has no AppArmor
					want = append(want, "/usr/share/apparmor/extra-profiles/"+profile)
				}
				checkContents(t, r, format, file, want)
				checkBill(t, schema, file)
			})
		}
	}
	t.Run("version of the library", func(t *testing.T) {
		c := exec.Command("pkcs11-tool", "--module", filepath.Join(r.build, "libcie-pkcs11.so"), "--show-info")
		if out, _ := c.CombinedOutput(); !strings.Contains(string(out), "(ver 1.2)") { // without a card it fails
			t.Errorf("%s", out)
		}
	})
	t.Run("lintian", func(t *testing.T) {
		debs, _ := filepath.Glob(filepath.Join(r.out, "*.deb"))
		say(t, append([]string{"lintian", "--fail-on", "error"}, debs...)...)
	})
	t.Run("verified", func(t *testing.T) { checkVerified(t, r) })
	t.Run("single file", func(t *testing.T) { checkSingle(t, r, schema) })
	t.Run("tampered", func(t *testing.T) { checkTampered(t, r, public) })
	if r.arch == "amd64" {
		t.Run("beside 32 bits", func(t *testing.T) { checkBeside(t, *r) })
	}
}

// checkBeside has dpkg unpack the library for 32-bit programs beside that of the
// system: a file that both have must be the same.
func checkBeside(t *testing.T, r rel) {
	rig.Need(t, "dpkg", "unshare")
	root, native := t.TempDir(), onlyOne(t, filepath.Join(r.out, "cie-pkcs11_*.deb"))
	r.arch, r.build, r.out = thirtyTwo, filepath.Join(filepath.Dir(r.build), "linux-"+thirtyTwo), t.TempDir()
	if err := r.make("deb"); err != nil {
		t.Fatal(err)
	}
	small := onlyOne(t, filepath.Join(r.out, "*.deb"))
	say(t, "lintian", "--fail-on", "error", small)
	if depends := say(t, "dpkg-deb", "-f", small, "Depends"); !strings.HasSuffix(depends, ", cie-pkcs11:amd64 (= 1.2.3)\n") {
		t.Errorf("it depends on %s", depends)
	}
	say(t, "sh", "-c", `mkdir -p "$0/var/lib/dpkg/info" "$0/var/lib/dpkg/updates" && touch "$0/var/lib/dpkg/status"`, root)
	say(t, "unshare", "-r", "dpkg", "--root="+root, "--add-architecture", "i386")
	say(t, "unshare", "-r", "dpkg", "--root="+root, "--unpack", native, small)
	for _, name := range []string{"lib/x86_64-linux-gnu/pkcs11/libcie-pkcs11.so", "lib/i386-linux-gnu/pkcs11/libcie-pkcs11.so", "libexec/cie/cie-pkcs11-helper"} {
		if _, err := os.Stat(filepath.Join(root, "usr", name)); err != nil {
			t.Error(err)
		}
	}
}

// releaseKey makes a key for releases, and has it sign.
func releaseKey(t *testing.T) ed25519.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("CIE_RELEASE_KEY", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	return public
}

// checkVerified unpacks the packages in each format, and has the program in them,
// into which the key is built, verify what was unpacked.
func checkVerified(t *testing.T, r *rel) {
	t.Helper()
	for format, ending := range map[string]string{"deb": ".deb", "rpm": ".rpm", "arch": ".pkg.tar.zst"} {
		root := t.TempDir()
		for name := range contents {
			file := onlyOne(t, filepath.Join(r.out, name+"*"+ending))
			if format == "deb" {
				say(t, "dpkg-deb", "-x", file, root)
			} else {
				say(t, "bsdtar", "-xf", file, "-C", root)
			}
		}
		program := filepath.Join(root, "usr/bin/cie")
		verified := func() (packages []release.Package, code string) {
			var answer struct {
				Code     string            `json:"code"`
				Packages []release.Package `json:"packages"`
			}
			out, _ := exec.Command(program, "version", "--verify", "--json").Output() // its status is in the answer
			if err := json.Unmarshal(out, &answer); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			return answer.Packages, answer.Code
		}
		if packages, code := verified(); code != "" || len(packages) != 3 || packages[0].Format != format || packages[0].Version != "1.2.3" || packages[0].Files < 10 {
			t.Errorf("%s: %s %+v", format, code, packages)
		}
		change(t, onlyOne(t, filepath.Join(root, "usr/libexec/cie/cie-pkcs11-helper")))
		if packages, code := verified(); code != "CIE-REL-05" || packages != nil {
			t.Errorf("%s: with a changed helper: %s %+v", format, code, packages)
		}
	}
}

// The window is a stand-in: it takes minutes to compile.
func threePackages(t *testing.T) *rel {
	t.Helper()
	r := &rel{arch: runtime.GOARCH, build: filepath.Join(t.TempDir(), "linux-"+runtime.GOARCH), out: t.TempDir(), known: map[string]string{}}
	t.Setenv("CIE_VERSION", "v1.2.3")
	if err := r.read(); err != nil {
		t.Fatal(err)
	}
	archs := r.arch
	if r.arch == "amd64" {
		rig.Need(t, "i686-linux-gnu-gcc")
		archs += " " + thirtyTwo
	}
	say(t, "installer/linux/build.sh", filepath.Dir(r.build), archs, "cie", "cie-pkcs11-helper")
	say(t, "cp", filepath.Join(r.build, "cie"), filepath.Join(r.build, "cie-gui"))
	r.Packages = slices.DeleteFunc(r.Packages, func(p pkg) bool { return contents[p.Name] == nil })
	for _, format := range []string{"deb", "rpm", "arch"} {
		if err := r.make(format); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// say runs a program that must succeed, and returns what it prints.
func say(t *testing.T, command ...string) string {
	t.Helper()
	out, err := exec.Command(command[0], command[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	return string(out)
}

func onlyOne(t *testing.T, pattern string) string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v, %v", pattern, found, err)
	}
	return found[0]
}

func checkContents(t *testing.T, r *rel, format, file string, want []string) {
	t.Helper()
	var got []string
	pages := 0
	for _, name := range strings.Fields(say(t, append(slices.Clone(lists[format]), file)...)) {
		name = "/" + strings.TrimLeft(name, "./")
		switch {
		case strings.HasPrefix(name, "/usr/share/man/man1/cie"):
			name = "man"
			pages++
		case strings.HasPrefix(name, "/usr/share/icons/hicolor/"):
			name = "icon"
		case strings.HasPrefix(name, "/usr/share/doc/"), strings.HasPrefix(name, "/usr/share/licenses/"):
			name = "doc"
		case slices.Contains([]string{"/PKGINFO", "/BUILDINFO", "/MTREE"}, name):
			continue // what describes the package
		}
		if !strings.HasSuffix(name, "/") {
			got = append(got, name)
		}
	}
	for i, name := range want {
		want[i] = r.expand(format, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if got, want := slices.Compact(got), slices.Compact(want); !slices.Equal(got, want) {
		t.Errorf("holds %q\nnot   %q", got, want)
	}
	if slices.Contains(want, "/usr/bin/cie") && pages < 10 {
		t.Errorf("%d manual pages", pages)
	}
}

// checkHardened sees that a program can lie anywhere in memory, that its stack is
// not code, and that its tables of addresses cannot be written.
func checkHardened(t *testing.T, file string) {
	t.Helper()
	f, err := elf.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	relro, stack := false, false
	for _, p := range f.Progs {
		relro = relro || p.Type == elf.PT_GNU_RELRO
		stack = stack || p.Type == elf.PT_GNU_STACK && p.Flags&elf.PF_X == 0
	}
	now, err := f.DynValue(elf.DT_FLAGS)
	if f.Type != elf.ET_DYN || !relro || !stack || err != nil || len(now) != 1 || elf.DynFlag(now[0])&elf.DF_BIND_NOW == 0 {
		t.Errorf("type %v, relro %v, stack %v, flags %v", f.Type, relro, stack, now)
	}
}

// checkBill holds the bill of a package against the schema of CycloneDX 1.5, and
// what it says against the package.
func checkBill(t *testing.T, schema *jsonschema.Schema, file string) {
	t.Helper()
	content, err := os.ReadFile(file + ".cdx.json")
	if err != nil {
		t.Fatal(err)
	}
	var whole any
	if err := json.Unmarshal(content, &whole); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(whole); err != nil {
		t.Errorf("%#v", err)
	}
	var b bom
	if err := json.Unmarshal(content, &b); err != nil {
		t.Fatal(err)
	}
	if b.Format != "CycloneDX" || b.SpecVersion != "1.5" || b.Version < 1 ||
		!regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`).MatchString(b.SerialNumber) {
		t.Errorf("%s %s %d %s", b.Format, b.SpecVersion, b.Version, b.SerialNumber)
	}
	if sum, err := sums.Of(file); err != nil || len(b.Metadata.Component.Hashes) != 1 || b.Metadata.Component.Hashes[0].Content != sum {
		t.Errorf("hash of the package: %v, not %s (%v)", b.Metadata.Component.Hashes, sum, err)
	}
	refs := map[string]bool{}
	programs, libraries := 0, 0
	for _, c := range append(b.Components, b.Metadata.Component) {
		if c.Name == "" || c.Ref == "" || refs[c.Ref] {
			t.Errorf("nameless or twice: %+v", c)
		}
		refs[c.Ref] = true
		switch c.Type {
		case "file":
			programs++
		case "library":
			libraries++
			if !strings.HasPrefix(c.PURL, "pkg:golang/") || c.Version == "" {
				t.Errorf("%+v", c)
			}
		case "application":
		default:
			t.Errorf("no type of components: %q", c.Type)
		}
		for _, h := range c.Hashes {
			if h.Algorithm != "SHA-256" || !regexp.MustCompile(`^[a-f0-9]{64}$`).MatchString(h.Content) {
				t.Errorf("%s: %+v", c.Name, h)
			}
		}
	}
	if programs == 0 || libraries < 5 {
		t.Errorf("%d programs, %d modules", programs, libraries)
	}
	for _, d := range b.Dependencies {
		for _, ref := range append(d.On, d.Ref) {
			if !refs[ref] {
				t.Errorf("depends on %q, which is not there", ref)
			}
		}
	}
}

// checkTampered changes a package, then the list, and sees them refused by us, by
// sha256sum and by openssl.
func checkTampered(t *testing.T, r *rel, public ed25519.PublicKey) {
	t.Helper()
	spki, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(r.make("provenance"), r.make("sums")); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), 0o600); err != nil {
		t.Fatal(err)
	}
	accepted := func() (ours, hashes, signature bool) {
		_, err := release.Check(public, r.out)
		sum := exec.Command("sha256sum", "--check", "--strict", "--quiet", sums.Name)
		sum.Dir = r.out
		sign := exec.Command("openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", sums.Name, "-sigfile", sums.Signature)
		sign.Dir = r.out
		return err == nil, sum.Run() == nil, sign.Run() == nil
	}
	if ours, hashes, signature := accepted(); !ours || !hashes || !signature {
		t.Fatalf("untouched: %v %v %v", ours, hashes, signature)
	}
	deb := onlyOne(t, filepath.Join(r.out, "cie-cli_*.deb"))
	change(t, deb)
	if ours, hashes, signature := accepted(); ours || hashes || !signature {
		t.Errorf("a changed package: %v %v %v", ours, hashes, signature)
	}
	change(t, deb) // back
	change(t, filepath.Join(r.out, sums.Name))
	if ours, _, signature := accepted(); ours || signature {
		t.Errorf("a changed list: %v %v", ours, signature)
	}
}

// checkSingle starts the single file in an empty home.
func checkSingle(t *testing.T, r *rel, schema *jsonschema.Schema) {
	if err := r.make("single"); err != nil {
		t.Fatal(err)
	}
	file := onlyOne(t, filepath.Join(r.out, "cie-1.2.3-*.run"))
	checkBill(t, schema, file)
	home := t.TempDir()
	for name, value := range map[string]string{"HOME": home, "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "CIE_LANG": "en"} {
		t.Setenv(name, value)
	}
	if err := os.MkdirAll(filepath.Join(home, ".pki/nssdb"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(home, ".config/chromium"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := say(t, file, "version"); got != "cie 1.2.3\n" {
		t.Errorf("says %q", got)
	}
	if got := say(t, file, "version", "--verify"); !strings.Contains(got, "✓ cie 1.2.3") {
		t.Errorf("verified: %q", got)
	}
	say(t, file, "browser", "add", "chromium")
	moved := filepath.Join(home, "somewhere else.run")
	if err := os.Rename(file, moved); err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(home, ".pki/nssdb/pkcs11.txt"))
	library := filepath.Join(home, ".local/share/cie/libcie-pkcs11.so")
	if err != nil || !strings.Contains(string(list), "library="+library+"\n") {
		t.Errorf("%v, the browsers' list is %q", err, list)
	}
	say(t, filepath.Join(home, ".local/share/cie/cie"), "load-module", library)
	for _, name := range []string{"it.softwarecie.Cie", "it.softwarecie.Cie.verify", "it.softwarecie.Cie.sign"} {
		say(t, "desktop-file-validate", filepath.Join(home, ".local/share/applications", name+".desktop"))
	}
	if out := say(t, "gio", "mime", "application/pkcs7-mime"); !strings.Contains(out, ": it.softwarecie.Cie.verify.desktop\n") {
		t.Errorf("signed documents are opened with %s", out)
	}
	say(t, "sh", "-c", `cd "$0" && sha256sum --check --strict --quiet SHA256SUMS`, filepath.Dir(library))
	say(t, moved, "--remove")
	for _, pattern := range []string{".local/share/cie", ".local/share/*/*Cie*", ".local/share/*/*/*Cie*", ".local/share/*/*/*softwarecie*", ".local/share/icons/*/*/*/*Cie*", ".pki/nssdb/pkcs11.txt"} {
		if left, _ := filepath.Glob(filepath.Join(home, pattern)); len(left) > 0 {
			t.Errorf("left: %v", left)
		}
	}
	if err := os.Remove(file + ".cdx.json"); err != nil {
		t.Error(err)
	}
}

// change turns one bit in the middle of a file.
func change(t *testing.T, file string) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	content[len(content)/2] ^= 1
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}
