package pkcs11module

import (
	"context"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
)

// pins are what people and programs may send.
var pins = []string{
	"5678", "12345678", "9999", "1234", "0000", "99999999", "87654321", "11111111", "22222222", "12345679", "", "123", "abcd", "123456789012",
}

// act does one random thing through a module.
func (d *desk) act(r *rand.Rand, m *Module, sessions *[]SessionHandle) {
	h := SessionHandle(r.IntN(5))
	if len(*sessions) > 0 {
		h = (*sessions)[r.IntN(len(*sessions))]
	}
	switch r.IntN(14) {
	case 0, 1:
		if opened, err := m.OpenSession(0, CKF_SERIAL_SESSION|Flags(r.IntN(2))*CKF_RW_SESSION); err == nil {
			*sessions = append(*sessions, opened)
		}
	case 2:
		_ = m.CloseSession(h)
	case 3:
		if r.IntN(4) == 0 {
			_ = m.CloseAllSessions(0)
		}
	case 4, 5, 6, 7:
		since := len(d.card.Ledger())
		_ = m.Login(h, UserType(r.IntN(3)), digits(pins[r.IntN(len(pins))]))
		if n := verifiesSince(d.card, since); n > 1 && !d.together {
			d.t.Errorf("%d VERIFY for one PIN", n) // P2
		}
	case 8:
		_ = m.Logout(h)
	case 9:
		_, _ = m.TokenInfo(0)
		_ = m.SetPIN(h)
		_ = m.InitPIN(h)
	case 10, 11:
		if m.FindObjectsInit(h, []Attribute{ofClass(CKO_PRIVATE_KEY)}) == nil {
			keys, _ := m.FindObjects(h, 1)
			_ = m.FindObjectsFinal(h)
			for _, key := range keys {
				_ = m.SignInit(h, 0x40, false, key)
				_, _ = m.Sign(h, []byte("message"), false, 256)
			}
		}
	case 12:
		d.card.Reset()
	case 13:
		d.pass(time.Duration(r.IntN(12)) * time.Minute)
	}
}

func verifiesSince(card *emulator.Card, since int) (n int) {
	for _, e := range card.Ledger()[since:] {
		if e.Kind == "verify" {
			n++
		}
	}
	return n
}

// lowest is the lowest counter that the ledger has seen since a command.
func lowest(t *testing.T, card *emulator.Card, since int) int {
	low := 3
	for _, e := range card.Ledger()[since:] {
		if e.Reference == "PUK" || e.Kind == "reset" || e.Kind == "change" {
			t.Errorf("command on the PUK, or to change a code: %+v", e)
		}
		if e.Kind == "verify" && e.Length != 8 {
			t.Errorf("VERIFY of %d bytes", e.Length)
		}
		low = min(low, e.Tries)
	}
	return low
}

// behaviours are the readings of what the sources leave open (P7).
var behaviours = map[string]emulator.Behaviour{
	"counter readable":      {},
	"by empty VERIFY":       {Tries: "verify"},
	"counter not readable":  {Tries: "none"},
	"6300 for a wrong PIN":  {WrongTries: "6300"},
	"unprotected errors":    {PlainErrors: true},
	"a counter that grows":  {GrowingTries: true},
	"PIN kept over SELECTs": {KeepPIN: true},
}

// TestNoSequenceBlocksACard is P1, P2, P3 and P7 with one to four programs at once
// on a card, each a module of its own: no random calls bring the counter below 1.
// The seed is in the name of a failure.
func TestNoSequenceBlocksACard(t *testing.T) { noSequenceBlocks(t, 0, 10) }

