package main

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/softwarecie/cie/internal/sums"
)

// What the archive holds beside the programs.
const (
	releaseName = "release"        // seconds since 1970 of the commit, a space, the version
	textsName   = "sentences.json" // by language and key
)

// maxText bounds those, and the list of hashes and its signature, in bytes.
const maxText = 1 << 20

// An archive is what the file holds.
type archive struct {
	file    io.Closer
	files   map[string]*zip.File
	list    sums.List // of the files to put in place, in their order
	release string
	texts   map[string]map[string]string
}

// open reads the directory of the archive at the end of a file.
func open(path string) (*archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, files: map[string]*zip.File{}}
	if err := a.read(f); err != nil {
		_ = f.Close()
		return nil, a.explain(&problem{errDamaged, err})
	}
	return a, nil
}

func (a *archive) close() { _ = a.file.Close() }

func (a *archive) read(f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	z, err := zip.NewReader(f, info.Size())
	if err != nil {
		return err
	}
	for _, file := range z.File {
		a.files[file.Name] = file
	}
	texts, err := a.text(textsName)
	if err == nil {
		err = json.Unmarshal([]byte(texts), &a.texts)
	}
	if err != nil {
		return err
	}
	if a.release, err = a.text(releaseName); err != nil {
		return err
	}
	list, err := a.text(sums.Name)
	if err != nil {
		return err
	}
	a.list, err = sums.Parse([]byte(list))
	return err
}

// text is a small file of the archive.
func (a *archive) text(name string) (string, error) {
	file := a.files[name]
	if file == nil {
		return "", fmt.Errorf("no %s", name)
	}
	r, err := file.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = r.Close() }()
	content, err := io.ReadAll(io.LimitReader(r, maxText))
	return string(content), err
}

// copy writes a file of the archive, which must have the hash that the list says.
func (a *archive) copy(name string, w io.Writer) error {
	file := a.files[name]
	if file == nil {
		return &problem{errDamaged, fmt.Errorf("no %s", name)}
	}
	r, err := file.Open()
	if err != nil {
		return &problem{errDamaged, err}
	}
	defer func() { _ = r.Close() }()
	h := sha256.New()
	_, err = io.Copy(io.MultiWriter(w, h), damaged{r})
	if err == nil && hex.EncodeToString(h.Sum(nil)) != a.list.Sums[name] {
		return &problem{errDamaged, fmt.Errorf("%s is not what the list says", name)}
	}
	return err
}

// damaged reads from the archive, where every error means that the file is damaged.
type damaged struct{ r io.Reader }

func (d damaged) Read(p []byte) (int, error) {
	n, err := d.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = &problem{errDamaged, err}
	}
	return n, err
}

// date is that of a release, 0 if its text is not one.
func date(release string) int64 {
	seconds, _, _ := strings.Cut(release, " ")
	n, _ := strconv.ParseInt(seconds, 10, 64)
	return n
}
