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
	"slices"
	"strings"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/trust"
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
	// ErrOtherPairing means that another program for the CIE keeps pairings.
	ErrOtherPairing = situation.New("other-pairing", "another CIE program keeps pairings")
	// ErrSandboxed means that a program runs in a sandbox where the library is not.
	ErrSandboxed = situation.New("sandboxed", "sandbox hides the library")
	// ErrTLS means that a program is set not to speak TLS 1.2.
	ErrTLS = situation.New("tls-versions", "TLS 1.2 excluded")
	// ErrClock means that the computer's date cannot be right.
	ErrClock = situation.New("clock", "clock is wrong")
	// ErrState means that the folder for what is remembered cannot be written, or the
	// disk is full.
	ErrState = situation.New("state-folder", "state folder not writable")
	// ErrHome means that the home folder is not this user's own.
	ErrHome = situation.New("home-folder", "home folder is missing or another user's")
	// ErrNoPCSCD means that the service for readers is not installed.
	ErrNoPCSCD = situation.New("pcscd-missing", "pcscd not installed")
	// ErrStopped means that the service is installed, and nobody answers.
	ErrStopped = situation.New("pcscd-stopped", "pcscd not running")
	// ErrRemote means that the readers are refused to somebody who is not at the
	// computer.
	ErrRemote = situation.New("remote-session", "readers refused to a remote session")
	// ErrPolkit means that the readers are refused because nobody answers the service
	// who may use them.
	ErrPolkit = situation.New("polkit-stopped", "polkit not running")
	// ErrDriver means that the service has no driver for readers.
	ErrDriver = situation.New("driver-missing", "no CCID driver installed")
	// ErrScdaemon means that GnuPG's daemon may hold the reader.
	ErrScdaemon = situation.New("scdaemon", "scdaemon may hold the reader")
	// ErrModel means that the model of a reader is among the FlakyModels.
	ErrModel = situation.New("reader-model", "model of reader known to fail at times")
	// ErrNewChip means that the card is a CIE with a chip that was not seen before.
	ErrNewChip = situation.New("chip-new", "kind of chip not seen before")
	// ErrLink means that the card does not always answer.
	ErrLink = situation.New("link", "contact with the card is unreliable")
	// ErrExpired means that the certificate of the card has expired.
	ErrExpired = situation.New("expired", "certificate expired")
	// ErrFewTries means that a PIN was wrong lately.
	ErrFewTries = situation.New("few-tries", "PIN tries were lost")
	// ErrArchitecture means that the library is for another kind of processor.
	ErrArchitecture = situation.New("architecture", "library for another architecture")
	// ErrLoad means that a program cannot load the library.
	ErrLoad = situation.New("module-load", "library cannot be loaded")
)

// Finds are the checks in order, each with what it can find.
func Finds() []Check {
	return []Check{
		{"clock", []error{ErrClock}},
		{"home", []error{ErrHome}},
		{"state", []error{ErrState}},
		{"kernel", []error{ErrKernel}},
		{"service", []error{ErrNoPCSCD, ErrStopped, pcsc.ErrNoService, pcsc.ErrDenied, ErrPolkit, ErrRemote}},
		{"driver", []error{ErrDriver}},
		{"scdaemon", []error{ErrScdaemon}},
		{"reader", []error{cie.ErrNoReader, ErrContactOnly}},
		{"model", []error{ErrModel}},
		{"card", []error{pcsc.ErrNoCard, cie.ErrForeign, pcsc.ErrBusy, pcsc.ErrNoAnswer}},
		{"chip", []error{ErrNewChip}},
		{"link", []error{ErrLink}},
		{"genuine", []error{cie.ErrNotGenuine, cie.ErrUnknownIssuer}},
		{"pairing", []error{pairing.ErrDamaged, pairing.ErrNewerVersion, pairing.ErrStale}},
		{"certificate", []error{ErrExpired, trust.ErrValidity}},
		{"tries", []error{ErrFewTries, applet.ErrPINBlocked}},
		{"module", []error{browser.ErrNoModule, ErrArchitecture, ErrLoad}},
		{"browser", []error{ErrUnregistered, ErrSandboxed}},
		{"other-software", []error{ErrRival, ErrOtherPairing}},
		{"tls", []error{ErrTLS}},
	}
}

