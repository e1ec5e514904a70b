// Package logging writes a log for support: as much as a person allows, never a
// code or a number that could be of a card or a person.
package logging

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// limit is how large a log grows, in bytes, before it is begun anew. The last one
// is kept beside it.
const limit = 1 << 20

// Open is a log in a folder, by the name of the program that writes it. level is one
// of those of the settings. Nothing is made before there is something to write; what
// cannot be written is lost without a word.
func Open(folder, name, level string) *slog.Logger {
	var least slog.Level
	if folder == "" || level == "off" || least.UnmarshalText([]byte(level)) != nil {
		return slog.New(slog.DiscardHandler)
	}
	home, _ := os.UserHomeDir()
	return slog.New(slog.NewTextHandler(&file{path: filepath.Join(folder, name+".log")}, &slog.HandlerOptions{
		Level: least,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey || a.Key == slog.LevelKey {
				return a
			}
			return slog.String(a.Key, Scrub(a.Value.String(), home))
		},
	}))
}

// numbers are runs of digits that may be of a card or a person.
var numbers = regexp.MustCompile(`[0-9]{5,}`)

// Scrub takes numbers and the home folder out of a technical text.
func Scrub(text, home string) string {
	if len(home) > 1 {
		text = strings.ReplaceAll(text, home, "~")
	}
	return numbers.ReplaceAllString(text, "…")
}

// A file is opened for each line: lines are few, and several processes of a program
// write to the same one.
type file struct{ path string }

// Write appends a line.
func (f *file) Write(line []byte) (int, error) {
	if info, err := os.Stat(f.path); err == nil && info.Size()+int64(len(line)) > limit {
		if err := os.Rename(f.path, f.path+".old"); err != nil {
			return 0, err
		}
	}
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return 0, err
	}
	out, err := os.OpenFile(f.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	n, err := out.Write(line)
	if closed := out.Close(); err == nil {
		err = closed
	}
	return n, err
}
