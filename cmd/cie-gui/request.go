//go:build gles || windows

package main

import (
	"io"
	"path/filepath"
	"strings"

	"github.com/softwarecie/cie/gui"
)

// A request is what the window is to do with files: a file manager starts the program
// for it, and hands it to the one that runs already.
type request struct {
	do    string   // "": just show the window
	files []string // absolute
}

// What can be asked for.
const (
	doVerify = "verify"
	doSign   = "sign"
)

// ask makes a request. The program that runs already stands in another folder, so names
// are made whole.
func ask(do string, files []string) (request, error) {
	r := request{do: do}
	for _, f := range files {
		whole, err := filepath.Abs(f)
		if err != nil {
			return r, err
		}
		r.files = append(r.files, whole)
	}
	return r, nil
}

// maxRequest bounds what is read of a request, in bytes.
const maxRequest = 4 << 20

// write sends a request: words that end with NUL, which no name of a file contains.
func (r request) write(to io.Writer) error {
	if r.do == "" {
		return nil
	}
	_, err := io.WriteString(to, r.do+"\x00"+strings.Join(append(r.files, ""), "\x00"))
	return err
}

// readRequest reads one. What is none means to show the window.
func readRequest(from io.Reader) request {
	content, err := io.ReadAll(io.LimitReader(from, maxRequest))
	words := strings.Split(string(content), "\x00")
	if err != nil || len(content) == maxRequest || words[len(words)-1] != "" || words[0] != doVerify && words[0] != doSign {
		return request{}
	}
	r := request{do: words[0]}
	for _, f := range words[1 : len(words)-1] {
		if !filepath.IsAbs(f) {
			return request{}
		}
		r.files = append(r.files, f)
	}
	return r
}

// put has the window do what is asked for.
func (r request) put(w *gui.Window) {
	switch r.do {
	case doVerify:
		w.VerifyFiles(r.files)
	case doSign:
		w.SignFiles(r.files)
	default:
		w.Show()
	}
}
