//go:build integration

package browsertest

import (
	"crypto/sha256"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/firefox"
	"github.com/softwarecie/cie/internal/rig"
)

// mailFolder is where Thunderbird keeps its profiles, below the home folder.
const mailFolder = ".thunderbird"

// A person who has just been given an account starts Thunderbird, which makes its
// profiles. Registered, it has the card's certificate, logs in to a server with it,
// and does not offer it to sign mail: it is for logging in alone. Unregistered,
// every file is what it was.
func TestRegisteredThunderbird(t *testing.T) {
	rig.Need(t, "thunderbird")
	d, home := newPairedDesk(t), t.TempDir()
	t.Setenv("HOME", home)
	m, err := browser.Here()
	must(t, err)
	if found := profilesOf(own(m, library(t))); len(found) > 0 {
		t.Errorf("profiles of Thunderbird before it ran: %v", found)
	}
	profile := firstStart(t, home)
	before := sums(t, home)
	m, module, err := register(t, home)
	must(t, err)
	if found := profilesOf(own(m, module)); !slices.Contains(found, profile) {
		t.Fatalf("Thunderbird made %s; known are %v", profile, found)
	}

	b, err := firefox.Start(d.Ctx, firefox.Options{Program: "thunderbird", CA: d.site.CA, Profile: profile})
	must(t, err)
	all, err := b.Personal(d.Ctx)
	must(t, err)
	holder := d.Card.Certificate().Subject.CommonName
	if want := (firefox.Certificate{Name: holder, Token: "CIE - ultime 4 cifre del PIN", Module: browser.ModuleName}); len(all) != 1 || all[0] != want {
		t.Errorf("the certificates are %+v, want %+v", all, want)
	}
	signer, err := b.Signer(d.Ctx)
	must(t, err)
	if signer != "NS_ERROR_NOT_AVAILABLE" {
		t.Errorf("mail would be signed by %q: docs/recipes.md says that it cannot be", signer)
	}
	must(t, b.Give(d.Ctx, "5678"))
	page, err := b.Fetch(d.Ctx, d.site.Required)
	must(t, err)
	if !strings.Contains(page, d.Card.Holder().TaxCode) {
		t.Errorf("the site shows\n%s", page)
	}
	d.wantHolder(t)
	must(t, b.Close())
	wantNoHelper(t)
	d.wantVerified(t, 1)

	unregister(t, m, module)
	list := filepath.Join(profile, "pkcs11.txt")
	if after := sums(t, home); after[list] != before[list] {
		t.Error("Thunderbird's list of modules is not what it was before")
	}
}

// What was registered and removed while Thunderbird is closed leaves no trace in
// any file of its folder.
func TestRegisterAndRemoveThunderbird(t *testing.T) {
	rig.Need(t, "thunderbird")
	home := t.TempDir()
	t.Setenv("HOME", home)
	profile := firstStart(t, home)
	before := sums(t, home)
	m, module, err := register(t, home)
	must(t, err)
	if list := filepath.Join(profile, "pkcs11.txt"); sums(t, home)[list] == before[list] {
		t.Error("nothing was registered")
	}
	unregister(t, m, module)
	if after := sums(t, home); !maps.Equal(after, before) {
		t.Errorf("files differ: before %d, after %d", len(before), len(after))
	}
}

// profilesOf are the folders of Thunderbird's profiles among some places.
func profilesOf(places []browser.Place) (folders []string) {
	for _, p := range places {
		if strings.HasPrefix(p.ID, "thunderbird:") {
			folders = append(folders, filepath.Dir(p.File))
		}
	}
	return folders
}

// firstStart starts Thunderbird without a profile until it has made one, and says
// which.
func firstStart(t *testing.T, home string) (profile string) {
	t.Helper()
	mail := exec.Command("thunderbird", "--headless")
	must(t, mail.Start())
	for deadline := time.Now().Add(appears); profile == ""; time.Sleep(200 * time.Millisecond) {
		lists, err := filepath.Glob(filepath.Join(home, mailFolder, "*", "pkcs11.txt"))
		must(t, err)
		if len(lists) > 0 {
			profile = filepath.Dir(lists[0])
		} else if time.Now().After(deadline) {
			t.Error("Thunderbird makes no profile")
			break
		}
	}
	time.Sleep(2 * time.Second) // it goes on making files
	must(t, mail.Process.Signal(os.Interrupt))
	_ = mail.Wait() // ended by the signal
	return profile
}

// sums are the checksums of the files of Thunderbird's folder.
func sums(t *testing.T, home string) map[string][sha256.Size]byte {
	t.Helper()
	all := map[string][sha256.Size]byte{}
	must(t, filepath.WalkDir(filepath.Join(home, mailFolder), func(path string, e os.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		all[path] = sha256.Sum256(content)
		return err
	}))
	return all
}
