// Package chromium starts a real Chromium, or another of its family, in a folder of
// its own that is removed, and reads what it shows. The modules it knows are those
// of the person: they stand in a database outside that folder. On Linux only;
// elsewhere these programs know no PKCS#11.
package chromium

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
	"time"

	"github.com/softwarecie/cie/internal/procgroup"
)

// Options say how it is started.
type Options struct {
	Program   string            // "": the first of its family that is found
	URL       string            // the first page
	Trust     *x509.Certificate // of a site to believe; nil: those that the database names
	Arguments []string          // more of them
}

// ErrNotFound means that there is no program of the family.
var ErrNotFound = errors.New("chromium not found")

// ErrEnded means that the person has closed it.
var ErrEnded = errors.New("chromium has ended")

// A Browser is a running Chromium. One goroutine at a time may use it.
type Browser struct {
	*devtools
	cmd    *exec.Cmd
	ended  chan struct{}
	folder string
}

// Find is the path of the first program of the family that is installed.
func Find() (string, error) {
	if runtime.GOOS != "linux" {
		return "", ErrNotFound
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "brave-browser", "microsoft-edge", "vivaldi", "opera"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", ErrNotFound
}

// Start starts it. The Browser must be closed.
func Start(o Options) (*Browser, error) {
	if o.Program == "" {
		var err error
		if o.Program, err = Find(); err != nil {
			return nil, err
		}
	}
	folder, err := os.MkdirTemp("", "cie-chromium-")
	if err != nil {
		return nil, err
	}
	b := &Browser{folder: folder, ended: make(chan struct{})}
	if err := b.run(o); err != nil {
		_ = os.RemoveAll(folder)
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return b, nil
}

func (b *Browser) run(o Options) error {
	arguments := []string{"--no-first-run", "--no-default-browser-check", "--remote-debugging-pipe", "--user-data-dir=" + b.folder}
	if o.Trust != nil {
		key := sha256.Sum256(o.Trust.RawSubjectPublicKeyInfo)
		arguments = append(arguments, "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(key[:]))
	}
	if os.Getuid() == 0 {
		arguments = append(arguments, "--no-sandbox") // it does not start otherwise
	}
	b.cmd = exec.Command(o.Program, append(append(arguments, o.Arguments...), o.URL)...) //nolint:gosec // found above, or named by the caller
	procgroup.Set(b.cmd)
	d, begun, err := newDevtools(b.cmd)
	if err != nil {
		return err
	}
	b.devtools = d
	err = b.cmd.Start()
	begun()
	if err != nil {
		d.close()
		return err
	}
	go func() { _ = b.cmd.Wait(); close(b.ended) }()
	return nil
}

// Process is the one that was started.
func (b *Browser) Process() *os.Process { return b.cmd.Process }

// Text is what the first tab shows.
func (b *Browser) Text() (string, error) { return b.text() }

// failure is the code on a page of Chromium's own that says why another could not be
// loaded.
var failure = regexp.MustCompile(`\bERR_[A-Z0-9_]+`)

// Failure is that code, "" while something else is shown.
func (b *Browser) Failure() (string, error) {
	text, err := b.text()
	return failure.FindString(text), err
}

// AwaitFailure waits until it shows such a page, or was closed.
func (b *Browser) AwaitFailure(ctx context.Context) (string, error) {
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-b.ended:
			return "", ErrEnded
		case <-time.After(500 * time.Millisecond):
		}
		if code, _ := b.Failure(); code != "" { // an error is of the moment, as between two pages
			return code, nil
		}
	}
}

// closingLimit is for it to end by itself.
const closingLimit = 20 * time.Second

// Close ends it as at the end of a day, and removes its folder.
func (b *Browser) Close() error {
	var failed error
	_ = b.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-b.ended:
	case <-time.After(closingLimit):
		failed = fmt.Errorf("chromium does not end in %v", closingLimit)
	}
	procgroup.Kill(b.cmd) // what is left of it
	<-b.ended
	b.close()
	return errors.Join(failed, os.RemoveAll(b.folder))
}
