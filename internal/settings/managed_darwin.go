package settings

import (
	"errors"
	"io/fs"

	"github.com/softwarecie/cie/internal/settings/profile"
	"github.com/softwarecie/cie/internal/wholefile"
)

// policyFile is where macOS puts what configuration profiles for the whole computer
// say of our domain. Only the system writes there.
const policyFile = "/Library/Managed Preferences/" + DesktopID + ".plist"

func systemPolicy() Policy { return Policy{policyFile, policyValues} }

func policyValues() (map[string]any, error) {
	content, err := wholefile.Read(policyFile, maxFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return profile.Values(content)
}
