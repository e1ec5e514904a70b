package cli

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/browser"
)

// browserFlags are those of the browser commands.
type browserFlags struct {
	all, system, dry bool
	module           string
}

func (a *App) browserCommand() *cobra.Command {
	group := a.group("browser", "cli.browser")
	group.Long = a.t("cli.browser") + "\n\n" + a.t("cli.browser.long")
	var f browserFlags
	list := a.command("list", "cli.browser.list", "  cie browser list --json", func(context.Context, []string) error {
		r, err := browser.Installed(f.module)
		if err != nil {
			return err
		}
		a.listPlaces(r.Places())
		a.listPrograms(r.Programs())
		return nil
	})
	add := a.command("add [NAME]...", "cli.browser.add", "  cie browser add --all\n  cie browser add chromium\n  sudo cie browser add --system",
		func(_ context.Context, names []string) error {
			return a.change(f, names, browser.Registrar.PlanAdd)
		})
	remove := a.command("remove [NAME]...", "cli.browser.remove", "  cie browser remove --all", func(_ context.Context, names []string) error {
		return a.change(f, names, browser.Registrar.PlanRemove)
	})
	undo := a.command("undo", "cli.browser.undo", "  cie browser undo", func(context.Context, []string) error {
		m, err := browser.Here()
		if err != nil {
			return err
		}
		changes, err := m.Undo()
		a.showChanges(changes)
		return err
	})
	recipe := a.command("recipe [ID]", "cli.browser.recipe", "  cie browser recipe\n  cie browser recipe ssh", func(_ context.Context, names []string) error {
		r, err := browser.Installed(f.module)
		if err != nil {
			return err
		}
		return a.recipe(r, names)
	})
	for _, c := range []*cobra.Command{list, add, remove, recipe} {
		c.Flags().StringVar(&f.module, "module", "", a.t("cli.flag.module"))
	}
	for _, c := range []*cobra.Command{add, remove} {
		c.Args = cobra.ArbitraryArgs
		c.Flags().BoolVar(&f.all, "all", false, a.t("cli.flag.browser-all"))
		c.Flags().BoolVar(&f.system, "system", false, a.t("cli.flag.system"))
		c.Flags().BoolVar(&f.dry, "dry-run", false, a.t("cli.flag.dry-run"))
	}
	group.AddCommand(list, add, remove, undo, recipe)
	return group
}

// listPlaces prints where the module may be registered.
func (a *App) listPlaces(places []browser.Place) {
	a.result.Browsers = append([]browser.Place{}, places...)
	for _, p := range places {
		words := []string{p.Product}
		for _, w := range []string{p.Version, string(p.Packaging), p.Profile} {
			if w != "" {
				words = append(words, w)
			}
		}
		a.print("%s: %s", p.ID, a.t("browser.state."+string(p.State)))
		a.print("  %s · %s", strings.Join(words, " · "), p.File)
		for _, r := range p.Rivals {
			a.print("  %s", a.t("browser.rival", "file", r))
		}
		for _, s := range p.Steps {
			a.print("    %s", s)
		}
	}
	if len(places) == 0 {
		a.print("%s", a.t("browser.none"))
	}
}

// listPrograms prints the programs that are set up by hand.
func (a *App) listPrograms(programs []browser.Program) {
	a.result.Programs = programs
	if len(programs) > 0 {
		a.print("\n%s", a.t("browser.by-hand"))
	}
	for _, p := range programs {
		a.print("%s: %s", p.ID, a.t("browser.state."+string(p.State)))
		words := []string{p.Product}
		if p.File != "" {
			words = append(words, p.File)
		}
		a.print("  %s", strings.Join(words, " · "))
		if p.State != browser.Registered {
			a.print("    %s", p.Way)
		}
	}
}

// recipe prints the commands for one program, or says for which there are some.
func (a *App) recipe(r browser.Registrar, names []string) error {
	var ids []string
	for _, x := range r.Recipes() {
		ids = append(ids, x.ID)
		if len(names) == 0 {
			a.print("%-12s%s", x.ID, x.Name)
		}
	}
	a.result.Output = strings.Join(ids, "\n")
	if len(names) > 0 {
		x, ok := r.Recipe(names[0])
		if !ok {
			return a.usage("recipe-unknown", "name", names[0], "names", strings.Join(ids, ", "))
		}
		a.result.Output = x.Commands
		a.print("%s", strings.TrimSuffix(x.Commands, "\n"))
	}
	return nil
}

// change plans and makes changes in the places that are meant.
func (a *App) change(f browserFlags, names []string, plan func(browser.Registrar, []browser.Place) ([]browser.Change, error)) error {
	r, err := browser.Installed(f.module)
	if err != nil {
		return err
	}
	places, err := a.chosen(r.Places(), f, names)
	if err != nil {
		return err
	}
	var changes []browser.Change
	var failed error
	if f.dry {
		changes, failed = plan(r, places)
	} else {
		changes, failed = r.Change(places, plan)
	}
	a.showChanges(changes)
	for _, p := range browser.Running(places, changes) {
		a.say(a.t("browser.restart", "name", p.Product))
	}
	for _, p := range places {
		if p.State == browser.Sandboxed {
			a.say(a.t("browser.sandboxed", "name", p.Product))
			for _, s := range p.Steps {
				a.say("    " + s)
			}
		}
	}
	return failed
}

// chosen are the places that flags and names mean.
func (a *App) chosen(all []browser.Place, f browserFlags, names []string) ([]browser.Place, error) {
	if !f.all && !f.system && len(names) == 0 {
		return nil, a.usage("browser-missing")
	}
	for _, n := range names {
		if !slices.ContainsFunc(all, func(p browser.Place) bool { return p.ID == n }) {
			return nil, a.usage("browser-unknown", "name", n)
		}
	}
	return slices.DeleteFunc(all, func(p browser.Place) bool {
		return !slices.Contains(names, p.ID) && (p.System && !f.system || !p.System && !f.all)
	}), nil
}

// showChanges prints changes.
func (a *App) showChanges(changes []browser.Change) {
	a.result.Changes = append([]browser.Change{}, changes...)
	for _, c := range changes {
		a.print("%s: %s", c.Place, c.File)
		for _, line := range c.Lines() {
			a.print("  %s", line)
		}
	}
	if len(changes) == 0 {
		a.print("%s", a.t("browser.no-change"))
	}
}

// offerBrowsers registers the module after a pairing, if a person agrees.
func (a *App) offerBrowsers(ctx context.Context) error {
	r, err := browser.Installed(a.Module)
	if err != nil || !a.interactive() {
		return nil // nothing to offer: the pairing stands
	}
	_, changes, err := r.Offer()
	if err != nil || len(changes) == 0 {
		return err
	}
	if err := a.applyAgreed(ctx, r.Machine, changes); !errors.Is(err, errCancelled{}) {
		return err
	}
	return nil // no answer is a no
}

// applyAgreed shows changes and makes them, if a person agrees or there is none to
// ask.
func (a *App) applyAgreed(ctx context.Context, m browser.Machine, changes []browser.Change) error {
	a.showChanges(changes)
	if a.interactive() {
		if agreed, err := a.confirm(ctx, "prompt.browsers", "word.yes"); !agreed {
			return err
		}
	}
	_, err := m.Apply(changes)
	return err
}
