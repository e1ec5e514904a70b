package doctor

import (
	"path/filepath"

	"github.com/softwarecie/cie/internal/browser"
)

// rivals finds other libraries for the CIE in a program of the user. They are taken
// out only when somebody asks for that.
func (c Computer) rivals(p browser.Place) []Finding {
	if len(p.Rivals) == 0 {
		return nil
	}
	f := Finding{Check: "other-software", Err: ErrRival, About: p.ID, OnRequest: true}
	if changes, err := c.Machine.PlanRemoveRivals([]browser.Place{p}, c.Module); err == nil {
		f.Fix = changes
	}
	return []Finding{f}
}

// otherPairings finds pairings of the state's own program, which keeps the first half
// of the PIN in ~/.CIEPKI/<card number>.cache, on Windows in %ProgramData%\CIEPKI.
// After a change of the PIN it sends the old one.
func (c Computer) otherPairings() []Finding {
	folder := filepath.Join(c.Machine.Home, ".CIEPKI")
	if c.Machine.OS == "windows" {
		folder = filepath.Join(c.Machine.Getenv("ProgramData"), "CIEPKI")
	}
	if found, _ := filepath.Glob(filepath.Join(folder, "*.cache")); len(found) == 0 {
		return nil
	}
	return []Finding{{Check: "other-software", Err: ErrOtherPairing, About: folder}}
}
