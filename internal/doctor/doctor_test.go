package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/pcsc"
)

// cards are readers that answer as a test wants.
type cards struct {
	readers []pcsc.Reader
	err     error
}

func (c cards) Readers(context.Context) ([]pcsc.Reader, error)         { return c.readers, c.err }
func (c cards) Do(context.Context, string, func(cie.Link) error) error { return pcsc.ErrNoCard }

// healthy is a computer with a reader, the library, and a Chromium that knows it
// not yet.
func healthy(t *testing.T) (Computer, string) {
	t.Helper()
	home := t.TempDir()
	lib := filepath.Join(home, "lib")
	list := filepath.Join(home, ".pki", "nssdb", "pkcs11.txt")
	for path, content := range map[string]string{
		filepath.Join(lib, "cie-pkcs11-helper"):                    "",
		filepath.Join(home, ".config", "chromium", "Last Version"): "142", list: "library=\nname=NSS Internal PKCS #11 Module\n\n",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	module := filepath.Join(lib, "libcie-pkcs11.so") // of the right architecture
	if program, err := os.Executable(); err != nil || os.Symlink(program, module) != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"usr/sbin/pcscd", "usr/lib/pcsc/drivers/ifd-ccid.bundle/x"} {
		path = filepath.Join(home, path)
		if os.MkdirAll(filepath.Dir(path), 0o700) != nil || os.WriteFile(path, nil, 0o600) != nil {
			t.Fatal(path)
		}
	}
	return Computer{
		Load: func(context.Context, string) error { return nil }, User: os.Geteuid(), Programs: []string{"bash"},
		Holder: &cie.Holder{Cards: cards{readers: []pcsc.Reader{{Name: "ACS ACR1252 Dual Reader 00 00"}}}},
		Registrar: browser.Registrar{Module: module, Machine: browser.Machine{
			OS: "linux", Root: home, Home: home, Getenv: func(string) string { return "" },
			Running: func(int) bool { return false }, Journal: filepath.Join(home, "journal"),
		}},
		State:   filepath.Join(home, "state", "cie"),
		Modules: "usbcore 1 0 - Live 0x0\n", Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	}, list
}

// outcome is what one check says.
func outcome(t *testing.T, c Computer, check string) Finding {
	t.Helper()
	for f := range c.Examine(context.Background()) {
		if f.Check == check {
			return f
		}
	}
	t.Fatalf("no check %q", check)
	return Finding{}
}

