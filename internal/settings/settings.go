// Package settings reads what a person or an administrator has set, and makes a
// Holder of it: the same for the command line, the window and the PKCS#11 module.
package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/trust"
)

// Settings are the contents of config.toml. The zero value of each is not its
// default: see Default.
type Settings struct {
	Trust struct {
		Extra []string `toml:"extra"` // folders of CA certificates to believe, for tests
	} `toml:"trust"`
	Pairing struct {
		Half    bool `toml:"half"`    // keep the first half of the PIN, sealed
		Keyring bool `toml:"keyring"` // half of the sealing key is in the system's keyring
	} `toml:"pairing"`
	PIN struct {
		LastTryGuard bool     `toml:"last-try-guard"` // the last try needs typed consent
		Linger       Duration `toml:"linger"`         // how long a card stays open for the next signature
	} `toml:"pin"`
	Module struct {
		Slots int      `toml:"slots"` // places for a card that programs see, 1 to 8
		Idle  Duration `toml:"idle"`  // without a signature, after which the PIN is asked for again
	} `toml:"module"`
	Window struct {
		Theme    string `toml:"theme"`     // one of Themes
		TextSize int    `toml:"text-size"` // percent, 100 to 200
		Tray     bool   `toml:"tray"`      // an icon in the panel while the window is closed
	} `toml:"window"`
	Log struct {
		Level string `toml:"level"` // one of LogLevels
	} `toml:"log"`
	Proxy struct {
		Mode string `toml:"mode"` // one of ProxyModes
		URL  string `toml:"url"`  // of a manual one: http, https or socks5, without a password
	} `toml:"proxy"`
	Update struct {
		Notice bool `toml:"notice"` // the window asks for newer versions, once a day
	} `toml:"update"`
	Language string `toml:"language"` // "": by locale
}

// Themes are those of the window; the first follows the desktop.
func Themes() []string { return []string{"system", "light", "dark", "contrast"} }

// LogLevels are how much is written to the log, the least first.
func LogLevels() []string { return []string{"off", "error", "warn", "info", "debug"} }

// ProxyModes are the ways to the network; the first is the system's.
func ProxyModes() []string { return []string{"system", "none", "manual"} }

// A Duration is written as in "1.5s".
type Duration struct{ time.Duration }

// UnmarshalText reads a duration.
func (d *Duration) UnmarshalText(text []byte) (err error) {
	d.Duration, err = time.ParseDuration(string(text))
	return err
}

// MarshalText writes a duration.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// ErrSettings reports settings that cannot be read or saved.
var ErrSettings = situation.New("settings", "settings")

// maxFile bounds the size of the settings file, in bytes.
const maxFile = 1 << 20

// Default are the settings where nothing is set.
func Default() Settings {
	var s Settings
	s.Pairing.Half = true
	s.PIN.LastTryGuard = true
	s.PIN.Linger.Duration = cie.DefaultLinger
	s.Module.Slots = 2
	s.Module.Idle.Duration = 10 * time.Minute
	s.Window.Theme, s.Window.TextSize, s.Window.Tray = "system", 100, true
	s.Log.Level, s.Proxy.Mode = "warn", "system"
	return s
}

// Path is the settings file of this user: $CIE_CONFIG, or cie/config.toml in the
// configuration folder. "" when there is no such folder.
func Path() string {
	if path := os.Getenv("CIE_CONFIG"); path != "" {
		return path
	}
	folder, err := os.UserConfigDir()
	if err != nil {
		return ""
	}
	return filepath.Join(folder, "cie", "config.toml")
}

// Load reads a settings file; one that is not there gives the defaults. An
// unknown name in it is an error: it is a mistake somebody would look for.
func Load(path string) (Settings, error) {
	s, _, err := onto(Default(), path)
	return s, err
}

// parse reads the text of a settings file.
func parse(content []byte) (Settings, error) {
	s := Default()
	_, err := decode(content, &s)
	return s, err
}

// resolve makes the folders absolute: "~/" is the home folder, others are beside
// the file.
func (s *Settings) resolve(base string) {
	for i, folder := range s.Trust.Extra {
		if rest, ok := strings.CutPrefix(folder, "~/"); ok {
			if home, err := os.UserHomeDir(); err == nil {
				folder = filepath.Join(home, rest)
			}
		}
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(base, folder)
		}
		s.Trust.Extra[i] = folder
	}
}

// Patience for the system's keyring.
const (
	KeyringPatience       = 2 * time.Second        // where a person sits before it
	KeyringPatienceModule = 300 * time.Millisecond // inside another program
)

// Holder makes a Holder for the cards, with this user's pairings. Where there is
// no folder for them it works without: then all eight digits are needed.
func (s Settings) Holder(cards cie.Cards, keyring time.Duration) (*cie.Holder, error) {
	roots, err := trust.Load(s.Trust.Extra)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	h := &cie.Holder{Cards: cards, Roots: roots}
	folder, err := pairing.DefaultFolder()
	if err != nil {
		return h, s.Apply(h, keyring) // see above
	}
	if h.Pairings, err = pairing.Open(folder); err != nil {
		return h, err
	}
	return h, s.Apply(h, keyring)
}

// Apply gives a Holder, which nobody else may be using, what these settings say.
func (s Settings) Apply(h *cie.Holder, keyring time.Duration) (err error) {
	h.Linger, h.KeepHalf, h.LastTry = s.PIN.Linger.Duration, s.Pairing.Half, !s.PIN.LastTryGuard
	if h.Pairings == nil {
		return nil
	}
	var options []pairing.Option
	if s.Pairing.Keyring {
		options = append(options, pairing.WithKeyring(keyring))
	}
	h.Pairings, err = pairing.Open(h.Pairings.Folder(), options...)
	return err
}
