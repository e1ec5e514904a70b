package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/calendar"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

func (a *App) statusCommand() *cobra.Command {
	watch := false
	c := a.command("status", "cli.status", "  cie status\n  cie status --watch\n  cie status --json", func(ctx context.Context, _ []string) error {
		if watch {
			return a.watch(ctx)
		}
		return a.status(ctx)
	})
	c.Flags().BoolVar(&watch, "watch", false, a.t("cli.flag.watch"))
	return c
}

// status says what lies on the readers. It fails with what keeps a CIE from
// being used, so that a script sees it.
func (a *App) status(ctx context.Context) error {
	all, err := a.holder.Status(ctx)
	if err != nil {
		return err
	}
	if a.reader != "" {
		name, err := a.fullName(ctx)
		if err != nil {
			return err
		}
		for _, s := range all {
			if s.Reader.Name == name {
				all = []cie.Status{s}
			}
		}
	}
	a.result.Readers, a.result.CardInfo, a.result.Tries = nil, nil, nil
	for _, s := range all {
		a.result.Readers = append(a.result.Readers, a.describe(s))
	}
	first, err := cie.FirstCIE(all)
	if err != nil {
		return err
	}
	info := a.cardOf(first)
	a.result.CardInfo, a.result.Tries = &info, info.LastSeen
	return nil
}

// describe prints one reader and returns it for JSON.
func (a *App) describe(s cie.Status) readerInfo {
	r := readerInfo{Name: s.Reader.Name, State: "empty", Kind: s.Foreign}
	if len(s.Reader.ATR) > 0 {
		r.ATR = fmt.Sprintf("%X", s.Reader.ATR)
	}
	switch {
	case s.CIE:
		r.State, r.PAN = "cie", s.PAN.String()
	case errors.Is(s.Err, pcsc.ErrBusy):
		r.State = "busy"
	case errors.Is(s.Err, pcsc.ErrNoAnswer):
		r.State = "silent"
	case s.Err != nil:
		r.State, r.Error = "error", a.messages.Explain(s.Err).What
	case s.Reader.Present:
		r.State = "other"
	}
	a.print("%s: %s", r.Name, a.t("cli.state."+r.State))
	if s.CIE {
		a.printCard(a.cardOf(s))
	}
	return r
}

// cardOf is a card on a reader as it is told.
func (a *App) cardOf(s cie.Status) CardInfo {
	info := CardInfo{PAN: s.PAN.String(), Chip: s.Family, Genuine: string(trust.Unknown), Digits: 8, Pending: s.Pending != nil}
	if s.Record != nil {
		info = a.recordInfo(*s.Record)
		info.Pending = s.Pending != nil
	}
	return info
}

// recordInfo is a paired card as it is told.
func (a *App) recordInfo(r pairing.Record) CardInfo {
	info := CardInfo{
		PAN: r.PAN.String(), Paired: true, Chip: r.Family, Genuine: r.Genuine, Digits: 8,
		PairedAt: r.PairedAt.Format(time.RFC3339), LastSeen: number(r.Tries),
	}
	if r.HasHalf() {
		info.Digits = 4
	}
	if c, err := x509.ParseCertificate(r.Certificate); err == nil {
		h := trust.HolderOf(c)
		info.Holder, info.Expires, info.Document = h.FullName(), h.Expires.Format(time.DateOnly), h.DocumentNumber
		info.Expired = cie.ExpiredAt(c, time.Now())
	}
	return info
}

// printCard prints what is known of a card.
func (a *App) printCard(c CardInfo) {
	paired := a.t("cli.not-paired")
	if c.Paired {
		paired = a.t("cli.paired", "digits", c.Digits)
	}
	if c.Paired && c.Digits > pairing.HalfLength {
		paired = a.t("cli.paired-whole")
	}
	chip := c.Chip
	if chip == "" {
		chip = "?"
	}
	a.print("  %s %s · %s · %s", a.t("cli.card"), c.PAN, chip, paired)
	if expires, err := time.Parse(time.DateOnly, c.Expires); err == nil {
		a.print("  %s · %s", c.Holder, a.t("cli.expires", "date", a.messages.Date(expires)))
	}
	if c.Paired {
		a.print("  %s · %s", a.t("genuine."+c.Genuine), a.triesText("pin", c.LastSeen))
	}
	if c.Expired {
		a.print("  %s", a.t("cli.expired"))
	}
	if c.Pending {
		a.print("  %s", a.t("error.pin-uncertain.next"))
	}
	if c.Genuine == string(trust.Test) || a.holder.Roots.HasTest() {
		a.print("  %s", a.t("note.test"))
	}
}

// triesText is the number of tries left, in words.
func (a *App) triesText(code string, n *int) string {
	switch {
	case n == nil:
		return a.t(code + ".tries-unknown")
	case *n == 0:
		return a.t(code + ".blocked")
	}
	return a.t(code+".tries", "n", *n)
}

// watch says it again at each change, until interrupted.
func (a *App) watch(ctx context.Context) error {
	if a.client == nil {
		return a.status(ctx)
	}
	for _, err := range a.client.Watch(ctx) {
		a.result = result{}
		if err == nil {
			err = a.status(ctx)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			a.fail(err)
		case a.json:
			a.succeed()
		}
	}
	a.exit = exitOK
	return nil
}

