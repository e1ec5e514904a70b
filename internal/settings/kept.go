package settings

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/home"
	"github.com/softwarecie/cie/internal/pairing"
)

// DesktopID is the program's name for the desktop.
const DesktopID = "it.softwarecie.Cie"

// Kinds of what is kept besides the pairings.
const (
	KindSettings pairing.Kind = "settings" // config.toml
	KindWindow   pairing.Kind = "window"   // size of the window
	KindUndo     pairing.Kind = "undo"     // of a change of a browser's settings
	KindLog      pairing.Kind = "log"      // for support
	KindUpdate   pairing.Kind = "update"   // notice of a newer version
)

// Kept lists everything that the programs have stored for this user.
func Kept(h *cie.Holder) ([]pairing.Kept, error) {
	var all []pairing.Kept
	var err error
	if h.Pairings != nil {
		all, err = h.Pairings.Kept()
	}
	for kind, path := range map[pairing.Kind]string{KindSettings: Path(), KindWindow: windowFile(), KindUpdate: UpdateFile()} {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			all = append(all, pairing.Kept{Kind: kind, Path: path, Size: info.Size()})
		}
	}
	for kind, paths := range map[pairing.Kind][]string{KindUndo: undoFiles(), KindLog: logFiles()} {
		for _, path := range paths {
			if info, err := os.Stat(path); err == nil {
				all = append(all, pairing.Kept{Kind: kind, Path: path, Size: info.Size()})
			}
		}
	}
	return all, err
}

// undoFiles are those of the journal of the browsers' settings, also of an
// interrupted save.
func undoFiles() (all []string) {
	folder, err := home.Browsers()
	if err != nil {
		return nil
	}
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		if e.Type().IsRegular() && (filepath.Ext(e.Name()) == ".json" || strings.HasPrefix(e.Name(), ".cie-")) {
			all = append(all, filepath.Join(folder, e.Name()))
		}
	}
	return all
}

// LogFolder is where logs are written, "" where the user has no home.
func LogFolder() string {
	folder, err := home.Logs()
	if err != nil {
		return ""
	}
	return folder
}

// UpdateFile is where the notice of a newer version is remembered, "" where the user
// has no home.
func UpdateFile() string {
	folder, err := home.Updates()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "notice.json")
}

// logFiles are the logs, also those before.
func logFiles() []string {
	folder := LogFolder()
	if folder == "" {
		return nil
	}
	all, _ := filepath.Glob(filepath.Join(folder, "cie-*.log*"))
	return all
}

// Forget deletes everything but the settings file, which a person may have
// written.
func Forget(h *cie.Holder) error {
	var errs []error
	if h.Pairings != nil {
		errs = append(errs, h.Pairings.Forget())
	}
	for _, path := range append(append(undoFiles(), logFiles()...), UpdateFile()) {
		if path == "" {
			continue
		}
		errs = append(errs, absent(os.Remove(path)))
		_ = os.Remove(filepath.Dir(path)) // the last one takes its folder with it
	}
	if h.Pairings != nil {
		_ = os.Remove(filepath.Dir(h.Pairings.Folder())) // ours too, if nothing else is in it
	}
	if path := windowFile(); path != "" {
		errs = append(errs, absent(os.Remove(path)))
		_ = os.Remove(filepath.Dir(path))
	}
	return errors.Join(errs...)
}

// ForgetSettings deletes the settings file.
func ForgetSettings() error {
	if Path() == "" {
		return nil
	}
	return absent(os.Remove(Path()))
}

// absent takes a file that is not there for one that was removed.
func absent(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// windowFile is where Fyne keeps the preferences of the window.
func windowFile() string {
	folder, err := os.UserConfigDir()
	if runtime.GOOS == "darwin" {
		folder, err = os.UserHomeDir()
		folder = filepath.Join(folder, "Library", "Preferences")
	}
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "fyne", DesktopID, "preferences.json")
}
