package applet

import (
	"bytes"
	"errors"
	"testing"

	"github.com/softwarecie/cie/applet/tlv"
)

// TestPublicKeyFiles: whether an integer has a zero byte before it or not makes no
// other key of it; anything but two integers is none.
func TestPublicKeyFiles(t *testing.T) {
	v := loadVectors(t)
	n := v.get(t, "1", "test card device key n (EF 1004)")
	file := func(integers ...[]byte) []byte {
		var inner []byte
		for _, i := range integers {
			inner = tlv.Append(inner, 0x02, i)
		}
		return tlv.Append(nil, 0x30, inner)
	}
	e, signed := []byte{1, 0, 1}, append([]byte{0}, n...)
	for name, content := range map[string][]byte{
		"DER": file(signed, e), "no sign byte": file(n, e), "exponent of four bytes": file(signed, terminalE),
	} {
		key, err := ParsePublicKey(content)
		if err != nil || !bytes.Equal(key.N.Bytes(), n) || key.E != 65537 {
			t.Errorf("%s: %+v, %v", name, key, err)
		}
	}
	for name, content := range map[string][]byte{
		"nothing": nil, "no integers": file(), "no exponent": file(signed), "three integers": file(signed, e, e), "empty": file(signed, nil),
		"something behind": append(file(signed, e), 0), "other tag": tlv.Append(nil, 0x31, file(signed, e)[4:]),
		"short": file(n[:255], e), "long": file(append(bytes.Clone(n), bytes.Repeat(n, 2)...), e),
		"exponent 1": file(signed, []byte{1}), "even": file(signed, []byte{1, 0, 0}), "exponent of five bytes": file(signed, []byte{1, 0, 0, 0, 1}),
		"other objects": tlv.Append(nil, 0x30, tlv.Append(tlv.Append(nil, 0x04, signed), 0x02, e)),
	} {
		if _, err := ParsePublicKey(content); !errors.Is(err, ErrData) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
