package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/wholefile"
)

// A Change is one file before and after. It is shown before it is made, and kept
// for undo.
type Change struct {
	Place  string   `json:"place"` // its ID
	File   string   `json:"file"`
	Before *string  `json:"before"`         // content; nil: there was no file
	After  *string  `json:"after"`          // nil: there is none any more
	Made   []string `json:"made,omitempty"` // folders that come and go with the file, the innermost first
	Mode   uint32   `json:"mode"`           // of the file
}

var (
	// ErrChanged means that somebody else has changed a file since: undo would lose
	// that.
	ErrChanged = situation.New("browser-changed", "file changed since")
	// ErrNothing means that there is nothing to undo.
	ErrNothing = situation.New("nothing-to-undo", "nothing to undo")
	// ErrNoJournal means that this user has no folder for what undo needs.
	ErrNoJournal = situation.New("home-folder", "no folder to keep undo in")
)

// PlanAdd says what registering the module in some places would change. What is
// registered, reached otherwise, or behind a sandbox needs no change.
func (m Machine) PlanAdd(places []Place, module string) ([]Change, error) {
	if !m.ours(module) {
		return nil, fmt.Errorf("%w: %s", ErrNoModule, module)
	}
	return m.plan(places, func(p Place, content string) (string, error) {
		switch p.State {
		case Registered, Indirect, Sandboxed:
			return content, nil
		}
		if content == "" && p.Kind == NSS {
			content = fmt.Sprintf(internal, filepath.Dir(p.File))
		}
		return add(p.Kind, content, module)
	})
}

// PlanRemove says what unregistering would change: our entries only.
func (m Machine) PlanRemove(places []Place, module string) ([]Change, error) {
	return m.plan(places, func(p Place, content string) (string, error) {
		if p.Module == "" {
			return content, nil
		}
		left, err := remove(p.Kind, content, module)
		if left == fmt.Sprintf(internal, filepath.Dir(p.File)) && !exists(filepath.Join(filepath.Dir(p.File), "cert9.db")) {
			left = "" // we made it, and no program has used it
		}
		return left, err
	})
}

// PlanRemoveRivals says what taking other modules for the same card out of the
// user's lists would change.
func (m Machine) PlanRemoveRivals(places []Place, module string) ([]Change, error) {
	return m.plan(places, func(p Place, content string) (string, error) {
		if p.Kind != NSS || p.System {
			return content, nil
		}
		return removeRivals(content, module), nil
	})
}

func (m Machine) plan(places []Place, edit func(Place, string) (string, error)) ([]Change, error) {
	var all []Change
	var failed error
	for _, p := range places {
		c := Change{Place: p.ID, File: p.File, Mode: 0o600}
		if p.System || p.Kind != NSS {
			c.Mode = 0o644
		}
		content, err := read(p.File)
		if err == nil {
			c.Before = &content
			if info, err := os.Stat(p.File); err == nil {
				c.Mode = uint32(info.Mode().Perm())
			}
		} else if !os.IsNotExist(err) {
			failed = errors.Join(failed, fmt.Errorf("%s: %w: %w", p.ID, ErrContent, err))
			continue
		}
		after, err := edit(p, content)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", p.ID, err))
			continue
		}
		if after == content {
			continue
		}
		if after != "" {
			c.After = &after
		} else {
			c.Made = m.madeFor(p.File)
		}
		all = append(all, c)
	}
	return all, failed
}

// Apply makes changes and keeps them for Undo. It stops at the first that fails;
// the changes made are returned. With no folder to keep them in it makes none.
func (m Machine) Apply(changes []Change) ([]Change, error) {
	if m.Journal == "" {
		return nil, ErrNoJournal
	}
	var made []Change
	var failed error
	for _, c := range changes {
		if failed = c.apply(); failed != nil {
			failed = fmt.Errorf("%s: %w", c.Place, failed)
			break
		}
		made = append(made, c)
	}
	if len(made) > 0 {
		failed = errors.Join(failed, m.keep(made))
	}
	return made, failed
}

