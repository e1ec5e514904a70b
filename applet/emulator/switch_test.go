package emulator

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// readPlain reads the whole current file, whatever way it ends.
func (m *terminal) readPlain() []byte {
	m.t.Helper()
	var content []byte
	for len(content) < 8192 {
		data, sw := m.plain(apdu.Command{INS: 0xB0, P1: byte(len(content) >> 8), P2: byte(len(content)), Ne: 256})
		if sw&0xFF00 == 0x6C00 {
			data, sw = m.plain(apdu.Command{INS: 0xB0, P1: byte(len(content) >> 8), P2: byte(len(content)), Ne: int(sw & 0xFF)})
		}
		content = append(content, data...)
		if sw != 0x9000 || len(data) == 0 {
			break
		}
	}
	return content
}

// file selects a file of DF_CIE and reads it.
func (m *terminal) file(id string) []byte {
	m.t.Helper()
	m.selectCIE()
	wantSW(m.t, m.sw("00A4020C02"+id), 0x9000)
	return m.readPlain()
}

// sod is the security object as a plain reader sees it.
func (m *terminal) sod() *readSOD {
	m.t.Helper()
	s, err := parseSOD(m.file("1006"))
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

// A readSOD is what a verifier with Go's own ASN.1 reader finds in EF.SOD.
type readSOD struct {
	version    int
	digests    map[byte][]byte
	signed     []byte // signed attributes as a SET
	algorithm  asn1.ObjectIdentifier
	signature  []byte
	signer     *x509.Certificate
	issuer     []byte
	attributes []byte // digest of the content, in the attributes
	content    []byte
	ids        []byte // in order
}

func parseSOD(file []byte) (*readSOD, error) {
	outer, _, err := tlv.Next(file) // zeros may follow
	if err != nil {
		return nil, err
	}
	inner := outer.Value
	type algorithm struct {
		OID        asn1.ObjectIdentifier
		Parameters asn1.RawValue `asn1:"optional"`
	}
	type signerInfo struct {
		Version int
		SID     struct {
			Issuer asn1.RawValue
			Serial *big.Int
		}
		Digest     algorithm
		Attributes asn1.RawValue `asn1:"tag:0"`
		Algorithm  algorithm
		Signature  []byte
	}
	var info struct {
		Type asn1.ObjectIdentifier
		Data struct {
			Version int
			Digests []algorithm `asn1:"set"`
			Content struct {
				Type    asn1.ObjectIdentifier
				Content []byte `asn1:"explicit,tag:0"`
			}
			Certificates asn1.RawValue `asn1:"tag:0"`
			Signers      []signerInfo  `asn1:"set"`
		} `asn1:"explicit,tag:0"`
	}
	if _, err := asn1.Unmarshal(inner, &info); err != nil {
		return nil, err
	}
	var lds struct {
		Version   int
		Algorithm algorithm
		Hashes    []struct {
			ID   asn1.RawValue
			Hash []byte
		}
		Rest asn1.RawValue `asn1:"optional"`
	}
	if _, err := asn1.Unmarshal(info.Data.Content.Content, &lds); err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(info.Data.Certificates.Bytes)
	if err != nil {
		return nil, err
	}
	s := info.Data.Signers[0]
	attributes := s.Attributes.Bytes
	out := &readSOD{
		version: lds.Version, digests: map[byte][]byte{}, signed: der(0x31, attributes), algorithm: s.Algorithm.OID,
		signature: s.Signature, signer: cert, issuer: s.SID.Issuer.FullBytes, content: info.Data.Content.Content,
		attributes: attributes[len(attributes)-len(lds.Hashes[0].Hash):],
	}
	for _, h := range lds.Hashes {
		out.digests[h.ID.Bytes[0]] = h.Hash
		out.ids = append(out.ids, h.ID.Bytes[0])
	}
	return out, nil
}

// verify checks the signature with Go's own RSA.
func (s *readSOD) verify() error {
	public := s.signer.PublicKey.(*rsa.PublicKey)
	switch s.algorithm.String() {
	case "1.2.840.113549.1.1.10":
		return rsa.VerifyPSS(public, crypto.SHA512, digest(crypto.SHA512, s.signed), s.signature, &rsa.PSSOptions{SaltLength: 64})
	case "1.2.840.113549.1.1.11":
		return rsa.VerifyPKCS1v15(public, crypto.SHA256, digest(crypto.SHA256, s.signed), s.signature)
	case "1.2.840.113549.1.1.5":
		return rsa.VerifyPKCS1v15(public, crypto.SHA1, digest(crypto.SHA1, s.signed), s.signature)
	}
	return fmt.Errorf("algorithm %v", s.algorithm)
}

// report says what a verifier finds, in a word.
func (s *readSOD) report(m *terminal) string {
	a := theAuthorities()
	hash := crypto.SHA512
	if s.version == 0 {
		hash = crypto.SHA256
	}
	switch {
	case s.verify() != nil:
		return "signature"
	case !bytes.Equal(s.attributes, digest(hash, s.content)):
		return "content"
	case s.signer.CheckSignatureFrom(a.csca.certificate) != nil:
		return "issuer"
	case !bytes.Equal(s.digests[0xA1], digest(hash, m.file("1001"))):
		return "digest"
	}
	return fmt.Sprintf("good %d %v", s.version, s.algorithm)
}

func TestSwitches(t *testing.T) {
	t.Parallel()
	sw := func(digits string) func(*terminal) string {
		return func(m *terminal) string { m.selectCIE(); return m.sw(digits).String() }
	}
	afterOpen := func(do func(m *terminal) apdu.SW) func(*terminal) string {
		return func(m *terminal) string { m.open(); return do(m).String() }
	}
	wrong := func(m *terminal) apdu.SW { return m.status(0x20, 0, 0x81, []byte("00000000")) }
	sod := func(m *terminal) string { return m.sod().report(m) }
	key83 := func(n int) func(*terminal) string {
		return func(m *terminal) string {
			m.selectCIE()
			m.sw("002241A406800102840183")
			command := fmt.Sprintf("00880000%02X%X00", n, make([]byte, n))
			return fmt.Sprint(bytes.Equal(m.raw(command), m.raw(command)), " ", m.sw(command))
		}
	}
	value := func(m *terminal) string { m.channel(); return fmt.Sprint(len(m.theirs), m.theirs[0] == 0) }
	proof := func(m *terminal) string { // the chip's proof, against EF 1004 and against the real key
		m.channel()
		m.certify()
		m.external()
		m.sure(0x22, 0x41, 0xA4, unhex("84018280019B"), 0)
		mine := make([]byte, 8)
		answer := m.sure(0x88, 0, 0, mine, 0)
		zero := bytes.Equal(answer[:8], make([]byte, 8))
		n := m.find(m.card.identity.files[efDeviceKey], 0x30, 0x02)
		announced := key{n: new(big.Int).SetBytes(n), e: big.NewInt(65537)}.public(answer[8:])
		return fmt.Sprint("real ", m.genuine(answer, mine), ", announced ", announced[0] == 0x6A && announced[255] == 0xBC, ", zero ", zero)
	}
	gp := func(m *terminal) string {
		m.selectCIE()
		m.parameters()
		return fmt.Sprint(len(m.g), len(m.p), m.p[len(m.p)-1]&1, new(big.Int).SetBytes(m.p).ProbablyPrime(1))
	}

	groupUsed := func(m *terminal) string { // as read, and good for a whole device authentication
		m.open()
		return fmt.Sprint(len(m.g), len(m.p), len(m.q))
	}

	for _, tt := range []struct {
		name    string
		set     func(b *Behaviour)
		do      func(m *terminal) string
		off, on string
	}{
		{"no-cie", func(b *Behaviour) { b.NoCIE = true }, func(m *terminal) string {
			return fmt.Sprint(m.sw("00A4040C0DA0000000308000000009816001"), m.sw("00A40000"), m.sw("0084000008"))
		}, "9000 9000 9000", "6A82 6A82 6D00"},
		{"refuse-ias-name", func(b *Behaviour) { b.RefuseIASName = true }, func(m *terminal) string {
			return fmt.Sprint(m.sw("00A4040C0DA0000000308000000009816001"), m.sw("00A40000"), m.sw("00A4020C02D003"))
		}, "9000 9000 9000", "6A82 9000 9000"},
		{"cie-needs-root", func(b *Behaviour) { b.CIENeedsRoot = true }, func(m *terminal) string {
			return fmt.Sprint(m.sw("00A4040C06A00000000039"), m.sw("00A40000"), m.sw("00A4040C06A00000000039"))
		}, "9000 9000 9000", "6A82 9000 9000"},
		{"card-access-mf", func(b *Behaviour) { b.CardAccessMF = true }, func(m *terminal) string {
			return fmt.Sprint(m.sw("00A4020C02011C"), m.sw("00B09C0000"), m.sw("00A4000C"), m.sw("00A4020C02011C"), m.sw("00B0000016"))
		}, "9000 6282 9000 9000 9000", "6982 6982 9000 9000 9000"},
		{"extra-files", func(b *Behaviour) { b.ExtraFiles = true }, func(m *terminal) string {
			m.selectCIE()
			return fmt.Sprint(m.sw("00A4020C021000"), m.sw("00A4020C021007"))
		}, "6A82 6A82", "9000 9000"},
		{"no-dh-file", func(b *Behaviour) { b.NoDHFile = true }, func(m *terminal) string { return m.sw("00A4020C02D004").String() }, "9000", "6A82"},
		{"no-sfi", func(b *Behaviour) { b.NoSFI = true }, func(m *terminal) string {
			m.selectCIE()
			return fmt.Sprint(m.sw("00B081000C"), m.sw("00B1000104540200000E"), m.sw("00A4020C021001"), m.sw("00B000000C"))
		}, "9000 9000 9000 9000", "6A82 6A82 9000 9000"},
		{"no-fcp", func(b *Behaviour) { b.NoFCP = true }, func(m *terminal) string {
			m.selectCIE()
			return fmt.Sprintf("%X", m.raw("00A40204021001"))
		}, "621B8002000C8201018302" + "1001880108A1088C0201009C0201008A0105" + "9000", "9000"},
		{"end-of-file", func(b *Behaviour) { b.EndOfFile = "6b00" }, ends, "6282 6B00 6282", "9000 6B00 9000"},
		{"end-of-file", func(b *Behaviour) { b.EndOfFile = "empty" }, ends, "6282 6B00 6282", "9000 9000 9000"},
		{"end-of-file", func(b *Behaviour) { b.EndOfFile = "6cxx" }, ends, "6282 6B00 6282", "6C0C 6B00 6C0C"},
		{"end-of-file", func(b *Behaviour) { b.EndOfFile = "endless" }, func(m *terminal) string { return fmt.Sprint(len(m.file("1001"))) }, "12", "8192"},
		{"full-le-00", func(b *Behaviour) { b.FullLe00 = true }, ends, "6282 6B00 6282", "9000 6B00 6282"},
		{"sm-read-max", func(b *Behaviour) { b.ReadMax = 231 }, func(m *terminal) string {
			m.channel()
			m.sure(0xA4, 2, 0x0C, unhex("1004"), 0)
			return fmt.Sprint(len(m.sure(0xB0, 0, 0, nil, 256)))
		}, "256", "231"},
		{"padding", func(b *Behaviour) { b.Padding = 64 }, func(m *terminal) string {
			sod := m.file("1006")
			n, err := tlv.Len(sod)
			return fmt.Sprint(len(sod)-n, err, bytes.Count(sod[n:], []byte{0}), " ", m.sod().report(m))
		}, "0 <nil> 0 good 1 1.2.840.113549.1.1.10", "64 <nil> 64 good 1 1.2.840.113549.1.1.10"},
		{"free-certificate", func(b *Behaviour) { b.FreeCertificate = true }, sw("00B0830010"), "6982", "9000"},
		{"free-serial", func(b *Behaviour) { b.FreeSerial = true }, sw("00B0820009"), "6982", "9000"},
		{"certificate-length", func(b *Behaviour) { b.CertificateSize, b.FreeCertificate = 1, true }, certificateLength, "no", "1"},
		{"certificate-length", func(b *Behaviour) { b.CertificateSize, b.FreeCertificate = -1, true }, certificateLength, "no", "-1"},

		{"always-more-data", func(b *Behaviour) { b.AlwaysMoreData = true }, func(m *terminal) string {
			m.selectCIE()
			return fmt.Sprint(m.sw("00CB3FFF0C4D0A7008BFA10104A3029900"), m.sw("00CB3FFF0C4D0A7008BFA10104A3029700"), m.sw("00CB3FFF0C4D0A7008BFA10104A302990000"))
		}, "9000 6112 9000", "612A 6100 9000"},
		{"more-data-with-le", func(b *Behaviour) { b.MoreDataWithLe = true }, func(m *terminal) string {
			m.selectCIE()
			first, got := m.raw("00CB3FFF0C4D0A7008BFA10104A302990000"), m.raw("00C000002A")
			m.open()
			m.sure(0x84, 0, 0, nil, 8)
			return fmt.Sprint(len(first), len(got))
		}, "44 2", "2 44"},
		{"answer-max", func(b *Behaviour) { b.AnswerMax = 230 }, func(m *terminal) string {
			m.selectCIE()
			return fmt.Sprint(len(m.raw("00CB3FFF0C4D0A7008BFA10104A302970000")), len(m.raw("00C0000000")))
		}, "258 20", "232 46"},
		{"extended", func(b *Behaviour) { b.Extended = true }, func(m *terminal) string {
			m.selectCIE()
			return fmt.Sprint(m.sw("00B0840000010E"), len(m.raw("00CB3FFF00000C4D0A7008BFA10104A30297000000")))
		}, "6700 2", "9000 276"},

		{"refuse-getdata-le", func(b *Behaviour) { b.RefuseGetDataLe = true }, func(m *terminal) string {
			m.selectCIE()
			return fmt.Sprint(m.sw("00CB3FFF0C4D0A7008BFA10104A302990000"), m.sw("00CB3FFF0C4D0A7008BFA10104A3029900"))
		}, "9000 9000", "6700 9000"},
		{"single-dh", func(b *Behaviour) { b.SingleDH = true }, groupForms, "9000 6A88", "9000 9000"},
		{"single-dh-only", func(b *Behaviour) { b.SingleDHOnly = true }, groupForms, "9000 6A88", "6A88 9000"},
		{"dh-group", func(b *Behaviour) { b.Group = "2048-224" }, groupUsed, "256 256 32", "256 256 28"},
		{"dh-group", func(b *Behaviour) { b.Group = "3072" }, groupUsed, "256 256 32", "1 384 384"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "p-even" }, gp, "256 256 1 true", "256 256 0 false"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "p-small" }, gp, "256 256 1 true", "1 8 1 true"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "p-composite" }, gp, "256 256 1 true", "256 256 1 false"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "g-one" }, gp, "256 256 1 true", "1 256 1 true"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "y-zero" }, weakValue, "inside", "0"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "y-one" }, weakValue, "inside", "1"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "y-last" }, weakValue, "inside", "p-1"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "y-large" }, weakValue, "inside", "above p"},
		{"weak-group", func(b *Behaviour) { b.WeakGroup = "y-outside" }, weakValue, "inside", "outside"},
		{"leading-zero", func(b *Behaviour) { b.LeadingZero = true }, value, "256 false", "256 true"},
		{"short-public-value", func(b *Behaviour) { b.ShortValue = true }, value, "256 false", "255 false"},
		{"leading-zero-secret", func(b *Behaviour) { b.LeadingZeroSecret = true }, func(m *terminal) string {
			m.open()
			z := new(big.Int).Exp(new(big.Int).SetBytes(m.theirs), m.x, new(big.Int).SetBytes(m.p)).FillBytes(make([]byte, 256))
			return fmt.Sprint(z[0] == 0)
		}, "false", "true"},
		{"chr-with-a4-only", func(b *Behaviour) { b.CHRWithA4Only = true }, func(m *terminal) string {
			m.channel()
			m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
			m.sure(0x2A, 0, 0xAE, m.certificate(nil), 0)
			return m.status(0x22, 0x81, 0xB6, unhex("830C000000002000000000000001")).String()
		}, "9000", "6A88"},
		{"bad-certificate", func(b *Behaviour) { b.BadCertificate = "6988" }, func(m *terminal) string {
			m.channel()
			m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
			cert := m.certificate(nil)
			cert[30] ^= 1
			return m.status(0x2A, 0, 0xAE, cert).String()
		}, "6982", "6988"},
		{"bad-external", func(b *Behaviour) { b.BadExternal = "6982" }, func(m *terminal) string {
			m.channel()
			m.certify()
			m.sure(0x84, 0, 0, nil, 8)
			return m.status(0x82, 0, 0, m.proof(make([]byte, 8))).String()
		}, "6300", "6982"},
		{"refuse-terminal", func(b *Behaviour) { b.RefuseTerminal = true }, func(m *terminal) string {
			m.channel()
			m.certify()
			return m.status(0x82, 0, 0, m.proof(m.sure(0x84, 0, 0, nil, 8))).String()
		}, "9000", "6300"},
		{"short-challenge", func(b *Behaviour) { b.ShortChallenge = true }, func(m *terminal) string { return fmt.Sprint(len(m.raw("0084000008"))) }, "10", "6"},
		{"fake-device-key", func(b *Behaviour) { b.FakeDeviceKey = true }, proof, "real true, announced true, zero false", "real false, announced false, zero false"},
		{"other-device-key", func(b *Behaviour) { b.OtherDeviceKey = true }, proof, "real true, announced true, zero false", "real false, announced true, zero false"},
		{"zero-serial", func(b *Behaviour) { b.ZeroSerial = true }, proof, "real true, announced true, zero false", "real true, announced true, zero true"},

		{"mirror-status", func(b *Behaviour) { b.MirrorStatus = true }, afterOpen(func(m *terminal) apdu.SW { wrong(m); return m.outer }), "9000", "63C2"},
		{"plain-errors", func(b *Behaviour) { b.PlainErrors = true }, func(m *terminal) string {
			m.open()
			first, protects := wrong(m), m.lastProtects
			second := m.status(0x20, 0, 0x81, []byte("12345678")) // the counters still agree
			return fmt.Sprint(first, protects, second)
		}, "63C2 true 9000", "63C2 false 9000"},
		{"large-chain-answer", func(b *Behaviour) { b.LargeChainAnswer = true }, func(m *terminal) string {
			m.channel()
			m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
			piece := m.wrap(apdu.Command{CLA: 0x10, INS: 0x2A, P2: 0xAE, Data: m.certificate(nil)[:231]})
			return m.sw(fmt.Sprintf("%X", piece)).String()
		}, "9000", "610E"},
		{"break-chain", func(b *Behaviour) { b.BreakChain, b.LargeChainAnswer = true, true }, func(m *terminal) string {
			m.channel()
			m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
			return m.status(0x2A, 0, 0xAE, m.certificate(nil)).String()
		}, "9000", "6A80"},
		{"strict-do97", func(b *Behaviour) { b.StrictLe = true }, func(m *terminal) string {
			m.open()
			_, sw := m.secure(apdu.Command{INS: 0x20, P2: 0x81, Data: []byte("12345678"), Ne: 256})
			return sw.String()
		}, "9000", "6988"},
		{"plain-keeps-session", func(b *Behaviour) { b.PlainKeepsSession = true }, afterOpen(func(m *terminal) apdu.SW {
			m.sw("0084000008")
			return m.status(0x20, 0, 0x81, []byte("12345678"))
		}), "6882", "9000"},
		{"forget-pin-at-select", func(b *Behaviour) { b.ForgetAtSelect = true }, func(m *terminal) string {
			m.verified()
			m.sure(0xA4, 4, 0x0C, aidCIE, 0)
			_, sw := m.sign(make([]byte, 51))
			return sw.String()
		}, "9000", "6982"},
		{"keep-pin", func(b *Behaviour) { b.KeepPIN = true }, func(m *terminal) string {
			m.verified()
			m.open()
			_, sw := m.sign(make([]byte, 51))
			m.card.Reset()
			m.open()
			_, after := m.sign(make([]byte, 51))
			return fmt.Sprint(sw, after)
		}, "6982 6982", "9000 6982"},

		{"tries-readable", func(b *Behaviour) { b.Tries = "verify" }, queries, "9000 63C3", "6A88 63C3"},
		{"tries-readable", func(b *Behaviour) { b.Tries = "both" }, queries, "9000 63C3", "9000 63C3"},
		{"tries-readable", func(b *Behaviour) { b.Tries = "none" }, queries, "9000 63C3", "6A88 6700"},
		{"tries-readable", func(b *Behaviour) { b.Tries = "object" }, queries, "9000 63C3", "9000 6700"},
		{"lenient-verify", func(b *Behaviour) { b.LenientVerify = true }, func(m *terminal) string {
			m.channel()
			m.certify()
			m.external()
			return m.status(0x20, 0, 0x81, []byte("12345678")).String()
		}, "6982", "9000"},
		{"no-dapp", func(b *Behaviour) { b.NoDAPP = true }, func(m *terminal) string {
			m.channel()
			return m.status(0x20, 0, 0x81, []byte("12345678")).String()
		}, "6982", "9000"},
		{"plain-verify-6985", func(b *Behaviour) { b.Plain6985 = true }, sw("00200081083132333435363738"), "6982", "6985"},
		{"wrong-tries", func(b *Behaviour) { b.WrongTries = "6300" }, afterOpen(wrong), "63C2", "6300"},
		{"growing-tries", func(b *Behaviour) { b.GrowingTries = true }, afterOpen(func(m *terminal) apdu.SW { wrong(m); return wrong(m) }), "63C1", "63C2"},
		{"length-costs", func(b *Behaviour) { b.LengthCosts = true }, func(m *terminal) string {
			m.open()
			sw := m.status(0x20, 0, 0x81, []byte("1234567"))
			_, _, left, _ := m.card.Codes()
			return fmt.Sprint(sw, left)
		}, "6700 3", "6700 2"},
		{"wrong-code-ends", func(b *Behaviour) { b.WrongCodeEnds = true }, afterOpen(func(m *terminal) apdu.SW { wrong(m); return wrong(m) }), "63C1", "6882"},
		{"change-needs-pin", func(b *Behaviour) { b.ChangeNeedsPIN = true }, afterOpen(func(m *terminal) apdu.SW {
			return m.status(0x24, 0, 0x81, []byte("1234567811223344"))
		}), "9000", "6982"},
		{"forget-key", func(b *Behaviour) { b.ForgetKey = true }, func(m *terminal) string {
			m.verified()
			_, first := m.sign(make([]byte, 51))
			_, second := m.secure(apdu.Command{INS: 0x88, Data: make([]byte, 51)})
			_, chosen := m.sign(make([]byte, 51))
			return fmt.Sprint(first, second, chosen)
		}, "9000 9000 9000", "9000 6985 9000"},
		{"one-signature", func(b *Behaviour) { b.OneSignature = true }, func(m *terminal) string {
			m.verified()
			_, first := m.sign(make([]byte, 51))
			_, second := m.sign(make([]byte, 51))
			return fmt.Sprint(first, second)
		}, "9000 9000", "9000 6982"},
		{"sign-max", func(b *Behaviour) { b.SignMax = 51 }, key83(52), "true 9000", "true 6A80"},
		{"sign-too-long", func(b *Behaviour) { b.SignTooLong = "6700" }, key83(103), "true 6A80", "true 6700"},
		{"random-services", func(b *Behaviour) { b.RandomServices = true }, key83(32), "true 9000", "false 9000"},
		{"short-services", func(b *Behaviour) { b.ShortServices = true }, key83(32), "true 9000", "true 6A80"},
		{"plain-services", func(b *Behaviour) { b.PlainServices = true }, func(m *terminal) string {
			m.open()
			m.sure(0x22, 0x41, 0xA4, unhex("800102840183"), 0)
			return m.status(0x88, 0, 0, make([]byte, 32)).String()
		}, "9000", "6982"},

		{"old-sod", func(b *Behaviour) { b.OldSOD = true }, sod, "good 1 1.2.840.113549.1.1.10", "good 0 1.2.840.113549.1.1.11"},
		{"sha1-sod", func(b *Behaviour) { b.SHA1SOD = true }, sod, "good 1 1.2.840.113549.1.1.10", "good 0 1.2.840.113549.1.1.5"},
		{"no-dh-digest", func(b *Behaviour) { b.NoDHDigest = true }, func(m *terminal) string {
			return fmt.Sprintf("%X", m.sod().ids)
		}, "A51BA4A3A2A1", "A5A4A3A2A1"},
		{"bad-digest", func(b *Behaviour) { b.BadDigest = "a1" }, sod, "good 1 1.2.840.113549.1.1.10", "digest"},
		{"bad-signature", func(b *Behaviour) { b.BadSignature = true }, sod, "good 1 1.2.840.113549.1.1.10", "signature"},
		{"bad-algorithm", func(b *Behaviour) { b.BadAlgorithm = true }, sod, "good 1 1.2.840.113549.1.1.10", "signature"},
		{"unknown-issuer", func(b *Behaviour) { b.UnknownIssuer = true }, sod, "good 1 1.2.840.113549.1.1.10", "issuer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.do(with(t, Behaviour{})); got != tt.off {
				t.Errorf("off: %s, want %s", got, tt.off)
			}
			var b Behaviour
			tt.set(&b)
			m := with(t, b)
			if got := tt.do(m); got != tt.on {
				t.Errorf("on: %s, want %s", got, tt.on)
			}
			if !strings.Contains(changed(t, b), tt.name) {
				t.Errorf("the switch of this test is %s", changed(t, b))
			}
			seenSwitches[tt.name] = true
		})
	}
	for name := range switchNames(t) {
		if !seenSwitches[name] {
			t.Errorf("no test shows what %s does", name)
		}
	}
}

