//go:build integration

package moduletest

import (
	"archive/zip"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/rig"
)

// profile is that of a Firefox that has run once, with the module registered by
// "cie browser add --all".
func (d *desk) profile() string {
	d.t.Helper()
	root := filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "mozilla", "firefox")
	folder := filepath.Join(root, "1234abcd.default")
	must(d.t, os.MkdirAll(folder, 0o700))
	must(d.t, os.WriteFile(filepath.Join(root, "profiles.ini"), []byte("[Profile0]\nName=default\nIsRelative=1\nPath=1234abcd.default\n"), 0o600))
	d.must(nil, "certutil", "-N", "--empty-password", "-d", "sql:"+folder)
	d.must([]string{folder}, cardrig.Built(d.t, "cie"), "browser", "add", "--all", "--module", d.module)
	return folder
}

// byteRange are the parts of a PDF that are signed, in bytes.
var byteRange = regexp.MustCompile(`/ByteRange ?\[ ?(\d+) +(\d+) +(\d+) +(\d+) *\]`)

// signedPDF has openssl verify the signature that is in signed.pdf, up to the root
// of the card's state.
func (d *desk) signedPDF() {
	d.t.Helper()
	content, err := os.ReadFile(filepath.Join(d.Folder, "signed.pdf"))
	must(d.t, err)
	found := byteRange.FindSubmatch(content)
	if found == nil {
		d.t.Fatal("no signature in the file")
	}
	var r [4]int
	_, err = fmt.Sscan(string(bytes.Join(found[1:], []byte(" "))), &r[0], &r[1], &r[2], &r[3])
	must(d.t, err)
	if r[0]+r[1] > len(content) || r[2] < r[1] || r[2]+r[3] > len(content) {
		d.t.Fatalf("signed are %v of %d bytes", r, len(content))
	}
	signed := d.write("signed-part", append(bytes.Clone(content[r[0]:r[0]+r[1]]), content[r[2]:r[2]+r[3]]...))
	d.must([]string{"Dumping Signatures: 1"}, "sh", "-c", `cd "$1" && pdfsig -dump signed.pdf`, "sh", d.Folder)
	check := []string{
		"cms", "-verify", "-binary", "-inform", "DER", "-in", filepath.Join(d.Folder, "signed.pdf.sig0"), "-purpose", "any", "-out", os.DevNull,
		"-CAfile", filepath.Join(d.Trust, "cie-root.pem"), "-certfile", filepath.Join(d.Trust, "cie-sub-ca.pem"), "-content",
	}
	d.must([]string{"Verification successful"}, "openssl", append(check, signed)...)
	if out, err := d.run("openssl", append(check, filepath.Join(d.Folder, "signed.pdf"))...); err == nil {
		d.t.Errorf("openssl verifies other content too:\n%s", out)
	}
}

// opens is how long a window of LibreOffice may take on a busy computer.
const opens = 90 * time.Second

const screenshots = "../../build/screenshots"

// signInLibreOffice signs the document that opens, at the keyboard: in the menu
// File, Digital Signatures, Digital Signatures….
func signInLibreOffice(d *desk, s *rig.Display) {
	d.t.Helper()
	must(d.t, os.MkdirAll(screenshots, 0o755))
	shoot := func(what string) { s.Shoot(filepath.Join(screenshots, "libreoffice-"+what+".png")) }
	fail := func(why string) { shoot("missing"); d.t.Fatalf("%s; see the screenshot", why) }
	awaited := func(title string) string {
		w := s.Window(title, opens)
		if w == "" {
			fail("no window " + title)
		}
		return w
	}
	gone := func(title string) {
		for deadline := time.Now().Add(opens); s.There(title, 0); time.Sleep(200 * time.Millisecond) {
			if time.Now().After(deadline) {
				fail("the window " + title + " stays")
			}
		}
		time.Sleep(time.Second) // the one below is active again
	}
	const all, choice, pin = "Digital Signatures", "Select X.509 Certificate", "Enter Password"
	s.Activate(awaited("letter.odt"))
	for deadline := time.Now().Add(opens); !s.There(all, 5*time.Second); {
		if time.Now().After(deadline) {
			fail("the menu leads to nothing")
		}
		for _, key := range []string{"Escape", "alt+f", "g", "Return"} { // a tip, the menu, its entry, the first of that
			s.Keys(key)
			time.Sleep(time.Second)
		}
	}
	s.Keys("Tab", "Tab", "space") // Sign Document…
	awaited(pin)
	shoot("pin")
	s.Keys("5", "6", "7", "8", "Return")
	gone(pin)
	s.Keys("Down")
	shoot("choice")
	s.Keys("Return")
	gone(choice)
	shoot("signed")
	s.Keys("Tab", "Tab", "Tab", "Return") // Close
	gone(all)
	s.Keys("ctrl+q")
}

// signedODT has xmlsec1 verify the signature that is in letter.odt, up to the root of
// the card's state.
func (d *desk) signedODT() {
	d.t.Helper()
	folder := filepath.Join(d.Folder, "odt")
	z, err := zip.OpenReader(filepath.Join(d.Folder, "letter.odt"))
	must(d.t, err)
	defer z.Close()
	must(d.t, os.CopyFS(folder, &z.Reader))
	check := func() (string, error) {
		return d.run("sh", "-c", `cd "$1" && shift && xmlsec1 --verify "$@" META-INF/documentsignatures.xml`, "sh", folder,
			"--id-attr:Id", "SignedProperties", "--id-attr:ID", "http://www.w3.org/2000/09/xmldsig#:Object",
			"--trusted-pem", filepath.Join(d.Trust, "cie-root.pem"), "--untrusted-pem", filepath.Join(d.Trust, "cie-sub-ca.pem"))
	}
	if out, err := check(); err != nil || !strings.Contains(out, "OK\nSignedInfo References") {
		d.t.Errorf("xmlsec1: %v\n%s", err, out)
	}
	text := filepath.Join(folder, "content.xml")
	content, err := os.ReadFile(text)
	must(d.t, err)
	must(d.t, os.WriteFile(text, bytes.Replace(content, []byte("Dear"), []byte("Bear"), 1), 0o600))
	if out, err := check(); err == nil {
		d.t.Errorf("xmlsec1 verifies another text too:\n%s", out)
	}
}
