package cli

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/settings"
)

// publish has the project tell of a version, on a site of its own. The clock of the
// command is the real one.
func (p *project) publish(version string) (asked *int) {
	p.t.Helper()
	asked = new(int)
	text := fmt.Sprintf(`{"version":%q,"date":%q,"notes":"https://example.org/notes","expires":%q}`,
		version, time.Now().Add(-time.Hour).Format(time.RFC3339), time.Now().Add(time.Hour).Format(time.RFC3339))
	files := map[string]string{"/notice.json": text, "/notice.json.sig": string(ed25519.Sign(p.key, []byte(text)))}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		_, _ = w.Write([]byte(files[r.URL.Path]))
	}))
	p.t.Cleanup(server.Close)
	p.feed, p.client = server.URL+"/notice.json", server.Client()
	return asked
}

// alone has the settings and the memory of a project's user in a folder of its own.
func (p *project) alone(config string) {
	p.t.Helper()
	home := p.t.TempDir()
	p.t.Setenv("CIE_CONFIG", filepath.Join(home, "config.toml"))
	p.t.Setenv("XDG_STATE_HOME", filepath.Join(home, "state"))
	p.write(filepath.Join(home, "config.toml"), config)
}

func TestUpdate(t *testing.T) { // [144]
	p := newProject(t)
	p.alone("")
	if a := p.run(p.public(), "update"); a.status != exitOther || a.Code != "CIE-UPD-01" {
		t.Errorf("no address: %d %s", a.status, a.Code)
	}
	asked := p.publish("1.3.0")
	a := p.run(p.public(), "update")
	if a.status != exitOK || a.Newest == nil || a.Newest.Version != "1.3.0" || !a.Newest.Newer || a.Newest.Notes != "https://example.org/notes" || *asked != 2 {
		t.Errorf("%+v, %d requests", a, *asked)
	}
	if _, err := os.Stat(settings.UpdateFile()); err != nil {
		t.Error(err)
	}
	p.publish("1.2.3")
	if a := p.run(p.public(), "update"); a.status != exitNotSigned || a.Code != "CIE-UPD-04" || a.Newest != nil {
		t.Errorf("older than what was seen: %d %s", a.status, a.Code)
	}
	err := settings.Forget(&cie.Holder{})
	if _, err2 := os.Stat(settings.UpdateFile()); err != nil || !errors.Is(err2, os.ErrNotExist) {
		t.Errorf("not forgotten: %v, %v", err, err2)
	}
	if a := p.run("", "update"); a.Code != "CIE-UPD-01" {
		t.Errorf("no key: %s", a.Code)
	}
}

// A package of the system asks nobody.
func TestUpdateInPackage(t *testing.T) { // [144]
	p := newProject(t)
	p.alone("[update]\nnotice = true\n")
	asked := p.publish("1.3.0")
	p.write(filepath.Join(filepath.Dir(filepath.Dir(p.program)), "share", "cie", "cie-cli", release.Origin), "cie-cli 1.2.3 deb\n")
	if a := p.run(p.public(), "update"); a.status != exitOther || a.Code != "CIE-UPD-02" || *asked != 0 {
		t.Errorf("%d %s, %d requests", a.status, a.Code, *asked)
	}
}

// What the administrator has switched off no command does.
func TestUpdateForbidden(t *testing.T) { // [143][144]
	p := newProject(t)
	folder := t.TempDir()
	files := settings.Files{Managed: filepath.Join(folder, "managed.toml"), Own: filepath.Join(folder, "own.toml")}
	p.write(files.Own, "[update]\nnotice = false\n")
	if err := forbidden(files, "update.notice"); err != nil {
		t.Errorf("one's own: %v", err)
	}
	p.write(files.Managed, "[update]\nnotice = false\n")
	p.write(files.Own, "[update]\nnotice = true\n")
	if err := forbidden(files, "update.notice"); !errors.Is(err, settings.ErrManaged) {
		t.Errorf("the administrator's: %v", err)
	}
	p.write(files.Managed, "[update]\nnotice = true\n")
	if err := forbidden(files, "update.notice"); err != nil {
		t.Errorf("allowed by the administrator: %v", err)
	}
}
