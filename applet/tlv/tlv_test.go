package tlv

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestForms(t *testing.T) { // ITU-T X.690 (02/2021) §8.1.2, §8.1.3
	for _, tt := range []struct {
		name, in string
		tag      Tag
		n        int
		shortest bool
	}{
		{"one byte each", "8701AA", 0x87, 1, true},
		{"empty", "9700", 0x97, 0, true},
		{"two byte tag", "7F490155", 0x7F49, 1, true},
		{"three byte tag", "BFA10100", 0xBFA101, 0, true},
		{"length 81", "5381 80" + strings.Repeat("00", 128), 0x53, 128, true},
		{"length 82", "7782 0100" + strings.Repeat("00", 256), 0x77, 256, true},
		{"length longer than needed", "87 81 01 AA", 0x87, 1, false},
		{"length of four bytes", "87 84 00000001 AA", 0x87, 1, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in := unhex(t, tt.in)
			o, rest, err := Next(append(in, 0xEE))
			if err != nil || o.Tag != tt.tag || len(o.Value) != tt.n || !bytes.Equal(rest, []byte{0xEE}) {
				t.Fatalf("Next = %X (%d), rest %X, %v", o.Tag, len(o.Value), rest, err)
			}
			if n, err := Len(in); err != nil || n != len(in) {
				t.Errorf("Len = %d, %v", n, err)
			}
			if out := Append(nil, o.Tag, o.Value); tt.shortest != bytes.Equal(out, in) {
				t.Errorf("Append = %X", out)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for _, in := range []string{"00", "0001AA", "87", "8702AA", "8780AA0000", "8785 0000000001 AA", "87 84 FFFFFFFF", "1F", "1F81", "1F818181 00", "8782 01"} {
		if o, _, err := Next(unhex(t, in)); !errors.Is(err, ErrSyntax) {
			t.Errorf("Next(%s) = %X, %v", in, o, err)
		}
	}
	if _, err := Parse(unhex(t, "8701AA 99")); !errors.Is(err, ErrSyntax) {
		t.Errorf("trailing byte: %v", err)
	}
}

func TestFind(t *testing.T) {
	in := unhex(t, "70 0B BFA101 07 A3 05 97 03 010203")
	if got, err := Find(in, 0x70, 0xBFA101, 0xA3, 0x97); err != nil || !bytes.Equal(got, []byte{1, 2, 3}) {
		t.Errorf("Find = %X, %v", got, err)
	}
	for _, path := range [][]Tag{{0x71}, {0x70, 0x97}, {0x70, 0xBFA101, 0xA3, 0x97, 0x01}, make([]Tag, 100)} {
		if got, err := Find(in, path...); !errors.Is(err, ErrSyntax) {
			t.Errorf("Find(%X) = %X, %v", path, got, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{0x70, 0x03, 0x97, 0x01, 0x05})
	f.Add([]byte{0x87, 0x84, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, in []byte) {
		objects, err := Parse(in)
		if err != nil {
			return
		}
		var out []byte
		for _, o := range objects {
			out = Append(out, o.Tag, o.Value)
		}
		again, err := Parse(out)
		if err != nil || len(again) != len(objects) || len(out) > len(in) {
			t.Fatalf("%X → %X: %v", in, out, err)
		}
		for i := range again {
			if again[i].Tag != objects[i].Tag || !bytes.Equal(again[i].Value, objects[i].Value) {
				t.Errorf("%X: object %d changed", in, i)
			}
		}
		if len(objects) > 0 {
			o, rest, err := Next(in)
			n, err2 := Len(in)
			if err != nil || err2 != nil || n != len(in)-len(rest) || !reflect.DeepEqual(o, objects[0]) {
				t.Errorf("%X: Next and Len disagree", in)
			}
		}
	})
}