// apply makes the change, if the file is still what it was.
func (c *Change) apply() error {
	if !same(c.File, c.Before) {
		return fmt.Errorf("%w: %s", ErrChanged, c.File)
	}
	if c.After == nil {
		if err := os.Remove(c.File); err != nil {
			return err
		}
		for _, folder := range c.Made {
			_ = os.Remove(folder) // only if nothing else has come into it
		}
		return nil
	}
	var missing []string
	for folder := filepath.Dir(c.File); !exists(folder); folder = filepath.Dir(folder) {
		missing = append(missing, folder)
	}
	folderMode := os.FileMode(0o700)
	if c.Mode&0o044 != 0 {
		folderMode = 0o755
	}
	if err := os.MkdirAll(filepath.Dir(c.File), folderMode); err != nil {
		return err
	}
	c.Made = missing
	return replace(c.File, *c.After, os.FileMode(c.Mode))
}

// same says whether a file's content is that; nil: there is no file.
func same(file string, content *string) bool {
	now, err := read(file)
	if content == nil {
		return os.IsNotExist(err)
	}
	return err == nil && now == *content
}

// replace writes a file by renaming, through a link to the file it leads to.
func replace(file, content string, mode os.FileMode) error {
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	return wholefile.Replace(file, []byte(content), mode)
}

// maxUndo is how many steps back are kept.
const maxUndo = 20

// keep writes changes into the journal.
func (m Machine) keep(changes []Change) error {
	if err := os.MkdirAll(m.Journal, 0o700); err != nil {
		return err
	}
	kept := m.kept()
	next := 1
	if len(kept) > 0 {
		if _, err := fmt.Sscanf(filepath.Base(kept[len(kept)-1]), "%06d.json", &next); err != nil {
			return err
		}
		next++
	}
	for len(kept) >= maxUndo {
		_ = os.Remove(kept[0])
		kept = kept[1:]
	}
	content, err := json.Marshal(changes)
	if err != nil {
		return err
	}
	return replace(filepath.Join(m.Journal, fmt.Sprintf("%06d.json", next)), string(content), 0o600)
}

// kept are the journal's files, the oldest first.
func (m Machine) kept() []string {
	if m.Journal == "" {
		return nil
	}
	all, _ := filepath.Glob(filepath.Join(m.Journal, "[0-9][0-9][0-9][0-9][0-9][0-9].json"))
	slices.SortFunc(all, strings.Compare)
	return all
}

// madeFor are the folders that registering made for a file.
func (m Machine) madeFor(file string) []string {
	for _, name := range slices.Backward(m.kept()) {
		content, err := read(name)
		var changes []Change
		if err != nil || json.Unmarshal([]byte(content), &changes) != nil {
			continue
		}
		for _, c := range changes {
			if c.File == file && c.Before == nil {
				return c.Made
			}
		}
	}
	return nil
}

// Undo takes the last step back: every file as it was before. A file that somebody
// else has changed since is left, with ErrChanged.
func (m Machine) Undo() ([]Change, error) {
	kept := m.kept()
	if len(kept) == 0 {
		return nil, ErrNothing
	}
	last := kept[len(kept)-1]
	content, err := read(last)
	if err != nil {
		return nil, err
	}
	var changes []Change
	if err := json.Unmarshal([]byte(content), &changes); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrContent, last, err)
	}
	var undone []Change
	for _, c := range slices.Backward(changes) {
		back := Change{Place: c.Place, File: c.File, Before: c.After, After: c.Before, Made: c.Made, Mode: c.Mode}
		if failed := back.apply(); failed != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", c.Place, failed))
			continue
		}
		undone = append(undone, back)
	}
	return undone, errors.Join(err, os.Remove(last))
}

// Lines shows the change as lines with "+" or "-", without what stays.
func (c Change) Lines() []string {
	before, after := split(c.Before), split(c.After)
	for len(before) > 0 && len(after) > 0 && before[0] == after[0] {
		before, after = before[1:], after[1:]
	}
	for len(before) > 0 && len(after) > 0 && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	var all []string
	for _, l := range before {
		all = append(all, "- "+l)
	}
	for _, l := range after {
		all = append(all, "+ "+l)
	}
	return all
}

func split(content *string) []string {
	if content == nil || *content == "" {
		return nil
	}
	return strings.Split(strings.TrimRight(*content, "\n"), "\n")
}
