// Cie-pkcs11-helper is the process behind the PKCS#11 library of cmd/cie-pkcs11,
// which starts it with one end of a socket pair as standard input. It serves the
// one program that has loaded the library, and ends when that closes its end.
//
// Nobody else starts it.
package main

import (
	"log/slog"
	"os"
	"time"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/logging"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/pcsc"
	"github.com/softwarecie/cie/pkcs11module"
)

// patience is how long the end may take; the library waits 2 s.
const patience = 1700 * time.Millisecond

func main() {
	secret.NoDumps()
	set, wrong := settings.Here().Load()
	log := logging.Open(settings.LogFolder(), "cie-pkcs11", set.Log.Level)
	if wrong != nil {
		log.Error("settings", "error", wrong)
	}
	client := pcsc.New()
	start := func(firstHandle uint64, ulongSize int) *pkcs11module.Module {
		holder, options := configure(client, set, log)
		options.FirstHandle, options.ULongSize = firstHandle, ulongSize
		return pkcs11module.New(holder, client, options)
	}
	in, out := ends()
	if err := serve(&ending{in}, out, start, log); err != nil {
		os.Exit(1)
	}
}

// An ending reads from the library, and makes sure that the process ends soon
// after the library is gone, whatever a card is doing.
type ending struct{ file *os.File }

func (e *ending) Read(p []byte) (int, error) {
	n, err := e.file.Read(p)
	if err != nil {
		time.AfterFunc(patience, func() { os.Exit(1) })
	}
	return n, err
}

// configure makes the module by the settings. It works without them and without
// pairings, too: then all eight digits are asked for.
func configure(client *pcsc.Client, set settings.Settings, log *slog.Logger) (*cie.Holder, pkcs11module.Options) {
	cards := cie.OnPCSC(client)
	holder, err := set.Holder(cards, settings.KeyringPatienceModule)
	if holder == nil {
		log.Error("settings", "error", err)
		holder, _ = settings.Default().Holder(cards, settings.KeyringPatienceModule)
	}
	return holder, pkcs11module.Options{Slots: set.Module.Slots, Idle: set.Module.Idle.Duration, Log: log}
}
