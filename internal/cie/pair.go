package cie

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
)

// Pair makes this computer know a card: the state's signature over its keys is
// checked, the chip proves its key, the holder proves the PIN, and the
// certificate is read and checked. It returns what is remembered.
//
// ErrNotSaved comes with a whole record: everything worked but the writing.
func (h *Holder) Pair(ctx context.Context, target Target, code *secret.Buffer) (pairing.Record, error) {
	if err := checkWhole(code); err != nil {
		return pairing.Record{}, err
	}
	var record pairing.Record
	err := h.run(ctx, target, func(s *session) error {
		var err error
		record, err = s.pair(code)
		return err
	})
	if err != nil {
		return pairing.Record{}, err
	}
	if h.Pairings == nil {
		return record, nil
	}
	h.step(StepSave)
	if err := h.Pairings.Put(record); err != nil {
		return record, fmt.Errorf("%w: %w", ErrNotSaved, err)
	}
	_ = h.Pairings.EndChange(record.PAN)
	return record, nil
}

func (s *session) pair(code *secret.Buffer) (pairing.Record, error) {
	if err := s.identify(); err != nil {
		return pairing.Record{}, err
	}
	s.record, s.paired = pairing.Record{PAN: s.card.PAN(), Tries: -1}, false // an older record decides nothing
	if err := s.authenticateNew(); err != nil {
		return pairing.Record{}, err
	}
	pin, err := s.verifyPIN(code)
	if err != nil {
		return pairing.Record{}, err
	}
	defer pin.Wipe()
	if _, err := s.readHolder(); err != nil {
		return pairing.Record{}, err
	}
	return s.record, s.keep(pin)
}

// identify opens the card and reads its number twice: nothing protects it on its
// way, and the record will be found by it.
func (s *session) identify() error {
	card, err := applet.Identify(s.link)
	if err != nil {
		return err
	}
	s.use(card)
	if s.target.PAN != (applet.PAN{}) && card.PAN() != s.target.PAN {
		return ErrOtherCard
	}
	again, err := card.ReadFile(applet.FileSNICC)
	if err != nil {
		return err
	}
	if pan := card.PAN(); !bytes.Contains(again, pan[:]) {
		return fmt.Errorf("%w: number of the card read differently the second time", applet.ErrData)
	}
	return card.Enter()
}

// readHolder reads document number and certificate and checks both against what
// the state signed. The rest of the record is filled in.
func (s *session) readHolder() (*x509.Certificate, error) {
	s.h.step(StepCertificate)
	serial, err := s.card.ReadFile(applet.FileSerial)
	if err != nil {
		return nil, err
	}
	file, err := s.card.ReadFile(applet.FileCertificate)
	if err != nil {
		return nil, err
	}
	for _, part := range []struct {
		group   trust.DataGroup
		content []byte
	}{{trust.GroupSerial, serial}, {trust.GroupCertificate, file}} {
		if err := s.sod.Check(part.group, part.content); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrNotGenuine, err)
		}
	}
	certificate, err := x509.ParseCertificate(file)
	if err != nil {
		return nil, fmt.Errorf("%w: certificate", applet.ErrData)
	}
	if _, verdict, err := s.h.Roots.VerifyHolder(certificate); verdict == trust.Failed {
		return nil, fmt.Errorf("%w: certificate: %w", ErrNotGenuine, err)
	}
	s.record.Certificate, s.record.Parameters, s.record.ServicesKey = file, s.params, s.key
	s.record.Family, s.record.Genuine = applet.Family(s.link.ATR()), string(s.verdict)
	s.record.PairedAt, s.record.Tries = s.h.now().UTC(), applet.CodePIN.MaxTries()
	return certificate, nil
}

// keep seals the first half of the PIN into the record, if the holder wants it
// and this card makes the same key twice. The signature over a fresh random value
// proves the services key as well.
func (s *session) keep(pin applet.PIN) error {
	if !s.h.KeepHalf || s.h.Pairings == nil {
		return nil
	}
	s.h.step(StepSeal)
	salt, err := pairing.NewSalt()
	if err != nil {
		return err
	}
	s.record.Salt = salt
	first, err := s.card.SignServices(salt)
	if err != nil {
		return s.unkept(err)
	}
	defer clear(first)
	second, err := s.card.SignServices(salt)
	if err != nil {
		return s.unkept(err)
	}
	defer clear(second)
	if subtle.ConstantTimeCompare(first, second) != 1 {
		return nil // this chip signs with chance in it: no key comes back
	}
	if err := provesServicesKey(s.key, salt, first); err != nil {
		return fmt.Errorf("%w: %w", ErrNotGenuine, err)
	}
	// The keyring may not answer: then eight digits are asked for, nothing is lost.
	if err := s.h.Pairings.Seal(&s.record, first, pin.Digits()[:pairing.HalfLength]); err != nil {
		s.record.Half = nil
	}
	return nil
}

// unkept goes on without a stored half when the card refuses to make the key. A
// refusal that is not protected is as good here: nothing is believed but that no
// key came. It ends the channel.
func (s *session) unkept(err error) error {
	var broken *applet.ChannelError
	if linkLost(err) || errors.As(err, &broken) {
		return err
	}
	s.record.Half = nil
	return nil
}

// provesServicesKey checks that a signature is 00 01 FF…FF 00 ‖ data under the
// key of EF 1005: PKCS #1 v1.5 without the name of a hash function.
func provesServicesKey(file, data, signature []byte) error {
	key, err := applet.ParsePublicKey(file)
	if err != nil {
		return err
	}
	secret.Do(func() { err = rsa.VerifyPKCS1v15(key, 0, data, signature) })
	return err
}
