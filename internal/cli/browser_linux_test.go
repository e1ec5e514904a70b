package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

const emptyList = "library=\nname=NSS Internal PKCS #11 Module\n\n"

// withFirefox gives a person a profile of Firefox, whose list of modules is
// returned, and a library that is an empty file.
func (p *person) withFirefox() (list string) {
	p.t.Helper()
	p.t.Setenv("HOME", p.home)
	for name, folder := range map[string]string{"XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share"} {
		p.t.Setenv(name, filepath.Join(p.home, folder))
	}
	list, p.module = filepath.Join(p.home, ".mozilla", "firefox", "abc.default", "pkcs11.txt"), filepath.Join(p.home, "lib", "libcie-pkcs11.so")
	for path, content := range map[string]string{
		filepath.Join(p.home, ".mozilla", "firefox", "profiles.ini"): "[Profile0]\nName=default\nIsRelative=1\nPath=abc.default\n",
		list:     emptyList,
		p.module: "", filepath.Join(p.home, "lib", "cie-pkcs11-helper"): "",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			p.t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			p.t.Fatal(err)
		}
	}
	return list
}

// After a pairing the programs are connected if the person agrees, and else left.
func TestPairOffersTheBrowsers(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	list := p.withFirefox()
	code, offer := [2]string{"PIN (8 digits)", "12345678"}, "Type “yes”"
	if status, said := p.converse("pair", code, [2]string{offer, "no"}); status != 0 || !strings.Contains(said, "+ library="+p.module) {
		t.Errorf("declined: %d\n%s", status, said)
	}
	if content, err := os.ReadFile(list); err != nil || string(content) != emptyList {
		t.Errorf("declined: the list is %q, %v", content, err)
	}
	if status, said := p.converse("pair", code, [2]string{offer, "yes"}); status != 0 {
		t.Errorf("agreed: %d\n%s", status, said)
	}
	if content, err := os.ReadFile(list); err != nil || !strings.Contains(string(content), "library="+p.module) {
		t.Errorf("agreed: the list is %q, %v", content, err)
	}
	if status, said := p.converse("pair", code); status != 0 || strings.Contains(said, offer) {
		t.Errorf("offered again: %d\n%s", status, said)
	}
	if r := p.run("browser undo"); !r.OK {
		t.Error(r.Message)
	}
	if content, err := os.ReadFile(list); err != nil || string(content) != emptyList {
		t.Errorf("undone: the list is %q, %v", content, err)
	}
}

func TestBrowserCommands(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	list := p.withFirefox()
	module := p.module
	state := func() string {
		for _, b := range p.run("browser list --module " + module).Browsers {
			if b.ID == "firefox:abc.default" {
				return string(b.State)
			}
		}
		return "not found"
	}
	for _, step := range []struct{ args, code, state string }{
		{"browser add --module " + module, "CIE-APP-02", "absent"},
		{"browser add netscape --module " + module, "CIE-APP-02", "absent"},
		{"browser add --all --module /nowhere.so", "CIE-BRW-01", "absent"},
		{"browser undo", "CIE-BRW-04", "absent"},
		{"browser add firefox:abc.default --dry-run --module " + module, "", "absent"},
		{"browser add firefox:abc.default --module " + module, "", "registered"},
		{"browser add firefox:abc.default --module " + module, "", "registered"},
		{"browser undo", "", "absent"},
		{"browser add --all --module " + module, "", "registered"},
		{"browser remove --all --module " + module, "", "absent"},
	} {
		r := p.run(step.args)
		if got := state(); r.Code != step.code || got != step.state {
			t.Errorf("%s: code %q, state %q, want %q, %q", step.args, r.Code, got, step.code, step.state)
		}
		if strings.Contains(step.args, "--dry-run") && len(r.Changes) != 1 {
			t.Errorf("%s: %d changes", step.args, len(r.Changes))
		}
	}
	if content, err := os.ReadFile(list); err != nil || string(content) != emptyList {
		t.Errorf("in the end the list is %q, %v", content, err)
	}
}

func TestDoctorCommand(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	t.Setenv("HOME", p.home)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(p.home, ".config"))
	t.Setenv("XDG_DATA_HOME", filepath.Join(p.home, ".local/share"))
	seen := func() map[string]findingInfo {
		all := map[string]findingInfo{}
		for _, f := range p.run("doctor").Findings {
			all[f.Check] = f
			if f.OK != (f.Code == "" && f.Message == "") {
				t.Errorf("finding %+v", f)
			}
		}
		return all
	}
	if all := seen(); !all["card"].OK || !all["service"].OK || !all["pairing"].OK {
		t.Errorf("with a card: %+v", all)
	}
	p.card.Remove()
	if all := seen(); all["card"].OK || all["card"].Code != "CIE-CRD-01" {
		t.Errorf("without: %+v", all["card"])
	}
}

// Another library for the CIE is left by --fix, and taken out when it is asked for.
func TestDoctorRemovesOthers(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	list := p.withFirefox()
	const rival = "library=/usr/local/lib/libcie-pkcs11.so\nname=CIE PKI\n\n"
	if err := os.WriteFile(list, []byte(emptyList+rival), 0o600); err != nil {
		t.Fatal(err)
	}
	has := func(text string) bool {
		content, err := os.ReadFile(list)
		return err == nil && strings.Contains(string(content), text)
	}
	for _, step := range []struct {
		args  string
		rival bool
	}{
		{"doctor", true},
		{"doctor --fix", true},
		{"doctor --remove-others", false},
		{"browser undo", true},
	} {
		p.run(step.args)
		if has(rival) != step.rival {
			content, _ := os.ReadFile(list)
			t.Errorf("%s: the list is %q", step.args, content)
		}
	}
}

func TestDoctorMeasuresTheContact(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	if r := p.run("doctor --link=1ms"); !r.OK || len(r.Findings) != 1 || r.Findings[0].Check != "link" || !strings.HasPrefix(r.Findings[0].About, "1/1 · ") {
		t.Errorf("with a card: %+v", r)
	}
	p.card.Remove()
	if r := p.run("doctor --link=1ms"); r.Code != "CIE-CRD-01" || r.Findings[0].OK {
		t.Errorf("without: %+v", r)
	}
}
