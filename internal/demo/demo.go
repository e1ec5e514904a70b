// Package demo is a card in software with a place to remember it, for trying the
// programs without a reader: emulated cards, a state of their own that issued
// them, and a folder that is removed at the end. Their codes protect nothing.
package demo

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
)

// A Demo is some cards, and a Holder of them.
type Demo struct {
	Holder *cie.Holder
	Cards  []Card

	folder string
}

// A Card is an emulated card in a reader of its own.
type Card struct {
	Reader string
	*emulator.Card
}

// New makes one card for each reader.
func New(linger time.Duration, readers ...string) (d *Demo, err error) {
	d = &Demo{}
	if d.folder, err = os.MkdirTemp("", "cie-demo-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Close())
		}
	}()
	slots := map[string]cie.Software{}
	for i, reader := range readers {
		options := emulator.Options{}
		if i > 0 {
			options.Seed = reader
		}
		card, err := emulator.New(options)
		if err != nil {
			return nil, err
		}
		if err := card.Dump(d.trust()); err != nil {
			return nil, err
		}
		slots[reader] = card
		d.Cards = append(d.Cards, Card{reader, card})
	}
	d.Holder = &cie.Holder{Cards: cie.InSlots(slots), KeepHalf: true, Linger: linger}
	if d.Holder.Roots, err = trust.Load([]string{d.trust()}); err != nil {
		return nil, err
	}
	if d.Holder.Pairings, err = pairing.Open(filepath.Join(d.folder, "pairings")); err != nil {
		return nil, err
	}
	return d, d.furnish()
}

func (d *Demo) trust() string { return filepath.Join(d.folder, "trust") }

// Close removes the folder.
func (d *Demo) Close() error { return os.RemoveAll(d.folder) }
