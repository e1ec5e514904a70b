package emulator

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
)

// officialATRs are those that the official Windows middleware registers, and the
// twelfth of the macOS one (1.1 of the chip specification).
var officialATRs = map[string]string{
	"gemalto2": "3B8F8001 80318065B0850300EF120FFF829000 73",
	"gemalto":  "3B8F8001 80318065B085040011120FFF829000 8A",
	"nxp":      "3B8E8001 8031806549544E5850120FFF8290 F0",
	"stm":      "3B8B8001 8066475000B8007F829000 2E",
	"stm2":     "3B80800101",
	"stm3":     "3B8B8001 8066475000B80094829000 C5",
	"itj4b":    "3B8F8001 8031806549544A3442120FFF829000 8B",
	"itj4a":    "3B8F8001 8031806549544A3441120FFF829000 88",
	"itj4d":    "3B8F8001 8031806549544A3444120FFF829000 8D",
	"itj4c":    "3B8F8001 8031806549544A3443120FFF829000 8A",
	"itj4i":    "3B8F8001 8031806549544A3449120FFF829000 80",
	"itj4l":    "3B8F8001 8031806549544A344C120FFF829000 85",
}

// makerRuns are the runs of bytes in EF.ATR by which clients tell makers (1.2).
var makerRuns = map[string]string{
	"gemalto": "496173456363526F6F74", "gemalto2": "47039441C0", "nxp": "80004301B846041010101047039401 80",
	"stm": "80004301B946040000001047039401814F0CA000000095000000008A0001", "itj4a": "80004301B846041010101047039401E07F66080202",
}

func TestProfiles(t *testing.T) {
	if n := len(Profiles()); n != len(officialATRs) {
		t.Errorf("%d profiles, want %d", n, len(officialATRs))
	}
	for name, want := range officialATRs {
		t.Run(name, func(t *testing.T) {
			m := newTerminal(t, Options{Profile: name})
			atr := m.card.ATR()
			if !bytes.Equal(atr, unhex(want)) {
				t.Errorf("ATR %X, want %s", atr, want)
			}
			tck := byte(0)
			for _, b := range atr[1:] {
				tck ^= b
			}
			if tck != 0 { // ISO/IEC 7816-3:2006 §8.2.5
				t.Errorf("the check byte is off by %02X", tck)
			}
			m.verified()
			if _, sw := m.sign(make([]byte, 51)); sw != 0x9000 {
				t.Errorf("signature: %v", sw)
			}
			if got := m.readSecure("1003"); !bytes.Equal(got, m.card.Certificate().Raw) {
				t.Errorf("EF 1003 = %X", got)
			}
			if got := m.sod().report(m); got[:4] != "good" {
				t.Errorf("SOD: %s", got)
			}
		})
	}
}

func TestMakersAreToldByEFATR(t *testing.T) {
	for name, run := range makerRuns {
		t.Run(name, func(t *testing.T) {
			m := newTerminal(t, Options{Profile: name})
			m.sw("00A40000")
			m.sw("00A4020C022F01")
			if got := m.readPlain(); !bytes.Contains(got, unhex(run)) || !bytes.HasSuffix(got, unhex("82029000")) {
				t.Errorf("EF.ATR = %X", got)
			}
		})
	}
}

// The personalities of the chip specification, 13.5, with the ATR it gives them.
func TestPersonalities(t *testing.T) {
	for name, profile := range map[string]string{"NXP": "nxp", "GEMALTO": "gemalto", "ST": "stm", "JCOP4": "itj4d", "": "itj4d"} {
		t.Run(name, func(t *testing.T) {
			p, err := ProfileNamed(name)
			if err != nil || !bytes.Equal(p.ATR, unhex(officialATRs[profile])) {
				t.Errorf("%q is %s, %v, want %s", name, p.Name, err, profile)
			}
		})
	}
}

func TestUnknownProfile(t *testing.T) {
	if _, err := New(Options{Profile: "visa"}); err == nil {
		t.Error("made")
	}
}

// A cost is what 13.6 of the chip specification counts: APDUs, bytes to the card,
// bytes from it, status words included.
func (m *terminal) cost(f func()) string {
	m.card.ResetStats()
	f()
	s := m.card.Stats()
	return fmt.Sprint(s.APDUs, " ", s.BytesIn, " ", s.BytesOut)
}

