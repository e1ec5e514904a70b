package apdu

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// decode is ISO/IEC 7816-3:2006 §12.1.3 written as its table stands there: by the
// length of the body, B1, and B2 ‖ B3. It gives where the data lies and Ne.
func decode(body []byte) (from, to, ne int, ok bool) {
	le := func(field []byte, zero int) int {
		n := 0
		for _, b := range field {
			n = 256*n + int(b)
		}
		if n == 0 {
			return zero
		}
		return n
	}
	n := len(body)
	if n == 0 { // case 1
		return 0, 0, 0, true
	}
	b1 := int(body[0])
	if n == 1 { // case 2S
		return 0, 0, le(body, 256), true
	}
	if b1 != 0 && n == 1+b1 { // case 3S
		return 1, n, 0, true
	}
	if b1 != 0 && n == 2+b1 { // case 4S
		return 1, n - 1, le(body[n-1:], 256), true
	}
	if b1 != 0 || n < 3 {
		return 0, 0, 0, false
	}
	b23 := 256*int(body[1]) + int(body[2])
	if n == 3 { // case 2E
		return 0, 0, le(body[1:], 65536), true
	}
	if b23 != 0 && n == 3+b23 { // case 3E
		return 3, n, 0, true
	}
	if b23 != 0 && n == 5+b23 { // case 4E
		return 3, n - 2, le(body[n-2:], 65536), true
	}
	return 0, 0, 0, false
}

// agrees compares ParseCommand with the table.
func agrees(t *testing.T, in []byte) {
	t.Helper()
	c, err := ParseCommand(in)
	if len(in) < 4 {
		if !errors.Is(err, ErrLength) {
			t.Errorf("%X: %v, want ErrLength", in, err)
		}
		return
	}
	from, to, ne, ok := decode(in[4:])
	if ok != (err == nil) {
		t.Errorf("%X: %v, the standard says %v", in, err, ok)
	}
	if err != nil {
		if !errors.Is(err, ErrLength) || c.INS != 0 || c.Data != nil {
			t.Errorf("%X: %+v, %v, want nothing and ErrLength", in, c, err)
		}
		return
	}
	if header := []byte{c.CLA, c.INS, c.P1, c.P2}; !bytes.Equal(header, in[:4]) || !bytes.Equal(c.Data, in[4:][from:to]) || c.Ne != ne {
		t.Errorf("%X: header %X, %d bytes, Ne %d, want %d bytes, Ne %d", in, header, len(c.Data), c.Ne, to-from, ne)
	}
}

// TestEachBodyOfTheStandard parses each body of up to fourteen bytes whose first
// three are small: all cases and their neighbours one byte longer or shorter.
func TestEachBodyOfTheStandard(t *testing.T) {
	for n := range 15 {
		for first := range 1 << 12 {
			in := append([]byte{0x00, 0xCB, 0x3F, 0xFF}, make([]byte, n)...)
			for i := range min(n, 3) {
				in[4+i] = byte(first >> (4 * i) & 0xF)
			}
			if n > 0 {
				in[len(in)-1] ^= 0x40 // so that Le is not zero when nothing else sets it
			}
			agrees(t, in)
		}
	}
}

func TestLengthsAtTheLimits(t *testing.T) { // ISO/IEC 7816-3:2006 §12.1.3
	for _, tt := range []struct {
		name   string
		nc, ne int
		lc, le string // length fields of the wire form
	}{
		{"3S, longest", 255, 0, "FF", ""},
		{"3E, shortest of its length", 256, 0, "000100", ""},
		{"3E, longest", 65535, 0, "00FFFF", ""},
		{"4S, longest", 255, 256, "FF", "00"},
		{"4S, one more", 255, 255, "FF", "FF"},
		{"4E by Nc", 256, 1, "000100", "0001"},
		{"4E by Nc, 256 back", 256, 256, "000100", "0100"},
		{"4E by Ne", 255, 257, "0000FF", "0101"},
		{"4E, longest", 65535, 65536, "00FFFF", "0000"},
		{"2S", 0, 255, "", "FF"},
		{"2E", 0, 65535, "", "00FFFF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			data := bytes.Repeat([]byte{0x5A}, tt.nc)
			want := bytes.Join([][]byte{{0x0C, 0x2A, 0x00, 0xAE}, unhex(t, tt.lc), data, unhex(t, tt.le)}, nil)
			c := Command{CLA: 0x0C, INS: 0x2A, P2: 0xAE, Data: data, Ne: tt.ne}
			got, err := c.AppendBinary([]byte{0xEE})
			if err != nil || got[0] != 0xEE || !bytes.Equal(got[1:], want) {
				t.Fatalf("AppendBinary = %.20X…, %v, want EE %.20X…", got, err, want)
			}
			agrees(t, want)
			if extended := len(tt.lc) > 2 || len(tt.le) > 2; c.Extended() != extended {
				t.Errorf("Extended = %v", !extended)
			}
		})
	}
}

