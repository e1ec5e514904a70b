package settings

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Bounds of what may be set.
const (
	minText, maxText = 100, 200 // percent
	maxSlots         = 8
	maxLinger        = 30 * time.Second // longer, and other programs would be kept from the card
	maxIdle          = 8 * time.Hour
)

// check refuses values that no program could do anything sensible with.
func (s Settings) check() error {
	for _, c := range []struct {
		name string
		ok   bool
		want string
	}{
		{"window.theme", slices.Contains(Themes(), s.Window.Theme), oneOf(Themes())},
		{"window.text-size", s.Window.TextSize >= minText && s.Window.TextSize <= maxText, "100 to 200"},
		{"log.level", slices.Contains(LogLevels(), s.Log.Level), oneOf(LogLevels())},
		{"proxy.mode", slices.Contains(ProxyModes(), s.Proxy.Mode), oneOf(ProxyModes())},
		{"proxy.url", s.Proxy.Mode != "manual" || checkProxy(s.Proxy.URL) == nil, "http://host:port, https or socks5, without a password"},
		{"pin.linger", s.PIN.Linger.Duration >= 0 && s.PIN.Linger.Duration <= maxLinger, "0s to " + maxLinger.String()},
		{"module.slots", s.Module.Slots >= 1 && s.Module.Slots <= maxSlots, "1 to 8"},
		{"module.idle", s.Module.Idle.Duration >= 0 && s.Module.Idle.Duration <= maxIdle, "0s to " + maxIdle.String()},
	} {
		if !c.ok {
			return fmt.Errorf("%s: want %s", c.name, c.want)
		}
	}
	return nil
}

func oneOf(values []string) string { return "one of " + strings.Join(values, ", ") }

// checkProxy refuses what is no address of a proxy, and one with a password in
// it: the file is no place for that.
func checkProxy(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return fmt.Errorf("%w: not an address", ErrSettings) // the error would repeat a password
	}
	_, password := u.User.Password()
	if !slices.Contains([]string{"http", "https", "socks5"}, u.Scheme) || u.Hostname() == "" || password {
		return fmt.Errorf("%w: not the address of a proxy, or one with a password", ErrSettings)
	}
	return nil
}
