package gui

import (
	"testing"

	"fyne.io/fyne/v2/test"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/settings"
)

// What a person sees of the two screens that matter most: a code half typed, and
// an error. The pictures in testdata were looked at; a changed one is written to
// testdata/failed.
func TestPictures(t *testing.T) {
	chosen := settings.Default()
	chosen.Window.Theme = "light"
	b := newBenchWith(t, i18n.Italian, chosen)
	b.Go(newPair)
	b.typed("12345")
	test.AssertRendersToImage(t, "pair.png", b.win.Canvas())
	s := b.trail[len(b.trail)-1].screen.(*pairScreen)
	s.show(newErrorView(b.Window, applet.ErrPINBlocked, func() {}))
	test.AssertRendersToImage(t, "blocked.png", b.win.Canvas())
}
