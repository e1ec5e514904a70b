// Package firefox drives a real Firefox, in a profile that is made for it and
// removed, to log in to a web site with a PKCS#11 module: what a person does with
// windows and keys, done and looked at from a program.
//
// It needs nothing but Firefox itself: the module and the site's CA are set up
// through its own services, by the Marionette protocol on a port of this computer.
package firefox

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "embed"

	"github.com/softwarecie/cie/internal/procgroup"
)

// Options say how Firefox is started.
type Options struct {
	Program string // "": firefox-esr or firefox, whichever is found
	Module  string // path of the PKCS#11 library
	CA      string // file, PEM: a CA to believe besides the public ones; "": none
	Window  bool   // on the display, for a person to look at; else without one
	Keys    bool   // somebody at the keyboard chooses the certificate and types the PIN
	Log     string // file for what Firefox writes; "": nowhere
	Profile string // folder of a person's profile, to be used and left; "": one is made, and removed

	Prepare func(profile string) error // does something with the profile before Firefox starts; nil: nothing
}

// ErrNotFound means that there is no Firefox.
var ErrNotFound = errors.New("firefox not found")

// A Browser is a running Firefox.
type Browser struct {
	remote  *marionette
	cmd     *exec.Cmd
	ended   chan struct{} // closed when the process has ended,
	end     error         // as it says
	profile string
	made    bool // the profile, by us
	log     *os.File
}

// preferences of the profile: the remote port is any that is free, and nothing is
// fetched that was not asked for.
const preferences = `user_pref("marionette.port", 0);
user_pref("app.update.auto", false);
user_pref("browser.aboutwelcome.enabled", false);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("browser.startup.homepage_override.mstone", "ignore");
user_pref("browser.startup.page", 0);
user_pref("browser.newtabpage.enabled", false);
user_pref("browser.safebrowsing.malware.enabled", false);
user_pref("browser.safebrowsing.phishing.enabled", false);
user_pref("captivedetect.canonicalURL", "");
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("extensions.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
user_pref("network.dns.disablePrefetch", true);
user_pref("network.prefetch-next", false);
user_pref("network.proxy.type", 0);
user_pref("services.settings.server", "data:,");
user_pref("toolkit.telemetry.enabled", false);
user_pref("intl.accept_languages", "it,en");
`

// startLimit is for Firefox to listen to us: some seconds, many on a busy computer.
const startLimit = 120 * time.Second

// Start starts Firefox, adds the module and the CA. The Browser must be closed.
func Start(ctx context.Context, o Options) (*Browser, error) {
	b := &Browser{ended: make(chan struct{})}
	if err := b.start(ctx, o); err != nil {
		b.kill()
		return nil, fmt.Errorf("start firefox: %w", err)
	}
	return b, nil
}

func (b *Browser) start(ctx context.Context, o Options) error {
	program, err := o.Program, error(nil)
	if program == "" {
		program, err = Find()
	}
	if err != nil {
		return err
	}
	if b.profile = o.Profile; b.profile == "" {
		if b.profile, err = os.MkdirTemp("", "cie-firefox-"); err != nil {
			return err
		}
		b.made = true
	}
	choice := "Select Automatically"
	if o.Keys {
		choice = "Ask Every Time"
	}
	all := fmt.Appendf(nil, "%suser_pref(%q, %q);\n", preferences, "security.default_personal_cert", choice)
	if err := os.WriteFile(filepath.Join(b.profile, "user.js"), all, 0o600); err != nil {
		return err
	}
	if o.Prepare != nil {
		if err := o.Prepare(b.profile); err != nil {
			return err
		}
	}
	if err := b.run(program, o); err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	return b.setUp(ctx, o)
}

// Find is the path of the Firefox that is installed.
func Find() (string, error) {
	for _, name := range []string{"firefox-esr", "firefox"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNotFound
}

// run starts the process in a group of its own, so that none of its children
// outlives it.
func (b *Browser) run(program string, o Options) error {
	arguments := []string{"--no-remote", "--new-instance", "--profile", b.profile, "--marionette", "--remote-allow-system-access"}
	if !o.Window {
		arguments = append(arguments, "--headless")
	}
	cmd := exec.Command(program, append(arguments, "about:blank")...) //nolint:gosec // found above, or named by the caller
	cmd.Env = append(os.Environ(), "MOZ_CRASHREPORTER_DISABLE=1")
	procgroup.Set(cmd)
	if o.Log != "" {
		log, err := os.Create(o.Log)
		if err != nil {
			return err
		}
		b.log, cmd.Stdout, cmd.Stderr = log, log, log
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	b.cmd = cmd
	go func() { b.end = cmd.Wait(); close(b.ended) }()
	return nil
}

// connect waits for the file in which Firefox tells its port, and opens a session.
func (b *Browser) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for b.remote == nil {
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer: %w", ctx.Err())
		case <-b.ended:
			return fmt.Errorf("it ended: %w", b.end)
		case <-time.After(50 * time.Millisecond):
		}
		text, err := os.ReadFile(filepath.Join(b.profile, "MarionetteActivePort"))
		if err != nil {
			continue
		}
		if port, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			b.remote, _ = dial(ctx, port) // not yet: again
		}
	}
	if err := b.remote.call(ctx, "WebDriver:NewSession", map[string]any{}, nil); err != nil {
		return err
	}
	if err := b.remote.call(ctx, "Marionette:SetContext", map[string]any{"value": "chrome"}, nil); err != nil {
		return err
	}
	return b.remote.call(ctx, "WebDriver:ExecuteScript", map[string]any{"script": chrome, "args": []any{}}, nil)
}

