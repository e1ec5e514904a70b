// Package apart verifies signed files in a process of its own: what a document of
// somebody else makes of its reader does not reach the card, the network, another
// program or another file.
package apart

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/confine"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/trust"
)

// ErrStopped means that the process that verifies a file came to an end without an
// answer: the file took too much memory or time, or broke the reader.
var ErrStopped = situation.New("signature-stopped", "verification ended without an answer")

// command is the argument by which a program is the process that verifies.
const command = "verify-apart"

// What the process may use: memory for a document that is read whole, and time that
// grows with the size of the file.
const (
	memory    = 512 << 20
	cpu       = 20 * time.Second
	cpuPer    = 16 << 20 // bytes for one more second
	maxAnswer = 16 << 20
)

// A request is what the process is told.
type request struct {
	Path, Document string
	Added          [][]byte // CA certificates that are believed beyond the built-in ones, DER
	Now            time.Time
	Folder         string // for temporary files

	Extract   bool
	Output    string
	Innermost bool
}

// An answer is what it says.
type answer struct {
	Extraction ades.Extraction // of a verification only the report
	Failure    *failure
}

// VerifyFile is ades.VerifyFile.
func VerifyFile(ctx context.Context, path, document string, roots *trust.Roots, now time.Time) (ades.Report, error) {
	e, err := call(ctx, request{Path: path, Document: document, Added: der(roots), Now: now})
	return e.Report, err
}

// Extract is ades.Extract.
func Extract(ctx context.Context, path, output string, innermost bool, roots *trust.Roots, now time.Time) (ades.Extraction, error) {
	return call(ctx, request{Path: path, Output: output, Innermost: innermost, Extract: true, Added: der(roots), Now: now})
}

func der(roots *trust.Roots) (all [][]byte) {
	for _, c := range roots.Added() {
		all = append(all, c.Raw)
	}
	return all
}

// call has another process of this program do it.
func call(ctx context.Context, r request) (ades.Extraction, error) {
	program, err := os.Executable()
	if err != nil {
		return ades.Extraction{}, err
	}
	if r.Folder, err = os.MkdirTemp("", "cie-"); err != nil {
		return ades.Extraction{}, err
	}
	defer func() { _ = os.RemoveAll(r.Folder) }()
	in, err := json.Marshal(r)
	if err != nil {
		return ades.Extraction{}, err
	}
	var out bytes.Buffer
	c := exec.CommandContext(ctx, program, command) //nolint:gosec // this program
	c.Stdin, c.Stdout = bytes.NewReader(in), &limited{&out, maxAnswer}
	c.Env = append(c.Environ(), "TMPDIR="+r.Folder)
	var a answer
	err = c.Run()
	if err == nil {
		err = json.Unmarshal(out.Bytes(), &a)
	}
	switch {
	case ctx.Err() != nil:
		return ades.Extraction{}, ctx.Err()
	case err != nil:
		return ades.Extraction{}, &ades.FileError{Err: fmt.Errorf("%w: %w", ErrStopped, err), File: r.Path}
	}
	return a.Extraction, a.Failure.err()
}

// limited refuses what is beyond its limit.
type limited struct {
	io.Writer
	left int
}

func (l *limited) Write(p []byte) (int, error) {
	if l.left -= len(p); l.left < 0 {
		return 0, io.ErrShortWrite
	}
	return l.Writer.Write(p)
}

// Serve is what a program's main begins with. In the process that call starts it
// answers, and does not return.
func Serve() {
	if len(os.Args) != 2 || os.Args[1] != command {
		return
	}
	debug.SetTraceback("none")
	secret.NoDumps()
	if err := serve(os.Stdin, os.Stdout); err != nil {
		os.Exit(1) // nobody is there to be told more
	}
	os.Exit(0)
}

func serve(in io.Reader, out io.Writer) error {
	var r request
	if err := json.NewDecoder(in).Decode(&r); err != nil {
		return err
	}
	roots, err := rootsOf(r.Added)
	if err != nil {
		return err
	}
	if err := confine.Process(limits(r)); err != nil {
		return err
	}
	var a answer
	if r.Extract {
		a.Extraction, err = ades.Extract(context.Background(), r.Path, r.Output, r.Innermost, roots, r.Now)
	} else {
		a.Extraction.Report, err = ades.VerifyFile(context.Background(), r.Path, r.Document, roots, r.Now)
	}
	a.Failure = failureOf(err)
	return json.NewEncoder(out).Encode(a)
}

func rootsOf(added [][]byte) (*trust.Roots, error) {
	var all []*x509.Certificate
	for _, der := range added {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return trust.With(all), nil
}

// limits are what a request needs: its file, the document named or beside it, a folder
// for temporary files, and that of what is taken out.
func limits(r request) confine.Limits {
	l := confine.Limits{Folders: []string{r.Folder}, Memory: memory, CPU: cpu}
	for _, path := range []string{r.Path, r.Document, strings.TrimSuffix(r.Path, filepath.Ext(r.Path))} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			l.Read = append(l.Read, path)
			l.CPU += time.Duration(info.Size()/cpuPer) * time.Second
		}
	}
	if r.Extract {
		l.Folders = append(l.Folders, ades.OutputFolder(r.Path, r.Output))
	}
	return l
}
