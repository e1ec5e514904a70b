package settings

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// policyKey is below HKEY_LOCAL_MACHINE, in the part that only administrators and
// group policies may write.
const policyKey = `SOFTWARE\Policies\Software CIE`

func systemPolicy() Policy { return Policy{`HKLM\` + policyKey, policyValues} }

// policyValues reads the values of the key: REG_SZ, REG_EXPAND_SZ (not expanded),
// REG_DWORD, REG_QWORD and REG_MULTI_SZ. Their names have no case.
func policyValues() (map[string]any, error) {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, policyKey, registry.QUERY_VALUE)
	if errors.Is(err, registry.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer key.Close()
	names, err := key.ReadValueNames(-1)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, name := range names {
		if name == "" {
			continue // the key's own value, which registry editors always show
		}
		value, err := policyValue(key, name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		values[strings.ToLower(name)] = value
	}
	return values, nil
}

func policyValue(key registry.Key, name string) (any, error) {
	_, kind, err := key.GetValue(name, nil)
	if err != nil {
		return nil, err
	}
	switch kind {
	case registry.DWORD, registry.QWORD:
		n, _, err := key.GetIntegerValue(name)
		return n, err
	case registry.MULTI_SZ:
		texts, _, err := key.GetStringsValue(name)
		return texts, err
	}
	text, _, err := key.GetStringValue(name)
	return text, err
}