var seenSwitches = map[string]bool{}

// switchNames are the names of all switches, with their zero values.
func switchNames(t testing.TB) map[string]any {
	t.Helper()
	return behaviourFields(t, Behaviour{})
}

func behaviourFields(t testing.TB, b Behaviour) map[string]any {
	t.Helper()
	text, err := json.Marshal(b)
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// changed names the switches that are not at their zero value.
func changed(t testing.TB, b Behaviour) string {
	zero, now := switchNames(t), behaviourFields(t, b)
	return strings.Join(slices.Sorted(maps.Keys(mapsDiffer(zero, now))), " ")
}

func mapsDiffer(a, b map[string]any) map[string]bool {
	out := map[string]bool{}
	for name := range b {
		if a[name] != b[name] {
			out[name] = true
		}
	}
	return out
}

// ends asks for too much with Le 00, beyond the end, and for one byte too many.
func ends(m *terminal) string {
	m.selectCIE()
	m.sw("00A4020C021001")
	return fmt.Sprint(m.sw("00B0000000"), m.sw("00B0000C0C"), m.sw("00B000000D"))
}

// groupForms asks for q alone, and for all parameters at once.
func groupForms(m *terminal) string {
	m.selectCIE()
	_, alone := m.plain(apdu.Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: unhex("4D0A7008BFA10104A3029900"), Ne: 256})
	together, sw := m.plain(apdu.Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: unhex("4D087006BFA10102A380"), Ne: 256})
	if sw == 0x9000 {
		inner := m.find(together, 0x70, 0xBFA101, 0xA3)
		objects, err := tlv.Parse(inner)
		if err != nil || len(objects) != 3 || objects[0].Tag != 0x97 || objects[1].Tag != 0x98 || objects[2].Tag != 0x99 {
			m.t.Errorf("g, p, q together: %v, %v", objects, err)
		}
	}
	return fmt.Sprint(alone, sw)
}

