package logintest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/pcsc"
)

// lying is a CIE on a reader, with so many tries when it was last seen.
func lying(tries int) []cie.Status {
	return []cie.Status{{CIE: true, PAN: applet.PAN{1}, Record: &pairing.Record{Tries: tries}}}
}

func TestVerdict(t *testing.T) {
	connected := []browser.Place{{ID: "firefox:own", Kind: browser.NSS, State: browser.Registered}}
	without := demosite.Attempt{Door: demosite.Required, Outcome: demosite.NoCertificate}
	broken := demosite.Attempt{Door: demosite.Required, Outcome: demosite.Failed}
	gone := demosite.Attempt{Door: demosite.Required, Outcome: demosite.Gone}
	three := tally{applet.PAN{1}: 3}
	for _, tt := range []struct {
		name string
		e    evidence
		want error
	}{
		{"logged in", evidence{attempt: demosite.Attempt{Outcome: demosite.OK}}, nil},
		{"logged in, then closed", evidence{attempt: demosite.Attempt{Outcome: demosite.OK}, ended: ErrClosed}, nil},
		{"given up", evidence{ended: context.Canceled, attempt: gone}, context.Canceled},
		{"nobody came", evidence{ended: context.DeadlineExceeded}, context.DeadlineExceeded},
		{"no module", evidence{attempt: without, status: lying(3)}, ErrModule},
		{"no module, no card", evidence{attempt: without}, ErrModule},
		{"no service", evidence{places: connected, attempt: without, trouble: pcsc.ErrNoService}, pcsc.ErrNoService},
		{"no reader", evidence{places: connected, attempt: without}, cie.ErrNoReader},
		{"no card", evidence{places: connected, attempt: without, status: []cie.Status{{}}}, pcsc.ErrNoCard},
		{"foreign card", evidence{places: connected, attempt: without, status: []cie.Status{{Reader: pcsc.Reader{Present: true}}}}, cie.ErrForeign},
		{"card lifted while it signs", evidence{places: connected, attempt: broken, status: []cie.Status{{}}, before: three}, pcsc.ErrNoCard},
		{"choice or PIN cancelled", evidence{places: connected, attempt: without, status: lying(3), before: three}, ErrNoCertificate},
		{"not signed", evidence{places: connected, attempt: gone, failure: "ERR_SOME", status: lying(3), before: three}, ErrNotSigned},
		{"tries never known", evidence{places: connected, attempt: gone, failure: "ERR_SOME", status: lying(-1), before: tally{applet.PAN{1}: -1}}, ErrNotSigned},
		{"closed", evidence{places: connected, attempt: gone, ended: ErrClosed, status: lying(3), before: three}, ErrClosed},
		{"TLS 1.3", evidence{places: connected, attempt: demosite.Attempt{Door: demosite.TLS13, Outcome: demosite.NoCertificate}, status: lying(3)}, ErrTLS13},
		{"refused", evidence{places: connected, attempt: demosite.Attempt{Outcome: demosite.Refused, Err: errors.New("issuer")}}, ErrRefused},
	} {
		tt.e.program = Firefox
		if got := tt.e.verdict(); !errors.Is(got, tt.want) || (got == nil) != (tt.want == nil) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	// A wrong PIN is told with the tries left, also where somebody closed the browser then.
	e := evidence{program: Firefox, places: connected, attempt: gone, ended: ErrClosed, status: lying(2), before: three}
	var wrong *applet.WrongCodeError
	if err := e.verdict(); !errors.As(err, &wrong) || wrong.Tries != 2 || wrong.Code != applet.CodePIN {
		t.Errorf("wrong PIN: %v", err)
	}
}

func TestKnows(t *testing.T) {
	for _, tt := range []struct {
		program Program
		place   browser.Place
		want    bool
	}{
		{Firefox, browser.Place{ID: "firefox:own", Kind: browser.NSS, State: browser.Registered}, true},
		{Firefox, browser.Place{ID: "firefox:system", Kind: browser.Policy, System: true, State: browser.Registered}, true},
		{Firefox, browser.Place{ID: "firefox:own", Kind: browser.NSS, State: browser.Indirect}, true},
		{Firefox, browser.Place{ID: "firefox:own", Kind: browser.NSS, State: browser.Broken}, false},
		{Firefox, browser.Place{ID: "firefox:own", Kind: browser.NSS, State: browser.Sandboxed}, false},
		{Firefox, browser.Place{ID: "thunderbird:own", Kind: browser.NSS, State: browser.Registered}, false},
		{Firefox, browser.Place{ID: "chromium", Kind: browser.NSS, State: browser.Registered}, false},
		{Chromium, browser.Place{ID: "chromium", Product: "Chromium", Kind: browser.NSS, State: browser.Registered}, true},
		{Chromium, browser.Place{ID: "chromium-2", Product: "Chromium", Kind: browser.NSS, State: browser.Registered}, true},
		{Chromium, browser.Place{ID: "firefox:own", Kind: browser.NSS, State: browser.Registered}, false},
		{Chromium, browser.Place{ID: "p11-kit", Kind: browser.P11Kit, State: browser.Registered}, false},
	} {
		if got := knows(tt.program, []browser.Place{tt.place}); got != tt.want {
			t.Errorf("%s with %s, %s: %v, want %v", tt.program, tt.place.ID, tt.place.State, got, tt.want)
		}
	}
}

// The new profile gets the entry of the person's own, if there is one.
func TestConnect(t *testing.T) {
	library := filepath.Join(t.TempDir(), "libcie-pkcs11.so")
	for _, file := range []string{library, filepath.Join(filepath.Dir(library), "cie-pkcs11-helper"), filepath.Join(filepath.Dir(library), "cie-pkcs11-helper.exe")} {
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for state, want := range map[browser.State]bool{browser.Registered: true, browser.Absent: false} {
		profile := t.TempDir()
		if err := connect(profile, []browser.Place{{ID: "firefox:own", Kind: browser.NSS, State: state, Module: library}}); err != nil {
			t.Fatal(err)
		}
		list, _ := os.ReadFile(filepath.Join(profile, "pkcs11.txt"))
		if got := strings.Contains(string(list), "name="+browser.ModuleName); got != want {
			t.Errorf("%s: the list is %q", state, list)
		}
	}
}