// The costs in APDUs and bytes that the specification counted, in the style of
// the official middleware (no Le, so 61xx) and in the lean one.
func TestCosts(t *testing.T) {
	for _, style := range []struct {
		name                                               string
		b                                                  Behaviour
		ne                                                 int
		selected, group, agree, dapp, verify, sign, change string
	}{
		{"official", Behaviour{AlwaysMoreData: true}, 0, "2 29 4", "8 76 606", "5 297 274", "10 862 442", "1 35 16", "3 107 303", "1 43 16"},
		{"lean", Behaviour{}, 256, "2 29 4", "5 64 600", "4 293 272", "10 862 442", "1 35 16", "3 107 303", "1 43 16"},
	} {
		t.Run(style.name, func(t *testing.T) {
			m := with(t, style.b)
			m.ne = style.ne
			for _, step := range []struct {
				name, want string
				f          func()
			}{
				{"SELECT IAS + CIE", style.selected, m.selectCIE},
				{"GET DATA g, p, q", style.group, m.parameters},
				{"key agreement", style.agree, m.agree},
				{"DAPP", style.dapp, func() { m.official() }},
				{"VERIFY", style.verify, func() { m.sure(0x20, 0, 0x81, []byte("12345678"), 0) }},
				{"sign", style.sign, func() { m.sign(make([]byte, 51)) }},
				{"CHANGE PIN", style.change, func() { m.sure(0x24, 0, 0x81, []byte("1234567811223344"), 0) }},
			} {
				if got := m.cost(step.f); got != step.want {
					t.Errorf("%s: %s, want %s", step.name, got, step.want)
				}
			}
		})
	}
}

// official runs device authentication with DO 97 as the official middleware has
// it: in MSE SET 81B6, too (4.5).
func (m *terminal) official() {
	m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 256)
	m.sure(0x2A, 0x00, 0xAE, m.certificate(nil), 0)
	m.sure(0x22, 0x81, 0xA4, unhex("830C000000002000000000000001"), 0)
	m.internal(m.external())
}

// The order in which the official middleware pairs (13.3, 11, and appendix B):
// selection in the middle must not disturb anything.
func TestPairingInTheOfficialOrder(t *testing.T) {
	for _, p := range Profiles() {
		t.Run(p.Name, func(t *testing.T) {
			m := newTerminal(t, Options{Profile: p.Name})
			m.ne = 0
			root := "00A4040C0DA0000000308000000009816001"
			if p.Behaviour.RefuseIASName {
				root = "00A40000" // as it does for these
			}
			read := func(id string) []byte { // FCP wanted, no Le, 128 bytes a time
				m.t.Helper()
				fcp := m.must(apdu.Command{INS: 0xA4, P1: 2, P2: 4, Data: unhex(id)})
				if len(fcp) < 6 || fcp[0] != 0x62 || fcp[2] != 0x80 {
					t.Fatalf("FCP %X", fcp)
				}
				var content []byte
				for {
					data, sw := m.plain(apdu.Command{INS: 0xB0, P1: byte(len(content) >> 8), P2: byte(len(content)), Ne: 128})
					content = append(content, data...)
					if sw == 0x6282 || sw == 0x6B00 || sw == 0x9000 && len(data) == 0 {
						break
					}
					wantSW(t, sw, 0x9000)
				}
				if size := int(fcp[4])<<8 | int(fcp[5]); size != len(content) {
					t.Errorf("file %s: FCP says %d, %d were read", id, size, len(content))
				}
				return content
			}
			wantSW(t, m.sw(root), 0x9000)
			pan := read("D003")
			wantSW(t, m.sw("00A4040C06A00000000039"), 0x9000)
			device := read("1004")
			wantSW(t, m.sw("002241A406800102840183"), 0x9000)
			text := []byte(fmt.Sprintf("%X", pan[5:11]))
			answer := m.must(apdu.Command{INS: 0x88, Data: text})
			if got := m.card.who().keys.services.public(answer); !bytes.Equal(got, type1(256, text)) {
				t.Errorf("key 83 signed %X", got)
			}
			nis, sod, services := read("1001"), read("1006"), read("1005")
			wantSW(t, m.sw(root), 0x9000)
			group := read("D004")
			if len(nis) != 12 || sod[0] != 0x77 || services[0] != 0x30 || len(group) == 0 || device[0] != 0x30 {
				t.Errorf("contents %X %X %X %X", nis, sod[:4], services[:4], group)
			}
			wantSW(t, m.sw(root), 0x9000)
			m.verified()
			if got := m.readSecure("1002"); string(got) != m.card.Holder().Document {
				t.Errorf("EF 1002 = %q", got)
			}
			if got := m.readSecure("1003"); !bytes.Equal(got, m.card.Certificate().Raw) {
				t.Errorf("EF 1003 = %X", got)
			}
		})
	}
}

