// Package apart verifies signed files in a process of its own: what a document of
// somebody else makes of its reader does not reach the card, the network, another
// program or another file.
package apart

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"time"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/revocation"
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
	longest   = 15 * time.Minute
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

	Online bool
}

// A message is what it says: a question to the network, which it has not, or its answer,
// which is the last.
type message struct {
	Query  *revocation.Query `json:",omitempty"`
	Answer *answer           `json:",omitempty"`
}

// A reply is what the network says to a question.
type reply struct {
	Content []byte
	Failed  string
}

// An answer is what it says.
type answer struct {
	Extraction ades.Extraction // of a verification only the report
	Failure    *failure
}

// VerifyFile is ades.VerifyFile.
func VerifyFile(ctx context.Context, path, document string, roots *trust.Roots, now time.Time) (ades.Report, error) {
	e, err := call(ctx, request{Path: path, Document: document, Added: der(roots), Now: now}, nil)
	return e.Report, err
}

// VerifyOnline is ades.VerifyOnline. The process that reads the file has no network:
// this one asks for it, within limits of its own.
func VerifyOnline(ctx context.Context, path, document string, roots *trust.Roots, now time.Time, fetch ades.Fetch) (ades.Report, error) {
	e, err := call(ctx, request{Path: path, Document: document, Added: der(roots), Now: now, Online: true}, fetch)
	return e.Report, err
}

// Extract is ades.Extract.
func Extract(ctx context.Context, path, output string, innermost bool, roots *trust.Roots, now time.Time) (ades.Extraction, error) {
	return call(ctx, request{Path: path, Output: output, Innermost: innermost, Extract: true, Added: der(roots), Now: now}, nil)
}

func der(roots *trust.Roots) (all [][]byte) {
	for _, c := range roots.Added() {
		all = append(all, c.Raw)
	}
	return all
}

// call has another process of this program do it. Fetch is nil where it may ask nobody.
func call(ctx context.Context, r request, fetch ades.Fetch) (ades.Extraction, error) {
	program, err := os.Executable()
	if err != nil {
		return ades.Extraction{}, err
	}
	if r.Folder, err = os.MkdirTemp("", "cie-"); err != nil {
		return ades.Extraction{}, err
	}
	defer func() { _ = os.RemoveAll(r.Folder) }()
	limited, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	c := exec.CommandContext(limited, program, command) //nolint:gosec // this program
	c.Env = append(c.Environ(), "TMPDIR="+r.Folder)
	in, err := c.StdinPipe()
	if err != nil {
		return ades.Extraction{}, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return ades.Extraction{}, err
	}
	if err := c.Start(); err != nil {
		return ades.Extraction{}, &ades.FileError{Err: fmt.Errorf("%w: %w", ErrStopped, err), File: r.Path}
	}
	a, err := talk(limited, r, in, io.LimitReader(out, maxAnswer), fetch)
	_ = c.Process.Kill() // it may not have ended, and has nothing more to say
	_ = c.Wait()
	switch {
	case ctx.Err() != nil:
		return ades.Extraction{}, ctx.Err()
	case err != nil:
		return ades.Extraction{}, &ades.FileError{Err: fmt.Errorf("%w: %w", ErrStopped, err), File: r.Path}
	}
	return a.Extraction, a.Failure.err()
}

// Limits on what the process may ask for, whatever it says.
const (
	maxQueries = 500
	maxFetch   = 32 << 20 // bytes
	patience   = 10 * time.Second
)

// talk tells the process what to do, and asks the network for it until it has an answer.
func talk(ctx context.Context, r request, in io.WriteCloser, out io.Reader, fetch ades.Fetch) (answer, error) {
	defer in.Close()
	say, hear := json.NewEncoder(in), json.NewDecoder(out)
	if err := say.Encode(r); err != nil {
		return answer{}, err
	}
	for range maxQueries {
		var m message
		if err := hear.Decode(&m); err != nil {
			return answer{}, err
		}
		if m.Answer != nil {
			return *m.Answer, nil
		}
		if m.Query == nil || fetch == nil {
			break
		}
		q := *m.Query
		q.Limit, q.Patience = min(q.Limit, maxFetch), min(q.Patience, patience)
		content, err := fetch(ctx, q)
		told := reply{Content: content}
		if err != nil {
			told = reply{Failed: err.Error()}
		}
		if err := say.Encode(told); err != nil {
			return answer{}, err
		}
	}
	return answer{}, errors.New("it asks for what it may not have")
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
	hear, say := json.NewDecoder(in), json.NewEncoder(out)
	if err := hear.Decode(&r); err != nil {
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
	switch {
	case r.Extract:
		a.Extraction, err = ades.Extract(context.Background(), r.Path, r.Output, r.Innermost, roots, r.Now)
	case r.Online:
		a.Extraction.Report, err = ades.VerifyOnline(context.Background(), r.Path, r.Document, roots, r.Now, asking(say, hear))
	default:
		a.Extraction.Report, err = ades.VerifyFile(context.Background(), r.Path, r.Document, roots, r.Now)
	}
	a.Failure = failureOf(err)
	return say.Encode(message{Answer: &a})
}

// asking has the process that called ask the network.
func asking(say *json.Encoder, hear *json.Decoder) ades.Fetch {
	return func(ctx context.Context, q revocation.Query) ([]byte, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var told reply
		if err := errors.Join(say.Encode(message{Query: &q}), hear.Decode(&told)); err != nil {
			return nil, err
		}
		if told.Failed != "" {
			return nil, errors.New(told.Failed)
		}
		return told.Content, nil
	}
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
	for _, path := range []string{r.Path, r.Document, ades.Beside(r.Path)} {
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
