package cie

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

var ctx = context.Background()

const slot = "slot"

// testRoots are the CAs of the state and of the emulated one.
func testRoots(t testing.TB) *trust.Roots {
	t.Helper()
	card, err := emulator.New(emulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := card.Dump(folder); err != nil {
		t.Fatal(err)
	}
	roots, err := trust.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	return roots
}

func newCard(t testing.TB, o emulator.Options) *emulator.Card {
	t.Helper()
	card, err := emulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// newHolder is a person with an empty computer and that card in a slot.
func newHolder(t testing.TB, card *emulator.Card) *Holder {
	t.Helper()
	folder, err := os.MkdirTemp(t.TempDir(), "pairings")
	if err != nil {
		t.Fatal(err)
	}
	store, err := pairing.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	return &Holder{
		Cards: InSlots(map[string]Software{slot: card}), Pairings: store, Roots: testRoots(t), KeepHalf: true,
		Linger: 50 * time.Millisecond,
	}
}

var here = Target{Reader: slot}

func digits(s string) *secret.Buffer { return secret.Take([]byte(s)) }

// apdus counts the commands that f costs.
func apdus(card *emulator.Card, f func()) int {
	before := card.Stats().APDUs
	f()
	return card.Stats().APDUs - before
}

func tries(card *emulator.Card) int { _, _, n, _ := card.Codes(); return n }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// verifies counts the commands of the ledger that could spend a try.
func verifies(card *emulator.Card) (n int) {
	for _, e := range card.Ledger() {
		if e.Kind != "query" {
			n++
		}
	}
	return n
}

// budget fails when an operation costs more commands than it may.
func budget(t *testing.T, what string, got, most int) {
	t.Helper()
	t.Logf("%s: %d APDUs, at most %d", what, got, most)
	if got > most {
		t.Errorf("%s: %d APDUs, more than %d", what, got, most)
	}
}

// checkSignature verifies by the standard library.
func checkSignature(t *testing.T, l *Login, message string) {
	t.Helper()
	sum := sha256.Sum256([]byte(message))
	signature, err := l.Signer(ctx).Sign(nil, sum[:], crypto.SHA256)
	must(t, err)
	must(t, rsa.VerifyPKCS1v15(l.Certificate().PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], signature))
}

func TestWrongSignatureIsNotGivenOut(t *testing.T) {
	h := newHolder(t, newCard(t, emulator.Options{}))
	l, err := h.Login(ctx, Target{Reader: slot}, digits("12345678"))
	must(t, err)
	defer l.Close()
	other := newHolder(t, newCard(t, emulator.Options{Seed: "two"}))
	l.certificate, err = other.Certificate(ctx, Target{Reader: slot}, digits("12345678"))
	must(t, err)
	sum := sha256.Sum256([]byte("message"))
	if signature, err := l.Signer(ctx).Sign(nil, sum[:], crypto.SHA256); !errors.Is(err, applet.ErrData) || signature != nil {
		t.Errorf("Sign = %d bytes, %v, want none, %v", len(signature), err, applet.ErrData)
	}
}

func TestAPDUBudget(t *testing.T) {
	for _, p := range emulator.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			card := newCard(t, emulator.Options{Profile: p.Name})
			h := newHolder(t, card)
			h.Linger = time.Minute // the counts do not depend on how busy the computer is
			budget(t, "pairing", apdus(card, func() { _, err := h.Pair(ctx, here, digits("12345678")); must(t, err) }), 65)
			budget(t, "status of a paired card", apdus(card, func() {
				s, err := h.Status(ctx)
				must(t, err)
				if len(s) != 1 || s[0].Record == nil {
					t.Errorf("%+v", s)
				}
			}), 4)
			budget(t, "login with 8 digits", apdus(card, func() { _, err := h.VerifyPIN(ctx, here, digits("12345678")); must(t, err) }), 18)
			budget(t, "login with 4 digits", apdus(card, func() { _, err := h.VerifyPIN(ctx, here, digits("5678")); must(t, err) }), 21)
			var l *Login
			budget(t, "login that lingers", apdus(card, func() { var err error; l, err = h.Login(ctx, here, digits("5678")); must(t, err) }), 21)
			budget(t, "signature after it", apdus(card, func() { checkSignature(t, l, "one") }), 3)
			budget(t, "second signature", apdus(card, func() { checkSignature(t, l, "two") }), 2)
			l.Close()
			budget(t, "change", apdus(card, func() { _, err := h.ChangePIN(ctx, here, digits("5678"), digits("11223344")); must(t, err) }), 23)
			budget(t, "unblock", apdus(card, func() { _, err := h.UnblockPIN(ctx, here, digits("87654321"), digits("55667788")); must(t, err) }), 24)
			_, err := h.VerifyPIN(ctx, here, digits("7788"))
			must(t, err)
		})
	}
}

