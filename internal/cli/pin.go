package cli

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/settings"
)

// prepared chooses the card and, where a person will be asked, tells first what
// is known of it: whether four digits are enough, and the tries left.
func (a *App) prepared(ctx context.Context) (target cie.Target, prompt string, err error) {
	prompt = a.t("prompt.pin")
	if target, err = a.target(ctx); err != nil || !a.interactive() {
		return target, prompt, err
	}
	all, err := a.holder.Status(ctx)
	if err != nil {
		return target, prompt, err
	}
	for _, s := range all {
		if s.Reader.Name != target.Reader {
			continue
		}
		if s.Err != nil {
			return target, prompt, s.Err
		}
		if !s.CIE {
			return target, prompt, applet.ErrNotCIE
		}
		target.PAN = s.PAN
		info := a.cardOf(s)
		a.printCard(info)
		if info.Digits == 4 {
			prompt = a.t("prompt.pin-paired")
		}
	}
	return target, prompt, nil
}

// done tells what is known of a card after an operation on it.
func (a *App) done(pan applet.PAN) {
	info := CardInfo{PAN: pan.String(), Digits: 8, Genuine: "unknown"}
	if a.holder.Pairings != nil {
		if r, err := a.holder.Pairings.Get(pan); err == nil {
			info = a.recordInfo(r)
		}
	}
	a.result.CardInfo = &info
}

func (a *App) pairCommand() *cobra.Command {
	c := a.command("pair", "cli.pair", "  cie pair\n  cie pair --pin-fd 3 3<file", func(ctx context.Context, _ []string) error {
		if a.holder.Pairings == nil {
			return pairing.ErrNoHome // before anything is asked: nothing could be remembered
		}
		target, _, err := a.prepared(ctx)
		if err != nil {
			return err
		}
		pin, err := a.ask(ctx, a.code.pin, a.t("prompt.pin"))
		if err != nil {
			return err
		}
		defer pin.Wipe()
		var record pairing.Record
		err = a.agree(ctx, target, func(t cie.Target) (err error) {
			record, err = a.holder.Pair(ctx, t, pin)
			return err
		})
		if err != nil && !errors.Is(err, cie.ErrNotSaved) {
			return err
		}
		info := a.recordInfo(record)
		a.result.CardInfo, a.result.Tries = &info, number(applet.CodePIN.MaxTries())
		a.printCard(info)
		return errors.Join(err, a.offerBrowsers(ctx))
	})
	a.consentFlags(c, false)
	return a.codeFlags(c, "pin")
}

func (a *App) unpairCommand() *cobra.Command {
	all := false
	c := a.command("unpair [ID]", "cli.unpair", "  cie unpair\n  cie unpair 123456789012\n  cie unpair --all", func(ctx context.Context, args []string) error {
		pans, err := a.toForget(ctx, all, args)
		for _, pan := range pans {
			err = errors.Join(err, a.unpair(ctx, pan))
		}
		return err
	})
	c.Flags().BoolVar(&all, "all", false, a.t("cli.flag.all"))
	return c
}

// toForget are the numbers of the cards meant.
func (a *App) toForget(ctx context.Context, all bool, args []string) (pans []applet.PAN, err error) {
	if all {
		records, err := a.holder.Paired()
		for _, r := range records {
			pans = append(pans, r.PAN)
		}
		if err == nil && len(pans) == 0 {
			a.print("%s", a.t("cli.none-paired"))
		}
		return pans, err
	}
	r, err := a.record(ctx, args)
	if err != nil && len(args) > 0 { // a damaged record is forgotten by its number
		r.PAN, err = a.parsePAN(args[0])
	}
	if err != nil {
		return nil, err
	}
	return []applet.PAN{r.PAN}, nil
}

// unpair forgets a card, if a person agrees or there is none to ask.
func (a *App) unpair(ctx context.Context, pan applet.PAN) error {
	if a.interactive() {
		if agreed, err := a.confirm(ctx, "prompt.unpair", "word.yes", "pan", pan.String()); !agreed {
			return cmp.Or(err, error(errCancelled{}))
		}
	}
	if err := a.holder.Unpair(pan); err != nil {
		return err
	}
	a.print("%s", a.t("cli.unpaired", "pan", pan.String()))
	return nil
}

func (a *App) forgetCommand() *cobra.Command {
	all, list, set := false, false, false
	c := a.command("forget", "cli.forget", "  cie forget --list\n  cie forget --all\n  cie forget --all --settings", func(ctx context.Context, _ []string) error {
		switch {
		case list:
			return a.kept()
		case !all:
			return a.usage("forget")
		}
		return a.forget(ctx, set)
	})
	c.Flags().BoolVar(&all, "all", false, a.t("cli.flag.all"))
	c.Flags().BoolVar(&list, "list", false, a.t("cli.flag.list"))
	c.Flags().BoolVar(&set, "settings", false, a.t("cli.flag.settings"))
	return c
}

// forget deletes everything, if a person agrees or there is none to ask.
func (a *App) forget(ctx context.Context, set bool) error {
	if a.interactive() {
		if agreed, err := a.confirm(ctx, "prompt.forget", "word.yes"); !agreed {
			return cmp.Or(err, error(errCancelled{}))
		}
	}
	if err := settings.Forget(a.holder); err != nil {
		return err
	}
	if set {
		if err := settings.ForgetSettings(); err != nil {
			return err
		}
	}
	a.print("%s", a.t("cli.forgotten"))
	return nil
}

