//go:build integration

package moduletest

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
)

// TestAPDUBudget counts what calls through the library cost: the fewer commands,
// the sooner a page is there.
func TestAPDUBudget(t *testing.T) {
	d := newDesk(t, true)
	config, err := os.OpenFile(os.Getenv("CIE_CONFIG"), os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = config.WriteString("[pin]\nlinger = \"5s\"\n") // on a busy computer, too, the card is open still
	must(t, errors.Join(err, config.Close()))
	p := load(t, d.module)
	defer p.Destroy()
	costs := func(what string, most int, f func()) {
		t.Helper()
		before := d.Card.Stats()
		f()
		after := d.Card.Stats()
		n := after.APDUs - before.APDUs
		t.Logf("%s: %d APDUs of at most %d, %d bytes", what, n, most, after.BytesIn+after.BytesOut-before.BytesIn-before.BytesOut)
		if n > most {
			t.Errorf("%s: %d APDUs, at most %d", what, n, most)
		}
	}
	var s pkcs11.SessionHandle
	list := func() {
		_, err := p.GetSlotList(true)
		must(t, err)
		s, err = p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION)
		must(t, err)
		must(t, p.FindObjectsInit(s, nil))
		_, _, err = p.FindObjects(s, 20)
		must(t, err)
		must(t, p.FindObjectsFinal(s))
	}
	costs("first listing", 4, func() {
		must(t, p.Initialize())
		list()
	})
	costs("listing again", 0, list)
	var key pkcs11.ObjectHandle
	sign := func() {
		t.Helper()
		must(t, p.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_RSA_PKCS, nil)}, key))
		_, err := p.Sign(s, []byte("message"))
		must(t, err)
	}
	login := func(pin string) {
		t.Helper()
		must(t, p.Login(s, pkcs11.CKU_USER, pin))
		must(t, p.FindObjectsInit(s, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}))
		found, _, err := p.FindObjects(s, 1)
		must(t, err)
		must(t, p.FindObjectsFinal(s))
		key = found[0]
	}
	costs("login with 4 digits, and a signature", 24, func() { login("5678"); sign() })
	costs("signature at once", 2, sign)
	costs("nine more", 18, func() {
		for range 9 {
			sign()
		}
	})
	released := func() { // the transaction lingers, then the card is reset
		t.Helper()
		for resets, n := d.Card.Stats().Resets, 0; d.Card.Stats().Resets == resets; n++ {
			if n == 400 {
				t.Fatal("the card is not let go")
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
	released()
	costs("signature after the linger", 21, sign)
	must(t, p.Logout(s))
	costs("login with 8 digits, and a signature", 21, func() { login("12345678"); sign() })
	costs("logout and the end", 0, func() {
		must(t, p.Logout(s))
		must(t, p.Finalize())
	})
	d.unharmed()
}
