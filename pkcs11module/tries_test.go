package pkcs11module

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
)

// lastTry spends all tries but one, and is refused the last.
func (d *desk) lastTry(h SessionHandle) {
	d.t.Helper()
	for _, pin := range []string{"99999999", "88888888"} {
		d.want(pin, d.module.Login(h, CKU_USER, digits(pin)), CKR_PIN_INCORRECT)
	}
	d.costs("the last try", 0, 0, func() {
		d.want("the last try", d.module.Login(h, CKU_USER, digits("12345678")), CKR_PIN_LOCKED)
	})
}

// TestUnblockedElsewhere has a program run on while the PIN is unblocked on a phone:
// the card was away; or by another program, while it lay there.
func TestUnblockedElsewhere(t *testing.T) { // profile 7.2, F36, N6
	for name, paired := range map[string]bool{"paired": true, "not paired": false} {
		t.Run(name, func(t *testing.T) {
			for name, unblock := range map[string]func(d *desk, h SessionHandle) SessionHandle{
				"away": func(d *desk, _ SessionHandle) SessionHandle {
					d.move(d.card.Remove)
					d.await(false)
					must(t, d.card.Set([]byte(`{"pin":"99999999","tries":3}`))) // the PIN that was refused before
					d.move(d.card.Insert)
					d.await(true)
					return d.open(0)
				},
				"by another program": func(d *desk, h SessionHandle) SessionHandle {
					must(t, d.card.Set([]byte(`{"pin":"99999999","tries":3}`)))
					d.pass(2 * time.Minute)
					return h
				},
			} {
				t.Run(name, func(t *testing.T) {
					d := newDesk(t, paired, emulator.Options{})
					h := d.open(0)
					d.lastTry(h)
					h = unblock(d, h)
					d.costs("malformed", 0, 0, func() {
						d.want("malformed", d.module.Login(h, CKU_USER, digits("123")), CKR_PIN_INCORRECT)
					})
					d.costs("login", 120, 1, func() { must(t, d.module.Login(h, CKU_USER, digits("99999999"))) })
					d.sign(h, d.one(h, CKO_PRIVATE_KEY), "unblocked")
				})
			}
		})
	}
}

// TestLastTryAskedAnew has a card that was away, but still has its last try, or does
// not tell: it is asked, and gets no VERIFY.
func TestLastTryAskedAnew(t *testing.T) {
	for _, b := range []emulator.Behaviour{{}, {Tries: "verify"}, {Tries: "none"}, {Tries: "none", WrongTries: "6300"}} {
		for _, paired := range []bool{true, false} {
			d := newDesk(t, paired, emulator.Options{Behaviour: &b})
			h := d.open(0)
			d.lastTry(h)
			d.move(d.card.Remove)
			d.await(false)
			d.move(d.card.Insert)
			d.await(true)
			h = d.open(0)
			d.costs("asked anew", 120, 0, func() {
				d.want("asked anew", d.module.Login(h, CKU_USER, digits("12345678")), CKR_PIN_LOCKED)
			})
			d.costs("and at once", 0, 0, func() {
				d.want("at once", d.module.Login(h, CKU_USER, digits("12345678")), CKR_PIN_LOCKED)
			})
			if d.tries() != 1 {
				t.Errorf("%+v: %d tries left, want 1", b, d.tries())
			}
		}
	}
}

// TestStoreThatCannotBeWritten has a record that stays what it was: it raises no
// tries, and lets no wrong PIN through again.
func TestStoreThatCannotBeWritten(t *testing.T) { // F64, P1, profile rule 16
	d := newDesk(t, true, emulator.Options{Behaviour: &emulator.Behaviour{Tries: "none"}})
	lock := filepath.Join(d.holder.Pairings.Folder(), "store.lock")
	_ = os.Remove(lock)
	must(t, os.Mkdir(lock, 0o700)) // in its place nothing can be locked, nor written
	h, paired := d.open(0), d.verifies()
	for _, pin := range []string{"99999999", "99999999", "88888888", "88888888", "77777777", "12345678"} {
		_ = d.module.Login(h, CKU_USER, digits(pin))
	}
	if n := d.verifies() - paired; n != 2 || d.tries() != 1 {
		t.Errorf("%d VERIFY, %d tries left; want 2 and 1", n, d.tries())
	}
}

// TestUnblockedHereNotPaired has the program itself unblock a card that is not paired
// and does not tell its tries: what was seen of them is forgotten.
func TestUnblockedHereNotPaired(t *testing.T) {
	d := newDesk(t, false, emulator.Options{Behaviour: &emulator.Behaviour{Tries: "none"}})
	h := d.open(0)
	d.lastTry(h)
	_, err := d.holder.UnblockPIN(context.Background(), cie.Target{Reader: reader}, digits("87654321"), digits("20304057"))
	must(t, err)
	d.move(d.card.Remove)
	d.await(false)
	d.pass(6 * time.Minute)
	d.move(d.card.Insert)
	d.await(true)
	must(t, d.module.Login(d.open(0), CKU_USER, digits("20304057")))
}
