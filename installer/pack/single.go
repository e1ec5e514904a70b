package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// single makes the single file: the head that installer/single is, and a ZIP
// archive after it.
func (r *rel) single() error {
	folder, err := os.MkdirTemp("", "pack-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	programs := filepath.Join(folder, "programs")
	for _, f := range r.Single.Files {
		if err := r.install("single", r.expand("single", f[0]), r.expand("single", f[1]), programs); err != nil {
			return err
		}
	}
	if err := r.listed(programs); err != nil {
		return err
	}
	head, err := os.ReadFile(filepath.Join(r.build, "single"))
	if err != nil {
		return err
	}
	archive, err := r.zip(programs, int64(len(head)))
	if err != nil {
		return err
	}
	file := fmt.Sprintf("%s-%s-%s.run", r.Name, r.version, machine(r.arch))
	if err := errors.Join(write(filepath.Join(r.out, file), append(head, archive...), 0o755), write(filepath.Join(folder, "single"), head, 0o755)); err != nil {
		return err
	}
	fmt.Println(filepath.Join(r.out, file))
	return r.bill(file, folder)
}

// listed adds to a folder what the head reads: licences, the release, the list of
// all that, and its sentences.
func (r *rel) listed(folder string) error {
	own, modules, err := r.licences(folder)
	if err != nil {
		return err
	}
	chosen, err := sentences("internal/i18n", "single.")
	if err != nil {
		return err
	}
	texts, err := json.Marshal(chosen)
	if err != nil {
		return err
	}
	err = errors.Join(
		write(filepath.Join(folder, "LICENSE"), own, 0o644),
		write(filepath.Join(folder, "modules.gz"), compress(modules), 0o644),
		write(filepath.Join(folder, "release"), []byte(fmt.Sprintf("%d %s\n", r.date.Unix(), r.version)), 0o644),
	)
	if err != nil {
		return err
	}
	const last = "release" // put in place when all others are
	names := slices.DeleteFunc(files(folder), func(name string) bool { return name == last })
	return errors.Join(r.installedList(r.Name, "single", folder, ".", append(names, last)), write(filepath.Join(folder, "sentences.json"), texts, 0o644))
}

// sentences are the texts of the catalogues, by language and key, whose keys begin so.
func sentences(folder, prefix string) (map[string]map[string]string, error) {
	catalogues, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(catalogues) == 0 {
		return nil, errors.Join(err, fmt.Errorf("no catalogues in %s", folder))
	}
	all := map[string]map[string]string{}
	for _, file := range catalogues {
		content, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var texts map[string]json.RawMessage // some are objects: plural forms
		if err := json.Unmarshal(content, &texts); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		chosen := map[string]string{}
		for key, text := range texts {
			if strings.HasPrefix(key, prefix) {
				var s string
				if err := json.Unmarshal(text, &s); err != nil {
					return nil, fmt.Errorf("%s: %s: %w", file, key, err)
				}
				chosen[key] = s
			}
		}
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = chosen
	}
	return all, nil
}

// zip packs all files of a folder, the programs as programs. Its offsets count from
// the beginning of what it is put after, as other readers of such files want it.
func (r *rel) zip(folder string, after int64) ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	z.SetOffset(after)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, name := range files(folder) {
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			return nil, err
		}
		header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: r.date}
		header.SetMode(0o644)
		if isELF(filepath.Join(folder, name)) && filepath.Ext(name) != ".so" {
			header.SetMode(0o755)
		}
		w, err := z.CreateHeader(header)
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return out.Bytes(), err
}