func TestEachCheckFindsItsFault(t *testing.T) {
	for _, tt := range []struct {
		check string
		spoil func(*Computer)
		want  error
	}{
		{"clock", func(c *Computer) { c.Now = time.Unix(0, 0) }, ErrClock},
		{"state", func(c *Computer) { c.State = filepath.Join(c.Module, "below-a-file") }, ErrState},
		{"state", func(c *Computer) { c.State = "" }, ErrState},
		{"kernel", func(c *Computer) { c.Modules = "nfc 1 1 pn533, Live\npn533_usb 20480 0 - Live 0x0\n" }, ErrKernel},
		{"service", func(c *Computer) { c.Holder.Cards = cards{err: pcsc.ErrNoService} }, ErrStopped},
		{"service", func(c *Computer) {
			c.Holder.Cards = cards{err: pcsc.ErrNoService}
			c.Machine.OS = "windows"
		}, pcsc.ErrNoService},
		{"service", func(c *Computer) {
			c.Holder.Cards = cards{err: pcsc.ErrDenied}
			c.Machine.Getenv = func(name string) string { return map[string]string{"SSH_CONNECTION": "192.0.2.1 1 192.0.2.2 22"}[name] }
		}, ErrRemote},
		{"model", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "ACS ACR122U PICC Interface 00 00"}}}
		}, ErrModel},
		{"other-software", func(c *Computer) { write(t, filepath.Join(c.Machine.Home, ".CIEPKI", "600001.cache"), "") }, ErrOtherPairing},
		{"other-software", func(c *Computer) {
			c.Machine.OS = "windows"
			c.Machine.Getenv = func(string) string { return c.Machine.Home }
			write(t, filepath.Join(c.Machine.Home, "CIEPKI", "600001.cache"), "")
		}, ErrOtherPairing},
		{"browser", func(c *Computer) {
			write(t, filepath.Join(c.Machine.Home, "snap/firefox/common/.mozilla/firefox/profiles.ini"), "[Profile0]\nIsRelative=1\nPath=a.default\n")
			write(t, filepath.Join(c.Machine.Home, "snap/firefox/common/.mozilla/firefox/a.default/prefs.js"), "")
		}, ErrSandboxed},
		{"service", func(c *Computer) { c.Holder.Cards = cards{err: pcsc.ErrDenied} }, pcsc.ErrDenied},
		{"service", func(c *Computer) {
			c.Holder.Cards, c.Programs = cards{err: pcsc.ErrDenied}, []string{"bash", "pcscd", "polkitd"}
		}, pcsc.ErrDenied},
		{"service", func(c *Computer) {
			c.Holder.Cards, c.Programs = cards{err: pcsc.ErrDenied}, []string{"bash"} // no programs of others are seen
		}, pcsc.ErrDenied},
		{"service", func(c *Computer) {
			c.Holder.Cards, c.Programs = cards{err: pcsc.ErrDenied}, []string{"bash", "pcscd"}
		}, ErrPolkit},
		{"reader", func(c *Computer) { c.Holder.Cards = cards{} }, cie.ErrNoReader},
		{"reader", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "Cherry GmbH SmartTerminal ST-2xxx [Vendor Interface] 00 00"}}}
		}, ErrContactOnly},
		{"card", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "r", Present: true, ATR: []byte("\x3B\xFDYubiKey")}}}
		}, cie.ErrForeign},
		{"card", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "r", Present: true, Mute: true}}}
		}, pcsc.ErrNoAnswer},
		{"home", func(c *Computer) { c.Machine.Home = filepath.Join(c.Machine.Home, "nowhere") }, ErrHome},
		{"home", func(c *Computer) { c.User++ }, ErrHome},
		{"home", func(c *Computer) { c.Machine.Home = "." }, ErrHome},
		{"service", func(c *Computer) {
			c.Holder.Cards = cards{err: pcsc.ErrNoService}
			remove(t, c, "usr/sbin/pcscd")
		}, ErrNoPCSCD},
		{"driver", func(c *Computer) {
			c.Holder.Cards = cards{}
			remove(t, c, "usr/lib/pcsc")
		}, ErrDriver},
		{"scdaemon", func(c *Computer) {
			c.Holder.Cards = cards{}
			c.Programs = append(c.Programs, "scdaemon")
		}, ErrScdaemon},
		{"scdaemon", func(c *Computer) {
			c.Holder.Cards = cards{readers: []pcsc.Reader{{Name: "r", Present: true, ATR: []byte{0x3B, 0x80}, Exclusive: true}}}
			c.Programs = append(c.Programs, "scdaemon")
		}, ErrScdaemon},
		{"module", func(c *Computer) { c.Missing = browser.ErrNoModule }, browser.ErrNoModule},
		{"module", func(c *Computer) { c.Module = filepath.Join(c.Machine.Home, "lib", "cie-pkcs11-helper") }, ErrArchitecture},
		{"module", func(c *Computer) { c.Load = func(context.Context, string) error { return errors.New("crash") } }, ErrLoad},
	} {
		c, _ := healthy(t)
		if !slices.Contains([]string{"card", "driver", "scdaemon", "model", "other-software", "browser"}, tt.check) { // looked at only where something is
			if f := outcome(t, c, tt.check); f.Err != nil {
				t.Errorf("%s finds %v where nothing is wrong", tt.check, f.Err)
			}
		}
		tt.spoil(&c)
		if f := outcome(t, c, tt.check); !errors.Is(f.Err, tt.want) {
			t.Errorf("%s finds %v, want %v", tt.check, f.Err, tt.want)
		}
	}
}

// remove removes something from the computer.
func remove(t *testing.T, c *Computer, path string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(c.Machine.Root, path)); err != nil {
		t.Fatal(err)
	}
}

