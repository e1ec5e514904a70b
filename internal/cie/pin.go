package cie

import (
	"context"
	"crypto/x509"
	"fmt"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
)

// Tries are the tries left of both codes; -1 is unknown.
type Tries struct {
	PAN      applet.PAN
	PIN, PUK int
	Told     bool // by the card, of the PIN; else it is what was last seen
}

// Tries reads the tries left without spending one.
func (h *Holder) Tries(ctx context.Context, target Target) (Tries, error) {
	var t Tries
	err := h.run(ctx, target, func(s *session) error {
		s.target.UnknownIssuer = true // no code leaves
		if err := s.authenticate(); err != nil {
			return err
		}
		t.PAN = s.pan()
		var err error
		if t.PIN, err = s.tries(applet.CodePIN); err != nil {
			return err
		}
		t.Told = t.PIN >= 0 && s.record.TriesFrom != applet.TriesNowhere && s.record.TriesFrom != applet.TriesUnread
		t.PUK, err = s.tries(applet.CodePUK)
		switch {
		case t.PIN < 0:
		case !s.paired:
			s.keepTries(t.PIN)
		case t.PIN != s.record.Tries:
			s.record.Tries = t.PIN
			s.save()
		}
		return err
	})
	if err != nil {
		return Tries{}, err
	}
	return t, nil
}

// pan is the number of the card in the session.
func (s *session) pan() applet.PAN {
	if s.paired {
		return s.record.PAN
	}
	return s.card.PAN()
}

// VerifyPIN proves the PIN and does nothing else. It returns the card's number.
func (h *Holder) VerifyPIN(ctx context.Context, target Target, code *secret.Buffer) (applet.PAN, error) {
	if err := CheckCode(code); err != nil {
		return applet.PAN{}, err
	}
	return h.on(ctx, target, func(s *session) error {
		pin, err := s.login(code)
		pin.Wipe()
		return err
	})
}

// on runs an operation and says on which card it was.
func (h *Holder) on(ctx context.Context, target Target, operation func(*session) error) (pan applet.PAN, err error) {
	err = h.run(ctx, target, func(s *session) error {
		err := operation(s)
		if s.card != nil {
			pan = s.pan()
		}
		return err
	})
	return pan, err
}

// login authenticates and proves the PIN. A half that had gone stale is replaced
// once all eight digits were right.
func (s *session) login(code *secret.Buffer) (applet.PIN, error) {
	if err := s.authenticate(); err != nil {
		return applet.PIN{}, err
	}
	pin, err := s.verifyPIN(code)
	if err != nil {
		return applet.PIN{}, err
	}
	s.settle()
	if s.paired && s.record.Suspect && len(s.record.Half) > 0 {
		_ = s.reseal(pin)
	}
	return pin, nil
}

// settle strikes a change of uncertain outcome out of the journal: the PIN in
// force is known now.
func (s *session) settle() {
	if s.h.Pairings == nil {
		return
	}
	pending, _ := s.h.Pairings.Pending()
	for _, p := range pending {
		if p.PAN == s.pan() {
			_ = s.h.Pairings.EndChange(p.PAN)
		}
	}
}

// ChangePIN replaces the PIN. An *UncertainError means that the link broke while
// the card was doing it; otherwise the PIN is the new one exactly when the error
// is nil.
func (h *Holder) ChangePIN(ctx context.Context, target Target, current, next *secret.Buffer) (applet.PAN, error) {
	if err := CheckCode(current); err != nil {
		return applet.PAN{}, err
	}
	if err := CheckNewPIN(next, current); err != nil {
		return applet.PAN{}, err
	}
	return h.on(ctx, target, func(s *session) error { return s.change(current, next) })
}

func (s *session) change(current, next *secret.Buffer) error {
	to, err := s.begin(next)
	if err != nil {
		return err
	}
	defer to.Wipe()
	from, err := s.verifyPIN(current)
	if err != nil {
		return err
	}
	defer from.Wipe()
	if err := s.checkAfter(to, from); err != nil {
		return err
	}
	s.h.step(StepChange)
	return s.shielded(func() error {
		return s.replacing(pairing.Change, to, func() error { return s.card.ChangePIN(from, to) })
	})
}

