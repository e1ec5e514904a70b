//go:build gles || windows

package main

import (
	"context"
	"os/exec"
	"time"

	"github.com/softwarecie/cie/gui"
	"github.com/softwarecie/cie/internal/network"
	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/settings"
)

// updates has the notice of a newer version fetched by another process of this
// program: the one with the window uses cards, and speaks to no network. What that
// process leaves is verified here.
func updates(s settings.Settings) gui.Update {
	f, err := feedOf(s)
	if err != nil {
		return gui.Update{Never: err}
	}
	return gui.Update{Newest: func(ctx context.Context) (release.Notice, error) {
		if n, err := f.Seen(time.Now()); err == nil {
			return n, nil
		}
		program, err := release.Program()
		if err != nil {
			return release.Notice{}, err
		}
		if err := exec.CommandContext(ctx, program, release.AskCommand).Run(); err != nil {
			return release.Notice{}, release.ErrUnreachable
		}
		return f.Seen(time.Now())
	}}
}

func feedOf(s settings.Settings) (release.Feed, error) {
	program, err := release.Program()
	if err != nil {
		return release.Feed{}, err
	}
	f, err := release.NewFeed(feed, releaseKey, program)
	f.Memory, f.Client = settings.UpdateFile(), network.Through(s.Proxy.Mode, s.Proxy.URL)
	return f, err
}

// askForUpdates is that other process. It asks only if the settings say so.
func askForUpdates() error {
	s, err := settings.Here().Load()
	if err != nil || !s.Update.Notice {
		return err
	}
	f, err := feedOf(s)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err = f.Ask(ctx, time.Now())
	return err
}
