package cie

import (
	"bytes"
	"context"
	"errors"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/pcsc"
)

// A Status is a reader and what is known of the card on it.
type Status struct {
	Reader  pcsc.Reader
	CIE     bool
	Foreign string // kind of a card that is known not to be a CIE, "" otherwise
	PAN     applet.PAN
	Family  string
	Record  *pairing.Record // nil: not paired
	Pending *pairing.Pending
	Damaged error // why its record cannot be read
	Err     error // why the card could not be asked
}

// foreign cards are known by a run of bytes in their ATR; nothing is sent to
// them.
var foreign = []struct {
	kind string
	run  []byte
}{
	{"YubiKey", []byte("YubiKey")},
	{"CNS", []byte("\x04CNS")}, // TS-CNS and other service cards: "CNS" in the historical bytes
	{"storage card", []byte{0x80, 0x4F, 0x0C, 0xA0, 0x00, 0x00, 0x03, 0x06}}, // PC/SC part 3 §3.1.3.2.3: memory without a processor
}

// foreignKind names a card that is no CIE by its ATR, "" if it may be one.
func foreignKind(atr []byte) string {
	for _, f := range foreign {
		if bytes.Contains(atr, f.run) {
			return f.kind
		}
	}
	return ""
}

// Status looks at every reader and asks each card that may be a CIE for its
// number. A reader or card with a fault does not keep the others from being seen.
func (h *Holder) Status(ctx context.Context) ([]Status, error) {
	readers, err := h.Cards.Readers(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Status, len(readers))
	for i, r := range readers {
		all[i] = h.Look(ctx, r)
	}
	return all, nil
}

// FirstCIE is the first CIE among readers. Where there is none the error says why,
// of the reader that is returned.
func FirstCIE(all []Status) (Status, error) {
	if len(all) == 0 {
		return Status{}, ErrNoReader
	}
	at, why := all[0], pcsc.ErrNoCard
	for _, s := range all {
		switch {
		case s.CIE:
			return s, nil
		case s.Err != nil:
			at, why = s, s.Err
		case s.Reader.Present && errors.Is(why, pcsc.ErrNoCard):
			at, why = s, ErrForeign
		}
	}
	return at, why
}

// Look asks the card on one reader for its number, as Status does for all.
func (h *Holder) Look(ctx context.Context, r pcsc.Reader) Status {
	s := Status{Reader: r, Foreign: foreignKind(r.ATR), Family: applet.Family(r.ATR)}
	switch {
	case !r.Present, s.Foreign != "":
		return s
	case r.Mute:
		s.Err = pcsc.ErrNoAnswer
		return s
	case r.Exclusive:
		s.Err = pcsc.ErrBusy
		return s
	}
	identify := applet.Identify
	if s.Family == "" { // most probably somebody else's
		identify = applet.IdentifyByName
	}
	s.Err = h.run(ctx, Target{Reader: r.Name}, func(session *session) error {
		card, err := identify(session.link)
		if err != nil {
			return err
		}
		s.PAN = card.PAN()
		if h.remembered(&s) {
			return nil
		}
		return card.Enter()
	})
	s.CIE = s.Err == nil
	if errors.Is(s.Err, applet.ErrNotCIE) {
		s.Err = nil
	}
	return s
}

// remembered adds what the store knows of a card, and says whether it is paired.
func (h *Holder) remembered(s *Status) bool {
	if h.Pairings == nil {
		return false
	}
	pending, _ := h.Pairings.Pending()
	for _, p := range pending {
		if p.PAN == s.PAN {
			s.Pending = &p
		}
	}
	record, err := h.Pairings.Get(s.PAN)
	if err != nil {
		if !errors.Is(err, pairing.ErrNotPaired) {
			s.Damaged = err
		}
		return false
	}
	s.Record = &record
	return true
}

// Find chooses the reader with the CIE: the one named, or the only one that has
// a CIE on it. Where only one card lies, it is not asked.
func (h *Holder) Find(ctx context.Context, reader string) (string, error) {
	if reader != "" {
		return reader, nil
	}
	readers, err := h.Cards.Readers(ctx)
	if err != nil {
		return "", err
	}
	var laid []pcsc.Reader
	kind := ""
	for _, r := range readers {
		switch f := foreignKind(r.ATR); {
		case r.Present && f != "":
			kind = f
		case r.Present:
			laid = append(laid, r)
		}
	}
	switch {
	case len(readers) == 0:
		return "", ErrNoReader
	case len(laid) == 0 && kind != "":
		return "", ErrForeign
	case len(laid) == 0:
		return "", pcsc.ErrNoCard
	case len(laid) == 1:
		return laid[0].Name, nil
	}
	return h.choose(ctx, laid)
}

// choose asks the cards on several readers which of them is a CIE.
func (h *Holder) choose(ctx context.Context, laid []pcsc.Reader) (string, error) {
	found := ""
	var fault error
	for _, r := range laid {
		s := h.Look(ctx, r)
		switch {
		case s.CIE && found != "":
			return "", ErrSeveralCards
		case s.CIE:
			found = r.Name
		case s.Err != nil:
			fault = s.Err
		}
	}
	switch {
	case found != "":
		return found, nil
	case fault != nil:
		return "", fault
	}
	return "", applet.ErrNotCIE
}
