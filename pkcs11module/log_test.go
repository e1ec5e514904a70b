package pkcs11module

import (
	"bytes"
	"log/slog"
	"math"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

// At the highest level the log holds no code, no name and no number of a card.
func TestAcceptance23Log(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	d.module.Close()
	var out bytes.Buffer
	d.options.Log = slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.Level(math.MinInt), AddSource: true}))
	d.start()
	h := d.open(0)
	for _, code := range []string{"1234567", "87650000", "12345678"} {
		_ = d.module.Login(h, CKU_USER, digits(code))
	}
	d.sign(h, d.one(h, CKO_PRIVATE_KEY), "logged")
	must(t, d.module.Logout(h))
	d.card.Fail(5, emulator.Fault{Kind: "wrong-mac"})
	_ = d.module.Login(h, CKU_USER, digits("5678"))
	d.module.Close()
	if !strings.Contains(out.String(), "login") {
		t.Errorf("nothing of the logins in the log: %q", out.String())
	}
	subject := d.card.Certificate().Subject
	words := []string{"1234567", "87650000", "12345678", "5678", d.card.PAN(), subject.CommonName, subject.SerialNumber}
	for _, name := range subject.Names {
		if value, isText := name.Value.(string); isText && len(value) > 3 {
			words = append(words, value)
		}
	}
	for _, word := range words {
		if word != "" && strings.Contains(out.String(), word) {
			t.Errorf("%q in the log: %s", word, out.String())
		}
	}
}
