package cli

import (
	"os"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/home"
	"github.com/softwarecie/cie/internal/logging"
)

func TestForgetListsFirst(t *testing.T) { // [18][23]
	p := newPerson(t, emulator.Options{})
	t.Setenv("XDG_CONFIG_HOME", p.home)
	if a := p.run("pair --pin-stdin", "12345678"); a.status != exitOK {
		t.Fatalf("pair: %d, %s", a.status, a.err)
	}
	folder, err := home.Logs()
	if err != nil {
		t.Fatal(err)
	}
	logging.Open(folder, "cie-gui", "warn").Warn("something")
	kinds := map[string]int{}
	for _, k := range p.run("forget --list").Kept {
		info, err := os.Stat(k.Path)
		if err != nil || info.Size() != k.Size {
			t.Errorf("%+v: %v", k, err)
		}
		kinds[k.Kind]++
	}
	if kinds["key"] != 1 || kinds["card"] != 1 || kinds["lock"] != 1 || kinds["settings"] != 1 || kinds["log"] != 1 {
		t.Errorf("%v", kinds)
	}
	if a := p.run("forget"); a.status != exitUsage {
		t.Errorf("forget without --all: %d", a.status)
	}
	if a := p.run("forget --all"); a.status != exitOK {
		t.Errorf("forget --all: %d, %s", a.status, a.err)
	}
	if left := p.run("forget --list").Kept; len(left) != 1 || left[0].Kind != "settings" {
		t.Errorf("left: %v", left)
	}
	if a := p.run("forget --all --settings"); a.status != exitOK || len(p.run("forget --list").Kept) != 0 {
		t.Errorf("forget --all --settings: %d, %s", a.status, a.err)
	}
}