func TestForeignCardCostsNothing(t *testing.T) { // F15
	card := newCard(t, emulator.Options{})
	h := newHolder(t, card)
	h.Cards = InSlots(map[string]Software{slot: foreignCard{card}})
	if n := apdus(card, func() {
		s, err := h.Status(ctx)
		must(t, err)
		if s[0].Foreign != "YubiKey" || s[0].CIE {
			t.Errorf("%+v", s)
		}
	}); n != 0 {
		t.Errorf("%d APDUs to a foreign card", n)
	}
	if _, err := h.Find(ctx, ""); !errors.Is(err, ErrForeign) {
		t.Errorf("Find: %v", err)
	}
}

// A card with an ATR that no CIE is known to have is sent one SELECT.
func TestUnknownCardCostsOneSelect(t *testing.T) { // F15
	for _, tt := range []struct {
		name  string
		b     emulator.Behaviour
		atr   string
		apdus int
		cie   bool
	}{
		{"foreign", emulator.Behaviour{NoCIE: true}, "\x3B\x80\x01\x81", 1, false},
		{"a CIE all the same", emulator.Behaviour{}, "\x3B\x80\x01\x81", 4, true},
		{"a CIE by its ATR, which has no name", emulator.Behaviour{RefuseIASName: true}, "\x3B\x80\x80\x01\x01", 5, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			card := newCard(t, emulator.Options{Behaviour: &tt.b})
			h := newHolder(t, card)
			h.Cards = InSlots(map[string]Software{slot: otherATR{card, tt.atr}})
			sent := apdus(card, func() {
				s, err := h.Status(ctx)
				must(t, err)
				if s[0].CIE != tt.cie || s[0].Err != nil {
					t.Errorf("%+v", s[0])
				}
			})
			if sent != tt.apdus {
				t.Errorf("%d APDUs, want %d", sent, tt.apdus)
			}
		})
	}
}

type otherATR struct {
	*emulator.Card
	atr string
}

func (c otherATR) ATR() []byte { return []byte(c.atr) }

type foreignCard struct{ *emulator.Card }

func (foreignCard) ATR() []byte {
	return append([]byte{0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21, 0xC0, 0x57}, "YubiKey@"...)
}

