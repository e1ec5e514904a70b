package doctor

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demo"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// withCard is a healthy computer with an emulated card, paired.
func withCard(t *testing.T) (Computer, demo.Card) {
	t.Helper()
	c, _ := healthy(t)
	d, err := demo.New(0, "Reader 1")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	pin, _, _, _ := d.Cards[0].Codes()
	code := secret.Take([]byte(pin))
	defer code.Wipe()
	if _, err := d.Holder.Pair(t.Context(), cie.Target{Reader: "Reader 1"}, code); err != nil {
		t.Fatal(err)
	}
	c.Holder = d.Holder
	return c, d.Cards[0]
}

func TestHealthyCard(t *testing.T) {
	c, card := withCard(t)
	before := len(card.Ledger())
	for _, check := range []string{"card", "chip", "link", "genuine", "pairing", "certificate", "tries"} {
		if f := outcome(t, c, check); f.Err != nil {
			t.Errorf("%s finds %v", check, f.Err)
		}
	}
	for _, e := range card.Ledger()[before:] {
		if e.Kind != "query" {
			t.Errorf("the doctor sent %s %s", e.Kind, e.Reference)
		}
	}
}

func TestCardChecksFindTheirFaults(t *testing.T) {
	for _, tt := range []struct {
		check string
		spoil func(*Computer, demo.Card)
		want  error
	}{
		{"link", func(_ *Computer, card demo.Card) {
			for n := range 40 { // more often than it is asked again
				card.Fail(12+n, emulator.Fault{Kind: "drop-before"})
			}
		}, ErrLink},
		{"genuine", func(c *Computer, _ demo.Card) { c.Holder.Roots = &trust.Roots{} }, cie.ErrUnknownIssuer},
		{"certificate", func(c *Computer, _ demo.Card) { c.Now = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC) }, trust.ErrValidity},
		{"certificate", func(c *Computer, _ demo.Card) { c.Now = time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC) }, ErrExpired},
	} {
		c, card := withCard(t)
		tt.spoil(&c, card)
		if f := outcome(t, c, tt.check); !errors.Is(f.Err, tt.want) {
			t.Errorf("%s finds %v, want %v", tt.check, f.Err, tt.want)
		}
	}
}

// A chip that was not seen before is told, is no fault, and the examination goes on.
func TestUnknownChip(t *testing.T) {
	c, _ := withCard(t)
	all, err := c.Holder.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all[0].Family = ""
	told := map[string]Finding{}
	for _, f := range c.card(t.Context(), all[0]) {
		told[f.Check] = f
	}
	if f := told["chip"]; !errors.Is(f.Err, ErrNewChip) || f.Ill() {
		t.Errorf("chip: %+v", f)
	}
	if f := told["genuine"]; f.Check == "" || f.Err != nil {
		t.Errorf("genuine: %+v", f)
	}
}

func TestTries(t *testing.T) {
	for left, want := range map[int]error{3: nil, -1: nil, 2: ErrFewTries, 1: ErrFewTries, 0: applet.ErrPINBlocked} {
		if f := tries(pairing.Record{Tries: left}); !errors.Is(f.Err, want) {
			t.Errorf("%d left: %v, want %v", left, f.Err, want)
		}
	}
}

// A foreign card is named, if its kind is known.
func TestForeignCardIsNamed(t *testing.T) {
	c, _ := healthy(t)
	c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "Reader 1", Present: true, ATR: []byte("\x3B\xFDYubiKey")}}}
	if f := outcome(t, c, "card"); !errors.Is(f.Err, cie.ErrForeign) || f.About != "Reader 1 · YubiKey" {
		t.Errorf("finds %v, %q", f.Err, f.About)
	}
}

// What the report must not tell is nowhere in it, and would be found if it were.
func TestReportTellsNobody(t *testing.T) {
	c, card := withCard(t)
	write(t, filepath.Join(c.Machine.Root, "etc", "os-release"), "NAME=\"Debian of anna\"\nID=debian\nVERSION_ID=\"12\"\n")
	write(t, filepath.Join(c.Machine.Home, ".mozilla", "firefox", "profiles.ini"), "[Profile0]\nName=anna rossi\nIsRelative=1\nPath=anna.default\n")
	write(t, filepath.Join(c.Machine.Home, ".mozilla", "firefox", "anna.default", "compatibility.ini"), "[Compatibility]\nLastVersion=of anna's machine/1\n")
	readers, err := c.Holder.Cards.Readers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	readers[0].Name = "ACS ACR1252 Dual Reader [ACR1252 Dual Reader PICC] (RR553001234567) 00 00"
	var found []Finding
	for f := range c.Examine(t.Context()) {
		found = append(found, f)
	}
	r := c.Report("v1.2.3", readers, found, func(error) string { return "CIE-XXX-01" })
	content, err := r.Zip()
	if err != nil {
		t.Fatal(err)
	}
	text := unzip(t, content)
	if text != r.Text() {
		t.Error("the preview is not what is in the file")
	}
	pin, puk, _, _ := card.Codes()
	host, _ := os.Hostname()
	records, err := c.Holder.Paired()
	if err != nil || len(records) != 1 {
		t.Fatalf("%v, %v", records, err)
	}
	certificate, err := x509.ParseCertificate(records[0].Certificate)
	if err != nil {
		t.Fatal(err)
	}
	h := trust.HolderOf(certificate)
	private := map[string]string{
		"PIN": pin, "PUK": puk, "name": h.Name, "surname": h.Surname, "tax code": h.TaxCode, "document": h.DocumentNumber,
		"PAN": card.PAN(), "serial": certificate.SerialNumber.Text(16), "host": host, "home": c.Machine.Home,
		"profile": "anna", "reader's serial": "553001234567",
	}
	for what, secret := range private {
		if secret == "" {
			t.Errorf("no %s to look for", what)
		}
		if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) {
			t.Errorf("%s is in the report:\n%s", what, text)
		}
	}
	for _, want := range []string{"ACS ACR1252 Dual Reader", "debian 12", "v1.2.3", "CIE-XXX-01", "10/10", "Firefox", string(browser.Absent)} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if os.MkdirAll(filepath.Dir(path), 0o700) != nil || os.WriteFile(path, []byte(content), 0o600) != nil {
		t.Fatal(path)
	}
}

// unzip is all that is in a ZIP file.
func unzip(t *testing.T, content []byte) (all string) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all += string(b)
	}
	return all
}

// An examination that is given up ends at once.
func TestExamineIsCancelled(t *testing.T) {
	c, _ := withCard(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for f := range c.Examine(ctx) {
		t.Errorf("still finds %+v", f)
	}
}
