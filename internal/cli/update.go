package cli

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/network"
	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/settings"
)

// newestInfo is the newest version in an answer.
type newestInfo struct {
	release.Notice
	Newer bool `json:"newer"` // than this program
}

func (a *App) updateCommand() *cobra.Command {
	return &cobra.Command{
		Use: "update", Short: a.t("cli.update"), Long: a.t("cli.update") + "\n\n" + a.t("cli.update.long"), Args: a.arguments("update"),
		Example: "  cie update\n  cie update --json",
		RunE: func(c *cobra.Command, _ []string) error {
			if err := a.update(c.Context()); err != nil {
				return err
			}
			a.succeed()
			return nil
		},
	}
}

// update asks for the newest version: whoever says the command has agreed to that,
// but not an administrator who has switched it off.
func (a *App) update(ctx context.Context) (err error) {
	if a.settings, err = settings.Here().Load(); err != nil {
		return err
	}
	a.messages = i18n.Load(a.language(a.settings.Language))
	if err := forbidden(settings.Here(), "update.notice"); err != nil {
		return err
	}
	feed, err := a.newFeed()
	if err != nil {
		return err
	}
	n, err := feed.Ask(ctx, time.Now())
	if err != nil {
		return err
	}
	a.result.Version = a.Version
	a.result.Newest = &newestInfo{n, n.NewerThan(a.Version)}
	a.print("%s", a.t("cli.update.newest", "version", n.Version, "date", a.messages.Date(n.Date), "address", n.Notes))
	key := "cli.update.current"
	switch {
	case a.result.Newest.Newer:
		key = "cli.update.newer"
	case !release.IsVersion(a.Version):
		key = "cli.update.unknown"
	}
	a.print("%s", a.t(key, "version", a.Version))
	return nil
}

// forbidden says whether the administrator has switched a setting off.
func forbidden(files settings.Files, name string) error {
	all, err := files.Show()
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Name == name && s.Origin == settings.ByAdmin && s.Value == "false" {
			return fmt.Errorf("%w: %s", settings.ErrManaged, name)
		}
	}
	return nil
}

// way is the way to the network.
func (a *App) way() *http.Client {
	if a.Client != nil {
		return a.Client
	}
	return network.Through(a.settings.Proxy.Mode, a.settings.Proxy.URL)
}

func (a *App) newFeed() (release.Feed, error) {
	program, err := a.file()
	if err != nil {
		return release.Feed{}, err
	}
	feed, err := release.NewFeed(a.Feed, a.Key, program)
	feed.Memory, feed.Client = settings.UpdateFile(), a.way()
	return feed, err
}
