package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/settings"
)

func (a *App) guideCommand() *cobra.Command {
	return &cobra.Command{
		Use: "guide [NAME]", Short: a.t("cli.guide"), Example: "  cie guide\n  cie guide lost", ValidArgs: guideNames(),
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return a.usage("arguments", "text", strings.Join(args[1:], " "))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error { return a.guide(args) },
	}
}

func guideNames() []string {
	var names []string
	for _, n := range guide.Names() {
		names = append(names, string(n))
	}
	return names
}

// guide prints the page named, or the table of contents. It needs no card, and no
// settings but the language: whoever cannot get further is helped here.
func (a *App) guide(args []string) error {
	if set, err := settings.Here().Load(); err == nil {
		a.messages = i18n.Load(a.language(set.Language))
	}
	text := ""
	if len(args) == 0 {
		for _, n := range guide.Names() {
			text += fmt.Sprintf("%-12s%s\n", n, guide.Load(a.messages.Language(), n).Title)
		}
	} else {
		if !slices.Contains(guideNames(), args[0]) {
			return a.usage("guide-unknown", "name", args[0], "names", strings.Join(guideNames(), ", "))
		}
		text = guide.Load(a.messages.Language(), guide.Name(args[0])).Plain(a.columns)
	}
	a.print("%s", strings.TrimSuffix(text, "\n"))
	a.result.Output = text
	a.succeed()
	return nil
}
