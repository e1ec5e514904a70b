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
