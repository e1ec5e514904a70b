package cie

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/trust"
)

// A Check is what can be found out about a card without any code.
type Check struct {
	PAN     applet.PAN
	Family  string
	NIS     string            // identifier for services, 12 digits
	Genuine trust.Genuineness // what the state's signature says
	Reason  error             // why it is not genuine, nil otherwise
	Signed  []trust.DataGroup // files found to be as the state signed them
	Clone   bool              // the chip could not prove the key that the state signed
	Signer  string            // who signed for the state
}

// CheckCard reads what is free to read, checks it against the state's signature,
// and has the chip prove a key with a random challenge. A card that fails is no
// error: it is the answer.
func (h *Holder) CheckCard(ctx context.Context, target Target) (Check, error) {
	var c Check
	err := h.run(ctx, target, func(s *session) error {
		c = Check{Family: applet.Family(s.link.ATR())}
		return s.check(&c)
	})
	if err != nil {
		return Check{}, err
	}
	return c, nil
}

func (s *session) check(c *Check) error {
	if err := s.open(); err != nil {
		return err
	}
	c.PAN = s.card.PAN()
	s.h.step(StepRead)
	files := map[trust.DataGroup][]byte{}
	for _, f := range []struct {
		group trust.DataGroup
		file  applet.File
	}{
		{trust.GroupNIS, applet.FileNIS},
		{trust.GroupDeviceKey, applet.FileDeviceKey},
		{trust.GroupServicesKey, applet.FileServicesKey},
		{0, applet.FileSOD},
		{trust.GroupDH, applet.FileDH},
	} {
		content, err := s.card.ReadFile(f.file)
		if f.file == applet.FileDH && refused(err) {
			continue // nothing rests on that file
		}
		if err != nil {
			return err
		}
		files[f.group] = content
	}
	c.NIS = printable(files[trust.GroupNIS])
	s.h.step(StepGenuine)
	if err := s.judge(c, files); err != nil {
		c.Genuine, c.Reason = trust.Failed, err
	}
	return s.challenge(c, files[trust.GroupServicesKey])
}

// judge compares the files with the security object.
func (s *session) judge(c *Check, files map[trust.DataGroup][]byte) error {
	sod, err := trust.ParseSOD(files[0])
	if err != nil {
		return err
	}
	c.Signer = sod.Signer().Subject.CommonName
	if c.Genuine, c.Reason = sod.Verify(s.h.Roots, s.h.now()); c.Genuine == trust.Failed {
		return c.Reason
	}
	for _, group := range []trust.DataGroup{trust.GroupNIS, trust.GroupDeviceKey, trust.GroupServicesKey, trust.GroupDH} {
		content, read := files[group]
		if !read {
			continue
		}
		err := sod.Check(group, content)
		if group == trust.GroupDH && errors.Is(err, trust.ErrNoDigest) {
			continue // not every object need know it
		}
		if err != nil {
			return err
		}
		c.Signed = append(c.Signed, group)
	}
	return nil
}

// challenge has the services key sign 32 random bytes.
func (s *session) challenge(c *Check, key []byte) error {
	if err := s.card.Enter(); err != nil {
		return err
	}
	challenge := make([]byte, 32)
	if _, err := rand.Read(challenge); err != nil {
		return err
	}
	signature, err := s.card.SignServices(challenge)
	if err != nil {
		return err
	}
	if err := provesServicesKey(key, challenge, signature); err != nil {
		c.Clone, c.Genuine = true, trust.Failed
		c.Reason = errors.Join(c.Reason, fmt.Errorf("%w: anti-clone check", ErrNotGenuine))
	}
	return nil
}

// printable is a text of the card as it may be shown.
func printable(b []byte) string {
	if !applet.OnlyDigits(b) {
		return ""
	}
	return string(b)
}
