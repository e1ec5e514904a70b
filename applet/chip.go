package applet

import "bytes"

// families name chips by a run of bytes in their ATR, most specific first. The
// names are those in use for the makers of the chip or of its software. They are
// for display: nothing is decided by them.
var families = []struct {
	name string
	run  []byte
}{
	{"Gemalto", []byte{0x80, 0x31, 0x80, 0x65, 0xB0, 0x85, 0x03, 0x00, 0xEF}},
	{"Gemalto", []byte{0x80, 0x31, 0x80, 0x65, 0xB0, 0x85, 0x04, 0x00, 0x11}},
	{"NXP", []byte{0x80, 0x31, 0x80, 0x65, 0x49, 0x54, 0x4E, 0x58, 0x50}}, // "ITNXP"
	{"STM", []byte{0x80, 0x66, 0x47, 0x50, 0x00, 0xB8, 0x00, 0x7F}},
	{"STM", []byte{0x80, 0x66, 0x47, 0x50, 0x00, 0xB8, 0x00, 0x94}},
	{"Bit4id", []byte("ITJ4B")},
	{"Bit4id", []byte("ITJ4D")},
	{"Bit4id", []byte("ITJ4I")},
	{"Actalis", []byte("ITJ4A")},
	{"Actalis", []byte("ITJ4C")},
	{"Actalis", []byte("ITJ4L")},
	{"JCOP4", []byte("ITJ4")}, // a letter not known yet
}

// atrSTM2 has no historical bytes, so it is only recognised whole.
var atrSTM2 = []byte{0x3B, 0x80, 0x80, 0x01, 0x01}

// Family names the chip family of a CIE by the ATR of a PC/SC reader, "" when
// it is not known. A card with an unknown ATR may be a CIE all the same.
func Family(atr []byte) string {
	if bytes.Equal(atr, atrSTM2) {
		return "STM"
	}
	for _, f := range families {
		if bytes.Contains(atr, f.run) {
			return f.name
		}
	}
	return ""
}
