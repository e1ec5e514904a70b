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
)

// What the archive holds beside the programs.
const (
	sumsName      = "SHA256SUMS"     // of all other files, as sha256sum writes it
	signatureName = "SHA256SUMS.sig" // of that, for "cie version --verify"; not in every archive
	releaseName   = "release"        // seconds since 1970 of the commit, a space, the version
	textsName     = "sentences.json" // by language and key
)

// maxText bounds those four, in bytes.
const maxText = 1 << 20

// An archive is what the file holds.
type archive struct {
	file    io.Closer
	files   map[string]*zip.File
	names   []string          // of the files to put in place, in their order
	sums    map[string]string // SHA-256 of each, in hexadecimal
	release string
	texts   map[string]map[string]string
}

// open reads the directory of the archive at the end of a file.
func open(path string) (*archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a := &archive{file: f, files: map[string]*zip.File{}, sums: map[string]string{}}
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
	sums, err := a.text(sumsName)
	if err != nil {
		return err
	}
	a.names, a.sums, err = parseSums(sums)
	return err
}

// parseSums reads a list of hashes. The names are of files in one folder.
func parseSums(text string) (names []string, sums map[string]string, err error) {
	sums = map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		sum, name, ok := strings.Cut(line, "  ")
		if !ok || len(sum) != 2*sha256.Size || name == "" || name == ".." || strings.ContainsAny(name, "/\x00") {
			return nil, nil, fmt.Errorf("%s: line %.100q", sumsName, line)
		}
		names = append(names, name)
		sums[name] = sum
	}
	return names, sums, nil
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
	if err == nil && hex.EncodeToString(h.Sum(nil)) != a.sums[name] {
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
