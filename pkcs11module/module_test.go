package pkcs11module

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

const reader = "reader"

// A desk is a computer with one reader and a card, and the module.
type desk struct {
	t       testing.TB
	card    *emulator.Card
	holder  *cie.Holder
	module  *Module
	options Options

	together bool // calls are made by several threads at once

	mu      sync.Mutex
	moves   uint16
	clock   time.Duration // ahead of the time of day
	slept   time.Duration
	changed chan struct{}
}

// Watch tells of the reader, and again whenever the card was moved.
func (d *desk) Watch(ctx context.Context) iter.Seq2[[]pcsc.Reader, error] {
	return func(yield func([]pcsc.Reader, error) bool) {
		for {
			d.mu.Lock()
			changed := d.changed
			r := pcsc.Reader{Name: reader, Present: d.card.Present(), ATR: d.card.ATR(), Moves: d.moves}
			d.mu.Unlock()
			if ctx.Err() != nil || !yield([]pcsc.Reader{r}, nil) {
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}
}

// move tells that the card came or left.
func (d *desk) move(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	d.moves++
	close(d.changed)
	d.changed = make(chan struct{})
}

func (d *desk) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Add(d.clock)
}

func (d *desk) pass(t time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clock += t
}

var roots = sync.OnceValue(func() *trust.Roots {
	card, err := emulator.New(emulator.Options{})
	if err != nil {
		panic(err)
	}
	folder, err := os.MkdirTemp("", "roots")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := card.Dump(folder); err != nil {
		panic(err)
	}
	r, err := trust.Load([]string{folder})
	if err != nil {
		panic(err)
	}
	return r
})

// newDesk has a card that lies there already, and that is paired if wanted.
func newDesk(t testing.TB, paired bool, o emulator.Options) *desk {
	t.Helper()
	card, err := emulator.New(o)
	must(t, err)
	store, err := pairing.Open(filepath.Join(t.TempDir(), "pairings"))
	must(t, err)
	d := &desk{t: t, card: card, changed: make(chan struct{})}
	d.holder = &cie.Holder{
		Cards: cie.InSlots(map[string]cie.Software{reader: card}), Pairings: store, Roots: roots(), KeepHalf: true,
		Linger: 30 * time.Second, // the counts do not depend on how busy the computer is
	}
	if paired {
		_, err := d.holder.Pair(context.Background(), cie.Target{Reader: reader}, digits("12345678"))
		must(t, err)
	}
	card.ResetStats()
	d.start()
	t.Cleanup(func() { d.module.Close() })
	return d
}

// start begins a new life of the module.
func (d *desk) start() {
	d.options.Now = d.now
	d.options.Asleep = func() time.Duration {
		d.mu.Lock()
		defer d.mu.Unlock()
		return d.slept
	}
	d.module = New(d.holder, d, d.options)
}

func digits(s string) *secret.Buffer { return secret.Take([]byte(s)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// want compares the return value of a call.
func (d *desk) want(what string, err error, value ReturnValue) {
	d.t.Helper()
	if got := ReturnValueOf(err); got != value {
		d.t.Errorf("%s: %#x, want %#x (%v)", what, uint64(got), uint64(value), err)
	}
}

// await waits until a card is in slot 0, or none.
func (d *desk) await(present bool) {
	d.t.Helper()
	for range 2000 {
		if _, err := d.module.TokenInfo(0); (err == nil) == present {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	d.t.Fatalf("token present: not %v", present)
}

func (d *desk) open(flags Flags) SessionHandle {
	d.t.Helper()
	h, err := d.module.OpenSession(0, CKF_SERIAL_SESSION|flags)
	must(d.t, err)
	return h
}

func (d *desk) find(h SessionHandle, template ...Attribute) []ObjectHandle {
	d.t.Helper()
	must(d.t, d.module.FindObjectsInit(h, template))
	found, err := d.module.FindObjects(h, 100)
	must(d.t, err)
	must(d.t, d.module.FindObjectsFinal(h))
	return found
}

func ofClass(c ObjectClass) Attribute { return Attribute{CKA_CLASS, ulong(8, uint64(c))} }

// key is the one object of a class.
func (d *desk) one(h SessionHandle, c ObjectClass) ObjectHandle {
	d.t.Helper()
	found := d.find(h, ofClass(c))
	if c == CKO_CERTIFICATE {
		found = d.find(h, ofClass(c), Attribute{CKA_CERTIFICATE_CATEGORY, ulong(8, categoryTokenUser)})
	}
	if len(found) != 1 {
		d.t.Fatalf("%d objects of class %d, want 1", len(found), c)
	}
	return found[0]
}

func (d *desk) value(h SessionHandle, o ObjectHandle, a AttributeType) []byte {
	d.t.Helper()
	replies, err := d.module.AttributeValue(h, o, []Request{{Type: a, Room: 8192}})
	must(d.t, err)
	return replies[0].Value
}

func (d *desk) tries() int { _, _, n, _ := d.card.Codes(); return n }

// verifies counts the VERIFY commands with a code that the card has seen.
func (d *desk) verifies() (n int) {
	for _, e := range d.card.Ledger() {
		if e.Kind == "verify" {
			n++
		}
	}
	return n
}

// costs compares the APDUs and VERIFYs that f costs.
func (d *desk) costs(what string, apdus, verifies int, f func()) {
	d.t.Helper()
	a, v := d.card.Stats().APDUs, d.verifies()
	f()
	if n := d.card.Stats().APDUs - a; n > apdus {
		d.t.Errorf("%s: %d APDUs, at most %d", what, n, apdus)
	}
	if n := d.verifies() - v; n != verifies {
		d.t.Errorf("%s: %d VERIFY, want %d", what, n, verifies)
	}
}

// sign signs with SHA-256 and has the standard library check it.
func (d *desk) sign(h SessionHandle, key ObjectHandle, message string) {
	d.t.Helper()
	must(d.t, d.module.SignInit(h, 0x40, false, key))
	signature, err := d.module.Sign(h, []byte(message), false, SignatureLength)
	must(d.t, err)
	sum := sha256.Sum256([]byte(message))
	if err := rsa.VerifyPKCS1v15(d.card.Certificate().PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], signature); err != nil {
		d.t.Error(err)
	}
}

func TestPairedCardStory(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	m := d.module
	var h SessionHandle
	d.costs("first listing", 4, 0, func() {
		d.await(true)
		h = d.open(0)
		d.find(h)
	})
	info, err := m.TokenInfo(0)
	must(t, err)
	if info.Label != "CIE - ultime 4 cifre del PIN" || info.SerialNumber != d.card.PAN() || info.MinPIN != 4 || info.MaxPIN != 8 || info.Flags != 0x40C {
		t.Errorf("token info %+v", info)
	}
	certificate, public := d.one(h, CKO_CERTIFICATE), d.one(h, CKO_PUBLIC_KEY)
	if got := d.value(h, certificate, CKA_VALUE); !bytes.Equal(got, d.card.Certificate().Raw) {
		t.Errorf("certificate %X", got)
	}
	if n := len(d.find(h, ofClass(CKO_PRIVATE_KEY))); n != 0 {
		t.Errorf("%d private keys before login", n)
	}
	var key ObjectHandle
	d.costs("login and signature", 24, 1, func() {
		must(t, m.Login(h, CKU_USER, digits("5678")))
		key = d.one(h, CKO_PRIVATE_KEY)
		d.sign(h, key, "first")
	})
	d.costs("signature at once", 2, 0, func() { d.sign(h, key, "second") })
	d.want("login again", m.Login(h, CKU_USER, digits("5678")), CKR_USER_ALREADY_LOGGED_IN)
	for _, a := range []AttributeType{CKA_ID, CKA_LABEL} {
		want := d.value(h, certificate, a)
		if len(want) == 0 || !bytes.Equal(d.value(h, public, a), want) || !bytes.Equal(d.value(h, key, a), want) {
			t.Errorf("attribute %#x differs", uint64(a))
		}
	}
	other := d.open(CKF_RW_SESSION)
	state, err := m.SessionInfo(other)
	must(t, err)
	if state.State != CKS_RW_USER_FUNCTIONS || state.Flags != 6 {
		t.Errorf("session info %+v", state)
	}
	d.costs("all that follows", 0, 0, func() {
		must(t, m.Logout(h))
		d.want("logout again", m.Logout(h), CKR_USER_NOT_LOGGED_IN)
		d.want("key after logout", m.SignInit(h, 1, false, key), CKR_USER_NOT_LOGGED_IN)
		must(t, m.CloseAllSessions(0))
		d.want("closed", m.CheckSession(other), CKR_SESSION_HANDLE_INVALID)
	})
}

func TestChainAndProfiles(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	if n := len(d.find(h, ofClass(CKO_PROFILE))); n != 4 {
		t.Errorf("%d profiles, want 4", n)
	}
	pool := x509.NewCertPool()
	for _, o := range d.find(h, Attribute{CKA_CERTIFICATE_CATEGORY, ulong(8, categoryAuthority)}) {
		c, err := x509.ParseCertificate(d.value(h, o, CKA_VALUE))
		must(t, err)
		pool.AddCert(c)
	}
	if _, err := d.card.Certificate().Verify(x509.VerifyOptions{Roots: pool, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		t.Error(err)
	}
}

func TestUnpairedCardIsPairedByLogin(t *testing.T) { // profile 7.4
	d := newDesk(t, false, emulator.Options{})
	h := d.open(0)
	info, err := d.module.TokenInfo(0)
	must(t, err)
	if info.Label != "CIE - PIN completo, 8 cifre" || info.MinPIN != 8 {
		t.Errorf("token info %+v", info)
	}
	if n := len(d.find(h)); n != 2 {
		t.Errorf("%d objects, want 2 profiles", n)
	}
	d.costs("four digits", 0, 0, func() {
		d.want("four digits", d.module.Login(h, CKU_USER, digits("5678")), CKR_PIN_INCORRECT)
	})
	d.costs("pairing", 70, 1, func() { must(t, d.module.Login(h, CKU_USER, digits("12345678"))) })
	d.sign(h, d.one(h, CKO_PRIVATE_KEY), "paired")
	if n := len(d.find(h, ofClass(CKO_PROFILE))); n != 4 {
		t.Errorf("%d profiles, want 4", n)
	}
	must(t, d.module.Logout(h))
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
}

func TestUnwritableStoreStillLogsIn(t *testing.T) { // profile 7.4
	d := newDesk(t, false, emulator.Options{})
	d.holder.Pairings = nil
	h := d.open(0)
	must(t, d.module.Login(h, CKU_USER, digits("12345678")))
	d.sign(h, d.one(h, CKO_PRIVATE_KEY), "not paired")
	d.want("four digits", d.module.Logout(h), CKR_OK)
	d.want("four digits", d.module.Login(h, CKU_USER, digits("5678")), CKR_PIN_INCORRECT)
}

func TestMalformedPINsCostNothing(t *testing.T) { // F49, profile 7.1
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	d.costs("malformed PINs", 0, 0, func() {
		for _, pin := range []string{"", "1", "123", "12345", "1234567", "123456789", "123456789012", "abcd", "56 8", "５６７８", "5678\n\n"} {
			d.want(pin, d.module.Login(h, CKU_USER, digits(pin)), CKR_PIN_INCORRECT)
		}
	})
	info, err := d.module.TokenInfo(0)
	must(t, err)
	if info.Flags&CKF_USER_PIN_COUNT_LOW == 0 {
		t.Error("COUNT_LOW is not set after a malformed PIN")
	}
	must(t, d.module.Login(h, CKU_USER, digits("5678\x00"))) // strlen+1
	must(t, d.module.Logout(h))
	must(t, d.module.Login(h, CKU_USER, digits("12345678\n")))
	if info, _ := d.module.TokenInfo(0); info.Flags&CKF_USER_PIN_COUNT_LOW != 0 {
		t.Error("COUNT_LOW is set after a good login")
	}
}

func TestWrongPINs(t *testing.T) { // profile 7.2, 7.3
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	login := func(pin string, want ReturnValue) func() {
		return func() { d.want(pin, d.module.Login(h, CKU_USER, digits(pin)), want) }
	}
	d.costs("wrong", 24, 1, login("99999999", CKR_PIN_INCORRECT))
	d.costs("the same", 0, 0, login("99999999", CKR_PIN_INCORRECT))
	d.costs("another", 24, 1, login("88888888", CKR_PIN_INCORRECT))
	info, err := d.module.TokenInfo(0)
	must(t, err)
	if info.Flags&(CKF_USER_PIN_FINAL_TRY|CKF_USER_PIN_COUNT_LOW|CKF_USER_PIN_LOCKED) != CKF_USER_PIN_FINAL_TRY|CKF_USER_PIN_COUNT_LOW {
		t.Errorf("flags %#x", uint64(info.Flags))
	}
	d.costs("the last try", 0, 0, login("77777777", CKR_PIN_LOCKED))
	d.costs("even the right one", 0, 0, login("12345678", CKR_PIN_LOCKED))
	if d.tries() != 1 {
		t.Errorf("%d tries left, want 1", d.tries())
	}
	// The last try was spent in our own program, and it was right.
	target := cie.Target{Reader: reader, Consent: cie.Consent{LastTry: true}}
	_, err = d.holder.VerifyPIN(context.Background(), target, digits("12345678"))
	must(t, err)
	login("5678", CKR_OK)()
	d.want("signed", d.module.SignInit(h, 1, false, d.one(h, CKO_PRIVATE_KEY)), CKR_OK)
}

// One try left of a card that is not paired: our own program helps, and the running
// host goes on.
func TestUnpairedCardUnblockedElsewhere(t *testing.T) { // N6, profile 7.2
	for _, readable := range []string{"both", "none"} {
		d := newDesk(t, false, emulator.Options{Behaviour: &emulator.Behaviour{Tries: readable}})
		h := d.open(0)
		login := func(pin string, want ReturnValue) {
			d.want(readable+" "+pin, d.module.Login(h, CKU_USER, digits(pin)), want)
		}
		login("99999999", CKR_PIN_INCORRECT)
		login("88888888", CKR_PIN_INCORRECT)
		d.costs("the last try", 0, 0, func() { login("12345678", CKR_PIN_LOCKED) })
		_, err := d.holder.UnblockPIN(context.Background(), cie.Target{Reader: reader}, digits("87654321"), digits("24681357"))
		must(t, err)
		login("24681357", CKR_OK)
	}
}

// The same wrong PIN is never sent twice, in whatever form it is typed.
func TestWrongPINInBothForms(t *testing.T) { // profile rule 16
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	login := func(pin string, want ReturnValue) func() {
		return func() { d.want(pin, d.module.Login(h, CKU_USER, digits(pin)), want) }
	}
	d.costs("the last four", 24, 1, login("9999", CKR_PIN_INCORRECT))
	d.costs("all eight", 24, 0, login("12349999", CKR_PIN_INCORRECT))
	d.costs("all eight again", 0, 0, login("12349999", CKR_PIN_INCORRECT))
	d.costs("the right one", 24, 1, login("12345678", CKR_OK))
	must(t, d.module.Logout(h))
	d.costs("wrong, all eight", 60, 1, login("12348888", CKR_PIN_INCORRECT))
	d.costs("wrong, the last four", 24, 0, login("8888", CKR_PIN_INCORRECT))
	d.costs("wrong, the last four again", 0, 0, login("8888", CKR_PIN_INCORRECT))
	if d.tries() != 2 {
		t.Errorf("%d tries left, want 2", d.tries())
	}
}

func TestSleepEndsLogin(t *testing.T) { // F29, profile 6.4
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	key := d.one(h, CKO_PRIVATE_KEY)
	d.mu.Lock()
	d.slept = time.Minute
	d.mu.Unlock()
	d.want("key", d.module.SignInit(h, 1, false, key), CKR_USER_NOT_LOGGED_IN)
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	d.sign(h, key, "after the sleep")
}

func TestClocks(t *testing.T) { // F30
	before := sinceStart()
	time.Sleep(20 * time.Millisecond)
	if passed := sinceStart().Sub(before); passed < 20*time.Millisecond || passed > time.Minute {
		t.Errorf("%v passed", passed)
	}
	if a := asleep(); a < -tolerance {
		t.Errorf("asleep for %v", a)
	}
}

func TestStaleHalf(t *testing.T) { // F72, P5
	d := newDesk(t, true, emulator.Options{})
	must(t, d.card.Set([]byte(`{"pin":"20304050"}`)))
	h := d.open(0)
	d.want("stale half", d.module.Login(h, CKU_USER, digits("4050")), CKR_PIN_INCORRECT)
	d.costs("four digits again", 0, 0, func() {
		d.want("four digits", d.module.Login(h, CKU_USER, digits("4051")), CKR_PIN_INCORRECT)
	})
	info, err := d.module.TokenInfo(0)
	must(t, err)
	if info.MinPIN != 8 || info.Label != "CIE - PIN completo, 8 cifre" {
		t.Errorf("token info %+v", info)
	}
	must(t, d.module.Login(h, CKU_USER, digits("20304050")))
	must(t, d.module.Logout(h))
	must(t, d.module.Login(h, CKU_USER, digits("4050"))) // the half was replaced
}

func TestKeptPINRefused(t *testing.T) { // profile 6.4
	d := newDesk(t, true, emulator.Options{})
	d.holder.Linger = 50 * time.Millisecond
	h := d.open(0)
	must(t, d.module.Login(h, CKU_USER, digits("12345678")))
	key := d.one(h, CKO_PRIVATE_KEY)
	for resets := d.card.Stats().Resets; d.card.Stats().Resets == resets; { // let go
		time.Sleep(10 * time.Millisecond)
	}
	must(t, d.card.Set([]byte(`{"pin":"20304050"}`)))
	for n, want := range []ReturnValue{CKR_USER_NOT_LOGGED_IN, CKR_USER_NOT_LOGGED_IN} {
		verify := 1 - n
		d.costs("signature", 24, verify, func() {
			err := d.module.SignInit(h, 1, false, key)
			if err == nil {
				_, err = d.module.Sign(h, []byte("data"), false, 256)
			}
			d.want("signature", err, want)
		})
	}
	d.costs("the PIN that was kept", 0, 0, func() {
		d.want("login", d.module.Login(h, CKU_USER, digits("12345678")), CKR_PIN_INCORRECT)
	})
	must(t, d.module.Login(h, CKU_USER, digits("20304050")))
	d.sign(h, key, "with the old handle")
}

func TestIdleLimit(t *testing.T) { // profile 6.4, S7
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	key := d.one(h, CKO_PRIVATE_KEY)
	d.pass(9 * time.Minute)
	d.sign(h, key, "in time")
	d.pass(9 * time.Minute)
	d.sign(h, key, "in time again")
	must(t, d.module.SignInit(h, 1, false, key))
	d.pass(11 * time.Minute)
	info, err := d.module.SessionInfo(h)
	must(t, err)
	if info.State != CKS_RO_PUBLIC_SESSION {
		t.Errorf("state %d after the limit", info.State)
	}
	_, err = d.module.Sign(h, []byte("data"), false, 256)
	d.want("begun before the limit", err, CKR_USER_NOT_LOGGED_IN)
	_, err = d.module.AttributeValue(h, key, []Request{{Type: CKA_ID, Length: true}})
	d.want("key", err, CKR_OBJECT_HANDLE_INVALID)
	d.want("key", d.module.SignInit(h, 1, false, key), CKR_USER_NOT_LOGGED_IN)
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	d.sign(h, key, "the handle is valid again")
	must(t, d.module.Logout(h))
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	d.want("key after logout", d.module.SignInit(h, 1, false, key), CKR_KEY_HANDLE_INVALID)
}

func TestRemoval(t *testing.T) { // profile 4.3
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	_, err := d.module.WaitForSlotEvent(CKF_DONT_BLOCK)
	d.want("a card that lay there is no event", err, CKR_NO_EVENT)
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
	certificate, key := d.one(h, CKO_CERTIFICATE), d.one(h, CKO_PRIVATE_KEY)
	event := make(chan SlotID, 1)
	go func() {
		slot, _ := d.module.WaitForSlotEvent(0)
		event <- slot
	}()
	d.move(d.card.Remove)
	d.await(false)
	if slot := <-event; slot != 0 {
		t.Errorf("event in slot %d", slot)
	}
	d.want("session", d.module.CheckSession(h), CKR_SESSION_HANDLE_INVALID)
	list, err := d.module.SlotList(true)
	if err != nil || len(list) != 0 {
		t.Errorf("slots with token %v, %v", list, err)
	}
	list, err = d.module.SlotList(false)
	if err != nil || len(list) != 2 {
		t.Errorf("slots %v, %v", list, err)
	}
	_, err = d.module.OpenSession(0, CKF_SERIAL_SESSION)
	d.want("open", err, CKR_TOKEN_NOT_PRESENT)
	d.costs("the card comes back", 4, 0, func() {
		d.move(d.card.Insert)
		d.await(true)
	})
	slot, err := d.module.WaitForSlotEvent(CKF_DONT_BLOCK)
	if err != nil || slot != 0 {
		t.Errorf("event %d, %v", slot, err)
	}
	again := d.open(0)
	if again == h || d.one(again, CKO_CERTIFICATE) == certificate {
		t.Error("a handle was used again")
	}
	d.want("not logged in", d.module.SignInit(again, 1, false, key), CKR_USER_NOT_LOGGED_IN)
	must(t, d.module.Login(again, CKU_USER, digits("5678")))
	d.want("the old key", d.module.SignInit(again, 1, false, key), CKR_KEY_HANDLE_INVALID)
}

func TestSwapBetweenTwoLooks(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	d.move(func() { d.card.Remove(); d.card.Insert() }) // as fast as nobody sees the reader empty
	d.await(true)
	for range 500 {
		if d.module.CheckSession(h) != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("the session of the card before is alive")
}

func TestRemovedWhileSigning(t *testing.T) {
	for name, end := range map[string]struct {
		f    func(*desk, SessionHandle)
		want ReturnValue
	}{
		"card":     {func(d *desk, _ SessionHandle) { d.move(d.card.Remove) }, CKR_DEVICE_REMOVED},
		"finalise": {func(d *desk, _ SessionHandle) { d.module.Close() }, CKR_CRYPTOKI_NOT_INITIALIZED},
		"logout":   {func(d *desk, h SessionHandle) { _ = d.module.Logout(h) }, CKR_USER_NOT_LOGGED_IN},
		"close":    {func(d *desk, h SessionHandle) { _ = d.module.CloseSession(h) }, CKR_SESSION_CLOSED},
		"all":      {func(d *desk, _ SessionHandle) { _ = d.module.CloseAllSessions(0) }, CKR_SESSION_CLOSED},
	} {
		t.Run(name, func(t *testing.T) { // F40, F41
			d := newDesk(t, true, emulator.Options{})
			h := d.open(0)
			must(t, d.module.Login(h, CKU_USER, digits("5678")))
			must(t, d.module.SignInit(h, 1, false, d.one(h, CKO_PRIVATE_KEY)))
			d.card.Fail(0, emulator.Fault{Kind: "stall"})
			done := make(chan error, 1)
			go func() {
				_, err := d.module.Sign(h, []byte("data"), false, 256)
				done <- err
			}()
			for d.card.Stats().Faults == 0 {
				time.Sleep(time.Millisecond)
			}
			begun := time.Now()
			end.f(d, h)
			d.want("signature", <-done, end.want)
			if took := time.Since(begun); took > 2*time.Second {
				t.Errorf("it took %v", took)
			}
			d.card.ClearFaults()
		})
	}
}

func TestLoginWithoutCard(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	d.card.Fail(3, emulator.Fault{Kind: "drop-before", Sticky: true})
	d.costs("link lost", 24, 0, func() {
		d.want("link lost", d.module.Login(h, CKU_USER, digits("5678")), CKR_DEVICE_REMOVED)
	})
	d.card.ClearFaults()
	must(t, d.module.Login(h, CKU_USER, digits("5678")))
}

func TestForeignCard(t *testing.T) {
	d := newDesk(t, false, emulator.Options{Behaviour: &emulator.Behaviour{NoCIE: true}})
	list, err := d.module.SlotList(true)
	if err != nil || len(list) != 0 {
		t.Errorf("slots with token %v, %v", list, err)
	}
	info, err := d.module.SlotInfo(0)
	must(t, err)
	if info.Flags != CKF_REMOVABLE_DEVICE|CKF_HW_SLOT || info.Description != "CIE (nessuna carta)" {
		t.Errorf("slot info %+v", info)
	}
}

func TestClosed(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	h := d.open(0)
	waiting := make(chan error, 1)
	go func() {
		_, err := d.module.WaitForSlotEvent(0)
		waiting <- err
	}()
	time.Sleep(20 * time.Millisecond)
	d.module.Close()
	d.want("wait", <-waiting, CKR_CRYPTOKI_NOT_INITIALIZED)
	d.want("session", d.module.CheckSession(h), CKR_CRYPTOKI_NOT_INITIALIZED)
	d.options.FirstHandle = 1 << 32
	d.start()
	d.await(true)
	if again := d.open(0); again < 1<<32 {
		t.Errorf("handle %#x", uint64(again))
	}
}

// A program of 32 bits searches by, and is given, numbers of 4 bytes.
func TestShortNumbers(t *testing.T) {
	d := newDesk(t, true, emulator.Options{})
	d.module.Close()
	d.options.ULongSize = 4
	d.start()
	d.await(true)
	h := d.open(CKF_SERIAL_SESSION)
	found := d.find(h, Attribute{CKA_CLASS, ulong(4, uint64(CKO_PUBLIC_KEY))})
	if len(found) != 1 || len(d.find(h, ofClass(CKO_PUBLIC_KEY))) != 0 {
		t.Fatalf("%d objects, want 1, and none by 8 bytes", len(found))
	}
	if got := d.value(h, found[0], CKA_MODULUS_BITS); !bytes.Equal(got, ulong(4, 2048)) {
		t.Errorf("modulus bits: %X", got)
	}
}
