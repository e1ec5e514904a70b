package apdu

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func TestCommandWireForms(t *testing.T) { // ISO/IEC 7816-3:2006 §12.1.3
	long := bytes.Repeat([]byte{0xAB}, 256)
	for _, tt := range []struct {
		name string
		cmd  Command
		want string
	}{
		{"case 1", Command{INS: 0xA4}, "00A40000"},
		{"case 2 short", Command{INS: 0xB0, Ne: 1}, "00B0000001"},
		{"case 2 short, all", Command{INS: 0xB0, Ne: 256}, "00B0000000"},
		{"case 2 extended", Command{INS: 0xB0, Ne: 257}, "00B00000000101"},
		{"case 2 extended, all", Command{INS: 0xB0, Ne: 65536}, "00B00000000000"},
		{"case 3 short", Command{CLA: 0x10, INS: 0x22, P1: 0x41, P2: 0xA6, Data: []byte{1, 2}}, "102241A6020102"},
		{"case 3 extended", Command{INS: 0x88, Data: long}, "00880000000100" + strings.Repeat("AB", 256)},
		{"case 4 short", Command{INS: 0xCB, P1: 0x3F, P2: 0xFF, Data: []byte{0x4D}, Ne: 256}, "00CB3FFF014D00"},
		{"case 4 extended", Command{INS: 0x88, Data: []byte{1}, Ne: 65536}, "00880000000001010000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.cmd.AppendBinary(nil)
			if err != nil {
				t.Fatal(err)
			}
			if s := fmt.Sprintf("%X", got); s != tt.want {
				t.Errorf("AppendBinary = %s, want %s", s, tt.want)
			}
			if back, err := ParseCommand(got); err != nil || !reflect.DeepEqual(back, tt.cmd) {
				t.Errorf("ParseCommand = %+v, %v", back, err)
			}
		})
	}
}

func TestNoCommand(t *testing.T) {
	for _, in := range []string{
		"", "00", "00A400", "00A4000002AA", "00A4000001AABBCC", "00B000000001", "008800000000020102030405",
	} {
		raw := make([]byte, len(in)/2)
		if _, err := fmt.Sscanf(in, "%x", &raw); err != nil && in != "" {
			t.Fatal(err)
		}
		if c, err := ParseCommand(raw); !errors.Is(err, ErrLength) {
			t.Errorf("ParseCommand(%s) = %v, %v", in, c, err)
		}
	}
	for _, c := range []Command{{Ne: -1}, {Ne: 65537}, {Data: make([]byte, 65536)}} {
		if _, err := c.AppendBinary(nil); !errors.Is(err, ErrLength) {
			t.Errorf("AppendBinary: %v", err)
		}
	}
}

func TestPrintsNoData(t *testing.T) {
	c, r := Command{INS: 0x20, P2: 0x81, Data: []byte("12345678")}, Response{Data: []byte("12345678"), SW: OK}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		text := fmt.Sprintf(verb, c) + fmt.Sprintf(verb, r) + c.LogValue().String() + r.LogValue().String()
		if strings.Contains(text, "12345678") || strings.Contains(text, "3132333435363738") || strings.Contains(text, "49 50") {
			t.Errorf("%s = %s", verb, text)
		}
	}
	if got, want := c.String(), "00 20 00 81 Nc=8 Ne=0"; got != want {
		t.Errorf("String = %s, want %s", got, want)
	}
}

func TestResponse(t *testing.T) {
	r, err := ParseResponse([]byte{1, 2, 0x63, 0xC2})
	if err != nil || !bytes.Equal(r.Data, []byte{1, 2}) || r.SW != 0x63C2 || r.SW.String() != "63C2" {
		t.Errorf("ParseResponse = %v, %v", r, err)
	}
	for _, in := range [][]byte{nil, {0x90}} {
		if _, err := ParseResponse(in); !errors.Is(err, ErrLength) {
			t.Errorf("ParseResponse(%X): %v", in, err)
		}
	}
}

func FuzzParseCommand(f *testing.F) {
	f.Add([]byte{0x00, 0xA4, 0x04, 0x0C, 0x02, 0x3F, 0x00})
	f.Add([]byte{0x00, 0x88, 0, 0, 0, 0, 1, 1, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		cmd, err := ParseCommand(in)
		if err != nil {
			return
		}
		out, err := cmd.AppendBinary(nil)
		if err != nil {
			t.Fatalf("parsed %X but cannot encode it: %v", in, err)
		}
		if again, err := ParseCommand(out); err != nil || !reflect.DeepEqual(again, cmd) {
			t.Errorf("%X → %+v → %X → %+v, %v", in, cmd, out, again, err)
		}
	})
}

func FuzzParseResponse(f *testing.F) {
	f.Add([]byte{0x90, 0x00})
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ParseResponse(in)
		if (err != nil) != (len(in) < 2) {
			t.Fatalf("%X: %v", in, err)
		}
		if out, _ := r.AppendBinary(nil); err == nil && !bytes.Equal(out, in) {
			t.Errorf("%X → %X", in, out)
		}
	})
}