// noSequenceBlocks tries some sequences for each behaviour.
func noSequenceBlocks(t *testing.T, first, n uint64) {
	for name, b := range behaviours {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, true, emulator.Options{Behaviour: &b})
			d.module.Close()
			for seed := first; seed < first+n; seed++ {
				must(t, d.card.Set([]byte(`{"tries":3}`)))
				must(t, d.heal())
				seen := len(d.card.Ledger())
				d.sequence(rand.New(rand.NewPCG(seed, 1)))
				if low := lowest(t, d.card, seen); low < 1 || t.Failed() {
					t.Fatalf("seed %d: the counter fell to %d", seed, low)
				}
			}
		})
	}
}

// sequence has some programs do 20 things.
func (d *desk) sequence(r *rand.Rand) {
	programs := make([]*Module, 1+r.IntN(4))
	sessions := make([][]SessionHandle, len(programs))
	for i := range programs {
		programs[i] = New(d.holder, d, Options{Now: d.now})
	}
	for range 20 {
		n := r.IntN(len(programs))
		d.act(r, programs[n], &sessions[n])
	}
	for _, m := range programs {
		m.Close()
	}
}

// TestNoProgramsTogetherBlockACard is P1 for the worst case: a card that is not
// paired and does not tell its tries, and program after program with wrong PINs.
func TestNoProgramsTogetherBlockACard(t *testing.T) {
	for _, b := range []emulator.Behaviour{{Tries: "none"}, {Tries: "none", WrongTries: "6300"}, {Tries: "both"}} {
		d := newDesk(t, false, emulator.Options{Behaviour: &b})
		for _, pin := range []string{"99999999", "88888888", "77777777", "66666666", "12345678"} {
			m := New(d.holder, d, Options{Now: d.now})
			h, err := m.OpenSession(0, CKF_SERIAL_SESSION)
			must(t, err)
			_ = m.Login(h, CKU_USER, digits(pin))
			m.Close()
		}
		if d.tries() != 1 {
			t.Errorf("%+v: %d tries left, want 1", b.Tries, d.tries())
		}
	}
}

// heal makes the record forget what the sequence before has taught it.
func (d *desk) heal() error {
	_, err := d.holder.VerifyPIN(context.Background(), cie.Target{Reader: reader, Consent: cie.Consent{LastTry: true}}, digits("12345678"))
	return err
}

// TestStorm is C2: random calls from many threads while the card comes and goes.
// It is for the race detector, and for what never ends.
func TestStorm(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	d.together = true
	var wait sync.WaitGroup
	for n := range uint64(8) {
		wait.Add(1)
		go func() {
			defer wait.Done()
			r := rand.New(rand.NewPCG(n, 2))
			var sessions []SessionHandle
			for range 300 {
				d.act(r, d.module, &sessions)
			}
		}()
	}
	ended := make(chan struct{})
	go func() { wait.Wait(); close(ended) }()
	patience := time.After(time.Minute)
	for moving := true; moving; {
		select {
		case <-ended:
			moving = false
		case <-time.After(30 * time.Millisecond):
			d.move(d.card.Remove)
			time.Sleep(10 * time.Millisecond)
			d.move(d.card.Insert)
		case <-patience:
			t.Fatal("the storm does not end")
		}
	}
	if d.tries() < 1 {
		t.Errorf("%d tries left", d.tries())
	}
}

// TestSwappedCard is P6: another card lies there before each command of a login. It
// gets no VERIFY, and its tries stay.
func TestSwappedCard(t *testing.T) {
	for n := range 24 {
		d := newDesk(t, true, emulator.Options{})
		h, pan := d.open(0), d.card.PAN()
		d.card.Fail(n, emulator.Fault{Kind: "swap", Seed: "another"})
		err := d.module.Login(h, CKU_USER, digits([]string{"5678", "12345678"}[n%2]))
		for _, e := range d.card.Ledger() {
			if e.Kind == "verify" && e.PAN != pan {
				t.Errorf("swapped before command %d: %+v", n, e)
			}
		}
		if swapped := d.card.PAN() != pan; swapped && d.verifies() == 0 && err == nil {
			t.Errorf("swapped before command %d: logged in without a VERIFY", n)
		}
		d.module.Close()
	}
}