// The NIS readers' ways of reading: short identifiers in two parts, and odd
// READ BINARY with Le E7 (3.3).
func TestReadingLikeNISReaders(t *testing.T) {
	m := with(t, Behaviour{})
	m.selectCIE()
	first, second := m.raw("00B08500E7"), m.raw("00B085E700")
	if got := append(first[:len(first)-2], second[:len(second)-2]...); !bytes.Equal(got, publicKeyFile(m.card.who().keys.services)) {
		t.Errorf("EF 1005 = %X", got)
	}
	var sod []byte
	for range 64 {
		data, sw := m.plain(apdu.Command{INS: 0xB1, P2: 0x06, Data: []byte{0x54, 2, byte(len(sod) >> 8), byte(len(sod))}, Ne: 0xE7})
		if sw == 0x6B00 {
			break
		}
		value := m.find(data, 0x53)
		if sw == 0x9000 && len(value) != 228 {
			t.Fatalf("%d bytes at a time, want 228", len(value))
		}
		if sod = append(sod, value...); sw == 0x6282 {
			break
		}
	}
	if !bytes.Equal(sod, m.file("1006")) {
		t.Errorf("EF.SOD by odd READ BINARY: %d bytes", len(sod))
	}
	m.sw("00A4040C0DA0000000308000000009816001")
	m.sw("00A4020C02D003")
	if got := m.raw("00B1000004540200000E"); len(got) != 16 || got[0] != 0x53 || got[1] != 12 {
		t.Errorf("EF D003 by odd READ BINARY = %X", got)
	}
}

func TestSeedsAreDifferentCardsAndAlwaysTheSame(t *testing.T) {
	pans := map[string]string{}
	for _, seed := range []string{"", "a", "b"} {
		one, err := New(Options{Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		two, _ := New(Options{Seed: seed})
		if one.PAN() != two.PAN() || !bytes.Equal(one.Certificate().Raw, two.Certificate().Raw) {
			t.Errorf("seed %q is not the same card twice", seed)
		}
		if other, taken := pans[one.PAN()]; taken {
			t.Errorf("seeds %q and %q have the same number", seed, other)
		}
		pans[one.PAN()] = seed
		tax := one.Holder().TaxCode
		if seed != "" && (len(tax) != 16 || tax[15] != taxCodeCheck(tax[:15])) {
			t.Errorf("tax code %s", tax)
		}
	}
}

func TestTaxCodeCheck(t *testing.T) {
	// Published examples of the check character.
	for code, want := range map[string]byte{"RSSMRA80A01H501": 'U', "RSSMRA85T10A562": 'S', "MRTMTT91D08F205": 'J'} {
		if got := taxCodeCheck(code); got != want {
			t.Errorf("%s: %c, want %c", code, got, want)
		}
	}
}

func TestHolderCertificate(t *testing.T) {
	c, err := New(Options{})
	if err != nil {
		t.Fatal(err)
	}
	cert, a := c.Certificate(), theAuthorities()
	roots, middle := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(a.root.certificate)
	middle.AddCert(a.sub.certificate)
	options := x509.VerifyOptions{Roots: roots, Intermediates: middle, CurrentTime: day(2026), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if _, err := cert.Verify(options); err != nil {
		t.Error(err)
	}
	if len(cert.Policies) != 1 || cert.Policies[0].String() != "1.3.76.47.4" {
		t.Errorf("policies %v", cert.Policies)
	}
	if cert.KeyUsage != x509.KeyUsageDigitalSignature || cert.Subject.CommonName[:16] != c.Holder().TaxCode || cert.Subject.SerialNumber != "CA00000AA" {
		t.Errorf("%v %v", cert.KeyUsage, cert.Subject)
	}
	for _, name := range []string{a.root.certificate.Subject.CommonName, a.sub.certificate.Subject.CommonName, a.csca.certificate.Subject.CommonName} {
		if name[len(name)-5:] != " TEST" {
			t.Errorf("%q does not say TEST", name)
		}
	}
	expired, err := New(Options{From: day(2010), Until: day(2020)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := expired.Certificate().Verify(options); err == nil {
		t.Error("the expired certificate is valid")
	}
}