// story is what a person does with a card: pair, wrong twice, right, change,
// three wrong, blocked, unblock, sign.
func story(t *testing.T, card *emulator.Card, h *Holder, here Target) {
	t.Helper()
	paired, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	if paired.PAN.String() != card.PAN() || paired.Genuine != "test" {
		t.Errorf("paired %v, %s", paired, paired.Genuine)
	}
	here.PAN = paired.PAN
	wrong := func(code string, left int) {
		t.Helper()
		before := verifies(card)
		_, err := h.VerifyPIN(ctx, here, digits(code))
		var w *applet.WrongCodeError
		if !errors.As(err, &w) || w.Tries != left || tries(card) != left || verifies(card) != before+1 {
			t.Fatalf("wrong PIN: %v, want %d left, card has %d", err, left, tries(card))
		}
	}
	wrong("00000000", 2)
	if known, err := h.Tries(ctx, here); err != nil || known.PIN != 2 && known.PIN != -1 {
		t.Errorf("tries: %+v, %v", known, err)
	}
	wrong("00000000", 1)
	before := verifies(card)
	if _, err := h.VerifyPIN(ctx, here, digits("12345678")); !errors.Is(err, ErrLastTry) || verifies(card) != before {
		t.Fatalf("last try without consent: %v", err)
	}
	agreed := here
	agreed.LastTry = true
	_, err = h.VerifyPIN(ctx, agreed, digits("12345678"))
	must(t, err)
	half := "5678"
	if r, err := h.Pairings.Get(paired.PAN); err != nil || !r.HasHalf() {
		half = "12345678"
	}
	_, err = h.ChangePIN(ctx, here, digits(half), digits("20406080"))
	must(t, err)
	wrong("12345678", 2)
	wrong("12345678", 1)
	if _, err = h.VerifyPIN(ctx, agreed, digits("12345678")); !errors.Is(err, applet.ErrPINBlocked) || tries(card) != 0 {
		t.Fatalf("third wrong PIN: %v", err)
	}
	if _, err = h.VerifyPIN(ctx, agreed, digits("20406080")); !errors.Is(err, applet.ErrPINBlocked) {
		t.Fatalf("blocked: %v", err)
	}
	_, err = h.UnblockPIN(ctx, here, digits("87654321"), digits("13572468"))
	must(t, err)
	half = "2468"
	if r, err := h.Pairings.Get(paired.PAN); err != nil || !r.HasHalf() {
		half = "13572468"
	}
	l, err := h.Login(ctx, here, digits(half))
	must(t, err)
	defer l.Close()
	for i := range 3 {
		checkSignature(t, l, fmt.Sprint(i))
	}
	time.Sleep(2 * h.Linger) // the card was let go: a signature in a new transaction
	checkSignature(t, l, "later")
	if _, err := l.Signer(ctx).Sign(nil, make([]byte, 32), &rsa.PSSOptions{Hash: crypto.SHA256}); !errors.Is(err, ErrPadding) {
		t.Errorf("PSS: %v", err)
	}
	if pending, err := h.Pairings.Pending(); err != nil || len(pending) != 0 {
		t.Errorf("journal: %v, %v", pending, err)
	}
}

func TestStoryOnEachProfile(t *testing.T) {
	for _, p := range emulator.Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			t.Parallel()
			card := newCard(t, emulator.Options{Profile: p.Name})
			story(t, card, newHolder(t, card), here)
		})
	}
}

// switches are the behaviours in which cards are known or suspected to differ.
var switches = map[string]emulator.Behaviour{
	"plain":              {},
	"refuse-ias-name":    {RefuseIASName: true},
	"refuse-getdata-le":  {RefuseGetDataLe: true},
	"always-more-data":   {AlwaysMoreData: true, RefuseGetDataLe: true},
	"mirror-status":      {MirrorStatus: true},
	"single-dh":          {SingleDH: true},
	"end-6b00":           {EndOfFile: "6b00"},
	"end-empty":          {EndOfFile: "empty"},
	"end-6cxx":           {EndOfFile: "6cxx"},
	"no-sfi":             {NoSFI: true},
	"no-fcp":             {NoFCP: true},
	"extended":           {Extended: true},
	"padding":            {Padding: 300},
	"tries-verify":       {Tries: "verify"},
	"tries-both":         {Tries: "both"},
	"tries-none":         {Tries: "none"},
	"lenient-verify":     {LenientVerify: true},
	"free-certificate":   {FreeCertificate: true},
	"one-signature":      {OneSignature: true},
	"keep-pin":           {KeepPIN: true},
	"forget-key":         {ForgetKey: true},
	"chr-with-a4-only":   {CHRWithA4Only: true},
	"random-services":    {RandomServices: true},
	"short-services":     {ShortServices: true},
	"plain-services":     {PlainServices: true},
	"leading-zero":       {LeadingZero: true},
	"old-sod":            {OldSOD: true},
	"large-chain-answer": {LargeChainAnswer: true},
	"dh-group-2048-224":  {Group: "2048-224"},
	"dh-group-3072":      {Group: "3072"},
}

