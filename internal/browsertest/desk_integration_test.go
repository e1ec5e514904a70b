//go:build integration

package browsertest

import (
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/cardrig"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/trust"
)

func TestMain(m *testing.M) { rig.Main(m) }

const (
	screenshots = "../../build/screenshots"
	limit       = 3 * time.Minute // for one login and all around it
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// A desk is a computer with a card, and the site to log in to.
type desk struct {
	*cardrig.Rig
	site     *demosite.Site
	attempts chan demosite.Attempt
	earlier  int // how often the PIN had been presented before the browser started
}

// newPairedDesk is a desk whose computer knows the card, as after "cie pair".
func newPairedDesk(t *testing.T) desk {
	t.Helper()
	d := newDesk(t)
	d.Pair(t)
	d.earlier = d.verified()
	return d
}

func newDesk(t *testing.T) desk {
	t.Helper()
	d := desk{Rig: cardrig.New(t, limit), attempts: make(chan demosite.Attempt, 100)}
	roots, err := trust.Load([]string{d.Trust})
	must(t, err)
	d.site, err = demosite.Start(d.Ctx, demosite.Options{Roots: roots, Folder: d.Folder, Attempt: func(a demosite.Attempt) { d.attempts <- a }})
	must(t, err)
	t.Cleanup(func() { must(t, d.site.Close()) })
	return d
}

// library is the module that the browsers load.
func library(t testing.TB) string { return cardrig.Built(t, "libcie-pkcs11.so") }

// lift takes the card away, and waits until pcscd has seen it.
func (d desk) lift(t *testing.T) { d.Card.Remove(); d.Await(t, false) }

// lay lays it down again.
func (d desk) lay(t *testing.T) { d.Card.Insert(); d.Await(t, true) }

// verified is how often a PIN was presented to the card.
func (d desk) verified() (n int) {
	for _, e := range d.Card.Ledger() {
		if e.Kind == "verify" {
			n++
		}
	}
	return n
}

// wantVerified compares how often a PIN was presented since the browser started:
// once for each that somebody typed.
func (d desk) wantVerified(t *testing.T, want int) {
	t.Helper()
	if got := d.verified() - d.earlier; got != want {
		t.Errorf("the PIN was presented %d times, want %d: %+v", got, want, d.Card.Ledger())
	}
}

// wantNoneWrong is for logins that take their time, where the PIN that was typed is
// presented again before the card signs.
func (d desk) wantNoneWrong(t *testing.T) {
	t.Helper()
	for _, e := range d.Card.Ledger() {
		if e.SW != "9000" {
			t.Errorf("a try was lost: %+v", e)
		}
	}
}

// await takes what the site tells of until it is this.
func (d desk) await(t *testing.T, outcome demosite.Outcome) demosite.Attempt {
	t.Helper()
	for {
		select {
		case a := <-d.attempts:
			if a.Outcome == outcome {
				return a
			}
		case <-d.Ctx.Done():
			t.Fatalf("the site saw no attempt that is %q", outcome)
		}
	}
}

// wantHolder compares what the site learned at the login that comes next with the
// holder of the card.
func (d desk) wantHolder(t *testing.T) {
	t.Helper()
	a := d.await(t, demosite.OK)
	if a.Version != "TLS 1.2" || a.Holder.TaxCode != d.Card.Holder().TaxCode || !strings.HasPrefix(a.Signature, "PKCS1") {
		t.Errorf("login %+v", a)
	}
}
