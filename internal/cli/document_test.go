package cli

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/ades/apart"
)

// Files are verified by another process of the program, here of this test.
func TestMain(m *testing.M) {
	apart.Serve()
	os.Exit(m.Run())
}

// documents are files that can be signed.
func (p *person) documents(names ...string) (paths []string) {
	p.t.Helper()
	for _, name := range names {
		path := filepath.Join(p.home, name)
		if err := os.WriteFile(path, []byte("Content of "+name), 0o600); err != nil {
			p.t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// Many files, one PIN [94]: signed, told, verified, signed by nobody twice, taken out.
func TestSignVerifyExtract(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired() // 1 code sent
	files := p.documents("a.txt", "b.pdf", "c")
	r := p.run("sign "+strings.Join(files, " "), "5678")
	p.wants("three files, one PIN", r, 0, "", 2)
	if len(r.Signed) != 3 || r.Signed[0].Output != files[0]+".p7m" {
		t.Fatalf("%+v", r.Signed)
	}
	p.wants("never overwritten, and no PIN asked for", p.run("sign "+files[0], "5678"), 11, "CIE-SIG-08", 2)
	p.wants("the signature alone", p.run("sign --detached "+files[0], "5678"), 0, "", 3)
	r = p.run("sign "+files[0]+".p7m", "5678")
	p.wants("another signature", r, 0, "", 4)
	if want := filepath.Join(p.home, "a-2.txt.p7m"); len(r.Signed) != 1 || r.Signed[0].Output != want {
		t.Errorf("%+v, want %s", r.Signed, want)
	}

	r = p.run("verify " + files[0] + ".p7m " + files[0] + ".p7s " + filepath.Join(p.home, "a-2.txt.p7m"))
	p.wants("nothing is green that was not checked", r, 16, "CIE-SIG-04", 4)
	if len(r.Reports) != 3 || len(r.Reports[2].Signatures) != 2 {
		t.Fatalf("%+v", r.Reports)
	}
	for _, report := range r.Reports {
		for _, s := range report.Signatures {
			if s.Reason != "TRY_LATER" || !s.Intact || s.Signer.Kind != "test" || s.Level != "B-B" || s.Notes != nil {
				t.Errorf("%s: %+v", report.File, s)
			}
		}
	}

	if err := os.Mkdir(filepath.Join(p.home, "out"), 0o700); err != nil {
		t.Fatal(err)
	}
	r = p.run("extract --output " + filepath.Join(p.home, "out") + " " + files[1] + ".p7m")
	p.wants("extract", r, 0, "", 4)
	if content, err := os.ReadFile(filepath.Join(p.home, "out", "b.pdf")); err != nil || string(content) != "Content of b.pdf" {
		t.Errorf("%q, %v", content, err)
	}
}

// An XML file is signed in itself [84], verified and taken out [103]; one that cannot
// be costs no try.
func TestSignXML(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired() // 1 code sent
	file := filepath.Join(p.home, "invoice.xml")
	for _, tt := range []struct {
		name, content, args string
		status              int
		code                string
		codes               int
	}{
		{"not well-formed", "<r>", "sign --format xades ", 1, "CIE-SIG-21", 1},
		{"document type", "<!DOCTYPE r><r/>", "sign --format xades ", 1, "CIE-SIG-22", 1},
		{"signed", "<r>Content</r>", "sign --format xades ", 0, "", 2},
		{"beside", "<r>Content</r>", "sign --format xades --detached ", 0, "", 3},
		{"as any file", "<r>Content</r>", "sign ", 0, "", 4},
	} {
		if err := os.WriteFile(file, []byte(tt.content), 0o600); err != nil {
			t.Fatal(err)
		}
		p.wants(tt.name, p.run(tt.args+file, "5678"), tt.status, tt.code, tt.codes)
	}
	signed := filepath.Join(p.home, "invoice-signed.xml")
	r := p.run("verify " + signed + " " + file + ".xades.xml " + file + ".p7m")
	p.wants("verified", r, 16, "CIE-SIG-04", 4)
	for i, format := range []string{"XAdES", "XAdES", "CAdES"} {
		if report := r.Reports[i]; report.Format != format || report.Signatures[0].Reason != "TRY_LATER" || report.Signatures[0].Covers != "document" {
			t.Errorf("%+v", report)
		}
	}
	p.wants("signed twice", p.run("sign --format xades "+signed, "5678"), 1, "CIE-SIG-25", 4)
	p.wants("taken out", p.run("extract "+signed), 0, "", 4)
	if content, err := os.ReadFile(filepath.Join(p.home, "invoice-signed.content.xml")); err != nil || string(content) != "<r>Content</r>" {
		t.Errorf("%q, %v", content, err)
	}
}

// A PDF is signed in itself [83], and what was changed after is told [107].
func TestSignPDF(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.paired() // 1 code sent
	base, err := os.ReadFile("../../testdata/signatures/pades/base.pdf")
	if err != nil {
		t.Fatal(err)
	}
	contract := filepath.Join(p.home, "contract.pdf")
	if err := os.WriteFile(contract, base, 0o600); err != nil {
		t.Fatal(err)
	}
	r := p.run("sign "+contract, "5678")
	p.wants("signed", r, 0, "", 2)
	signed := filepath.Join(p.home, "contract-signed.pdf")
	if len(r.Signed) != 1 || r.Signed[0].Output != signed {
		t.Fatalf("%+v", r.Signed)
	}
	p.wants("signed once more", p.run("sign "+signed, "5678"), 0, "", 3)
	r = p.run("verify " + filepath.Join(p.home, "contract-signed-2.pdf"))
	p.wants("verified", r, 16, "CIE-SIG-04", 3)
	if len(r.Reports) != 1 || len(r.Reports[0].Signatures) != 2 || r.Reports[0].Signatures[0].Covers != "revision" || r.Reports[0].Signatures[1].Covers != "document" {
		t.Errorf("%+v", r.Reports)
	}
	protected := filepath.Join(p.home, "protected.pdf")
	encrypted, err := os.ReadFile("../../testdata/signatures/pades/base-aes256.pdf")
	if err != nil || os.WriteFile(protected, encrypted, 0o600) != nil {
		t.Fatal(err)
	}
	p.wants("protected, and no PIN asked for", p.run("sign "+protected, "5678"), 11, "CIE-SIG-33", 3)
	p.wants("as any file", p.run("sign --format cades "+protected, "5678"), 0, "", 4)
	p.wants("no such format", p.run("sign --format word "+protected, "5678"), 2, "CIE-APP-02", 4)
}

// What cannot be signed costs no try.
func TestSignRefused(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	files := p.documents("a.txt", "b.p7m")
	p.wants("no file", p.run("sign", "12345678"), 2, "CIE-APP-02", 0)
	p.wants("a file that is not there", p.run("sign nowhere.txt", "12345678"), 1, "CIE-APP-05", 0)
	p.wants("a .p7m that is none", p.run("sign "+files[1], "12345678"), 15, "CIE-SIG-01", 0)
	p.wants("two files into a file", p.run("sign -o x "+strings.Join(files, " "), "12345678"), 2, "CIE-APP-02", 0)
	p.wants("wrong PIN", p.run("sign "+files[0], "11111111"), 6, "CIE-PIN-02", 1)
	if _, err := os.Stat(files[0] + ".p7m"); err == nil {
		t.Error("a file was written")
	}
	p.wants("a text is verified", p.run("verify "+files[0]), 15, "CIE-SIG-01", 1)
}

func TestVerifyInvalid(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	file := p.documents("a.txt")[0]
	p.wants("signed, not paired", p.run("sign "+file, "12345678"), 0, "", 1)
	content, err := os.ReadFile(file + ".p7m")
	if err != nil {
		t.Fatal(err)
	}
	forged := filepath.Join(p.home, "forged.txt.p7m")
	if err := os.WriteFile(forged, []byte(strings.Replace(string(content), "Content of", "Contents o", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	r := p.run("verify " + file + ".p7m " + forged)
	p.wants("the worst is told", r, 15, "CIE-SIG-03", 1)
	if r.Reports[1].Signatures[0].Reason != "HASH_FAILURE" {
		t.Errorf("%+v", r.Reports[1])
	}
	r = p.run("extract " + forged)
	p.wants("what is forged says so in its name", r, 15, "CIE-SIG-03", 1)
	if len(r.Extracted) != 1 || filepath.Base(r.Extracted[0].Output) != "forged.INVALID.txt" {
		t.Errorf("%+v", r.Extracted)
	}
}

// A signature that gets no time stamp is there all the same, and the service is asked
// only when the card has signed everything.
func TestSignWithoutTimeStamp(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	asked, answer := 0, http.StatusServiceUnavailable
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("Content-Type") != "application/timestamp-query" || len(p.card.Ledger()) == 0 {
			t.Errorf("%s %s, before the PIN", r.Method, r.URL)
		}
		w.WriteHeader(answer)
	}))
	defer server.Close()
	p.client = server.Client()
	files := p.documents("a.txt", "b.txt", "c.txt")
	p.wants("no address", p.run("sign --timestamp tsa "+files[0], "12345678"), 2, "CIE-APP-02", 0)
	p.wants("a password in it", p.run("sign --timestamp http://me:secret@tsa.example.org "+files[0], "12345678"), 2, "CIE-APP-02", 0)
	r := p.run("sign --timestamp "+server.URL+" "+files[0]+" "+files[1], "12345678")
	p.wants("no answer", r, 17, "CIE-SIG-12", 1)
	if len(r.Signed) != 2 || r.Signed[1].Level != "B-B" || r.Signed[1].Proved != "" || asked != 2 {
		t.Errorf("%+v, asked %d times", r.Signed, asked)
	}
	answer = http.StatusOK
	p.wants("an answer that is none", p.run("sign --timestamp "+server.URL+" "+files[2], "12345678"), 17, "CIE-SIG-13", 2)
	for _, file := range files {
		if _, err := os.Stat(file + ".p7m"); err != nil {
			t.Error(err)
		}
	}
}

// Without --online nobody is asked.
func TestVerifyAsksOnlyIfTold(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	file := p.documents("a.txt")[0]
	p.wants("signed", p.run("sign "+file, "12345678"), 0, "", 1)
	asked := 0
	p.client = &http.Client{Transport: nobody(func() { asked++ })}
	r := p.run("verify " + file + ".p7m")
	if r.Reports[0].Signatures[0].Revocation != "not-asked" || asked != 0 {
		t.Errorf("%+v, asked %d times", r.Reports[0], asked)
	}
	r = p.run("verify --online " + file + ".p7m")
	p.wants("no answer", r, 16, "CIE-SIG-04", 1)
	if s := r.Reports[0].Signatures[0]; s.Revocation != "unknown" || s.Reason != "TRY_LATER" || s.Why == "" {
		t.Errorf("%+v", s)
	}
}

// nobody answers.
type nobody func()

func (n nobody) RoundTrip(*http.Request) (*http.Response, error) {
	n()
	return nil, errors.New("no network")
}
