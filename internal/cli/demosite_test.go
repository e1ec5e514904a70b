package cli

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/i18n"
)

// The site answers from the first object on, tells of each attempt, and ends when
// it is interrupted.
func TestDemoSite(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	card, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, in := io.Pipe()
	a := &App{Out: in, Err: io.Discard, Getenv: os.Getenv, Cards: cie.InSlots(map[string]cie.Software{"slot": card})}
	ended := make(chan int, 1)
	go func() {
		ended <- a.Run(t.Context(), []string{"demo-site", "--json", "--once", "--folder", t.TempDir()})
	}()
	answers := json.NewDecoder(out)
	var first, second result
	if err := answers.Decode(&first); err != nil || first.Site == nil || !first.OK {
		t.Fatalf("%+v, %v", first, err)
	}
	pem, err := os.ReadFile(first.Site.CA)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}}}
	response, err := client.Get(first.Site.Landing)
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if !strings.Contains(string(page), first.Site.Required) {
		t.Errorf("the first page does not lead to %s", first.Site.Required)
	}
	if response, err := client.Get(first.Site.Required); err == nil {
		t.Errorf("entered without a certificate: %s", response.Status)
		_ = response.Body.Close()
	}
	if err := answers.Decode(&second); err != nil || second.Attempt == nil || second.Attempt.Outcome != "no-certificate" || second.Site != nil {
		t.Errorf("%+v, %v", second, err)
	}
}

// A door of TLS 1.3 is not told as a card that is missing.
func TestDemoSiteTellsTLS13(t *testing.T) {
	var out strings.Builder
	a := &App{Out: &out, messages: i18n.Load(i18n.English)}
	for door, want := range map[demosite.Door]string{demosite.Required: "cli.site.no-certificate", demosite.TLS13: "cli.site.tls13"} {
		out.Reset()
		if a.attempted(demosite.Attempt{Door: door, Outcome: demosite.NoCertificate}); out.String() != a.t(want)+"\n" {
			t.Errorf("%s: %q", door, out.String())
		}
	}
}

func TestLoginTestRefuses(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	p.wants("another browser", p.run("login-test --browser netscape"), 2, "CIE-APP-02", 0)
	t.Setenv("PATH", t.TempDir())
	p.wants("no browser", p.run("login-test"), 1, "CIE-LGN-07", 0)
	p.wants("no Firefox", p.run("login-test --browser firefox"), 1, "CIE-LGN-07", 0)
	p.wants("no browser to open", p.run("demo-site --open"), 1, "CIE-LGN-07", 0)
}
