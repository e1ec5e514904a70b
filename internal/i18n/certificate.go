package i18n

import (
	"strings"
	"time"

	"github.com/softwarecie/cie/internal/trust"
)

// A Row is one thing that is known of something, with its name.
type Row struct{ Name, Value string }

// Certificate is a holder's certificate in words. The tax code is in it only if
// private is set.
func (c *Catalogue) Certificate(d trust.Certificate, private bool) []Row {
	rows := []Row{
		{"certificate.holder", d.FullName()},
		{"certificate.document", d.DocumentNumber},
		{"certificate.tax-code", d.TaxCode},
		{"certificate.from", c.Date(d.From)},
		{"certificate.expires", c.Date(d.Expires)},
		{"certificate.issuer", d.Issuer},
		{"certificate.chain", strings.Join(d.Chain, " › ")},
		{"certificate.genuine", c.T("genuine." + string(d.Genuine))},
		{"certificate.use", c.T("certificate.use.login")},
		{"certificate.key", c.T("certificate.key.rsa", "bits", d.Bits)},
		{"certificate.serial", d.Serial},
		{"certificate.sha256", d.SHA256},
	}
	var shown []Row
	for _, r := range rows {
		if r.Value == "" || r.Name == "certificate.tax-code" && !private {
			continue
		}
		shown = append(shown, Row{c.T(r.Name), r.Value})
	}
	return shown
}

// Date is a day as it is written in the language.
func (c *Catalogue) Date(t time.Time) string { return t.Format(c.T("win.date")) }
