package cie

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// A Target says which card an operation is for.
type Target struct {
	Reader string
	PAN    applet.PAN // the card meant; zero: whichever lies there
	Pair   bool       // Login pairs a card that is not, if it can be written down
	Consent

	// Before is asked with the whole PIN before that leaves; an error keeps it back.
	// Nil allows every PIN.
	Before func(applet.PIN) error
}

// A session is one card in one transaction.
type session struct {
	h       *Holder
	target  Target
	link    Link
	card    *applet.Card
	params  applet.Parameters
	record  pairing.Record
	paired  bool
	sod     *trust.SOD
	verdict trust.Genuineness
	sent    applet.Code    // the code that has left, "" none
	shield  sync.Mutex     // held while a code is with the card
	known   bool           // the card has said what it thinks of the code
	key     []byte         // public services key, DER
	sealing *secret.Buffer // the card's signature over the record's salt
}

// attempts is how often an operation is begun when the link breaks before any
// code has left, and pause the time the card is given to come back.
const (
	attempts = 3
	pause    = 300 * time.Millisecond
)

// run does an operation in a transaction of its own: again, if the link broke
// before any code had left; never, once one has.
func (h *Holder) run(ctx context.Context, target Target, f func(*session) error) error {
	for n := 1; ; n++ {
		h.step(StepConnect)
		s := &session{h: h, target: target}
		err := s.do(ctx, f)
		switch {
		case err == nil:
			return nil
		case s.sent != "" && !s.known && ctx.Err() == nil:
			return s.lost(err)
		case s.sent != "" || !linkLost(err) || n == attempts:
			return err
		}
		h.step(StepRetry)
		select {
		case <-time.After(cmp.Or(h.comeBack, pause)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// do runs f in a transaction. Cancelling ctx ends it at once, but for the time in
// which a code is with the card: then its answer is awaited first.
func (s *session) do(ctx context.Context, f func(*session) error) error {
	open, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() {
		s.shield.Lock()
		defer s.shield.Unlock()
		cancel()
	})
	defer stop()
	err := s.h.Cards.Do(open, s.target.Reader, func(l Link) error {
		s.link = l
		defer s.close()
		return f(s)
	})
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return ctx.Err() // a deadline is told as one
	}
	return err
}

// shielded runs what must not be cancelled half way.
func (s *session) shielded(f func() error) error {
	s.shield.Lock()
	defer s.shield.Unlock()
	return f()
}

// lost marks an error that came after a code had left.
func (s *session) lost(err error) error {
	var marked *SentError
	var uncertain *UncertainError
	if errors.As(err, &marked) || errors.As(err, &uncertain) || !linkLost(err) && !unprotected(err) && !errors.Is(err, pcsc.ErrNoAnswer) {
		return err
	}
	return &SentError{s.sent, err}
}

// unprotected says whether a protected answer could not be had or trusted.
func unprotected(err error) bool {
	var channel *applet.ChannelError
	var bare *applet.UnconfirmedError
	return errors.As(err, &channel) || errors.As(err, &bare)
}

func (s *session) close() {
	if s.card != nil {
		s.card.Close()
	}
	s.sealing.Wipe()
	s.sealing = nil
}

// authenticate opens the card and has it prove its key. A paired card proves the
// key pinned at pairing; another one the key that the state's signature vouches
// for, which is checked before.
func (s *session) authenticate() error {
	guess, ok, err := s.guess()
	if err != nil {
		return err
	}
	if ok {
		err := s.resume(guess)
		if err == nil || gone(err) {
			return err
		}
		// Another card, or parameters that are not this card's after all. Nothing
		// has left yet: look who is there.
	}
	if err := s.open(); err != nil {
		return err
	}
	if ok && s.card.PAN() == guess.PAN {
		return s.authenticatePinned(guess)
	}
	if s.paired {
		return s.authenticatePinned(s.record)
	}
	return s.authenticateNew()
}

// guess is the record of the card that most probably lies there: the one meant,
// or the only one there is.
func (s *session) guess() (pairing.Record, bool, error) {
	store := s.h.Pairings
	if store == nil {
		return pairing.Record{}, false, nil
	}
	if s.target.PAN != (applet.PAN{}) {
		r, err := store.Get(s.target.PAN)
		return r, err == nil, ignorable(err)
	}
	all, _ := store.List()
	if len(all) != 1 {
		return pairing.Record{}, false, nil
	}
	return all[0], true, nil
}

// ignorable lets a card be used as if it were not paired when its record is
// missing or damaged; a record that somebody tampered with, or of a newer
// version, is an error.
func ignorable(err error) error {
	if errors.Is(err, pairing.ErrNotPaired) || errors.Is(err, pairing.ErrDamaged) {
		return nil
	}
	return err
}

// resume authenticates a paired card without asking its number: only the chip of
// that card can prove the pinned key.
func (s *session) resume(r pairing.Record) error {
	card, err := applet.Resume(s.link, r.Parameters)
	if err != nil {
		return err
	}
	s.use(card)
	s.h.step(StepAuthenticate)
	if err := card.Authenticate(s.h.random(), r.Parameters); err != nil {
		return err
	}
	s.adopt(r)
	return nil
}

func (s *session) use(card *applet.Card) {
	s.close()
	s.card = card
	s.link.ResetAtEnd()
}

func (s *session) adopt(r pairing.Record) {
	s.record, s.paired, s.params, s.key = r, true, r.Parameters, r.ServicesKey
	s.verdict = trust.Genuineness(r.Genuine)
}

// open selects the application and finds the card's record by its number.
func (s *session) open() error {
	card, err := applet.Open(s.link)
	if err != nil {
		return err
	}
	s.use(card)
	if s.target.PAN != (applet.PAN{}) && card.PAN() != s.target.PAN {
		return ErrOtherCard
	}
	if s.h.Pairings == nil {
		return nil
	}
	r, err := s.h.Pairings.Get(card.PAN())
	if err == nil {
		s.record, s.paired = r, true
	}
	return ignorable(err)
}

// authenticatePinned authenticates a paired card by what is remembered of it,
// and reads its parameters anew if those do not work; the key stays the pinned
// one.
func (s *session) authenticatePinned(r pairing.Record) error {
	s.h.step(StepAuthenticate)
	err := s.card.Authenticate(s.h.random(), r.Parameters)
	if err == nil {
		s.adopt(r)
		return nil
	}
	if gone(err) {
		return err
	}
	if err := s.open(); err != nil { // the failed attempt has spoilt the session
		return err
	}
	fresh, err := s.card.ReadParameters()
	if err != nil {
		return err
	}
	if string(fresh.DeviceKey) != string(r.Parameters.DeviceKey) {
		return fmt.Errorf("%w: the chip has another key than at pairing", ErrNotGenuine)
	}
	if err := s.card.Authenticate(s.h.random(), fresh); err != nil {
		return genuine(err)
	}
	s.adopt(r)
	s.params = fresh
	return nil
}

// authenticateNew checks a card that is not paired by the state's signature, then
// has it prove its key.
func (s *session) authenticateNew() error {
	if err := s.readFree(); err != nil {
		return err
	}
	if err := s.checkSigned(); err != nil {
		return err
	}
	s.h.step(StepAuthenticate)
	return genuine(s.card.Authenticate(s.h.random(), s.params))
}

// reopen begins again with the card that has just proved its key, which has to
// prove it again.
func (s *session) reopen() error {
	card, err := applet.Open(s.link)
	if err != nil {
		return err
	}
	s.use(card)
	return genuine(card.Authenticate(s.h.random(), s.params))
}

// genuine marks a chip that did not prove its key.
func genuine(err error) error {
	if errors.Is(err, applet.ErrDeviceKey) {
		return fmt.Errorf("%w (%w)", ErrNotGenuine, err)
	}
	return err
}

// readFree reads what is needed of the card and free to read.
func (s *session) readFree() error {
	s.h.step(StepRead)
	file, err := s.card.ReadFile(applet.FileSOD)
	if err != nil {
		return err
	}
	if s.sod, err = trust.ParseSOD(file); err != nil {
		return fmt.Errorf("%w: %w", ErrNotGenuine, err)
	}
	if s.key, err = s.card.ReadFile(applet.FileServicesKey); err != nil {
		return err
	}
	s.params, err = s.card.ReadParameters()
	return err
}

// checkSigned judges the security object, and the keys by it.
func (s *session) checkSigned() error {
	s.h.step(StepGenuine)
	verdict, err := s.sod.Verify(s.h.Roots, s.h.now())
	s.verdict = verdict
	if verdict == trust.Failed {
		return fmt.Errorf("%w: %w", ErrNotGenuine, err)
	}
	for _, file := range []struct {
		group   trust.DataGroup
		content []byte
	}{{trust.GroupDeviceKey, s.params.DeviceKey}, {trust.GroupServicesKey, s.key}} {
		if err := s.sod.Check(file.group, file.content); err != nil {
			return fmt.Errorf("%w: %w", ErrNotGenuine, err)
		}
	}
	if verdict == trust.Unknown && !s.target.UnknownIssuer {
		return fmt.Errorf("%w: %w", ErrUnknownIssuer, err)
	}
	return nil
}

// tries reads the tries left of a code; for the PIN of a paired card, else what
// was last seen. -1 is unknown.
//
// A card that refuses the first question outside secure messaging has ended the
// channel by it: it is opened again, and such a card is asked no more. One that
// has told before must tell now.
func (s *session) tries(code applet.Code) (int, error) {
	n, from, err := s.card.Tries(code, s.record.TriesFrom)
	var bare *applet.UnconfirmedError
	if s.record.TriesFrom == applet.TriesUnread && errors.As(err, &bare) && !linkLost(err) {
		if err := s.reopen(); err != nil {
			return 0, err
		}
		n, from, err = s.card.Tries(code, applet.TriesNowhere)
	}
	if code == applet.CodePIN || from != applet.TriesNowhere {
		s.record.TriesFrom = from
	}
	switch {
	case err == nil:
		return n, nil
	case !errors.Is(err, applet.ErrTriesUnknown):
		return 0, err
	case code == applet.CodePIN && s.paired:
		return s.record.Tries, nil
	case code == applet.CodePIN && s.h.Pairings != nil:
		return s.h.Pairings.SeenTries(s.pan()), nil
	}
	return -1, nil
}

// verifyPIN presents the PIN, once, unless it is the last try.
func (s *session) verifyPIN(code *secret.Buffer) (pin applet.PIN, err error) {
	s.h.step(StepVerify)
	left, err := s.tries(applet.CodePIN)
	switch {
	case err != nil:
		return applet.PIN{}, err
	case left == 0 && s.record.TriesFrom != applet.TriesNowhere:
		return applet.PIN{}, applet.ErrPINBlocked
	case left == 1 && !s.target.LastTry && !s.h.LastTry:
		return applet.PIN{}, ErrLastTry
	}
	if pin, err = s.wholePIN(code); err != nil {
		return applet.PIN{}, err
	}
	if s.target.Before != nil {
		if err := s.target.Before(pin); err != nil {
			pin.Wipe()
			return applet.PIN{}, err
		}
	}
	s.sent = applet.CodePIN
	err = s.shielded(func() error { return s.card.VerifyPIN(pin) })
	s.known = err == nil || answered(err)
	s.remember(left, code.Len() < applet.CodeLength, err)
	if err != nil {
		pin.Wipe()
		return applet.PIN{}, err
	}
	return pin, nil
}

// remember keeps what a VERIFY has shown: the tries left, and that the stored
// half no longer fits.
func (s *session) remember(before int, usedHalf bool, err error) {
	if !s.paired {
		if before < 0 {
			before = applet.CodePIN.MaxTries()
		}
		s.keepTries(triesAfter(before, err))
		return
	}
	old := s.record
	s.record.Tries = triesAfter(before, err)
	if usedHalf && answered(err) {
		s.record.Suspect = true
	}
	if old.Tries != s.record.Tries || old.Suspect != s.record.Suspect || old.TriesFrom != s.record.TriesFrom {
		s.save()
	}
}

// keepTries remembers the PIN tries left of a card that is not paired. What cannot
// be written is not worth failing for: a card that tells is asked again.
func (s *session) keepTries(n int) {
	if s.h.Pairings != nil {
		_ = s.h.Pairings.KeepTries(s.pan(), n)
	}
}

// triesAfter are the tries left after a VERIFY, of those before it. A wrong PIN
// leaves less than there were, whatever the card says.
func triesAfter(before int, err error) int {
	var wrong *applet.WrongCodeError
	switch {
	case err == nil:
		return applet.CodePIN.MaxTries()
	case errors.Is(err, applet.ErrPINBlocked):
		return 0
	case errors.As(err, &wrong) && wrong.Tries >= 0 && before < 0:
		return wrong.Tries
	case errors.As(err, &wrong) && wrong.Tries >= 0:
		return min(wrong.Tries, max(before-1, 1))
	}
	if before > 0 { // the answer is not known: assume the worse
		return before - 1
	}
	return before
}

// save writes the changed facts of the record. What cannot be written is not
// worth failing an operation for: it is found out again.
func (s *session) save() {
	_ = s.h.Pairings.Update(s.record.PAN, func(r *pairing.Record) error {
		r.Tries, r.Suspect, r.TriesFrom, r.Half, r.InKeyring = s.record.Tries, s.record.Suspect, s.record.TriesFrom, s.record.Half, s.record.InKeyring
		r.Parameters = s.params
		return nil
	})
}

// wholePIN makes the eight digits of what was typed.
func (s *session) wholePIN(code *secret.Buffer) (applet.PIN, error) {
	if code.Len() == applet.CodeLength {
		return applet.ParsePIN(code.Bytes())
	}
	switch {
	case s.paired && s.record.Suspect:
		return applet.PIN{}, ErrStaleHalf
	case !s.paired:
		return applet.PIN{}, ErrNeedsAllDigits
	case !s.record.HasHalf():
		return applet.PIN{}, ErrNoHalf
	}
	signature, err := s.signSalt()
	if err != nil {
		return applet.PIN{}, err
	}
	half, err := s.h.Pairings.Unseal(s.record, signature)
	if err != nil {
		return applet.PIN{}, fmt.Errorf("%w (%w)", ErrStaleHalf, err)
	}
	defer half.Wipe()
	whole := secret.New(applet.CodeLength)
	defer whole.Wipe()
	secret.Copy(whole.Bytes()[secret.Copy(whole.Bytes(), half.Bytes()):], code.Bytes())
	return applet.ParsePIN(whole.Bytes())
}

// signSalt has the card make the sealing key of the record, once in a session.
func (s *session) signSalt() ([]byte, error) {
	if s.sealing == nil {
		signature, err := s.card.SignServices(s.record.Salt)
		if err != nil {
			return nil, err
		}
		s.sealing = secret.Take(signature)
	}
	return s.sealing.Bytes(), nil
}

// reseal keeps the first half of a PIN that was just proved or set.
func (s *session) reseal(pin applet.PIN) error {
	s.h.step(StepSeal)
	signature, err := s.signSalt()
	if err != nil {
		return err
	}
	if err := s.h.Pairings.Seal(&s.record, signature, pin.Digits()[:pairing.HalfLength]); err != nil {
		return err
	}
	s.save()
	return nil
}

// CheckCode looks at what somebody typed for a PIN before any card is touched:
// four or eight digits, nothing else.
func CheckCode(code *secret.Buffer) error {
	if code.Len() != applet.CodeLength && code.Len() != pairing.HalfLength {
		return ErrCodeLength
	}
	return digitsOnly(code)
}

// checkPUK looks at a PUK: eight digits.
func checkPUK(code *secret.Buffer) error {
	if code.Len() != applet.CodeLength {
		return ErrPUKLength
	}
	return digitsOnly(code)
}

// checkWhole looks at a PIN of which all eight digits are needed, as at pairing.
func checkWhole(code *secret.Buffer) error {
	if code.Len() != applet.CodeLength {
		return ErrCodeLength
	}
	return digitsOnly(code)
}

func digitsOnly(code *secret.Buffer) error {
	if !applet.OnlyDigits(code.Bytes()) {
		return ErrCodeDigits
	}
	return nil
}
