package logintest

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/chromium"
	"github.com/softwarecie/cie/internal/firefox"
	"github.com/softwarecie/cie/internal/situation"
)

// A Program is a browser that can be opened for the test.
type Program string

// The programs.
const (
	Firefox  Program = "firefox"
	Chromium Program = "chromium"
)

var (
	// ErrNoBrowser means that there is no such program.
	ErrNoBrowser = situation.New("login-no-browser", "no browser to try")
	// ErrClosed means that the person closed it.
	ErrClosed = situation.New("login-closed", "browser closed before the login")
)

// Programs are those that are installed.
func Programs() []Program {
	var all []Program
	if _, err := firefox.Find(); err == nil {
		all = append(all, Firefox)
	}
	if _, err := chromium.Find(); err == nil {
		all = append(all, Chromium)
	}
	return all
}

// First is the first program that is installed.
func First() (Program, error) {
	all := Programs()
	if len(all) == 0 {
		return "", ErrNoBrowser
	}
	return all[0], nil
}

// An opened browser.
type opened interface {
	// awaitFailure waits until it shows a page of its own that says why another
	// could not be loaded, and returns that page's code; with ErrClosed when it was
	// closed, nil when a page was loaded.
	awaitFailure(ctx context.Context) (code string, err error)
	Close() error
}

// Open opens a program at a page of a site whose CA certificate stands in a file.
// It runs in a profile of its own, which is removed, and knows the modules that the
// person's does; Close ends it.
func Open(ctx context.Context, p Program, places []browser.Place, ca, url string) (interface{ Close() error }, error) {
	return open(ctx, p, places, ca, url)
}

func open(ctx context.Context, p Program, places []browser.Place, ca, url string) (opened, error) {
	if p == Chromium {
		content, err := os.ReadFile(ca)
		if err != nil {
			return nil, err
		}
		block, _ := pem.Decode(content)
		if block == nil {
			return nil, fmt.Errorf("%s: no certificate", ca)
		}
		trust, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		b, err := chromium.Start(chromium.Options{URL: url, Trust: trust})
		if errors.Is(err, chromium.ErrNotFound) {
			err = ErrNoBrowser
		}
		return inChromium{b}, err
	}
	b, err := firefox.Start(ctx, firefox.Options{CA: ca, Window: true, Keys: true, Prepare: func(profile string) error {
		return connect(profile, places)
	}})
	if errors.Is(err, firefox.ErrNotFound) {
		err = ErrNoBrowser
	}
	if err != nil {
		return nil, err
	}
	if err := b.Open(ctx, url); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return inFirefox{b}, nil
}

// connect registers the module with a new profile of Firefox, if one of the
// person's profiles has it.
func connect(profile string, places []browser.Place) error {
	for _, p := range places {
		if !isFirefox(p) || p.System || p.State != browser.Registered && p.State != browser.Other {
			continue
		}
		fresh := browser.Place{Kind: browser.NSS, File: filepath.Join(profile, "pkcs11.txt"), State: browser.Absent}
		changes, err := browser.Machine{OS: runtime.GOOS}.PlanAdd([]browser.Place{fresh}, p.Module)
		for _, c := range changes {
			err = errors.Join(err, os.WriteFile(c.File, []byte(*c.After), 0o600))
		}
		return err
	}
	return nil
}

// isFirefox says whether a place is of Firefox.
func isFirefox(p browser.Place) bool { return strings.HasPrefix(p.ID, string(Firefox)+":") }

// isChromium says whether a place is a database of the Chromium family.
func isChromium(p browser.Place) bool {
	return p.Kind == browser.NSS && strings.HasPrefix(p.ID, string(Chromium))
}

// knows says whether a program knows the module, by the person's places.
func knows(p Program, places []browser.Place) bool {
	reads := isFirefox
	if p == Chromium {
		reads = isChromium
	}
	return slices.ContainsFunc(places, func(place browser.Place) bool {
		switch place.State {
		case browser.Registered, browser.Other, browser.Indirect:
			return reads(place)
		}
		return false
	})
}

type inChromium struct{ *chromium.Browser }

func (b inChromium) awaitFailure(ctx context.Context) (string, error) {
	code, err := b.AwaitFailure(ctx)
	if errors.Is(err, chromium.ErrEnded) {
		err = ErrClosed
	}
	return code, err
}

type inFirefox struct{ *firefox.Browser }

func (b inFirefox) awaitFailure(ctx context.Context) (string, error) {
	v, err := b.Await(ctx)
	switch {
	case err != nil:
		select {
		case <-b.Ended():
			return "", ErrClosed
		case <-time.After(time.Second): // the connection breaks a little before
			return "", err
		case <-ctx.Done():
			return "", ctx.Err()
		}
	case v.Kind == firefox.Failure:
		code, err := b.Read(ctx)
		return code, err
	}
	return "", nil
}
