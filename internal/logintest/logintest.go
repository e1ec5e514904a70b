// Package logintest tries the login at level 3 as a person meets it: a site of this
// computer, a browser that knows what the person's own knows, and a look at the
// card. Of a chain that breaks it names the link.
package logintest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/situation"
)

// The links that can fail here and nowhere else. Readers and cards have errors of
// their own, and so has a wrong PIN.
var (
	// ErrModule means that the browser does not know the module.
	ErrModule = situation.New("login-module", "module not registered with the browser")
	// ErrNoCertificate means that the browser had all it needs and showed no
	// certificate: as a rule, somebody cancelled its choice or the PIN. Neither Firefox
	// nor Chromium tells which.
	ErrNoCertificate = situation.New("login-no-certificate", "no certificate sent")
	// ErrNotSigned means that the browser began the login and hung up.
	ErrNotSigned = situation.New("login-not-signed", "no signature")
	// ErrTLS13 means that the site speaks nothing but TLS 1.3, where no CIE can sign.
	ErrTLS13 = situation.New("login-tls13", "the site demands TLS 1.3")
	// ErrRefused means that the certificate is not of a CIE that the site knows.
	ErrRefused = situation.New("login-refused", "certificate refused")
)

// A Step is a point of the test, as it is reached.
type Step string

// The steps.
const (
	StepSite    Step = "site"    // the site is open
	StepBrowser Step = "browser" // the browser is open: it is the person's turn
	StepAsked   Step = "asked"   // the site has asked for the certificate
)

// A Test is one login to try.
type Test struct {
	Holder    *cie.Holder
	Registrar browser.Registrar
	Program   Program       // "": the first that is installed
	Reached   func(Step)    // told of each step; nil: nobody
	Door      demosite.Door // "": TLS 1.2, as it should be
}

// A Login is one that worked.
type Login struct {
	Program Program
	Attempt demosite.Attempt
}

const (
	patience = 5 * time.Minute // for the whole test: a person types a PIN
	shown    = 4 * time.Second // how long the page of the login is seen
	settling = 3 * time.Second // for the last words of a browser that shows a failure
)

// Run opens the site and the browser, and waits for what comes of it. The error
// names the link that failed.
func (t Test) Run(ctx context.Context) (Login, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if t.Program == "" {
		first, err := First()
		if err != nil {
			return Login{}, err
		}
		t.Program = first
	}
	folder, err := os.MkdirTemp("", "cie-login-test-")
	if err != nil {
		return Login{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	e := evidence{places: t.Registrar.Places(), program: t.Program, before: t.tries(ctx)}
	attempts := make(chan demosite.Attempt, 100)
	site, err := demosite.Start(ctx, demosite.Options{Roots: t.Holder.Roots, Folder: folder, Attempt: func(a demosite.Attempt) {
		select {
		case attempts <- a:
		default: // nobody listens any more
		}
	}})
	if err != nil {
		return Login{}, err
	}
	defer func() { _ = site.Close() }()
	t.reach(StepSite)
	url := site.Required
	if t.Door == demosite.TLS13 {
		url = site.TLS13
	}
	b, err := open(ctx, t.Program, e.places, site.CA, url)
	if err != nil {
		return Login{}, err
	}
	defer func() { _ = b.Close() }()
	t.reach(StepBrowser)
	t.follow(ctx, b, attempts, &e)
	if e.attempt.Outcome != demosite.OK && ctx.Err() == nil {
		e.status, e.trouble = t.Holder.Status(ctx)
	}
	return Login{t.Program, e.attempt}, e.verdict()
}

func (t Test) reach(s Step) {
	if t.Reached != nil {
		t.Reached(s)
	}
}

// A tally is how many tries the PIN of each card had when it was last seen.
type tally map[applet.PAN]int

// tries are those of the cards that lie there; reading them is no try.
func (t Test) tries(ctx context.Context) tally {
	all, err := t.Holder.Status(ctx)
	if err != nil {
		return nil
	}
	return count(all)
}

func count(all []cie.Status) tally {
	n := tally{}
	for _, s := range all {
		if s.CIE && s.Record != nil {
			n[s.PAN] = s.Record.Tries
		}
	}
	return n
}

// evidence is what was seen of one test.
type evidence struct {
	program Program
	places  []browser.Place
	before  tally
	attempt demosite.Attempt // the last that says something
	failure string           // code of the page that the browser shows in place of the site's
	ended   error            // why the browser is not there any more, or could not be asked
	status  []cie.Status     // afterwards
	trouble error            // why that cannot be seen
	asked   bool             // the site has asked for a certificate
}

// follow waits until the site has let somebody in or not, the browser shows a
// failure, or is closed.
func (t Test) follow(ctx context.Context, b opened, attempts <-chan demosite.Attempt, e *evidence) {
	type end struct {
		failure string
		err     error
	}
	ended := make(chan end, 1)
	watching, stop := context.WithCancel(ctx)
	go func() {
		failure, err := b.awaitFailure(watching)
		ended <- end{failure, err}
	}()
	var late <-chan time.Time
	for late == nil {
		select {
		case a := <-attempts:
			if !e.asked {
				e.asked = true
				t.reach(StepAsked)
			}
			if a.Outcome == demosite.Gone && e.attempt.Outcome != "" {
				continue
			}
			e.attempt = a
			if a.Outcome == demosite.OK {
				late = time.After(shown)
			} else if a.Outcome != demosite.Gone {
				late = time.After(settling)
			}
		case x := <-ended:
			e.failure, e.ended = x.failure, x.err
			late = time.After(settling)
			ended = nil
		case <-ctx.Done():
			e.ended = ctx.Err()
			late = time.After(0)
		}
	}
	e.settle(attempts, late)
	stop()
	if ended != nil {
		x := <-ended // the browser is asked by one at a time
		e.failure = x.failure
	}
}

// settle takes what is still on its way.
func (e *evidence) settle(attempts <-chan demosite.Attempt, late <-chan time.Time) {
	for {
		select {
		case a := <-attempts:
			if a.Outcome == demosite.OK || a.Outcome != demosite.Gone && e.attempt.Outcome != demosite.OK {
				e.attempt = a
			}
		case <-late:
			return
		}
	}
}

// verdict names the link that failed, nil when none did.
func (e evidence) verdict() error {
	a := e.attempt
	switch {
	case a.Outcome == demosite.OK:
		return nil
	case errors.Is(e.ended, context.Canceled), errors.Is(e.ended, context.DeadlineExceeded):
		return e.ended
	case a.Outcome == demosite.Refused:
		return fmt.Errorf("%w: %w", ErrRefused, a.Err)
	case !knows(e.program, e.places):
		return e.because(ErrModule)
	}
	if err := e.card(); err != nil {
		return e.because(err)
	}
	after := count(e.status)
	for pan, tries := range e.before {
		if now, ok := after[pan]; ok && now >= 0 && (now < tries || tries < 0) {
			return e.because(&applet.WrongCodeError{Code: applet.CodePIN, Tries: now})
		}
	}
	switch {
	case a.Door == demosite.TLS13:
		return e.because(ErrTLS13)
	case a.Outcome == demosite.NoCertificate:
		return e.because(ErrNoCertificate)
	case errors.Is(e.ended, ErrClosed):
		return ErrClosed
	}
	return e.because(ErrNotSigned)
}

// because adds to an error what the browser said.
func (e evidence) because(err error) error {
	if e.failure == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, e.failure)
}

// card says why no CIE lies on a reader, nil if one does.
func (e evidence) card() error {
	if e.trouble != nil {
		return e.trouble
	}
	_, err := cie.FirstCIE(e.status)
	return err
}
