package gui

import (
	"testing"

	"github.com/softwarecie/cie/internal/i18n"
)

func TestVerify(t *testing.T) {
	b := newBench(t, i18n.Italian)
	b.Go(newVerify)
	b.typed("12345678")
	b.tap("win.verify.go")
	b.sees("cli.pin-right")
	b.tap("win.done")

	b.Go(newVerify)
	b.typed("00000000")
	b.tap("win.verify.go")
	b.sees("error.pin-wrong.what")
	b.sees("tries.left", "n", 2)
	if ledger := b.demo.Cards[0].Ledger(); len(ledger) == 0 || ledger[len(ledger)-1].Tries != 2 {
		t.Errorf("ledger %+v", ledger)
	}
}