func TestStoryOnEachSwitch(t *testing.T) {
	for name, b := range switches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			card := newCard(t, emulator.Options{Behaviour: &b})
			story(t, card, newHolder(t, card), here)
		})
	}
}

func TestCheckCard(t *testing.T) {
	for _, tt := range []struct {
		name  string
		b     emulator.Behaviour
		want  trust.Genuineness
		clone bool
	}{
		{"good", emulator.Behaviour{}, trust.Test, false},
		{"old", emulator.Behaviour{OldSOD: true}, trust.Test, false},
		{"without a digest of the DH file", emulator.Behaviour{NoDHDigest: true}, trust.Test, false},
		{"without a DH file", emulator.Behaviour{NoDHFile: true}, trust.Test, false},
		{"unknown issuer", emulator.Behaviour{UnknownIssuer: true}, trust.Unknown, false},
		{"bad signature", emulator.Behaviour{BadSignature: true}, trust.Failed, false},
		{"changed number", emulator.Behaviour{BadDigest: "a1"}, trust.Failed, false},
		{"changed DH file", emulator.Behaviour{BadDigest: "1b"}, trust.Failed, false},
		{"clone", emulator.Behaviour{RandomServices: true}, trust.Failed, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			card := newCard(t, emulator.Options{Behaviour: &tt.b})
			c, err := newHolder(t, card).CheckCard(ctx, here)
			must(t, err)
			if c.Genuine != tt.want || c.Clone != tt.clone || c.NIS != "123456789012" || c.PAN.String() != card.PAN() {
				t.Errorf("%+v", c)
			}
		})
	}
}

func TestFakeCardsGetNoPIN(t *testing.T) { // A1, F58, F60, F61
	for name, b := range map[string]emulator.Behaviour{
		"own key": {FakeDeviceKey: true}, "bad signature": {BadSignature: true}, "changed device key": {BadDigest: "a4"},
		"changed services key": {BadDigest: "a5"}, "unknown issuer": {UnknownIssuer: true},
		"p even": {WeakGroup: "p-even"}, "p small": {WeakGroup: "p-small"}, "p composite": {WeakGroup: "p-composite"}, "g one": {WeakGroup: "g-one"},
		"y zero": {WeakGroup: "y-zero"}, "y one": {WeakGroup: "y-one"}, "y last": {WeakGroup: "y-last"}, "y large": {WeakGroup: "y-large"},
		"y outside": {WeakGroup: "y-outside"}, "terminal refused": {RefuseTerminal: true}, "short challenge": {ShortChallenge: true},
	} {
		t.Run(name, func(t *testing.T) {
			card := newCard(t, emulator.Options{Behaviour: &b})
			h := newHolder(t, card)
			if _, err := h.Pair(ctx, here, digits("12345678")); err == nil {
				t.Error("paired")
			} else {
				t.Log(err)
			}
			if n := verifies(card); n != 0 {
				t.Errorf("%d codes sent", n)
			}
		})
	}
}

func TestPairedCardMustProveItsKey(t *testing.T) { // F59, F9
	card := newCard(t, emulator.Options{})
	h := newHolder(t, card)
	paired, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	card.SetBehaviour(func(b *emulator.Behaviour) { b.FakeDeviceKey = true })
	before := verifies(card)
	if _, err := h.VerifyPIN(ctx, here, digits("5678")); !errors.Is(err, ErrNotGenuine) {
		t.Errorf("fake chip: %v", err)
	}
	other := newCard(t, emulator.Options{Seed: "other"})
	h.Cards = InSlots(map[string]Software{slot: other})
	if _, err := h.VerifyPIN(ctx, Target{Reader: slot, PAN: paired.PAN}, digits("12345678")); !errors.Is(err, ErrOtherCard) {
		t.Errorf("another card: %v", err)
	}
	if _, err := h.VerifyPIN(ctx, here, digits("5678")); !errors.Is(err, ErrNeedsAllDigits) {
		t.Errorf("four digits for a card that is not paired: %v", err)
	}
	if n := verifies(other) + verifies(card) - before; n != 0 {
		t.Errorf("%d codes sent", n)
	}
	if _, err := h.VerifyPIN(ctx, here, digits("12345678")); err != nil {
		t.Errorf("eight digits for a card that is not paired: %v", err)
	}
}

