package emulator

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/softwarecie/cie/applet/apdu"
)

// The rows of the table of transitions, 13.2 of the chip specification, each
// way round. The status words are those of the table.
func TestTransitions(t *testing.T) {
	t.Parallel()
	pin, wrong, puk := []byte("12345678"), []byte("00000000"), []byte("87654321")
	for _, tt := range []struct {
		name string
		do   func(m *terminal) apdu.SW
		want apdu.SW
	}{
		// Selection.
		{"SELECT IAS", func(m *terminal) apdu.SW { return m.sw("00A4040C0DA0000000308000000009816001") }, 0x9000},
		{"SELECT CIE after reset", func(m *terminal) apdu.SW { return m.sw("00A4040C06A00000000039") }, 0x9000},
		{"SELECT eMRTD", func(m *terminal) apdu.SW { return m.sw("00A4040C07A0000002471001") }, 0x9000},
		{"SELECT MF, four bytes", func(m *terminal) apdu.SW { return m.sw("00A40000") }, 0x9000},
		{"SELECT MF, 3F00", func(m *terminal) apdu.SW { return m.sw("00A4000C023F00") }, 0x9000},
		{"SELECT MF, 000C", func(m *terminal) apdu.SW { return m.sw("00A4000C") }, 0x9000},
		{"SELECT unknown AID", func(m *terminal) apdu.SW { return m.sw("00A4040C05A000000001") }, 0x6A82},
		{"SELECT wrong P2", func(m *terminal) apdu.SW { return m.sw("00A402FF021001") }, 0x6A86},
		{"SELECT EF of the root", func(m *terminal) apdu.SW { return m.sw("00A4020C02D003") }, 0x9000},
		{"SELECT EF of DF_CIE from the root", func(m *terminal) apdu.SW { return m.sw("00A4020C021001") }, 0x6A82},
		{"SELECT EF unknown", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00A4020C021111") }, 0x6A82},
		{"SELECT EF of the root from DF_CIE", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00A4020C02D003") }, 0x6A82},
		{"SELECT in plain ends the session", func(m *terminal) apdu.SW {
			m.open()
			m.sw("00A4040C06A00000000039")
			return m.status(0x20, 0, 0x81, pin)
		}, 0x6882},
		{"unknown AID keeps the session", func(m *terminal) apdu.SW {
			m.open()
			m.sw("00A4040C05A000000001")
			return m.status(0x20, 0, 0x81, pin)
		}, 0x9000},
		{"reset ends the session", func(m *terminal) apdu.SW {
			m.open()
			m.card.Reset()
			return m.status(0x20, 0, 0x81, pin)
		}, 0x6882},

		// Reading.
		{"READ BINARY without file", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B0000000") }, 0x6986},
		{"READ NIS", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B081000C") }, 0x9000},
		{"READ short", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B081000D") }, 0x6282},
		{"READ at the end", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B0810C0C") }, 0x6B00},
		{"READ beyond the end", func(m *terminal) apdu.SW { m.selectCIE(); m.sw("00B081000C"); return m.sw("00B0400000") }, 0x6B00},
		{"READ 1002 in plain", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B0820000") }, 0x6982},
		{"READ 1003 in plain", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B0830000") }, 0x6982},
		{"READ 1003 before VERIFY", func(m *terminal) apdu.SW {
			m.open()
			_, sw := m.secure(apdu.Command{INS: 0xB0, P1: 0x83, Ne: 16})
			return sw
		}, 0x6982},
		{"READ 1003 after VERIFY", func(m *terminal) apdu.SW {
			m.verified()
			_, sw := m.secure(apdu.Command{INS: 0xB0, P1: 0x83, Ne: 16})
			return sw
		}, 0x9000},
		{"READ unknown short identifier", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B08F0000") }, 0x6A82},
		{"READ odd, bad offset object", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B1000104550200000E") }, 0x6A80},

		// Objects.
		{"GET DATA from the root", func(m *terminal) apdu.SW {
			m.sw("00A40000")
			return m.sw("00CB3FFF0C4D0A7008BFA10104A302990000")
		}, 0x9000},
		{"GET DATA unknown", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00CB3FFF0C4D0A7008BFA10104A302960000") }, 0x6A88},
		{"GET DATA in the eMRTD", func(m *terminal) apdu.SW {
			m.sw("00A4040C07A0000002471001")
			return m.sw("00CB3FFF0C4D0A7008BFA10104A302990000")
		}, 0x6A88},

		// Key agreement.
		{"GET DATA of the public value before MSE", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00CB3FFF064D04A602910000") }, 0x6985},
		{"GET DATA of the public value twice", func(m *terminal) apdu.SW { m.channel(); return m.status(0xCB, 0x3F, 0xFF, unhex("4D04A6029100")) }, 0x6985},
		{"MSE 41A6 public value 0", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A60980019B830181910100") }, 0x6A80},
		{"MSE 41A6 public value 1", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A60980019B830181910101") }, 0x6A80},
		{"MSE 41A6 public value 2", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A60980019B830181910102") }, 0x9000},
		{"MSE 41A6 wrong algorithm", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A60980018B830181910102") }, 0x6A80},
		{"MSE 41A6 wrong reference", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A60980019B830182910102") }, 0x6A80},
		{"MSE 41A6 objects in another order", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A609910102 83018180019B") }, 0x9000},
		{"MSE wrong P1P2", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241B603830184") }, 0x6A86},

		// Secure messaging.
		{"secure messaging without session", func(m *terminal) apdu.SW {
			m.selectCIE()
			return m.sw("0C2281B618870901EC85FFE9A239F2C39701008E08EE9637C4C9EE9CF300")
		}, 0x6882},
		{"wrong MAC", func(m *terminal) apdu.SW {
			m.channel()
			in := m.wrap(apdu.Command{INS: 0x84, Ne: 8})
			in[len(in)-2] ^= 1
			return m.sw(fmt.Sprintf("%X", in))
		}, 0x6988},
		{"after a wrong MAC the session is over", func(m *terminal) apdu.SW {
			m.channel()
			in := m.wrap(apdu.Command{INS: 0x84, Ne: 8})
			in[len(in)-2] ^= 1
			m.sw(fmt.Sprintf("%X", in))
			return m.status(0x84, 0, 0, nil)
		}, 0x6882},
		{"MAC missing", func(m *terminal) apdu.SW { m.channel(); return m.sw("0C8400000397010800") }, 0x6987},
		{"objects that are none", func(m *terminal) apdu.SW { m.channel(); return m.sw("0C840000039705FF00") }, 0x6988},
		{"counter repeated", func(m *terminal) apdu.SW {
			m.channel()
			in := m.wrap(apdu.Command{INS: 0x84, Ne: 8})
			send(m.t, m.card, in)
			return m.sw(fmt.Sprintf("%X", in))
		}, 0x6988},
		{"padding indicator 02", func(m *terminal) apdu.SW {
			m.channel()
			m.sm.step()
			body := unhex("870902 0000000000000000")
			mac := m.sm.retailMAC(append(iso(append(bytes.Clone(m.sm.ssc[:]), 0x0C, 0x22, 0x81, 0xB6)), body...))
			return m.sw(fmt.Sprintf("0C2281B615%X8E08%X00", body, mac))
		}, 0x6988},
		{"plain command ends the session", func(m *terminal) apdu.SW { m.open(); m.sw("0084000008"); return m.status(0x20, 0, 0x81, pin) }, 0x6882},
		{"plain SELECT of a file keeps it", func(m *terminal) apdu.SW { m.open(); m.sw("00A4020C021001"); return m.status(0x20, 0, 0x81, pin) }, 0x9000},
		{"plain command runs as plain", func(m *terminal) apdu.SW { m.open(); return m.sw("00B081000C") }, 0x9000},
		{"DO 97 of two bytes", func(m *terminal) apdu.SW {
			m.channel()
			m.sm.step()
			body := unhex("97020008")
			mac := m.sm.retailMAC(append(iso(append(bytes.Clone(m.sm.ssc[:]), 0x0C, 0x84, 0, 0)), body...))
			body = append(body, der(0x8E, mac)...)
			out := m.raw(fmt.Sprintf("0C840000%02X%X00", len(body), body))
			_, sw := m.unwrap(0x84, out[:len(out)-2])
			return sw
		}, 0x9000},

		{"DO 97 twice", func(m *terminal) apdu.SW { m.channel(); return m.objects(0xB0, 0x81, 0, "97010C97010C") }, 0x6988},
		{"DO 97 so often that Le overflows", func(m *terminal) apdu.SW {
			m.channel()
			return m.objects(0xB0, 0x81, 0, "97028001970200009702000097020000")
		}, 0x6988},

		// Device authentication.
		{"MSE 81B6 without session", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002281B606800141830184") }, 0x6985},
		{"MSE 81B6 other reference", func(m *terminal) apdu.SW { m.channel(); return m.status(0x22, 0x81, 0xB6, unhex("800141830185")) }, 0x6A88},
		{"MSE 81B6 with DO 97", func(m *terminal) apdu.SW {
			m.channel()
			_, sw := m.secure(apdu.Command{INS: 0x22, P1: 0x81, P2: 0xB6, Data: unhex("800141830184"), Ne: 256})
			return sw
		}, 0x9000},
		{"PSO without MSE", func(m *terminal) apdu.SW { m.channel(); return m.status(0x2A, 0, 0xAE, m.certificate(nil)) }, 0x6985},
		{"PSO no certificate", func(m *terminal) apdu.SW {
			m.channel()
			m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
			return m.status(0x2A, 0, 0xAE, unhex("7F2100"))
		}, 0x6A80},
		{"PSO wrong signature", func(m *terminal) apdu.SW {
			m.channel()
			m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
			cert := m.certificate(nil)
			cert[20] ^= 1
			return m.status(0x2A, 0, 0xAE, cert)
		}, 0x6982},
		{"PSO wrong CPI", spoilt(0), 0x6A80},
		{"PSO wrong CAR", spoilt(1), 0x6A80},
		{"PSO wrong CHA", spoilt(21), 0x6A80},
		{"PSO wrong role", spoilt(27), 0x6A80},
		{"PSO wrong OID", spoilt(36), 0x6A80},
		{"MSE 81A4 before the certificate", func(m *terminal) apdu.SW {
			m.channel()
			return m.status(0x22, 0x81, 0xA4, unhex("830C000000002000000000000001"))
		}, 0x6A88},
		{"MSE 81A4 other terminal", func(m *terminal) apdu.SW {
			m.channel()
			m.certify()
			return m.status(0x22, 0x81, 0xA4, unhex("830C000000002000000000000002"))
		}, 0x6A88},
		{"GET CHALLENGE in plain", func(m *terminal) apdu.SW { return m.sw("0084000008") }, 0x9000},
		{"EXTERNAL AUTHENTICATE without challenge", func(m *terminal) apdu.SW {
			m.channel()
			m.certify()
			return m.status(0x82, 0, 0, m.proof(make([]byte, 8)))
		}, 0x6985},
		{"EXTERNAL AUTHENTICATE before MSE 81A4", func(m *terminal) apdu.SW {
			m.channel()
			return m.status(0x82, 0, 0, m.proof(m.sure(0x84, 0, 0, nil, 8)))
		}, 0x6985},
		{"EXTERNAL AUTHENTICATE wrong", func(m *terminal) apdu.SW {
			m.channel()
			m.certify()
			m.sure(0x84, 0, 0, nil, 8)
			return m.status(0x82, 0, 0, m.proof(make([]byte, 8)))
		}, 0x6300},
		{"EXTERNAL AUTHENTICATE short", func(m *terminal) apdu.SW {
			m.channel()
			m.certify()
			m.sure(0x84, 0, 0, nil, 8)
			return m.status(0x82, 0, 0, make([]byte, 100))
		}, 0x6700},
		{"a challenge serves once", func(m *terminal) apdu.SW {
			m.channel()
			m.certify()
			challenge := m.external()
			return m.status(0x82, 0, 0, m.proof(challenge))
		}, 0x6985},
		{"MSE 41A4 key 82 before the terminal's proof", func(m *terminal) apdu.SW { m.channel(); return m.status(0x22, 0x41, 0xA4, unhex("84018280019B")) }, 0x6A88},
		{"MSE 41A4 key 81 before the terminal's proof", func(m *terminal) apdu.SW { m.channel(); return m.status(0x22, 0x41, 0xA4, unhex("800102840181")) }, 0x6A88},
		{"MSE 41A4 key 83 any time", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A406800102840183") }, 0x9000},
		{"MSE 41A4 unknown key", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("002241A406800102840185") }, 0x6A88},
		{"INTERNAL AUTHENTICATE without MSE", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("0088000008000000000000000000") }, 0x6985},
		{"INTERNAL AUTHENTICATE key 82 of 7 bytes", func(m *terminal) apdu.SW {
			m.channel()
			m.certify()
			m.external()
			m.sure(0x22, 0x41, 0xA4, unhex("84018280019B"), 0)
			return m.status(0x88, 0, 0, make([]byte, 7))
		}, 0x6700},

		// Signatures.
		{"signature without PIN", func(m *terminal) apdu.SW { m.open(); _, sw := m.sign(make([]byte, 51)); return sw }, 0x6982},
		{"signature of 102 bytes", func(m *terminal) apdu.SW { m.verified(); _, sw := m.sign(make([]byte, 102)); return sw }, 0x9000},
		{"signature of 103 bytes", func(m *terminal) apdu.SW { m.verified(); _, sw := m.sign(make([]byte, 103)); return sw }, 0x6A80},
		{"key 83 of 103 bytes", func(m *terminal) apdu.SW {
			m.selectCIE()
			m.sw("002241A406800102840183")
			return m.sw(fmt.Sprintf("0088000067%X00", make([]byte, 103)))
		}, 0x6A80},
		{"key 83 of no bytes", func(m *terminal) apdu.SW { m.selectCIE(); m.sw("002241A406800102840183"); return m.sw("0088000000") }, 0x6A80},
		{"key 83 in secure messaging", func(m *terminal) apdu.SW {
			m.open()
			m.sure(0x22, 0x41, 0xA4, unhex("800102840183"), 0)
			return m.status(0x88, 0, 0, make([]byte, 32))
		}, 0x9000},

		// Codes.
		{"VERIFY in plain in the root", func(m *terminal) apdu.SW { return m.sw("00200081083132333435363738") }, 0x6982},
		{"CHANGE in plain in the root", func(m *terminal) apdu.SW { return m.sw("002400811031323334353637383837363534333231") }, 0x6982},
		{"RESET in plain in the root", func(m *terminal) apdu.SW { return m.sw("002C0381") }, 0x6982},
		{"VERIFY in the root, opened", func(m *terminal) apdu.SW {
			m.open()
			m.status(0xA4, 0x04, 0x0C, aidIAS)
			return m.status(0x20, 0, 0x81, pin)
		}, 0x6A88},
		{"VERIFY in plain", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00200081083132333435363738") }, 0x6982},
		{"VERIFY before device authentication", func(m *terminal) apdu.SW { m.channel(); return m.status(0x20, 0, 0x81, pin) }, 0x6982},
		{"VERIFY before the chip's proof", func(m *terminal) apdu.SW {
			m.channel()
			m.certify()
			m.external()
			return m.status(0x20, 0, 0x81, pin)
		}, 0x6982},
		{"VERIFY right", func(m *terminal) apdu.SW { m.open(); return m.status(0x20, 0, 0x81, pin) }, 0x9000},
		{"VERIFY wrong", func(m *terminal) apdu.SW { m.open(); return m.status(0x20, 0, 0x81, wrong) }, 0x63C2},
		{"VERIFY wrong twice", func(m *terminal) apdu.SW {
			m.open()
			m.status(0x20, 0, 0x81, wrong)
			return m.status(0x20, 0, 0x81, wrong)
		}, 0x63C1},
		{"VERIFY wrong three times", func(m *terminal) apdu.SW {
			m.open()
			m.status(0x20, 0, 0x81, wrong)
			m.status(0x20, 0, 0x81, wrong)
			return m.status(0x20, 0, 0x81, wrong)
		}, 0x63C0},
		{"VERIFY blocked", func(m *terminal) apdu.SW {
			m.open()
			for range 3 {
				m.status(0x20, 0, 0x81, wrong)
			}
			return m.status(0x20, 0, 0x81, pin)
		}, 0x6983},
		{"VERIFY right after wrong restores the tries", func(m *terminal) apdu.SW {
			m.open()
			m.status(0x20, 0, 0x81, wrong)
			m.status(0x20, 0, 0x81, pin)
			return m.status(0x20, 0, 0x81, wrong)
		}, 0x63C2},
		{"VERIFY of 7 digits", func(m *terminal) apdu.SW { m.open(); return m.status(0x20, 0, 0x81, pin[:7]) }, 0x6700},
		{"VERIFY without data", func(m *terminal) apdu.SW { m.open(); return m.status(0x20, 0, 0x81, nil) }, 0x63C3},
		{"VERIFY without data, verified", func(m *terminal) apdu.SW { m.verified(); return m.status(0x20, 0, 0x81, nil) }, 0x9000},
		{"VERIFY without data, blocked", func(m *terminal) apdu.SW {
			m.open()
			for range 3 {
				m.status(0x20, 0, 0x81, wrong)
			}
			return m.status(0x20, 0, 0x81, nil)
		}, 0x6983},
		{"VERIFY without data counts nothing", func(m *terminal) apdu.SW {
			m.open()
			for range 5 {
				m.status(0x20, 0, 0x81, nil)
			}
			return m.status(0x20, 0, 0x81, wrong)
		}, 0x63C2},
		{"VERIFY without data before device authentication", func(m *terminal) apdu.SW { m.channel(); return m.status(0x20, 0, 0x81, nil) }, 0x6982},
		{"VERIFY of a blocked PUK", func(m *terminal) apdu.SW {
			m.open()
			for range 10 {
				m.status(0x20, 0, 0x82, wrong)
			}
			return m.status(0x20, 0, 0x82, puk)
		}, 0x6983},
		{"a wrong PUK leaves the PIN verified", func(m *terminal) apdu.SW {
			m.verified()
			m.status(0x20, 0, 0x82, wrong)
			_, sw := m.sign(make([]byte, 51))
			return sw
		}, 0x9000},
		{"CHANGE of a blocked PIN", func(m *terminal) apdu.SW {
			m.open()
			for range 3 {
				m.status(0x20, 0, 0x81, wrong)
			}
			return m.status(0x24, 0, 0x81, []byte("1234567811223344"))
		}, 0x6983},
		{"VERIFY unknown reference", func(m *terminal) apdu.SW { m.open(); return m.status(0x20, 0, 0x83, pin) }, 0x6A88},
		{"VERIFY PUK", func(m *terminal) apdu.SW { m.open(); return m.status(0x20, 0, 0x82, puk) }, 0x9000},
		{"VERIFY wrong PUK", func(m *terminal) apdu.SW { m.open(); return m.status(0x20, 0, 0x82, wrong) }, 0x63C9},
		{"CHANGE", func(m *terminal) apdu.SW { m.open(); return m.status(0x24, 0, 0x81, []byte("1234567811223344")) }, 0x9000},
		{"CHANGE then VERIFY the new one", func(m *terminal) apdu.SW {
			m.open()
			m.status(0x24, 0, 0x81, []byte("1234567811223344"))
			return m.status(0x20, 0, 0x81, []byte("11223344"))
		}, 0x9000},
		{"CHANGE with a wrong old one", func(m *terminal) apdu.SW { m.open(); return m.status(0x24, 0, 0x81, []byte("0000000011223344")) }, 0x63C2},
		{"CHANGE of 8 digits", func(m *terminal) apdu.SW { m.open(); return m.status(0x24, 0, 0x81, pin) }, 0x6700},
		{"CHANGE in plain", func(m *terminal) apdu.SW {
			m.selectCIE()
			return m.sw("0024008110" + "3132333435363738" + "3132333435363738")
		}, 0x6982},
		{"RESET without PUK", func(m *terminal) apdu.SW { m.verified(); return m.status(0x2C, 3, 0x81, nil) }, 0x6982},
		{"RESET with a new PIN", func(m *terminal) apdu.SW {
			m.open()
			for range 3 {
				m.status(0x20, 0, 0x81, wrong)
			}
			m.sure(0x20, 0, 0x82, puk, 0)
			m.sure(0x2C, 2, 0x81, []byte("11223344"), 0)
			return m.status(0x20, 0, 0x81, []byte("11223344"))
		}, 0x9000},
		{"RESET without new PIN", func(m *terminal) apdu.SW {
			m.open()
			for range 3 {
				m.status(0x20, 0, 0x81, wrong)
			}
			m.sure(0x20, 0, 0x82, puk, 0)
			m.sure(0x2C, 3, 0x81, nil, 256)
			return m.status(0x20, 0, 0x81, pin)
		}, 0x9000},
		{"RESET of 7 digits", func(m *terminal) apdu.SW {
			m.open()
			m.sure(0x20, 0, 0x82, puk, 0)
			return m.status(0x2C, 2, 0x81, pin[:7])
		}, 0x6700},
		{"RESET wrong P1", func(m *terminal) apdu.SW { m.open(); return m.status(0x2C, 0, 0x81, pin) }, 0x6A86},

		// Chains and long answers.
		{"GET RESPONSE with nothing waiting", func(m *terminal) apdu.SW { return m.sw("00C0000000") }, 0x6985},
		{"GET RESPONSE of class 0C", func(m *terminal) apdu.SW {
			m.channel()
			m.raw(fmt.Sprintf("%X", m.wrap(apdu.Command{INS: 0xB0, P1: 0x84, Ne: 256})))
			return m.sw("0CC0000000")
		}, 0x9000},
		{"chain continued by another command", func(m *terminal) apdu.SW { m.selectCIE(); m.sw("102241A60180"); return m.sw("002281B60180") }, 0x6883},
		{"chain without end", func(m *terminal) apdu.SW {
			m.selectCIE()
			sw := apdu.SW(0x9000)
			for range 20 {
				if sw == 0x9000 {
					sw = m.sw(fmt.Sprintf("102241A6FF%X", make([]byte, 255)))
				}
			}
			return sw
		}, 0x6700},

		// The rest.
		{"unknown instruction", func(m *terminal) apdu.SW { return m.sw("00FF0000") }, 0x6D00},
		{"unknown instruction in secure messaging", func(m *terminal) apdu.SW { m.channel(); return m.status(0xFE, 0, 0, nil) }, 0x6D00},
		{"unknown class", func(m *terminal) apdu.SW { return m.sw("80A40000") }, 0x6E00},
		{"half secure class", func(m *terminal) apdu.SW { return m.sw("04A40000") }, 0x6E00},
		{"three bytes", func(m *terminal) apdu.SW { return m.sw("00A400") }, 0x6700},
		{"Lc too large", func(m *terminal) apdu.SW { return m.sw("00A4040CFFA0") }, 0x6700},
		{"extended length", func(m *terminal) apdu.SW { m.selectCIE(); return m.sw("00B08100000000") }, 0x6700},
	} {
		t.Run(tt.name, func(t *testing.T) { wantSW(t, tt.do(with(t, Behaviour{})), tt.want) })
	}
}

// objects sends a command whose protected body holds these objects and their MAC,
// and returns the status word outside.
func (m *terminal) objects(ins, p1, p2 byte, digits string) apdu.SW {
	m.t.Helper()
	m.sm.step()
	body := unhex(digits)
	mac := m.sm.retailMAC(append(iso(append(bytes.Clone(m.sm.ssc[:]), 0x0C, ins, p1, p2)), body...))
	body = append(body, der(0x8E, mac)...)
	return m.sw(fmt.Sprintf("0C%02X%02X%02X%02X%X00", ins, p1, p2, len(body), body))
}

// spoilt presents a certificate, rightly signed, with one byte of its body wrong.
func spoilt(i int) func(m *terminal) apdu.SW {
	return func(m *terminal) apdu.SW {
		m.channel()
		m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
		return m.status(0x2A, 0, 0xAE, m.certificate(func(body []byte) { body[i] ^= 0x10 }))
	}
}

// A certified key that is no key must be refused: anybody can certify, for the
// authority's exponent is public.
func TestCertifiedNonsenseIsRefused(t *testing.T) {
	for name, change := range map[string]func(body []byte){
		"modulus 0":     func(b []byte) { clear(b[37:293]) },
		"small modulus": func(b []byte) { clear(b[37:290]) },
		"even modulus":  func(b []byte) { b[292] &^= 1 },
		"exponent 0":    func(b []byte) { clear(b[293:]) },
	} {
		t.Run(name, func(t *testing.T) {
			m := with(t, Behaviour{}).channel()
			m.sure(0x22, 0x81, 0xB6, unhex("800141830184"), 0)
			wantSW(t, m.status(0x2A, 0, 0xAE, m.certificate(change)), 0x6A80)
		})
	}
}

func TestSignatureVerifies(t *testing.T) {
	for _, seed := range []string{"", "another"} {
		t.Run("seed "+seed, func(t *testing.T) {
			m := newTerminal(t, Options{Seed: seed}).verified()
			sum := sha256.Sum256([]byte("a document"))
			info := append(unhex("3031300D060960864801650304020105000420"), sum[:]...)
			for range 2 {
				signature, sw := m.sign(info)
				wantSW(t, sw, 0x9000)
				public := m.card.Certificate().PublicKey.(*rsa.PublicKey)
				if err := rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], signature); err != nil {
					t.Error(err)
				}
			}
			if got := m.readSecure("1003"); !bytes.Equal(got, m.card.Certificate().Raw) {
				t.Errorf("EF 1003 = %X", got)
			}
			if got := m.readSecure("1002"); string(got) != m.card.Holder().Document {
				t.Errorf("EF 1002 = %q", got)
			}
		})
	}
}
