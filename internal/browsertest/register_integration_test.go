//go:build integration

package browsertest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/firefox"
	"github.com/softwarecie/cie/internal/rig"
)

// register does what "cie browser add --all" does for the user whose home this is.
func register(t *testing.T, home string) (browser.Machine, string, error) {
	m, err := browser.Here()
	if err != nil {
		return m, "", err
	}
	m.Home, m.Journal = home, filepath.Join(home, "journal")
	library := library(t)
	changes, err := m.PlanAdd(own(m, library), library)
	if err == nil {
		_, err = m.Apply(changes)
	}
	return m, library, err
}

// own are the places of the user.
func own(m browser.Machine, library string) []browser.Place {
	var all []browser.Place
	for _, p := range m.Find(library) {
		if !p.System {
			all = append(all, p)
		}
	}
	return all
}

// unregister must leave nothing of ours in the user's places.
func unregister(t *testing.T, m browser.Machine, library string) {
	t.Helper()
	changes, err := m.PlanRemove(own(m, library), library)
	must(t, err)
	if len(changes) == 0 {
		t.Error("there was nothing to remove")
	}
	_, err = m.Apply(changes)
	must(t, err)
	for _, p := range own(m, library) {
		if p.State != browser.Absent {
			t.Errorf("%s is %s after remove", p.ID, p.State)
		}
	}
}

// A user who has never started Chromium: registered, it logs in with no other
// step. (The site's certificate would be a public one.)
func TestRegisteredChromium(t *testing.T) {
	c, home := newAccount(t, newPairedDesk(t))
	m, library, err := register(t, home)
	must(t, err)
	database := filepath.Join(home, ".local", "share", "pki", "nssdb")
	if out, err := exec.Command("certutil", "-A", "-n", "site", "-t", "C,,", "-i", c.site.CA, "-d", "sql:"+database).CombinedOutput(); err != nil {
		t.Fatalf("certutil: %v\n%s", err, out)
	}
	c.open(c.site.Required)
	c.answer(c.choose(), "5678")
	c.wantLogin()
	unregister(t, m, library)
}

// A profile that Firefox has not run in yet; without, and with the policy that the
// packages bring: the library is there once, and the PIN is asked for once.
func TestRegisteredFirefox(t *testing.T) {
	rig.Need(t, "firefox-esr")
	t.Run("alone", registeredFirefox)
	t.Run("beside the policy", func(t *testing.T) {
		const folder = "/usr/share/firefox-esr/distribution"
		must(t, unix.Mount("tmpfs", folder, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755")) // ours alone: see rig.Main
		t.Cleanup(func() { must(t, unix.Unmount(folder, 0)) })
		policy := fmt.Sprintf(`{"policies": {"SecurityDevices": {"Add": {"CIE": %q}}}}`, library(t))
		must(t, os.WriteFile(filepath.Join(folder, "policies.json"), []byte(policy), 0o600))
		registeredFirefox(t)
	})
}

func registeredFirefox(t *testing.T) {
	d, home := newPairedDesk(t), t.TempDir()
	var m browser.Machine
	var library string
	b, err := firefox.Start(d.Ctx, firefox.Options{CA: d.site.CA, Prepare: func(profile string) (err error) {
		folder := filepath.Join(home, ".mozilla", "firefox")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
		ini := fmt.Sprintf("[Profile0]\nName=new\nIsRelative=0\nPath=%s\n", profile)
		if err := os.WriteFile(filepath.Join(folder, "profiles.ini"), []byte(ini), 0o600); err != nil {
			return err
		}
		m, library, err = register(t, home)
		return err
	}})
	must(t, err)
	t.Cleanup(func() { must(t, b.Close()) })
	must(t, b.Give(d.Ctx, "5678"))
	must(t, b.Open(d.Ctx, d.site.Required))
	d.wantLogin(t, b, 1)
	for _, p := range own(m, library) {
		if !strings.HasPrefix(p.ID, "firefox:") {
			continue
		}
		if !p.Running {
			t.Errorf("%+v is not said to run", p)
		}
		if list, err := os.ReadFile(p.File); err != nil || strings.Count(string(list), "library="+library+"\n") != 1 {
			t.Errorf("%v, the list is\n%s", err, list)
		}
	}
	unregister(t, m, library)
}

// A database that other programs have made is after add and remove what it was.
func TestRegisterAndRemoveRealDatabase(t *testing.T) {
	rig.Need(t, "certutil", "modutil")
	home := t.TempDir()
	database := filepath.Join(home, ".pki", "nssdb")
	must(t, os.MkdirAll(database, 0o700))
	run := func(name string, arguments ...string) string {
		out, err := exec.Command(name, arguments...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return string(out)
	}
	run("certutil", "-N", "--empty-password", "-d", "sql:"+database)
	list := filepath.Join(database, "pkcs11.txt")
	before, err := os.ReadFile(list)
	must(t, err)
	m, library, err := register(t, home)
	must(t, err)
	if out := run("modutil", "-dbdir", "sql:"+database, "-list"); !strings.Contains(out, browser.ModuleName) || !strings.Contains(out, "status: loaded") {
		t.Errorf("NSS sees\n%s", out)
	}
	unregister(t, m, library)
	if after, err := os.ReadFile(list); err != nil || string(after) != string(before) {
		t.Errorf("the list is now\n%s\nwas\n%s", after, before)
	}
}
