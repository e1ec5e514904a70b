// Package doctor looks at all that must be in order for the card to work, from the
// computer to the browser, and says what is not. It changes nothing and presents
// no code.
package doctor

import (
	"context"
	"errors"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/pcsc"
)

var (
	// ErrKernel means that a module of the kernel for NFC may hold the reader.
	ErrKernel = situation.New("kernel-nfc", "kernel NFC module loaded")
	// ErrContactOnly means that every reader is known to read no contactless card.
	ErrContactOnly = situation.New("contact-only", "readers for contact cards only")
	// ErrUnregistered means that a program of the user does not know the library.
	ErrUnregistered = situation.New("not-connected", "library not registered")
	// ErrRival means that a program has another library for the same card too.
	ErrRival = situation.New("other-software", "another CIE library registered")
	// ErrClock means that the computer's date cannot be right.
	ErrClock = situation.New("clock", "clock is wrong")
	// ErrState means that the folder for what is remembered cannot be written.
	ErrState = situation.New("state-folder", "state folder not writable")
)

// A Computer is what is looked at.
type Computer struct {
	Holder   *cie.Holder
	Browser  browser.Machine
	Module   string    // path of the library
	NoModule error     // why there is no library; nil: there is
	Modules  string    // list of the kernel's modules, as /proc/modules
	State    string    // folder for what is remembered
	Now      time.Time //
}

// A Finding is the outcome of one check.
type Finding struct {
	Check string // stable name
	Err   error  // nil: in order; sentences by i18n.Explain
	About string // reader, program or file; "" where there is but one
	Fix   []browser.Change
}

// Here is this computer, as far as it is not the Holder's and the Registrar's.
func Here(h *cie.Holder, r browser.Registrar) Computer {
	modules, _ := os.ReadFile("/proc/modules") // none on other systems
	return Computer{
		Holder: h, Browser: r.Machine, Module: r.Module, NoModule: r.Missing, Modules: string(modules),
		State: filepath.Dir(r.Machine.Journal), Now: time.Now(),
	}
}

// Examine runs the checks in order and gives each finding as soon as it is there.
// What cannot be looked at because of an earlier finding is left out.
func (c Computer) Examine(ctx context.Context) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		for _, check := range []func() []Finding{
			func() []Finding { return []Finding{{Check: "clock", Err: c.clock()}} },
			func() []Finding { return []Finding{{Check: "state", Err: c.writable(), About: c.State}} },
			func() []Finding { return []Finding{c.kernel()} },
			func() []Finding { return c.readers(ctx) },
			func() []Finding { return []Finding{{Check: "module", Err: c.NoModule, About: c.Module}} },
			c.browsers,
		} {
			for _, f := range check() {
				if ctx.Err() != nil || !yield(f) {
					return
				}
			}
		}
	}
}

// earliest is before this program was made: a clock that shows less has lost its
// battery.
const earliest = 2026

func (c Computer) clock() error {
	if c.Now.Year() < earliest {
		return ErrClock
	}
	return nil
}

// writable makes a file where pairings are kept, or in the first folder above that
// is there, and removes it.
func (c Computer) writable() error {
	folder := c.State
	for {
		f, err := os.CreateTemp(folder, ".cie-")
		switch {
		case err == nil:
			return errors.Join(f.Close(), os.Remove(f.Name()))
		case os.IsNotExist(err) && filepath.Dir(folder) != folder:
			folder = filepath.Dir(folder)
		default:
			return errors.Join(ErrState, err)
		}
	}
}

// kernelNFC are modules that take readers with these chips before PC/SC can (Linux,
// drivers/nfc).
func kernelNFC() []string { return []string{"pn533_usb", "pn533", "port100", "nfcsim"} }

func (c Computer) kernel() Finding {
	f := Finding{Check: "kernel"}
	for _, line := range strings.Split(c.Modules, "\n") {
		name, _, _ := strings.Cut(line, " ")
		for _, n := range kernelNFC() {
			if name == n && f.Err == nil {
				f.Err, f.About = ErrKernel, n
			}
		}
	}
	return f
}

// contactOnly are words in the names of readers that have contacts and no antenna,
// in lower case. The list is short on purpose: a model that is missing costs one
// hint, a wrong one misleads.
func contactOnly() []string {
	return []string{"st-2xxx", "scr3310", "acr38u", "acr39u", "pc twin reader", "minilector evo"}
}

// ContactOnly says whether a reader of this name is known to have contacts and no
// antenna.
func ContactOnly(name string) bool {
	for _, word := range contactOnly() {
		if strings.Contains(strings.ToLower(name), word) {
			return true
		}
	}
	return false
}

// readers looks for the service, readers, and cards.
func (c Computer) readers(ctx context.Context) []Finding {
	all, err := c.Holder.Status(ctx)
	if err == nil && len(all) == 0 {
		err = cie.ErrNoReader
	}
	if err != nil {
		check := "reader"
		if errors.Is(err, pcsc.ErrNoService) || errors.Is(err, pcsc.ErrDenied) {
			check = "service"
		}
		return []Finding{{Check: check, Err: err}}
	}
	findings := []Finding{{Check: "service"}}
	usable := 0
	for _, s := range all {
		if !ContactOnly(s.Reader.Name) {
			usable++
		}
	}
	if usable == 0 {
		return append(findings, Finding{Check: "reader", Err: ErrContactOnly, About: all[0].Reader.Name})
	}
	findings = append(findings, Finding{Check: "reader"})
	found := Finding{Check: "card", Err: pcsc.ErrNoCard}
	for _, s := range all {
		switch {
		case s.CIE:
			return append(findings, Finding{Check: "card", About: s.Reader.Name}, Finding{Check: "pairing", Err: s.Damaged})
		case s.Err != nil:
			found.Err, found.About = s.Err, s.Reader.Name
		case s.Reader.Present && errors.Is(found.Err, pcsc.ErrNoCard):
			found.Err, found.About = cie.ErrForeign, s.Reader.Name
		}
	}
	return append(findings, found)
}

// browsers looks at each program of the user; what can be fixed says how.
func (c Computer) browsers() []Finding {
	var all []Finding
	for _, p := range c.Browser.Find(c.Module) {
		if p.System {
			continue
		}
		f := Finding{Check: "browser", About: p.ID}
		switch p.State {
		case browser.Registered, browser.Indirect, browser.Sandboxed:
		default:
			f.Err = ErrUnregistered
			if changes, err := c.Browser.PlanAdd([]browser.Place{p}, c.Module); err == nil {
				f.Fix = changes
			}
		}
		all = append(all, f)
		if len(p.Rivals) > 0 {
			all = append(all, Finding{Check: "other-software", Err: ErrRival, About: p.ID})
		}
	}
	return all
}