//go:embed chrome.js
var chrome string

// do calls one of the functions of chrome.js and unpacks its result.
func (b *Browser) do(ctx context.Context, function string, into any, arguments ...any) error {
	if arguments == nil {
		arguments = []any{}
	}
	answer := struct {
		Value any `json:"value"`
	}{into}
	return b.remote.call(ctx, "CIE:"+function, map[string]any{"given": arguments}, &answer)
}

func (b *Browser) setUp(ctx context.Context, o Options) error {
	if !o.Keys {
		if err := b.do(ctx, "attend", nil); err != nil {
			return err
		}
	}
	if o.CA != "" {
		content, err := os.ReadFile(o.CA)
		if err != nil {
			return err
		}
		block, _ := pem.Decode(content)
		if block == nil {
			return fmt.Errorf("%s: no certificate", o.CA)
		}
		if err := b.do(ctx, "trustCA", nil, base64.StdEncoding.EncodeToString(block.Bytes)); err != nil {
			return err
		}
	}
	if o.Module == "" {
		return nil
	}
	module, err := filepath.Abs(o.Module)
	if err != nil {
		return err
	}
	return b.do(ctx, "addModule", nil, "CIE", module)
}

// What a Browser can show.
const (
	Loading = "loading"
	Page    = "page"
	Failure = "failure" // a page of Firefox's own that says why another could not be loaded
)

// A View is what the Browser shows.
type View struct {
	Kind  string   `json:"kind"` // one of the constants
	URL   string   `json:"url"`
	Text  string   `json:"text"`  // title of the page, or address of the failure with its reason
	Asked []string `json:"asked"` // what the windows said that asked for a PIN

	Choosing bool `json:"choosing"` // it asked which certificate to take, since Open
}

// Give says what to type when a PIN is asked for, one after the other; then the
// windows are cancelled. A PIN passes through strings on its way: only those of
// test cards may.
func (b *Browser) Give(ctx context.Context, pins ...string) error {
	given := make([]any, len(pins))
	for i, pin := range pins {
		given[i] = pin
	}
	return b.do(ctx, "give", nil, given...)
}

// Open begins to load a page and does not wait for it.
func (b *Browser) Open(ctx context.Context, url string) error { return b.do(ctx, "open", nil, url) }

// Await waits until the browser shows a page, or a failure.
func (b *Browser) Await(ctx context.Context) (View, error) {
	return b.await(ctx, func(v View) bool { return v.Kind != Loading })
}

// AwaitChoice waits until the browser asks which certificate to take, or shows a
// page or a failure without asking.
func (b *Browser) AwaitChoice(ctx context.Context) (View, error) {
	return b.await(ctx, func(v View) bool { return v.Choosing || v.Kind != Loading })
}

func (b *Browser) await(ctx context.Context, enough func(View) bool) (View, error) {
	for {
		var v View
		err := b.do(ctx, "look", &v)
		if err != nil || enough(v) {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, fmt.Errorf("firefox still loads %s: %w", v.URL, ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Read gives the text of the page, or Firefox's code of the failure.
func (b *Browser) Read(ctx context.Context) (text string, err error) {
	err = b.do(ctx, "read", &text)
	return text, err
}

// A Certificate is one of the person's.
type Certificate struct {
	Name   string `json:"name"` // common name
	Token  string `json:"token"`
	Module string `json:"module"` // that the token is on
}

// Personal are the certificates that Firefox shows as the person's.
func (b *Browser) Personal(ctx context.Context) (all []Certificate, err error) {
	err = b.do(ctx, "personal", &all)
	return all, err
}

// Signer is the name of the certificate that Thunderbird would sign mail with, or
// how it fails where there is none.
func (b *Browser) Signer(ctx context.Context) (name string, err error) {
	err = b.do(ctx, "signer", &name)
	return name, err
}

// Fetch loads a page without showing it, as Thunderbird loads mail and calendars.
func (b *Browser) Fetch(ctx context.Context, url string) (text string, err error) {
	err = b.do(ctx, "fetched", &text, url)
	return text, err
}

// Screenshot writes what the page looks like, as PNG.
func (b *Browser) Screenshot(ctx context.Context, path string) error {
	var shot string
	if err := b.do(ctx, "shoot", &shot); err != nil {
		return err
	}
	image, err := base64.StdEncoding.DecodeString(shot)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil { //nolint:gosec // pictures of a test
		return err
	}
	return os.WriteFile(path, image, 0o644) //nolint:gosec // the same
}

// Ended is closed when the person has closed it.
func (b *Browser) Ended() <-chan struct{} { return b.ended }

// closeLimit is for Firefox to end by itself.
const closeLimit = 20 * time.Second

// Close has Firefox end as a person would and removes its profile. An error means
// that it did not end by itself, or not well.
func (b *Browser) Close() error {
	defer b.kill()
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := b.remote.call(ctx, "Marionette:Quit", map[string]any{"flags": []string{"eAttemptQuit"}}, nil); err != nil {
		return err
	}
	select {
	case <-b.ended:
		if b.end != nil {
			return fmt.Errorf("firefox: %w", b.end)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("firefox does not end: %w", ctx.Err())
	}
}

// kill ends what is left.
func (b *Browser) kill() {
	if b.cmd != nil {
		procgroup.Kill(b.cmd)
		<-b.ended
	}
	if b.remote != nil {
		_ = b.remote.conn.Close()
	}
	if b.log != nil {
		_ = b.log.Close()
	}
	if b.made {
		_ = os.RemoveAll(b.profile)
	}
}
