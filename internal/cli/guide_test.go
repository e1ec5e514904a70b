package cli

import (
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/guide"
)

func TestGuides(t *testing.T) { // [41][124]
	p := newPerson(t, emulator.Options{})
	contents := p.run("guide")
	if contents.status != exitOK {
		t.Fatalf("guide: %d, %s", contents.status, contents.err)
	}
	for _, n := range guide.Names() {
		if page := p.run("guide " + string(n)); page.status != exitOK || len(page.Output) < 100 || !strings.Contains(contents.Output, string(n)) {
			t.Errorf("guide %s: %d, %q", n, page.status, page.Output)
		}
	}
	for _, wrong := range []string{"guide nothing", "guide codes lost", "guide ../it/codes"} {
		if a := p.run(wrong); a.status != exitUsage || a.Code == "" {
			t.Errorf("%s: %d, %q", wrong, a.status, a.Code)
		}
	}
}