// begin authenticates, and looks at a new PIN by what is known before the old one
// is proved.
func (s *session) begin(next *secret.Buffer) (to applet.PIN, err error) {
	if err := s.authenticate(); err != nil {
		return applet.PIN{}, err
	}
	if to, err = applet.ParsePIN(next.Bytes()); err != nil {
		return applet.PIN{}, err
	}
	var holder *x509.Certificate
	if s.paired {
		holder = holderOf(s.record.Certificate)
	}
	if err := checkPersonal(to, applet.PIN{}, s.pan(), holder); err != nil {
		to.Wipe()
		return applet.PIN{}, err
	}
	return to, nil
}

// checkAfter does so once the old PIN is known, and on a card that is not paired
// the holder, whose certificate could not be read before.
func (s *session) checkAfter(to, from applet.PIN) error {
	var holder *x509.Certificate
	if !s.paired {
		file, err := s.card.ReadFile(applet.FileCertificate)
		if err != nil {
			return err
		}
		holder = holderOf(file)
	}
	return checkPersonal(to, from, s.pan(), holder)
}

// replacing runs the command that sets a new PIN between two entries of the
// journal, and keeps the new half.
func (s *session) replacing(o pairing.Operation, to applet.PIN, command func() error) error {
	store := s.h.Pairings
	if store != nil {
		if err := store.BeginChange(s.pan(), o); err != nil {
			return fmt.Errorf("journal, nothing was changed: %w", err)
		}
	}
	err := command()
	if err != nil && !refused(err) {
		if s.paired {
			s.record.Suspect = true
			s.save()
		}
		return &UncertainError{err}
	}
	if store != nil {
		_ = store.EndChange(s.pan())
	}
	if err != nil {
		return err
	}
	if !s.paired {
		s.keepTries(applet.CodePIN.MaxTries())
	} else {
		s.record.Tries = applet.CodePIN.MaxTries()
		if len(s.record.Half) == 0 {
			s.save()
		} else if s.reseal(to) != nil {
			s.record.Suspect = true // the old half is wrong now
			s.save()
		}
	}
	return nil
}

// UnblockPIN sets a new PIN with the PUK.
func (h *Holder) UnblockPIN(ctx context.Context, target Target, puk, next *secret.Buffer) (applet.PAN, error) {
	if err := checkPUK(puk); err != nil {
		return applet.PAN{}, err
	}
	if err := CheckNewPIN(next, nil); err != nil {
		return applet.PAN{}, err
	}
	return h.on(ctx, target, func(s *session) error { return s.unblock(puk, next) })
}

func (s *session) unblock(code, next *secret.Buffer) error {
	to, err := s.begin(next)
	if err != nil {
		return err
	}
	defer to.Wipe()
	puk, err := applet.ParsePUK(code.Bytes())
	if err != nil {
		return err
	}
	defer puk.Wipe()
	s.h.step(StepVerify)
	if err := s.guardPUK(); err != nil {
		return err
	}
	s.sent = applet.CodePUK
	return s.shielded(func() error {
		err := s.card.VerifyPUK(puk)
		if s.known = err == nil || answered(err); err != nil {
			return err
		}
		s.h.step(StepUnblock)
		return s.replacing(pairing.Unblock, to, func() error { return s.card.ResetRetryCounter(to) })
	})
}

// guardPUK stands before the last tries of the PUK, after which the card is lost.
func (s *session) guardPUK() error {
	const few = 3
	left, err := s.tries(applet.CodePUK)
	switch {
	case err != nil:
		return err
	case left == 0:
		return applet.ErrPUKBlocked
	case left == 1 && !s.target.LastTry:
		return ErrLastPUKTry
	case left > 0 && left < few && !s.target.FewPUKTries && !s.target.LastTry:
		return &FewTriesError{left}
	}
	return nil
}