// Fixes are what a Finding can bring a fix for.
func Fixes() []error { return []error{ErrScdaemon, ErrUnregistered, ErrRival, ErrTLS} }

// Hints are worth knowing, and no fault.
func Hints() []error { return []error{ErrModel, ErrNewChip, ErrOtherPairing} }

// A Check is what is looked at, by its stable name, and what can be found.
type Check struct {
	Name  string
	Finds []error
}

// A Computer is what is looked at.
type Computer struct {
	browser.Registrar
	Holder   *cie.Holder
	Modules  string   // list of the kernel's modules, as /proc/modules
	Programs []string // names of the programs that run
	State    string   // folder for what is remembered; "": the user has none
	User     int      // number of the user, -1 where there is none
	Now      time.Time

	Load func(ctx context.Context, module string) error // loads the library in another process; nil: it is not looked into
}

// A Finding is the outcome of one check.
type Finding struct {
	Check     string // stable name
	Err       error  // nil: in order; sentences by i18n.Explain
	About     string // reader, program or file; "" where there is but one
	Fix       []browser.Change
	OnRequest bool // Fix takes something away that may be wanted: it is made for its own sake only
}

// Hint says whether it is merely worth knowing, and nothing is wrong.
func (f Finding) Hint() bool {
	return slices.ContainsFunc(Hints(), func(err error) bool { return errors.Is(f.Err, err) })
}

// Ill says whether something is wrong.
func (f Finding) Ill() bool { return f.Err != nil && !f.Hint() }

// Here is this computer, as far as it is not the Holder's and the Registrar's.
func Here(h *cie.Holder, r browser.Registrar) Computer {
	modules, _ := os.ReadFile("/proc/modules") // none on other systems
	c := Computer{
		Registrar: r, Holder: h, Modules: string(modules), Now: time.Now(), User: os.Geteuid(),
	}
	if r.Machine.Journal != "" {
		c.State = filepath.Dir(r.Machine.Journal)
	}
	if r.Machine.Root == "" { // not that of a demonstration
		c.Programs, c.Load = programs(), loadElsewhere
	}
	return c
}

// programs are the names of those that run (Linux).
func programs() (names []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/comm")
	for _, f := range files {
		if name, err := os.ReadFile(f); err == nil { // it may have ended
			names = append(names, strings.TrimSpace(string(name)))
		}
	}
	return names
}

// Examine runs the checks in order and gives each finding as soon as it is there.
// What cannot be looked at because of an earlier finding is left out.
func (c Computer) Examine(ctx context.Context) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		for _, check := range []func() []Finding{
			func() []Finding { return []Finding{{Check: "clock", Err: c.clock()}} },
			func() []Finding { return []Finding{{Check: "home", Err: c.ownHome(), About: c.Machine.Home}} },
			func() []Finding { return []Finding{{Check: "state", Err: c.writable(), About: c.State}} },
			func() []Finding { return []Finding{c.kernel()} },
			func() []Finding { return c.readers(ctx) },
			func() []Finding { return []Finding{{Check: "module", Err: c.module(ctx), About: c.Module}} },
			c.browsers,
			c.otherPairings,
			c.tls,
		} {
			for _, f := range check() {
				if ctx.Err() != nil || !yield(f) {
					return
				}
			}
		}
	}
}

// browsers looks at each program of the user; what can be fixed says how.
func (c Computer) browsers() []Finding {
	var all []Finding
	for _, p := range c.Own() {
		f := Finding{Check: "browser", About: p.ID}
		switch p.State {
		case browser.Registered, browser.Indirect:
		case browser.Sandboxed:
			f.Err = ErrSandboxed
		default:
			f.Err = ErrUnregistered
			if changes, err := c.PlanAdd([]browser.Place{p}); err == nil {
				f.Fix = changes
			}
		}
		all = append(append(all, f), c.rivals(p)...)
	}
	return all
}