// weakValue classifies the card's public value.
func weakValue(m *terminal) string {
	m.channel()
	y, p, q := new(big.Int).SetBytes(m.theirs), new(big.Int).SetBytes(m.p), new(big.Int).SetBytes(m.q)
	switch {
	case y.Sign() == 0:
		return "0"
	case y.Cmp(big.NewInt(1)) == 0:
		return "1"
	case y.Cmp(new(big.Int).Sub(p, big.NewInt(1))) == 0:
		return "p-1"
	case y.Cmp(p) >= 0:
		return "above p"
	case new(big.Int).Exp(y, q, p).Cmp(big.NewInt(1)) != 0:
		return "outside"
	}
	return "inside"
}

// certificateLength says by how much the outer length of EF 1003 is off.
func certificateLength(m *terminal) string {
	m.selectCIE()
	if m.sw("00B0830001") == 0x6982 {
		return "no"
	}
	n, err := tlv.Len(m.file("1003"))
	if err != nil {
		m.t.Fatal(err)
	}
	return fmt.Sprint(n - len(m.card.Certificate().Raw))
}

// queries asks for the tries in both ways; nothing may be spent.
func queries(m *terminal) string {
	m.open()
	_, first := m.secure(apdu.Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: unhex("4D087006BF810102A080")})
	second := m.status(0x20, 0, 0x81, nil)
	if _, _, left, _ := m.card.Codes(); left != 3 {
		m.t.Errorf("asking spent a try: %d left", left)
	}
	return fmt.Sprint(first, second)
}

