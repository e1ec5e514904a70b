package apart

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/revocation"
	"github.com/softwarecie/cie/internal/trust"
)

func TestMain(m *testing.M) {
	if len(os.Args) == 2 {
		switch os.Getenv("APART_CHILD") {
		case "breaks":
			os.Exit(2)
		case "stays":
			_ = serve(os.Stdin, os.Stdout)
			time.Sleep(time.Hour)
		}
	}
	Serve()
	os.Exit(m.Run())
}

const vectors = "../../../testdata/signatures"

var now = time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC)

// roots believe the CA of the vectors too.
func roots(t *testing.T) *trust.Roots {
	t.Helper()
	folder := t.TempDir()
	root, err := os.ReadFile(vectors + "/pki/root.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(root)
	if err := os.WriteFile(folder+"/root.cer", block.Bytes, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := trust.Load([]string{folder})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func text(t *testing.T, v any) string {
	t.Helper()
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// What the other process says is what this one would say.
func TestSame(t *testing.T) {
	believed := roots(t)
	for _, name := range []string{"b.p7m", "b-two.p7m", "b-detached.p7s", "nested.txt.p7m.p7m", "lta.p7m"} {
		path := filepath.Join(vectors, "cades", name)
		want, err := ades.VerifyFile(t.Context(), path, vectors+"/doc.txt", believed, now)
		if err != nil {
			t.Fatal(err)
		}
		got, err := VerifyFile(t.Context(), path, vectors+"/doc.txt", believed, now)
		if err != nil || text(t, got) != text(t, want) {
			t.Errorf("%s: %v\n%s\nwant\n%s", name, err, text(t, got), text(t, want))
		}
	}
}

// What the other process may know of the network is what this one tells it.
func TestOnline(t *testing.T) {
	day := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	believed, path := roots(t), vectors+"/cades/t.p7m"
	var asked []string
	fetch := func(_ context.Context, q revocation.Query) ([]byte, error) {
		asked = append(asked, q.URL)
		if q.Body != nil || q.Limit > maxFetch || q.Patience > patience {
			return nil, errors.New("no responder")
		}
		return os.ReadFile(filepath.Join(vectors, "pki", filepath.Base(q.URL)))
	}
	want, err := ades.VerifyOnline(t.Context(), path, "", believed, day, fetch)
	if err != nil || want.Verdict != ades.Valid {
		t.Fatalf("%+v, %v", want, err)
	}
	here := asked
	asked = nil
	got, err := VerifyOnline(t.Context(), path, "", believed, day, fetch)
	if err != nil || text(t, got) != text(t, want) || !slices.Equal(asked, here) {
		t.Errorf("%v, asked %v\n%s\nwant\n%s", err, asked, text(t, got), text(t, want))
	}
}

// A process that asks without being allowed to, or without end, is ended.
func TestAsksTooMuch(t *testing.T) {
	question := strings.Repeat(`{"Query":{"URL":"http://example.org"}}`+"\n", 2*maxQueries)
	asked := 0
	fetch := func(context.Context, revocation.Query) ([]byte, error) { asked++; return nil, nil }
	for _, f := range []ades.Fetch{nil, fetch} {
		if _, err := talk(t.Context(), request{}, nowhere{}, strings.NewReader(question), f); err == nil {
			t.Error("it was answered")
		}
	}
	if asked != maxQueries {
		t.Errorf("asked %d times", asked)
	}
}

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Close() error                { return nil }

// The document beside a detached signature is found, and may be read.
func TestBeside(t *testing.T) {
	folder := t.TempDir()
	for from, to := range map[string]string{"doc.txt": "doc.txt", "cades/b-detached.p7s": "doc.txt.p7s"} {
		content, err := os.ReadFile(filepath.Join(vectors, from))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, to), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r, err := VerifyFile(t.Context(), folder+"/doc.txt.p7s", "", roots(t), now)
	if err != nil || !r.Signatures[0].Intact || r.Document != folder+"/doc.txt" {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestExtract(t *testing.T) {
	folder := t.TempDir()
	for _, refused := range []error{nil, ades.ErrExists} { // the second time it would be overwritten
		e, err := Extract(t.Context(), vectors+"/cades/b.p7m", folder+"/out.txt", false, roots(t), now)
		content, _ := os.ReadFile(folder + "/out.txt")
		want, _ := os.ReadFile(vectors + "/doc.txt")
		if string(content) != string(want) || !errors.Is(err, refused) {
			t.Errorf("%+v, %v, want %v", e, err, refused)
		}
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

func TestErrors(t *testing.T) {
	_, err := VerifyFile(t.Context(), "none.p7m", "", roots(t), now)
	var path *fs.PathError
	if !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) || path.Path != "none.p7m" {
		t.Errorf("no file: %v", err)
	}
	_, err = VerifyFile(t.Context(), vectors+"/doc.txt", "", roots(t), now)
	var file *ades.FileError
	if !errors.Is(err, ades.ErrFormat) || !errors.As(err, &file) || file.File != vectors+"/doc.txt" {
		t.Errorf("no signed file: %v", err)
	}
	_, err = Extract(t.Context(), vectors+"/cades/b-detached.p7s", t.TempDir(), false, roots(t), now)
	if !errors.Is(err, ades.ErrDetached) {
		t.Errorf("nothing to take out: %v", err)
	}
}

func TestStopped(t *testing.T) {
	t.Setenv("APART_CHILD", "breaks")
	_, err := VerifyFile(t.Context(), vectors+"/cades/b.p7m", "", roots(t), now)
	if !errors.Is(err, ErrStopped) {
		t.Error(err)
	}
}

// A process that has answered and does not end is ended.
func TestStays(t *testing.T) {
	t.Setenv("APART_CHILD", "stays")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if r, err := VerifyFile(ctx, vectors+"/cades/b.p7m", "", roots(t), now); err != nil || len(r.Signatures) != 1 {
		t.Errorf("%+v, %v", r, err)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := VerifyFile(ctx, vectors+"/cades/b.p7m", "", roots(t), now); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Every error that a person is told of stays the same on its way.
func TestFailure(t *testing.T) {
	for _, want := range told {
		got := failureOf(&ades.FileError{Err: want, File: "f"}).err()
		var file *ades.FileError
		if !errors.Is(got, want) || !errors.As(got, &file) || file.File != "f" {
			t.Errorf("%v became %v", want, got)
		}
	}
	if failureOf(nil).err() != nil {
		t.Error("nothing became an error")
	}
}
