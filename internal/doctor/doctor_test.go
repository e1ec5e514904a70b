package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/pcsc"
)

// cards are readers that answer as a test wants.
type cards struct {
	readers []pcsc.Reader
	err     error
}

func (c cards) Readers(context.Context) ([]pcsc.Reader, error)         { return c.readers, c.err }
func (c cards) Do(context.Context, string, func(cie.Link) error) error { return pcsc.ErrNoCard }

// healthy is a computer with a reader, the library, and a Chromium that knows it
// not yet.
func healthy(t *testing.T) (Computer, string) {
	t.Helper()
	home := t.TempDir()
	lib := filepath.Join(home, "lib")
	list := filepath.Join(home, ".pki", "nssdb", "pkcs11.txt")
	for path, content := range map[string]string{
		filepath.Join(lib, "libcie-pkcs11.so"): "", filepath.Join(lib, "cie-pkcs11-helper"): "",
		filepath.Join(home, ".config", "chromium", "Last Version"): "142", list: "library=\nname=NSS Internal PKCS #11 Module\n\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return Computer{
		Holder: &cie.Holder{Cards: cards{readers: []pcsc.Reader{{Name: "ACS ACR1252 Dual Reader 00 00"}}}},
		Browser: browser.Machine{
			OS: "linux", Root: home, Home: home, Getenv: func(string) string { return "" },
			Running: func(int) bool { return false }, Journal: filepath.Join(home, "journal"),
		},
		Module: filepath.Join(lib, "libcie-pkcs11.so"), State: filepath.Join(home, "state", "cie"),
		Modules: "usbcore 1 0 - Live 0x0\n", Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}, list
}

// outcome is what one check says.
func outcome(t *testing.T, c Computer, check string) Finding {
	t.Helper()
	for f := range c.Examine(context.Background()) {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("no check %q", check)
	return Finding{}
}

func TestEachCheckFindsItsFault(t *testing.T) {
	for _, tt := range []struct {
		check string
		spoil func(*Computer)
		want  error
	}{
		{"clock", func(c *Computer) { c.Now = time.Unix(0, 0) }, ErrClock},
		{"state", func(c *Computer) { c.State = filepath.Join(c.Module, "below-a-file") }, ErrState},
		{"kernel", func(c *Computer) { c.Modules = "nfc 1 1 pn533, Live\npn533_usb 20480 0 - Live 0x0\n" }, ErrKernel},
		{"service", func(c *Computer) { c.Holder.Cards = cards{err: pcsc.ErrNoService} }, pcsc.ErrNoService},
		{"service", func(c *Computer) { c.Holder.Cards = cards{err: pcsc.ErrDenied} }, pcsc.ErrDenied},
		{"reader", func(c *Computer) { c.Holder.Cards = cards{} }, cie.ErrNoReader},
		{"reader", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "Cherry GmbH SmartTerminal ST-2xxx [Vendor Interface] 00 00"}}}
		}, ErrContactOnly},
		{"card", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "r", Present: true, ATR: []byte("\x3B\xFDYubiKey")}}}
		}, cie.ErrForeign},
		{"card", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "r", Present: true, Mute: true}}}
		}, pcsc.ErrNoAnswer},
		{"module", func(c *Computer) { c.NoModule = browser.ErrNoModule }, browser.ErrNoModule},
	} {
		c, _ := healthy(t)
		if tt.check != "card" { // there is none
			if f := outcome(t, c, tt.check); f.Err != nil {
				t.Errorf("%s finds %v where nothing is wrong", tt.check, f.Err)
			}
		}
		tt.spoil(&c)
		if f := outcome(t, c, tt.check); !errors.Is(f.Err, tt.want) {
			t.Errorf("%s finds %v, want %v", tt.check, f.Err, tt.want)
		}
	}
}

func TestNoCard(t *testing.T) {
	c, _ := healthy(t)
	if f := outcome(t, c, "card"); !errors.Is(f.Err, pcsc.ErrNoCard) {
		t.Errorf("card finds %v", f.Err)
	}
}

// The fix for a browser works, and undo restores the file.
func TestFixBrowserAndUndo(t *testing.T) {
	c, list := healthy(t)
	before, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	f := outcome(t, c, "browser")
	if !errors.Is(f.Err, ErrUnregistered) || len(f.Fix) != 1 {
		t.Fatalf("finding %+v", f)
	}
	if _, err := c.Browser.Apply(f.Fix); err != nil {
		t.Fatal(err)
	}
	if f := outcome(t, c, "browser"); f.Err != nil {
		t.Errorf("after the fix: %v", f.Err)
	}
	if _, err := c.Browser.Undo(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(list); err != nil || string(after) != string(before) {
		t.Errorf("after undo %q, %v", after, err)
	}
}

func TestOtherSoftware(t *testing.T) {
	c, list := healthy(t)
	if err := os.WriteFile(list, []byte("library=/usr/local/lib/libcie-pkcs11.so\nname=CIE PKI\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if f := outcome(t, c, "other-software"); !errors.Is(f.Err, ErrRival) {
		t.Errorf("finds %v", f.Err)
	}
}
