package i18n

import "github.com/softwarecie/cie/internal/pairing"

// Kept says what a stored file is for and what is in it.
func (c *Catalogue) Kept(k pairing.Kept) string {
	text := c.T("kept." + string(k.Kind))
	if k.Half {
		text += " " + c.T("kept.half")
	}
	return text
}
