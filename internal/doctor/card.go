package doctor

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// readers looks for the service, readers, and cards.
func (c Computer) readers(ctx context.Context) []Finding {
	all, err := c.Holder.Status(ctx)
	switch {
	case errors.Is(err, pcsc.ErrNoService):
		return []Finding{c.noService(err)}
	case errors.Is(err, pcsc.ErrDenied):
		return []Finding{c.denied(err)}
	case err != nil:
		return []Finding{{Check: "reader", Err: err}}
	}
	findings := []Finding{{Check: "service"}}
	if len(all) == 0 { // why there is none
		return append(findings, c.driver(), c.scdaemon(), Finding{Check: "reader", Err: cie.ErrNoReader})
	}
	if !slices.ContainsFunc(all, func(s cie.Status) bool { return !ContactOnly(s.Reader.Name) }) {
		return append(findings, Finding{Check: "reader", Err: ErrContactOnly, About: all[0].Reader.Name})
	}
	findings = append(findings, Finding{Check: "reader"})
	for _, s := range all {
		if flaky(s.Reader.Name) {
			findings = append(findings, Finding{Check: "model", Err: ErrModel, About: s.Reader.Name})
		}
	}
	s, err := cie.FirstCIE(all)
	switch {
	case err == nil:
		return append(findings, c.card(ctx, s)...)
	case errors.Is(err, pcsc.ErrNoCard):
		return append(findings, Finding{Check: "card", Err: err})
	case errors.Is(err, pcsc.ErrBusy):
		findings = append(findings, c.scdaemon())
	}
	return append(findings, Finding{Check: "card", Err: err, About: about(s.Reader.Name, s.Foreign)})
}

// card looks at a CIE, and at what is remembered of it.
func (c Computer) card(ctx context.Context, s cie.Status) []Finding {
	kind := Finding{Check: "chip", About: s.Family}
	if s.Family == "" {
		kind.Err = ErrNewChip
	}
	findings := []Finding{{Check: "card", About: s.Reader.Name}, kind, c.link(ctx, s.Reader), c.genuine(ctx, s.Reader)}
	record := Finding{Check: "pairing", Err: s.Damaged}
	if s.Record != nil && s.Record.Suspect {
		record.Err = pairing.ErrStale
	}
	findings = append(findings, record)
	if s.Record != nil {
		findings = append(findings, c.certificate(*s.Record), tries(*s.Record))
	}
	return findings
}

// about joins what a finding is about.
func about(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " · ")
}

// genuine has the card prove itself, without a code.
func (c Computer) genuine(ctx context.Context, r pcsc.Reader) Finding {
	f := Finding{Check: "genuine"}
	found, err := c.Holder.CheckCard(ctx, cie.Target{Reader: r.Name})
	switch {
	case err != nil:
		f.Err = err
	case found.Genuine == trust.Failed:
		f.Err = cie.ErrNotGenuine
	case found.Genuine == trust.Unknown:
		f.Err = cie.ErrUnknownIssuer
	case found.Genuine == trust.Test:
		f.About = "TEST"
	}
	return f
}

func (c Computer) certificate(r pairing.Record) Finding {
	f := Finding{Check: "certificate"}
	certificate, err := x509.ParseCertificate(r.Certificate)
	switch {
	case err != nil:
		f.Err = fmt.Errorf("%w: %w", pairing.ErrDamaged, err)
	case c.Now.Before(certificate.NotBefore):
		f.Err = trust.ErrValidity
	case cie.ExpiredAt(certificate, c.Now):
		f.Err = ErrExpired
	}
	return f
}

// tries judges those that were left when the card was last seen.
func tries(r pairing.Record) Finding {
	f := Finding{Check: "tries"}
	switch r.Tries {
	case 0:
		f.Err = applet.ErrPINBlocked
	case 1, 2:
		f.Err = ErrFewTries
	}
	return f
}
