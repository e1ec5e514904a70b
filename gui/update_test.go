package gui

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/settings"
)

// A newer version is told of on the home screen once a person has said so, and not
// any more when they have taken it back.
func TestUpdate(t *testing.T) { // [144]
	b := newBench(t, i18n.English)
	b.deps.Version = "1.2.3"
	asked := make(chan string, 10)
	version := "1.3.0"
	b.deps.Update.Newest = func(context.Context) (release.Notice, error) {
		asked <- version
		return release.Notice{Version: version, Notes: "https://example.org/" + version, Date: time.Now(), Expires: time.Now().Add(time.Hour)}, nil
	}
	b.askForUpdates()
	b.Open("win.settings")
	if len(asked) != 0 || !strings.Contains(b.seen(), b.t("win.settings.update.text")) {
		t.Fatalf("asked %d times, without having been told to", len(asked))
	}
	on := func(on bool) {
		t.Helper()
		b.Open("win.settings")
		next := b.deps.Settings
		next.Update.Notice = on
		(&settingsScreen{w: b.Window}).change(func(s *settings.Settings) { *s = next })
	}
	on(true)
	b.until("a newer version is known", func() bool { return b.newer != nil })
	b.Open(home)
	if seen := b.seen(); !strings.Contains(seen, "1.3.0") || !strings.Contains(seen, "https://example.org/1.3.0") {
		t.Errorf("not told of:\n%s", seen)
	}
	on(false)
	b.Open(home)
	if seen := b.seen(); strings.Contains(seen, "1.3.0") || len(asked) != 1 {
		t.Errorf("still told of, or asked again (%d):\n%s", len(asked), seen)
	}
}

// Where nobody can be asked the settings say why.
func TestUpdateNever(t *testing.T) { // [144]
	b := newBench(t, i18n.Italian)
	b.deps.Settings.Update.Notice = true
	for _, why := range []error{release.ErrNoFeed, release.ErrPackaged} {
		b.deps.Update = Update{Never: why}
		b.askForUpdates()
		b.Open("win.settings")
		if seen := b.seen(); !strings.Contains(seen, b.texts.Explain(why).What) || b.newer != nil {
			t.Errorf("%v is not told:\n%s", why, seen)
		}
	}
}
