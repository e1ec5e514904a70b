package gui

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/doctor"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
)

// A state is what is known of readers, cards and pairings at a moment. Screens
// read it and do not change it.
type state struct {
	known   bool // it was looked at least once
	readers []cie.Status
	err     error // why the readers cannot be seen
	paired  []pairing.Record
	damaged error // why a record cannot be read
}

// card is the CIE on a reader: the first, if there are several.
func (s state) card() (cie.Status, bool) {
	for _, r := range s.readers {
		if r.CIE {
			return r, true
		}
	}
	return cie.Status{}, false
}

// has says whether the card that is meant lies on a reader; any CIE, if none is.
func (s state) has(t cie.Target) bool {
	return slices.ContainsFunc(s.readers, func(r cie.Status) bool { return r.CIE && (!meant(t) || r.PAN == t.PAN) })
}

// meant says whether a target is one card and no other.
func meant(t cie.Target) bool { return t.PAN != cie.Target{}.PAN }

// only is the CIE if one alone lies on the readers.
func (s state) only() (t cie.Target) {
	for _, r := range s.readers {
		switch {
		case r.CIE && meant(t):
			return cie.Target{}
		case r.CIE:
			t.PAN = r.PAN
		}
	}
	return t
}

// contactOnly says whether there are readers, and all are known to have no antenna.
func (s state) contactOnly() bool {
	for _, r := range s.readers {
		if r.CIE || !doctor.ContactOnly(r.Reader.Name) {
			return false
		}
	}
	return len(s.readers) > 0
}

// laid says whether a card of any kind lies on a reader, and what is wrong with it.
func (s state) laid() (cie.Status, bool) {
	for _, r := range s.readers {
		if r.Reader.Present && !r.CIE {
			return r, true
		}
	}
	return cie.Status{}, false
}

// holderOf is what a record says of the person it belongs to.
func holderOf(r pairing.Record) trust.Holder {
	c, err := x509.ParseCertificate(r.Certificate)
	if err != nil {
		return trust.Holder{}
	}
	return trust.HolderOf(c)
}

// observe asks readers and store. A reader on which nothing moved since before is
// not asked again.
func observe(ctx context.Context, h *cie.Holder, before state) state {
	now := state{known: true}
	now.paired, now.damaged = h.Paired()
	readers, err := h.Cards.Readers(ctx)
	if err != nil {
		now.err = err
		return now
	}
	for _, r := range readers {
		at := slices.IndexFunc(before.readers, func(s cie.Status) bool {
			old := s.Reader
			return s.Err == nil && old.Name == r.Name && old.Present == r.Present && old.Moves == r.Moves &&
				old.Mute == r.Mute && old.Exclusive == r.Exclusive && bytes.Equal(old.ATR, r.ATR)
		})
		if at < 0 {
			now.readers = append(now.readers, h.Look(ctx, r))
			continue
		}
		now.readers = append(now.readers, now.remember(before.readers[at]))
	}
	return now
}

// remember brings what was known of a card to what the store says now.
func (s state) remember(c cie.Status) cie.Status {
	c.Record = nil
	for i := range s.paired {
		if s.paired[i].PAN == c.PAN {
			c.Record = &s.paired[i]
		}
	}
	return c
}
