package ades

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/trust"
)

// An Extraction is a document taken out of a signed file.
type Extraction struct {
	Report
	Output  string // file written
	Guessed bool   // the end of its name is guessed from what is in it
}

// Extractable says whether there is a document in a signed file.
func (r Report) Extractable() bool { return !r.Detached && len(r.Signatures) > 0 }

// programs are ends of names of files that run, or have something run, when they are
// opened.
var programs = regexp.MustCompile(`(?i)\.(appimage|application|bat|chm|cmd|com|command|cpl|desktop|dll|dmg|exe|gadget|hta|inf|iso|jar|js|jse|` +
	`lnk|msi|msix|pif|pkg|ps1|py|reg|run|scr|sh|svg|url|vbe|vbs|wsf|wsh|xll)$`)

// Program says whether opening the document may start a program.
func (e Extraction) Program() bool { return programs.MatchString(e.Output) }

// invalidMark is in the name of a document whose signature is not valid.
const invalidMark = "INVALID"

// Extract verifies a signed file and writes the document in it, which is the next
// layer, or the innermost, and of a PDF the version that was signed: only the bytes
// that were digested, and read-only until the verdict is known. Output is a file or a
// folder, "" the folder of the signed file. It never overwrites.
func Extract(ctx context.Context, path, output string, innermost bool, roots *trust.Roots, now time.Time) (e Extraction, err error) {
	if e.Report, err = VerifyFile(ctx, path, "", roots, now); err != nil {
		return e, err
	}
	defer func() { err = about(path, err) }()
	switch {
	case e.Detached:
		return e, ErrDetached
	case e.Format == "PAdES":
		e.Output, err = e.version(ctx, path, output)
		return e, err
	}
	file, err := open(path)
	if err != nil {
		return e, err
	}
	defer file.Close()
	folder, name := OutputFolder(path, output), filepath.Base(path)
	var from io.ReadSeeker = file
	for layer := &e.Report; ; layer = layer.Inside {
		content, err := takeOut(ctx, from, folder, layer)
		if err != nil {
			return e, err
		}
		defer func() {
			_ = content.Close()
			_ = os.Remove(content.Name()) // unless it has got its name
		}()
		from, name = content, contentName(name)
		if layer.Inside != nil && layer.Inside.Signatures != nil && innermost && !layer.Inside.Detached {
			continue
		}
		e.Output = output
		if output == "" || folder == output {
			if name, e.Guessed, err = safeName(name, content); err != nil {
				return e, err
			}
			e.Output = filepath.Join(folder, name)
		}
		if e.Verdict == Invalid {
			e.Output = marked(e.Output)
		}
		return e, place(content, e.Output, 0o600)
	}
}

// OutputFolder is the folder into which Extract writes.
func OutputFolder(path, output string) string {
	info, err := os.Stat(output)
	switch {
	case err == nil && info.IsDir():
		return output
	case output != "":
		return filepath.Dir(output)
	}
	return filepath.Dir(path)
}

// version writes the version of a PDF that its last intact signature signs: what is
// seen of it is what was signed, whatever was changed later. It returns the name.
func (e *Extraction) version(ctx context.Context, path, output string) (string, error) {
	last := Signature{PDF: &PDF{}}
	for _, s := range e.Signatures {
		if s.Intact && s.PDF.Revision > last.PDF.Revision {
			last = s
		}
	}
	if last.PDF.Revision == 0 {
		return "", ErrInvalid
	}
	file, err := open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	content, err := readPDF(ctx, file)
	if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != e.SHA256 {
		return "", cmp.Or(err, cades.ErrChanged)
	}
	name := filepath.Base(path)
	output = outputPath(path, output, strings.TrimSuffix(name, filepath.Ext(name))+".version"+filepath.Ext(name))
	f, err := os.CreateTemp(filepath.Dir(output), ".cie-*")
	if err != nil {
		return "", err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name()) // unless it has got its name
	}()
	if _, err := f.Write(content[:last.PDF.Revision]); err != nil {
		return "", err
	}
	return output, place(f, output, 0o600)
}

// takeOut writes the document of one layer into a temporary file.
func takeOut(ctx context.Context, from io.ReadSeeker, folder string, layer *Report) (*os.File, error) {
	content, err := os.CreateTemp(folder, ".cie-*")
	if err != nil {
		return nil, err
	}
	sum, err := contentOf(ctx, from, layer.Format, content)
	if err == nil && hex.EncodeToString(sum) != layer.SHA256 {
		err = cades.ErrChanged
	}
	if err == nil {
		err = content.Chmod(0o400)
	}
	if err != nil {
		_ = content.Close()
		_ = os.Remove(content.Name())
		return nil, err
	}
	return content, nil
}

// contentOf writes what is signed in a file, and returns its SHA-256 digest.
func contentOf(ctx context.Context, from io.ReadSeeker, format string, to io.Writer) ([]byte, error) {
	if format == "XAdES" {
		return contentOfXML(ctx, from, to)
	}
	f, err := cades.Read(reading{ctx, from}, to)
	if err != nil {
		return nil, err
	}
	return f.SHA256(), nil
}

// contentName is the name of the document in a signed file.
func contentName(name string) string {
	end := filepath.Ext(name)
	stem := strings.TrimSuffix(name, end)
	switch {
	case isP7M(name):
		return stem
	case strings.HasSuffix(name, detachedXML):
		return strings.TrimSuffix(name, detachedXML)
	case strings.EqualFold(end, ".xml"):
		return stem + ".content" + end
	}
	return name + ".content"
}

// reserved are names that mean devices on Windows.
var reserved = regexp.MustCompile(`(?i)^(con|prn|aux|nul|com\d|lpt\d)(\.|$)`)

// extensions are ends of names by what is in a file.
var extensions = map[string]string{
	"application/pdf": ".pdf", "text/xml; charset=utf-8": ".xml", "text/plain; charset=utf-8": ".txt",
	"application/zip": ".zip", "image/png": ".png", "image/jpeg": ".jpg",
}

// safeName is a name that means a file everywhere, with an end.
func safeName(name string, content io.ReadSeeker) (string, bool, error) {
	name = strings.Map(func(r rune) rune {
		if r == '/' || r == '\\' || r == ':' || unicode.IsControl(r) {
			return '_'
		}
		return r
	}, name)
	if reserved.MatchString(name) || strings.Trim(name, ". ") == "" {
		name = "_" + name
	}
	if filepath.Ext(name) != "" {
		return name, false, nil
	}
	start := make([]byte, 512)
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return "", false, err
	}
	n, _ := io.ReadFull(content, start) // less is enough
	end := extensions[http.DetectContentType(start[:n])]
	return name + end, end != "", nil
}

// marked puts the mark before the end of a name.
func marked(path string) string {
	end := filepath.Ext(path)
	return strings.TrimSuffix(path, end) + "." + invalidMark + end
}