// kept lists every file that the programs have stored for this user.
func (a *App) kept() error {
	all, err := settings.Kept(a.holder)
	if err != nil {
		return err
	}
	a.result.Kept = []keptInfo{}
	for _, k := range all {
		info := keptInfo{Kind: string(k.Kind), Path: k.Path, Size: k.Size}
		if k.PAN != (applet.PAN{}) {
			info.PAN = k.PAN.String()
		}
		a.result.Kept = append(a.result.Kept, info)
		a.print("%8d  %s\n          %s", k.Size, a.messages.Kept(k), k.Path)
	}
	if len(all) == 0 {
		a.print("%s", a.t("kept.nothing"))
	}
	return nil
}

func (a *App) pinCommand() *cobra.Command {
	pin := a.group("pin", "cli.pin-group")
	pin.AddCommand(a.verifyCommand(), a.changeCommand(), a.unblockCommand(), a.triesCommand())
	return pin
}

func (a *App) verifyCommand() *cobra.Command {
	c := a.command("verify", "cli.pin.verify", "  cie pin verify\n  cie pin verify --pin-fd 3 3<file", func(ctx context.Context, _ []string) error {
		return a.withPIN(ctx, func(t cie.Target, pin *secret.Buffer) error {
			pan, err := a.holder.VerifyPIN(ctx, t, pin)
			if err == nil {
				a.done(pan)
			}
			return err
		}, func() { a.print("%s", a.t("cli.pin-right")) })
	})
	a.consentFlags(c, false)
	return a.codeFlags(c, "pin")
}

// withPIN asks for the PIN and does something with it.
func (a *App) withPIN(ctx context.Context, do func(cie.Target, *secret.Buffer) error, after func()) error {
	target, prompt, err := a.prepared(ctx)
	if err != nil {
		return err
	}
	pin, err := a.ask(ctx, a.code.pin, prompt)
	if err != nil {
		return err
	}
	defer pin.Wipe()
	if err := a.agree(ctx, target, func(t cie.Target) error { return do(t, pin) }); err != nil {
		return err
	}
	a.result.Tries = number(applet.CodePIN.MaxTries())
	after()
	return nil
}

func (a *App) changeCommand() *cobra.Command {
	c := a.command("change", "cli.pin.change", "  cie pin change\n  cie pin change --pin-fd 3 --new-pin-fd 4 3<old 4<new", func(ctx context.Context, _ []string) error {
		return a.withPIN(ctx, func(t cie.Target, pin *secret.Buffer) error {
			next, err := a.askNewPIN(ctx)
			if err != nil {
				return err
			}
			defer next.Wipe()
			return a.agree(ctx, t, func(t cie.Target) error {
				pan, err := a.holder.ChangePIN(ctx, t, pin, next)
				if err == nil {
					a.done(pan)
				}
				return err
			})
		}, a.changed)
	})
	a.consentFlags(c, false)
	return a.codeFlags(c, "pin", "new-pin")
}

// changed says what to do after a change of the PIN.
func (a *App) changed() {
	a.print("%s", a.t("cli.pin-changed"))
	a.print("%s", a.t("note.keep-codes"))
	a.print("%s", a.t("note.pair-again"))
}

func (a *App) unblockCommand() *cobra.Command {
	c := a.command("unblock", "cli.pin.unblock", "  cie pin unblock\n  cie pin unblock --puk-fd 3 --new-pin-fd 4 3<puk 4<new", func(ctx context.Context, _ []string) error {
		target, _, err := a.prepared(ctx)
		if err != nil {
			return err
		}
		a.say(a.t("note.puk-limit"))
		puk, err := a.ask(ctx, a.code.puk, a.t("prompt.puk"))
		if err != nil {
			return err
		}
		defer puk.Wipe()
		next, err := a.askNewPIN(ctx)
		if err != nil {
			return err
		}
		defer next.Wipe()
		err = a.agree(ctx, target, func(t cie.Target) error {
			pan, err := a.holder.UnblockPIN(ctx, t, puk, next)
			if err == nil {
				a.done(pan)
			}
			return err
		})
		if err != nil {
			return err
		}
		a.result.Tries = number(applet.CodePIN.MaxTries())
		a.changed()
		return nil
	})
	a.consentFlags(c, true)
	return a.codeFlags(c, "puk", "new-pin")
}

func (a *App) triesCommand() *cobra.Command {
	return a.command("tries", "cli.pin.tries", "  cie pin tries --json", func(ctx context.Context, _ []string) error {
		target, err := a.target(ctx)
		if err != nil {
			return err
		}
		t, err := a.holder.Tries(ctx, target)
		if err != nil {
			return err
		}
		a.done(t.PAN)
		a.result.Tries, a.result.PUKTries = number(t.PIN), number(t.PUK)
		a.print("%s", a.triesText("pin", a.result.Tries))
		a.print("%s", a.triesText("puk", a.result.PUKTries))
		return nil
	})
}
