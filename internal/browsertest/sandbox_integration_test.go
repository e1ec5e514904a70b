//go:build integration

package browsertest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/rig"
)

// The commands that are printed for a flatpak, without the flatpak: its home is laid
// out as one, this computer's NSS stands for its Firefox, and this computer's
// p11-kit-client.so, at the same path, for that of its runtime. The library is reached
// through the socket alone.
func TestFlatpakSteps(t *testing.T) {
	rig.Need(t, "p11-kit", "modutil")
	d, home := newPairedDesk(t), t.TempDir()
	firefox := filepath.Join(home, ".var", "app", "org.mozilla.firefox", ".mozilla", "firefox")
	profile := filepath.Join(firefox, "a.default")
	must(t, os.MkdirAll(profile, 0o700))
	must(t, os.WriteFile(filepath.Join(firefox, "profiles.ini"), []byte("[Profile0]\nName=default\nIsRelative=1\nPath=a.default\n"), 0o600))
	t.Setenv("XDG_RUNTIME_DIR", d.Folder)
	run := func(name string, arguments ...string) string {
		t.Helper()
		out, err := exec.CommandContext(d.Ctx, name, arguments...).CombinedOutput()
		if err != nil {
			t.Fatalf("%s %q: %v\n%s", name, arguments, err, out)
		}
		return string(out)
	}
	run("modutil", "-create", "-dbdir", "sql:"+profile, "-force")
	m, err := browser.Here()
	must(t, err)
	m.Home = home
	place := func() browser.Place {
		for _, p := range own(m, library(t)) {
			if p.ID == "firefox:a.default" {
				return p
			}
		}
		t.Fatal("the profile was not found")
		return browser.Place{}
	}
	p := place()
	if p.State != browser.Sandboxed || len(p.Steps) != 3 {
		t.Fatalf("found %+v", p)
	}
	// The server forks away: its output tells where.
	file := filepath.Join(d.Folder, "server")
	run("sh", "-c", p.Steps[0]+" >"+file+" 2>&1")
	said, err := os.ReadFile(file)
	must(t, err)
	number := regexp.MustCompile(`P11_KIT_SERVER_PID=(\d+)`).FindSubmatch(said)
	if number == nil {
		t.Fatalf("the server said %q", said)
	}
	pid, err := strconv.Atoi(string(number[1]))
	must(t, err)
	t.Cleanup(func() {
		if server, err := os.FindProcess(pid); err == nil {
			must(t, server.Kill())
		}
	})
	run("sh", "-c", p.Steps[2])
	t.Setenv("P11_KIT_SERVER_ADDRESS", "unix:path="+filepath.Join(d.Folder, "cie-pkcs11")) // the second step, for the sandbox
	list := run("modutil", "-dbdir", "sql:"+profile, "-list")
	for _, want := range []string{browser.ModuleName, "token: CIE - "} {
		if !strings.Contains(list, want) {
			t.Errorf("no %q in\n%s", want, list)
		}
	}
	if p := place(); p.State != browser.Indirect {
		t.Errorf("afterwards it is %s", p.State)
	}
}