// TestOtherGroupThanThePairedCards: what is remembered of one card does not keep
// from another, with which keys made of it never fit.
func TestOtherGroupThanThePairedCards(t *testing.T) {
	h := newHolder(t, newCard(t, emulator.Options{}))
	paired, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	for _, group := range []string{"2048-224", "3072"} {
		other := newCard(t, emulator.Options{Seed: "other", Behaviour: &emulator.Behaviour{Group: group}})
		h.Cards = InSlots(map[string]Software{slot: other})
		if pan, err := h.VerifyPIN(ctx, here, digits("12345678")); err != nil || pan.String() != other.PAN() {
			t.Errorf("%s: %v, %v", group, pan, err)
		}
		if _, err := h.VerifyPIN(ctx, Target{Reader: slot, PAN: paired.PAN}, digits("12345678")); !errors.Is(err, ErrOtherCard) {
			t.Errorf("%s, when the paired one is meant: %v", group, err)
		}
	}
	same := newCard(t, emulator.Options{Behaviour: &emulator.Behaviour{Group: "2048-224"}})
	h.Cards = InSlots(map[string]Software{slot: same})
	if _, err := h.VerifyPIN(ctx, here, digits("5678")); err != nil {
		t.Errorf("a paired card whose parameters are not those remembered: %v", err)
	}
}

func TestFourDigitsWithoutAStoredHalf(t *testing.T) {
	card := newCard(t, emulator.Options{})
	h := newHolder(t, card)
	h.KeepHalf = false
	_, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	before := verifies(card)
	if _, err := h.VerifyPIN(ctx, here, digits("5678")); !errors.Is(err, ErrNoHalf) || verifies(card) != before {
		t.Errorf("four digits: %v", err)
	}
	if _, err := h.VerifyPIN(ctx, here, digits("12345678")); err != nil {
		t.Errorf("eight digits: %v", err)
	}
}

// dying programs leave the card as it is.
type dying struct{ Cards }

type lost struct{ Link }

func (lost) ResetAtEnd() {}

func (d dying) Do(ctx context.Context, reader string, f func(Link) error) error {
	return d.Cards.Do(ctx, reader, func(l Link) error { return f(lost{l}) })
}

func TestF34AnotherProgramDiedLoggedIn(t *testing.T) {
	card := newCard(t, emulator.Options{})
	card.SetBehaviour(func(b *emulator.Behaviour) { b.KeepPIN = true })
	h := newHolder(t, card)
	_, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	cards := h.Cards
	for _, next := range operations {
		h.Cards = dying{cards}
		_, err = h.VerifyPIN(ctx, here, digits("5678"))
		must(t, err)
		if !card.State().Verified {
			t.Fatal("the card was reset: the test shows nothing")
		}
		h.Cards = cards
		if err := next.run(ctx, h); err != nil || card.State().Verified {
			t.Errorf("%s after it: %v, PIN proved: %v", next.name, err, card.State().Verified)
		}
		must(t, card.Set([]byte(`{"pin":"12345678"}`)))
		_, err = h.Pair(ctx, here, digits("12345678"))
		must(t, err)
	}
}

func TestAcceptance10ReaderPluggedInLater(t *testing.T) {
	card := newCard(t, emulator.Options{})
	h := newHolder(t, card)
	readers := map[string]Software{}
	h.Cards = InSlots(readers)
	if _, err := h.Find(ctx, ""); !errors.Is(err, ErrNoReader) {
		t.Errorf("without a reader: %v", err)
	}
	readers[slot] = card
	reader, err := h.Find(ctx, "")
	must(t, err)
	if _, err := h.Pair(ctx, Target{Reader: reader}, digits("12345678")); err != nil {
		t.Errorf("with one: %v", err)
	}
}

