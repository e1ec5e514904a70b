// Package profile reads the preferences that a configuration profile of macOS sets.
// Only programs for macOS have it in them (docs/adr/0011).
package profile

import (
	"fmt"

	"howett.net/plist"
)

// Values reads a property list, binary or XML: bool, integer, string and []string by
// name, as in "pin.linger".
func Values(content []byte) (map[string]any, error) {
	var values map[string]any
	if _, err := plist.Unmarshal(content, &values); err != nil {
		return nil, err
	}
	for name, v := range values {
		switch v := v.(type) {
		case bool, string, uint64, int64:
		case []any:
			texts, err := list(v)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			values[name] = texts
		default:
			return nil, fmt.Errorf("%s: no setting is a %T", name, v)
		}
	}
	return values, nil
}

func list(all []any) ([]string, error) {
	texts := make([]string, len(all))
	for i, v := range all {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%T in a list of texts", v)
		}
		texts[i] = text
	}
	return texts, nil
}
