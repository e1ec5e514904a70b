package settings

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	"github.com/BurntSushi/toml"
)

// A Policy is what an administrator has set with the means of the system: values of
// a key of the registry on Windows, a profile on macOS. It wins over the files.
type Policy struct {
	Place string // where it stands, for messages
	// Values are bool, integer, string and []string by name, as in "pin.linger".
	// A number may stand for a bool. nil where nothing can be set in this way.
	Values func() (map[string]any, error)
}

// onto reads the policy onto settings, and says what stands in it. Where it is wrong
// it changes nothing.
func (p Policy) onto(base Settings) (Settings, toml.MetaData, error) {
	if p.Values == nil {
		return base, toml.MetaData{}, nil
	}
	values, err := p.Values()
	var text []byte
	if err == nil {
		text, err = policyText(values)
	}
	if err != nil {
		return base, toml.MetaData{}, fmt.Errorf("%w: %s: %w", ErrSettings, p.Place, err)
	}
	s := base
	s.Trust.Extra = append([]string(nil), base.Trust.Extra...) // not that of a file
	meta, err := decode(text, &s)
	if err == nil && slices.ContainsFunc(s.Trust.Extra, func(folder string) bool { return !filepath.IsAbs(folder) }) {
		err = errors.New("trust.extra: want whole paths")
	}
	if err != nil {
		return base, meta, fmt.Errorf("%w: %s: %w", ErrSettings, p.Place, err)
	}
	return s, meta, nil
}

// policyText is a policy as the text of a settings file, so that it is read and
// checked as one.
func policyText(values map[string]any) ([]byte, error) {
	text := ""
	left := maps.Clone(values)
	for _, l := range leaves(Default()) {
		v, set := values[l.full()]
		if !set {
			continue
		}
		if l.value == "true" || l.value == "false" {
			v = flag(v)
		}
		text += l.full() + " = " + value(v) + "\n"
		delete(left, l.full())
	}
	for name := range left {
		return nil, fmt.Errorf("unknown setting %q", name)
	}
	return []byte(text), nil
}

// flag takes 0 and 1 for a bool; the registry has none.
func flag(v any) any {
	switch fmt.Sprint(v) {
	case "0":
		return false
	case "1":
		return true
	}
	return v
}