func TestTriesObject(t *testing.T) {
	two := 2
	m := newTerminal(t, Options{Tries: &two, PUKTries: new(int)})
	m.selectCIE()
	for list, want := range map[string]string{
		"4D087006BF810102A080": "700CBF810108A0069A01039B0102",
		"4D087006BF810202A080": "700CBF810208A0069A010A9B0100",
	} {
		if got := fmt.Sprintf("%X", m.getData(list)); got != want {
			t.Errorf("%s → %s, want %s", list, got, want)
		}
	}
}

func TestPSSOfOurOwnIsTheStandards(t *testing.T) {
	k := caKey("signer")
	sum := digest(crypto.SHA512, []byte("anything"))
	if err := rsa.VerifyPSS(k.goPublic(), crypto.SHA512, sum, k.private(encodePSS(k, sum)), &rsa.PSSOptions{SaltLength: 64}); err != nil {
		t.Error(err)
	}
}

func TestSODOrderAndDigests(t *testing.T) {
	m := with(t, Behaviour{})
	s := m.sod()
	if want := []byte{0xA5, 0x1B, 0xA4, 0xA3, 0xA2, 0xA1}; !bytes.Equal(s.ids, want) {
		t.Errorf("order %X, want %X", s.ids, want)
	}
	contents := map[byte][]byte{
		0xA1: m.file("1001"), 0xA4: m.file("1004"), 0xA5: m.file("1005"),
		0xA2: []byte(m.card.Holder().Document), 0xA3: m.card.Certificate().Raw,
	}
	m.sw("00A40000")
	m.sw("00A4020C02D004")
	contents[0x1B] = m.readPlain()
	for id, content := range contents {
		if !bytes.Equal(s.digests[id], digest(crypto.SHA512, content)) {
			t.Errorf("digest %02X is not that of its file", id)
		}
	}
}
