package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

func TestBrowserCommands(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	t.Setenv("HOME", p.home)
	for name, folder := range map[string]string{"XDG_CONFIG_HOME": ".config", "XDG_DATA_HOME": ".local/share"} {
		t.Setenv(name, filepath.Join(p.home, folder))
	}
	profile := filepath.Join(p.home, ".mozilla", "firefox", "abc.default")
	list, module := filepath.Join(profile, "pkcs11.txt"), filepath.Join(p.home, "lib", "libcie-pkcs11.so")
	for path, content := range map[string]string{
		filepath.Join(p.home, ".mozilla", "firefox", "profiles.ini"): "[Profile0]\nName=default\nIsRelative=1\nPath=abc.default\n",
		list:   "library=\nname=NSS Internal PKCS #11 Module\n\n",
		module: "", filepath.Join(p.home, "lib", "cie-pkcs11-helper"): "",
	} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
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
	if content, err := os.ReadFile(list); err != nil || string(content) != "library=\nname=NSS Internal PKCS #11 Module\n\n" {
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