func TestExtendedFormOfSmallLengths(t *testing.T) { // allowed, and meaning the same
	for in, want := range map[string]Command{
		"00B00000 00 0001":         {INS: 0xB0, Ne: 1},
		"00B00000 00 0100":         {INS: 0xB0, Ne: 256},
		"00200081 00 0002 3132":    {INS: 0x20, P2: 0x81, Data: []byte("12")},
		"00880000 00 0001 AA 0100": {INS: 0x88, Data: []byte{0xAA}, Ne: 256},
	} {
		got, err := ParseCommand(unhex(t, in))
		if err != nil || got.INS != want.INS || got.P2 != want.P2 || !bytes.Equal(got.Data, want.Data) || got.Ne != want.Ne {
			t.Errorf("%s = %v, %v, want %v", in, got, err, want)
		}
	}
}

func TestParsedDataCannotGrowIntoLe(t *testing.T) {
	in := unhex(t, "00CB3FFF 02 4D00 77")
	c, err := ParseCommand(in)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(c.Data, 0xEE)
	if in[len(in)-1] != 0x77 {
		t.Errorf("appending to Data wrote over Le: %X", in)
	}
	r, err := ParseResponse(in)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(r.Data, 0xEE)
	if !bytes.Equal(in[len(in)-2:], []byte{0x00, 0x77}) {
		t.Errorf("appending to Data wrote over the status word: %X", in)
	}
}

func TestErrorsThatAreNoLengths(t *testing.T) {
	err := fmt.Errorf("read: %w", &StatusError{INS: 0xB0, SW: 0x6982})
	var refused *StatusError
	if !errors.As(err, &refused) || refused.SW != 0x6982 || err.Error() != "read: card answered 6982 to INS B0" {
		t.Errorf("StatusError = %v", err)
	}
}

// TestNoVerbPrintsData tries each verb with each flag on each way in which a
// command or a response reaches fmt or log/slog as itself.
//
// Three are not tried, for fmt does not call Format there: %p, %w on what is no
// error, and an unexported field of another struct.
func TestNoVerbPrintsData(t *testing.T) {
	c := Command{INS: 0x20, P2: 0x81, Data: []byte("12345678"), Ne: 256}
	r := Response{Data: []byte("12345678"), SW: OK}
	values := []any{
		c, &c, r, &r,
		[]Command{c},
		[]*Command{&c},
		map[string]Command{"": c},
		struct{ C Command }{c},
		struct{ C any }{c},
		[]Response{r},
		struct{ R Response }{r},
	}
	for _, value := range values {
		for verb := 'A'; verb <= 'z'; verb++ {
			if verb > 'Z' && verb < 'a' || verb == 'p' || verb == 'w' {
				continue
			}
			for _, flags := range []string{"", "+", "#", "-", " ", "0", "+#", "20", ".3", "#20.10"} {
				noData(t, fmt.Sprintf("%T %%%s%c", value, flags, verb), fmt.Sprintf("%"+flags+string(verb), value))
			}
		}
		noData(t, "too many operands", fmt.Sprintf("%d", []any{1, value}...))
		noData(t, "Sprint", fmt.Sprint(value))
		noData(t, "Errorf", fmt.Errorf("sent: %v", value).Error())
	}
	var text bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewTextHandler(&text, nil), slog.NewJSONHandler(&text, nil)} {
		log := slog.New(handler)
		log.Info("exchange", "command", c, "response", r, "pointer", &c)
		log.With("command", c).WithGroup("g").Info("", slog.Any("response", &r))
	}
	noData(t, "slog", text.String())
	if !strings.Contains(text.String(), "Nc=8") || !strings.Contains(text.String(), "Nr=8 9000") {
		t.Errorf("log without the lengths: %s", text.String())
	}
}

// noData fails when the text holds the digits 12345678 in any of the forms in
// which fmt and encoding/json write bytes.
func noData(t *testing.T, how, text string) {
	t.Helper()
	base64, err := json.Marshal([]byte("12345678"))
	if err != nil {
		t.Fatal(err)
	}
	for _, form := range []string{"1234", "31323334", "31 32 33", "49 50 51", "49, 50", "0x31", "061 062", "61 62 63", "110001", "U+0031", strings.Trim(string(base64), `"=`)} {
		if strings.Contains(text, form) {
			t.Errorf("%s: %s", how, text)
			return
		}
	}
}

func FuzzDecodingTable(f *testing.F) {
	for _, seed := range []string{
		"", "00A400", "00A40000", "00B0000000", "00A4040C023F00", "00CB3FFF014D00", "00B00000000101",
		"0088000000000101", "00880000000001010000", "0088000001", "00880000000000", "0088000000000001", "00880000000002010203",
	} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(agrees)
}
