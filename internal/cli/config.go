package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/settings"
)

func (a *App) configCommand() *cobra.Command {
	group := a.group("config", "cli.config")
	origin := false
	show := a.command("show", "cli.config.show", "  cie config show\n  cie config show --origin\n  cie config show --json", func(context.Context, []string) error {
		all, err := settings.Here().Show()
		a.result.Settings = all
		for _, s := range all {
			from := ""
			if origin {
				from = "  # " + a.t("origin."+string(s.Origin))
			}
			a.print("%s = %s%s", s.Name, s.Value, from)
		}
		return err
	})
	show.Flags().BoolVar(&origin, "origin", false, a.t("cli.flag.origin"))
	group.AddCommand(show)
	return group
}
