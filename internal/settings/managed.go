package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/wholefile"
)

// What is to be said of settings of the administrator.
var (
	ErrManaged      = situation.New("managed", "set by the administrator")                      // and not to be changed here
	ErrManagedWrong = situation.New("managed-settings", "the administrator has set it wrongly") // beside ErrSettings
)

// Files are where settings stand. What the administrator has set wins, the policy
// over the file.
type Files struct {
	Policy       Policy
	Managed, Own string
}

// Here are those of this computer and this user.
func Here() Files { return Files{systemPolicy(), managedPath(), Path()} }

// managedPath is the administrator's file: /etc/cie/config.toml, on macOS in the
// application support of the computer. Windows has none, "": in the folder of
// program data everybody may make files; there is the policy.
func managedPath() string {
	switch runtime.GOOS {
	case "windows":
		return ""
	case "darwin":
		return "/Library/Application Support/cie/config.toml"
	}
	return "/etc/cie/config.toml"
}

// Load reads all of them. Where one is wrong the others still count, beside the
// error.
func (f Files) Load() (Settings, error) {
	own, wrong := Load(f.Own)
	s, _, err := f.administer(own)
	return s, errors.Join(err, wrong)
}

// administer reads what the administrator has set onto settings, and says which
// those are.
func (f Files) administer(s Settings) (Settings, func(leaf) bool, error) {
	s, file, wrongFile := onto(s, f.Managed)
	s, policy, wrongPolicy := f.Policy.onto(s)
	managed := func(l leaf) bool { return file.IsDefined(l.path()...) || policy.IsDefined(l.path()...) }
	err := errors.Join(wrongFile, wrongPolicy)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrManagedWrong, err)
	}
	return s, managed, err
}

// onto reads a file onto settings, and says what stands in it. Where it is wrong
// it changes nothing.
func onto(base Settings, path string) (Settings, toml.MetaData, error) {
	content, err := wholefile.Read(path, maxFile)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return base, toml.MetaData{}, nil
	}
	if err != nil {
		return base, toml.MetaData{}, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	s := base
	s.Trust.Extra = append([]string(nil), base.Trust.Extra...) // not that of the other file
	meta, err := decode(content, &s)
	if err != nil {
		return base, meta, fmt.Errorf("%w: %s: %w", ErrSettings, path, err)
	}
	s.resolve(filepath.Dir(path))
	return s, meta, nil
}

// decode reads the text of a settings file onto settings.
func decode(content []byte, s *Settings) (toml.MetaData, error) {
	meta, err := toml.NewDecoder(bytes.NewReader(content)).Decode(s)
	if err != nil {
		return meta, err
	}
	known := names(*s)
	for _, key := range meta.Keys() {
		if !known[key.String()] { // the decoder also takes other upper and lower case
			return meta, fmt.Errorf("unknown setting %s", key)
		}
	}
	return meta, s.check()
}

// names are the tables and settings there are, as in "pin" and "pin.linger".
func names(s Settings) map[string]bool {
	all := map[string]bool{}
	for _, l := range leaves(s) {
		all[l.table], all[l.full()] = true, true
	}
	return all
}

// An Origin is where a setting comes from.
type Origin string

// The origins.
const (
	ByDefault Origin = "default"
	ByUser    Origin = "user"
	ByAdmin   Origin = "managed"
)

// A Setting is one setting as it counts.
type Setting struct {
	Name   string `json:"name"`  // as in "pin.linger"
	Value  string `json:"value"` // TOML
	Origin Origin `json:"origin"`
}

// Show lists all settings as they count, in the order of the documentation.
func (f Files) Show() ([]Setting, error) {
	s, own, err := onto(Default(), f.Own)
	if err != nil {
		return nil, err
	}
	s, managed, err := f.administer(s)
	if err != nil {
		return nil, err
	}
	var all []Setting
	for _, l := range leaves(s) {
		one := Setting{l.full(), l.value, ByDefault}
		switch {
		case managed(l):
			one.Origin = ByAdmin
		case own.IsDefined(l.path()...):
			one.Origin = ByUser
		}
		all = append(all, one)
	}
	return all, nil
}

// path is the table, if there is one, and the name.
func (l leaf) path() []string {
	if l.table == "" {
		return []string{l.name}
	}
	return []string{l.table, l.name}
}

func (l leaf) full() string { return strings.Join(l.path(), ".") }

// Save writes what a person has changed into their own file. What the administrator
// has set cannot be changed: ErrManaged.
func (f Files) Save(s Settings) error {
	own, err := Load(f.Own)
	if err != nil {
		return err
	}
	effective, managed, err := f.administer(own)
	if err != nil {
		return err
	}
	before, after, next := leaves(effective), leaves(s), leaves(own)
	text := ""
	for i := range after {
		if after[i] != before[i] {
			if managed(after[i]) {
				return fmt.Errorf("%w: %s", ErrManaged, after[i].full())
			}
			next[i] = after[i]
		}
		text = set(text, next[i])
	}
	changed, err := parse([]byte(text))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSettings, err)
	}
	return Save(f.Own, changed)
}
