package cli

import (
	"crypto/ed25519"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/situation"
	"github.com/softwarecie/cie/internal/wholefile"
)

// errNoKey means that nothing can be verified: the program is of no release.
var errNoKey = situation.New("release-no-key", "no key is built into this program")

func (a *App) versionCommand() *cobra.Command {
	var verify bool
	var key string
	c := &cobra.Command{
		Use: "version [FILE…]", Short: a.t("cli.version"), Long: a.t("cli.version") + "\n\n" + a.t("cli.version.long"),
		Example: "  cie version\n  cie version --verify\n  cie version --verify cie-cli_1.2.3_amd64.deb\n  cie version --verify --key release.pem Downloads",
		RunE: func(_ *cobra.Command, files []string) error {
			if !verify && (len(files) > 0 || key != "") {
				return a.usage("verify-only")
			}
			a.result.Version = a.Version
			a.print("cie %s", a.Version)
			if verify {
				if err := a.verify(key, files); err != nil {
					return err
				}
			}
			a.succeed()
			return nil
		},
	}
	c.Flags().BoolVar(&verify, "verify", false, a.t("cli.flag.verify"))
	c.Flags().StringVar(&key, "key", "", a.t("cli.flag.key"))
	return c
}

// verify holds the installed programs, or files of a release, against the list that
// a key has signed.
func (a *App) verify(keyFile string, files []string) error {
	key, err := a.releaseKey(keyFile)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return a.verifyInstalled(key)
	}
	for _, file := range files {
		folder, name := filepath.Split(file)
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		names := []string{name}
		if info.IsDir() {
			folder, names = file, nil
		}
		good, err := release.Check(key, folder, names...)
		if err != nil {
			return err
		}
		for _, name := range good {
			a.result.Files = append(a.result.Files, name)
			a.print("✓ %s", name)
		}
	}
	return nil
}

func (a *App) verifyInstalled(key ed25519.PublicKey) error {
	program, err := a.file()
	if err != nil {
		return err
	}
	if a.result.Packages, err = release.CheckInstalled(key, program); err != nil {
		return err
	}
	for _, p := range a.result.Packages {
		a.print("✓ %s", a.t("cli.verified", "name", p.Name, "version", p.Version, "n", p.Files))
	}
	return nil
}

// releaseKey is the key in a file, else the one built in.
func (a *App) releaseKey(file string) (ed25519.PublicKey, error) {
	if file == "" && a.Key == "" {
		return nil, errNoKey
	}
	text := []byte(a.Key)
	if file != "" {
		var err error
		if text, err = wholefile.Read(file, 1<<16); err != nil {
			return nil, err
		}
	}
	return release.ParsePublic(text)
}

// file is that of this program.
func (a *App) file() (string, error) {
	if a.Program != "" {
		return a.Program, nil
	}
	return release.Program()
}
