package i18n

import (
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/pairing"
)

func TestKept(t *testing.T) {
	for _, l := range Languages() {
		c := Load(l)
		for _, kind := range []pairing.Kind{
			pairing.KindKey, pairing.KindLock, pairing.KindCard, pairing.KindPending, pairing.KindTries, pairing.KindRest, pairing.KindKeyring,
			"settings", "window", "undo", "log", // of internal/settings
		} {
			if text := c.Kept(pairing.Kept{Kind: kind}); strings.HasPrefix(text, "kept.") {
				t.Errorf("%s: nothing is said of %s", l, kind)
			}
		}
		if plain, half := c.Kept(pairing.Kept{Kind: pairing.KindCard}), c.Kept(pairing.Kept{Kind: pairing.KindCard, Half: true}); plain == half {
			t.Errorf("%s: the half of the PIN is not told", l)
		}
	}
}
