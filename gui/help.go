package gui

import (
	"fyne.io/fyne/v2"

	"github.com/softwarecie/cie/internal/guide"
)

// A helped screen has a guide that explains it.
type helped interface{ Help() guide.Name }

// Help opens the guide of the screen that is seen, or all of them.
func (w *Window) Help() {
	if h, ok := w.trail[len(w.trail)-1].screen.(helped); ok {
		w.Go(newGuide(h.Help()))
		return
	}
	w.Open("win.guides")
}

// withHelp adds the way to its guide to a screen.
func withHelp(w *Window, s screen) fyne.CanvasObject {
	content := s.Content()
	if _, ok := s.(helped); !ok {
		return content
	}
	b := newButton(quiet, w.t("win.help"), w.Help)
	b.icon = iconHelp
	return stacked(3*unit, content, stacked(unit, line(), beside(b)))
}

// explains is the guide on a situation that ended in an error, "" if none is.
func explains(situation string) guide.Name {
	switch situation {
	case "no-service", "no-reader", "contact-only", "busy", "exclusive", "no-card", "card-removed", "card-reset", "card-silent", "not-cie":
		return guide.Reader
	case "pin-wrong", "pin-last-try", "puk-wrong", "puk-few", "puk-last-try":
		return guide.Lost
	case "pin-blocked":
		return guide.Blocked
	case "puk-blocked":
		return guide.Stolen
	case "code-length", "puk-length", "new-pin-length", "new-pin-equal", "new-pin-run", "new-pin-same", "new-pin-birth-date", "new-pin-card-number":
		return guide.Codes
	case "not-paired", "half-none", "half-stale", "pairing-damaged", "pairing-newer", "pairing-unsafe":
		return guide.Pairing
	case "not-genuine", "issuer-unknown", "certificate-date", "chip-unproved":
		return guide.Card
	}
	return ""
}

// Help of the home screen is the levels.
func (s *homeScreen) Help() guide.Name { return guide.Levels }

// Help of the screens of the PIN is the codes.
func (s *pinScreen) Help() guide.Name { return guide.Codes }

// Help of checking the PIN is the codes.
func (s *verifyScreen) Help() guide.Name { return guide.Codes }

// Help of changing the PIN is the codes.
func (s *changeScreen) Help() guide.Name { return guide.Codes }

// Help of unblocking is what to do with a blocked PIN.
func (s *unblockScreen) Help() guide.Name { return guide.Blocked }

// Help of pairing is what it is.
func (s *pairScreen) Help() guide.Name { return guide.Pairing }

// Help of unpairing is what pairing is.
func (s *unpairScreen) Help() guide.Name { return guide.Pairing }
