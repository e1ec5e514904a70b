package i18n

import (
	"slices"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/trust"
)

func TestCertificate(t *testing.T) {
	d := trust.Certificate{
		Holder: trust.Holder{
			Name: "MARIA", Surname: "ROSSI", TaxCode: "RSSMRA80A41H501X", DocumentNumber: "CA00000AA",
			From: time.Date(2022, 6, 15, 0, 0, 0, 0, time.UTC), Expires: time.Date(2032, 6, 14, 0, 0, 0, 0, time.UTC),
		},
		Issuer: "sub", Chain: []string{"sub", "root"}, Serial: "01 02", SHA256: "FF", Bits: 2048, Genuine: trust.Test,
	}
	for _, l := range Languages() {
		c := Load(l)
		open := c.Certificate(d, false)
		all := c.Certificate(d, true)
		if len(all) != 12 || len(open) != 11 {
			t.Errorf("%s: %d and %d rows", l, len(all), len(open))
		}
		has := func(rows []Row, value string) bool {
			return slices.ContainsFunc(rows, func(r Row) bool { return r.Value == value })
		}
		if has(open, d.TaxCode) || !has(all, d.TaxCode) {
			t.Errorf("%s: the tax code is shown when it should not, or the other way round", l)
		}
		for _, want := range []string{"MARIA ROSSI", c.Date(d.From), c.Date(d.Expires), "sub › root", c.T("genuine.test")} {
			if !has(open, want) {
				t.Errorf("%s: no %q in %v", l, want, open)
			}
		}
	}
	if rows := Load(English).Certificate(trust.Certificate{Genuine: trust.Unknown}, true); slices.ContainsFunc(rows, func(r Row) bool { return r.Value == "" }) {
		t.Errorf("empty rows: %v", rows)
	}
}