// Every finding of the tests, and every other, is in the table of the documents.
func TestFindsAreComplete(t *testing.T) {
	listed := func(check string, err error) bool {
		return slices.ContainsFunc(Finds(), func(c Check) bool {
			return c.Name == check && slices.ContainsFunc(c.Finds, func(e error) bool { return errors.Is(err, e) })
		})
	}
	for check, err := range map[string]error{
		"clock": ErrClock, "home": ErrHome, "state": ErrState, "kernel": ErrKernel, "service": ErrNoPCSCD, "driver": ErrDriver,
		"scdaemon": ErrScdaemon, "reader": ErrContactOnly, "card": cie.ErrForeign, "link": ErrLink, "genuine": cie.ErrNotGenuine,
		"pairing": pairing.ErrStale, "certificate": ErrExpired, "tries": ErrFewTries, "module": ErrLoad, "browser": ErrUnregistered,
		"other-software": ErrRival, "tls": ErrTLS, "chip": ErrNewChip, "model": ErrModel,
	} {
		if !listed(check, err) {
			t.Errorf("%s: %v is not listed", check, err)
		}
	}
}

// A library of another processor is refused by its header alone.
func TestArchitecture(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	content[18], content[19] = 0x08, 0 // e_machine (ELF, figure 1-3): MIPS
	other := filepath.Join(t.TempDir(), "libcie-pkcs11.so")
	if err := os.WriteFile(other, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := architecture(other); !errors.Is(err, ErrArchitecture) {
		t.Errorf("got %v", err)
	}
	if err := architecture(program); err != nil {
		t.Errorf("of this processor: %v", err)
	}
}

// The fix for GnuPG's daemon keeps what is there, and undo takes it back.
func TestFixScdaemonAndUndo(t *testing.T) {
	c, _ := healthy(t)
	c.Programs = []string{"scdaemon"}
	file := filepath.Join(c.Machine.Home, ".gnupg", "scdaemon.conf")
	const own = "reader-port 32768"
	if os.MkdirAll(filepath.Dir(file), 0o700) != nil || os.WriteFile(file, []byte(own), 0o600) != nil {
		t.Fatal(file)
	}
	f := c.scdaemon()
	if !errors.Is(f.Err, ErrScdaemon) || len(f.Fix) != 1 {
		t.Fatalf("finding %+v", f)
	}
	if _, err := c.Machine.Apply(f.Fix); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); string(got) != own+"\ndisable-ccid\npcsc-shared\n" {
		t.Errorf("file is %q", got)
	}
	if f := c.scdaemon(); f.Err != nil {
		t.Errorf("after the fix: %v", f.Err)
	}
	if _, err := c.Machine.Undo(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(file); string(got) != own {
		t.Errorf("after undo %q", got)
	}
	if os.Remove(file) != nil || os.Mkdir(file, 0o700) != nil {
		t.Fatal(file)
	}
	if f := c.scdaemon(); !errors.Is(f.Err, ErrScdaemon) || len(f.Fix) != 0 {
		t.Errorf("a file that cannot be read: %+v", f)
	}
}

func TestNoCard(t *testing.T) {
	c, _ := healthy(t)
	if f := outcome(t, c, "card"); !errors.Is(f.Err, pcsc.ErrNoCard) {
		t.Errorf("card finds %v", f.Err)
	}
}

// The fix for a browser works, and undo restores the file.
func TestFixBrowserAndUndo(t *testing.T) {
	c, list := healthy(t)
	before, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	f := outcome(t, c, "browser")
	if !errors.Is(f.Err, ErrUnregistered) || len(f.Fix) != 1 {
		t.Fatalf("finding %+v", f)
	}
	if _, err := c.Machine.Apply(f.Fix); err != nil {
		t.Fatal(err)
	}
	if f := outcome(t, c, "browser"); f.Err != nil {
		t.Errorf("after the fix: %v", f.Err)
	}
	if _, err := c.Machine.Undo(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(list); err != nil || string(after) != string(before) {
		t.Errorf("after undo %q, %v", after, err)
	}
}

// Another library is taken out when somebody asks for it, alone, and undo brings it
// back.
func TestOtherSoftware(t *testing.T) {
	c, list := healthy(t)
	const own, other = "library=/usr/lib/opensc-pkcs11.so\nname=OpenSC\n\n", "library=/usr/local/lib/libcie-pkcs11.so\nname=CIE PKI\n\n"
	write(t, list, own+other)
	f := outcome(t, c, "other-software")
	if !errors.Is(f.Err, ErrRival) || !f.OnRequest || len(f.Fix) != 1 {
		t.Fatalf("finding %+v", f)
	}
	if _, err := c.Machine.Apply(f.Fix); err != nil {
		t.Fatal(err)
	}
	wantFile(t, list, own)
	for f := range c.Examine(t.Context()) {
		if f.Check == "other-software" {
			t.Errorf("after the fix: %+v", f)
		}
	}
	if _, err := c.Machine.Undo(); err != nil {
		t.Fatal(err)
	}
	wantFile(t, list, own+other)
}

func wantFile(t *testing.T, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%s is %q, %v, want %q", file, got, err, want)
	}
}

// A profile that excludes TLS 1.2 is found; the fix takes out those settings and no
// other, and undo brings them back. What runs, or is an administrator's, is told.
func TestTLS(t *testing.T) {
	c, _ := healthy(t)
	firefox := filepath.Join(c.Machine.Home, ".mozilla", "firefox")
	profile := filepath.Join(firefox, "a.default")
	write(t, filepath.Join(firefox, "profiles.ini"), "[Profile0]\nName=default\nIsRelative=1\nPath=a.default\n")
	prefs := filepath.Join(profile, "prefs.js")
	const kept = "user_pref(\"browser.startup.page\", 3);\nuser_pref(\"security.tls.version.max\", 3);\n// user_pref(\"security.tls.version.min\", 4);\n"
	write(t, prefs, kept)
	if f := outcome(t, c, "tls"); f.Err != nil {
		t.Errorf("limits that leave TLS 1.2: %v", f.Err)
	}
	for _, line := range []string{"user_pref(\"security.tls.version.min\", 4);\n", "user_pref(\"security.tls.version.max\", 2);\r\n"} {
		write(t, prefs, line+kept)
		f := outcome(t, c, "tls")
		if !errors.Is(f.Err, ErrTLS) || len(f.Fix) != 1 {
			t.Fatalf("%q: finding %+v", line, f)
		}
		if _, err := c.Machine.Apply(f.Fix); err != nil {
			t.Fatal(err)
		}
		wantFile(t, prefs, kept)
		if f := outcome(t, c, "tls"); f.Err != nil {
			t.Errorf("after the fix: %v", f.Err)
		}
		if _, err := c.Machine.Undo(); err != nil {
			t.Fatal(err)
		}
		wantFile(t, prefs, line+kept)
	}
	if err := os.Symlink("127.0.1.1:+42", filepath.Join(profile, "lock")); err != nil {
		t.Fatal(err)
	}
	c.Machine.Running = func(pid int) bool { return pid == 42 }
	if f := outcome(t, c, "tls"); !errors.Is(f.Err, ErrTLS) || f.Fix != nil {
		t.Errorf("while it runs: %+v", f)
	}
	if err := os.Remove(prefs); err != nil {
		t.Fatal(err)
	}
	policies := filepath.Join(c.Machine.Root, "etc/firefox/policies/policies.json")
	for content, want := range map[string]error{
		`{"policies": {"SSLVersionMin": "tls1.3"}}`: ErrTLS, `{"policies": {"SSLVersionMax": "tls1.1"}}`: ErrTLS,
		`{"policies": {"SSLVersionMin": "tls1.2", "SSLVersionMax": "tls1.3"}}`: nil, `{}`: nil, `{`: nil,
	} {
		write(t, policies, content)
		if f := outcome(t, c, "tls"); !errors.Is(f.Err, want) || f.Fix != nil {
			t.Errorf("%s: %+v, want %v", content, f, want)
		}
	}
}

// A hint is told, and is no fault.
func TestHints(t *testing.T) {
	for err, ill := range map[error]bool{ErrModel: false, ErrNewChip: false, ErrOtherPairing: false, ErrRival: true, ErrTLS: true, nil: false} {
		if f := (Finding{Err: err}); f.Ill() != ill {
			t.Errorf("%v: ill %v", err, f.Ill())
		}
	}
}