func TestUnknownIssuerNeedsConsent(t *testing.T) {
	card := newCard(t, emulator.Options{})
	h := newHolder(t, card)
	h.Roots = trust.BuiltIn()
	if _, err := h.Pair(ctx, here, digits("12345678")); !errors.Is(err, ErrUnknownIssuer) || verifies(card) != 0 {
		t.Errorf("without consent: %v", err)
	}
	agreed := here
	agreed.UnknownIssuer = true
	if r, err := h.Pair(ctx, agreed, digits("12345678")); err != nil || r.Genuine != "unknown" {
		t.Errorf("with consent: %v, %v", r.Genuine, err)
	}
}

func TestStaleHalfCostsOneTry(t *testing.T) { // F72, P5, acceptance 17
	card := newCard(t, emulator.Options{})
	h := newHolder(t, card)
	_, err := h.Pair(ctx, here, digits("12345678"))
	must(t, err)
	must(t, card.Set([]byte(`{"pin":"90909090"}`))) // changed on a telephone
	if _, err := h.VerifyPIN(ctx, here, digits("9090")); tries(card) != 2 {
		t.Errorf("first: %v", err)
	}
	for range 5 {
		if _, err := h.VerifyPIN(ctx, here, digits("9090")); !errors.Is(err, ErrStaleHalf) || tries(card) != 2 {
			t.Fatalf("again: %v, %d left", err, tries(card))
		}
	}
	_, err = h.VerifyPIN(ctx, here, digits("90909090"))
	must(t, err)
	_, err = h.VerifyPIN(ctx, here, digits("9090")) // the half was replaced
	must(t, err)
}

func TestTwoReaders(t *testing.T) { // acceptance 15, F14
	one, two := newCard(t, emulator.Options{}), newCard(t, emulator.Options{Seed: "two"})
	h := newHolder(t, one)
	h.Cards = InSlots(map[string]Software{"a": foreignCard{one}, "b": two, "c": nil})
	if reader, err := h.Find(ctx, ""); err != nil || reader != "b" {
		t.Errorf("foreign card first: %q, %v", reader, err)
	}
	h.Cards = InSlots(map[string]Software{"a": one, "b": two})
	if _, err := h.Find(ctx, ""); !errors.Is(err, ErrSeveralCards) {
		t.Errorf("two CIEs: %v", err)
	}
	if _, err := h.Pair(ctx, Target{Reader: "b"}, digits("12345678")); err != nil || tries(one) != 3 {
		t.Errorf("the second: %v", err)
	}
	h.Cards = InSlots(map[string]Software{})
	if _, err := h.Find(ctx, ""); !errors.Is(err, ErrNoReader) {
		t.Errorf("no reader: %v", err)
	}
	h.Cards = InSlots(map[string]Software{"a": nil})
	if _, err := h.Find(ctx, ""); !errors.Is(err, pcsc.ErrNoCard) {
		t.Errorf("no card: %v", err)
	}
}

func TestFirstCIE(t *testing.T) {
	empty, laid := Status{}, Status{Reader: pcsc.Reader{Name: "laid", Present: true}}
	busy, card := Status{Reader: pcsc.Reader{Name: "busy", Present: true}, Err: pcsc.ErrBusy}, Status{Reader: pcsc.Reader{Name: "card"}, CIE: true}
	for _, tt := range []struct {
		all  []Status
		at   Status
		want error
	}{
		{nil, empty, ErrNoReader},
		{[]Status{empty, empty}, empty, pcsc.ErrNoCard},
		{[]Status{empty, laid}, laid, ErrForeign},
		{[]Status{busy, laid, empty}, busy, pcsc.ErrBusy},
		{[]Status{laid, busy}, busy, pcsc.ErrBusy},
		{[]Status{laid, busy, card, empty}, card, nil},
	} {
		if at, err := FirstCIE(tt.all); at.Reader.Name != tt.at.Reader.Name || !errors.Is(err, tt.want) || (err == nil) != (tt.want == nil) {
			t.Errorf("%v: %q, %v, want %q, %v", tt.all, at.Reader.Name, err, tt.at.Reader.Name, tt.want)
		}
	}
}