func (a *App) readersCommand() *cobra.Command {
	return a.command("readers", "cli.readers", "  cie readers --json", func(ctx context.Context, _ []string) error {
		readers, err := a.holder.Cards.Readers(ctx)
		if err != nil {
			return err
		}
		a.result.Readers = []readerInfo{}
		for _, r := range readers {
			info := readerInfo{Name: r.Name, State: "empty"}
			if r.Present {
				info.State, info.ATR = "card", fmt.Sprintf("%X", r.ATR)
			}
			a.result.Readers = append(a.result.Readers, info)
			a.print("%s: %s", r.Name, a.t("cli.state."+info.State))
		}
		if len(readers) == 0 {
			return cie.ErrNoReader
		}
		return nil
	})
}

func (a *App) listCommand() *cobra.Command {
	return a.command("list", "cli.list", "  cie list --json", func(context.Context, []string) error {
		records, err := a.holder.Paired()
		a.result.Cards = []CardInfo{}
		for _, r := range records {
			info := a.recordInfo(r)
			a.result.Cards = append(a.result.Cards, info)
			a.printCard(info)
		}
		if err == nil && len(records) == 0 {
			a.print("%s", a.t("cli.none-paired"))
		}
		return err
	})
}

func (a *App) infoCommand() *cobra.Command {
	private, reminder := false, ""
	c := a.command("info [ID]", "cli.info", "  cie info\n  cie info --tax-code\n  cie info --calendar cie.ics", func(ctx context.Context, args []string) error {
		r, err := a.record(ctx, args)
		if err != nil {
			return err
		}
		info := a.recordInfo(r)
		c, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			return fmt.Errorf("%w: %w", pairing.ErrDamaged, err)
		}
		if private {
			info.TaxCode = trust.HolderOf(c).TaxCode
		}
		a.result.CardInfo, a.result.Tries = &info, info.LastSeen
		if reminder != "" {
			return a.write(reminder, calendar.Expiry(c, a.t("calendar.title"), a.t("calendar.text"), time.Now()).ICS())
		}
		a.printCard(info)
		a.print("  %s", a.t("cli.document", "number", info.Document))
		if private {
			a.print("  %s", a.t("cli.tax-code", "code", info.TaxCode))
		}
		return nil
	})
	c.Flags().BoolVar(&private, "tax-code", false, a.t("cli.flag.tax-code"))
	c.Flags().StringVar(&reminder, "calendar", "", a.t("cli.flag.calendar"))
	return c
}

// record finds a paired card: the one named, the only one there is, or the one
// on the reader.
func (a *App) record(ctx context.Context, args []string) (pairing.Record, error) {
	if a.holder.Pairings == nil {
		return pairing.Record{}, pairing.ErrNotPaired
	}
	if len(args) > 0 {
		pan, err := a.parsePAN(args[0])
		if err != nil {
			return pairing.Record{}, err
		}
		return a.holder.Pairings.Get(pan)
	}
	all, err := a.holder.Paired()
	switch {
	case len(all) == 0 && err != nil:
		return pairing.Record{}, err
	case len(all) == 0:
		return pairing.Record{}, pairing.ErrNotPaired
	case len(all) == 1:
		return all[0], nil
	}
	found, err := a.holder.Status(ctx)
	if err != nil {
		return pairing.Record{}, err
	}
	for _, s := range found {
		if s.Record != nil {
			return *s.Record, nil
		}
	}
	return pairing.Record{}, cie.ErrSeveralCards
}

func (a *App) cardCommand() *cobra.Command {
	card := a.group("card", "cli.card-group")
	card.AddCommand(a.command("check", "cli.card.check", "  cie card check --json", func(ctx context.Context, _ []string) error {
		target, err := a.target(ctx)
		if err != nil {
			return err
		}
		c, err := a.holder.CheckCard(ctx, target)
		if err != nil {
			return err
		}
		return a.told(c)
	}))
	return card
}

// told prints the result of a check; a card that fails it is an error.
func (a *App) told(c cie.Check) error {
	info := CardInfo{PAN: c.PAN.String(), Chip: c.Family, Digits: 8}
	if r, err := a.recordOf(c); err == nil {
		info = a.recordInfo(r)
	}
	info.Genuine = string(c.Genuine)
	check := checkInfo{NIS: c.NIS, Signer: c.Signer, Clone: c.Clone, Signed: []string{}}
	for _, g := range c.Signed {
		check.Signed = append(check.Signed, fmt.Sprintf("%02X", byte(g)))
	}
	if c.Reason != nil {
		check.Reason = c.Reason.Error()
	}
	a.result.CardInfo, a.result.Check = &info, &check
	a.print("%s %s: %s", a.t("cli.card"), info.PAN, a.t("genuine."+info.Genuine))
	a.print("  NIS %s · %s", c.NIS, c.Signer)
	if c.Genuine == trust.Test {
		a.print("  %s", a.t("note.test"))
	}
	if c.Genuine == trust.Failed {
		return fmt.Errorf("%w: %w", cie.ErrNotGenuine, c.Reason)
	}
	return nil
}

func (a *App) recordOf(c cie.Check) (pairing.Record, error) {
	if a.holder.Pairings == nil {
		return pairing.Record{}, pairing.ErrNotPaired
	}
	return a.holder.Pairings.Get(c.PAN)
}
