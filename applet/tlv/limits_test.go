package tlv

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

func TestShortestLengths(t *testing.T) { // ITU-T X.690 (02/2021) §8.1.3
	for n, want := range map[int]string{
		0: "5300", 1: "5301", 127: "537F", 128: "538180", 255: "5381FF", 256: "53820100",
		65535: "5382FFFF", 65536: "5383010000",
	} {
		value := make([]byte, n)
		got := Append(nil, 0x53, value)
		if head := fmt.Sprintf("%X", got[:len(got)-n]); head != want {
			t.Errorf("%d bytes: %s, want %s", n, head, want)
		}
		if o, rest, err := Next(got); err != nil || o.Tag != 0x53 || !bytes.Equal(o.Value, value) || len(rest) != 0 {
			t.Errorf("%d bytes: Next = %X (%d), %v", n, o.Tag, len(o.Value), err)
		}
		if size, err := Len(got); err != nil || size != len(got) {
			t.Errorf("%d bytes: Len = %d, %v", n, size, err)
		}
		if n > 0 {
			if o, _, err := Next(got[:len(got)-1]); !errors.Is(err, ErrSyntax) {
				t.Errorf("%d bytes, one missing: %X, %v", n, o.Tag, err)
			}
		}
	}
}

// TestLengthForms are all ways to write the length of three bytes, and of more
// than there are.
func TestLengthForms(t *testing.T) {
	for _, tt := range []struct {
		length string
		ok     bool
	}{
		{"03", true},
		{"8103", true},
		{"820003", true},
		{"83000003", true},
		{"8400000003", true},
		{"850000000003", false}, // five bytes: ISO/IEC 7816-4:2020 §6.3 ends at four
		{"80", false},           // indefinite
		{"FF", false},           // reserved
		{"04", false},
		{"8104", false},
		{"820100", false},
		{"83010000", false},
		{"8401000000", false},
		{"847FFFFFFF", false},
		{"8480000000", false},
		{"84FFFFFFFF", false},
	} {
		in := append(unhex(t, "87"+tt.length), 1, 2, 3)
		o, _, err := Next(in)
		if (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrSyntax) || tt.ok && !bytes.Equal(o.Value, []byte{1, 2, 3}) {
			t.Errorf("length %s: %X, %v, want ok %v", tt.length, o.Value, err, tt.ok)
		}
		if err != nil && (o.Tag != 0 || o.Value != nil) {
			t.Errorf("length %s: %X with an error", tt.length, o)
		}
	}
}

// TestLenOfWhatIsNotThere is about files whose first bytes promise the rest: the
// size is a number of bytes on every platform, or an error.
func TestLenOfWhatIsNotThere(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want int
	}{
		{"3082010A", 4 + 0x10A},
		{"30820000", 4},
		{"5F3781FF", 4 + 255},
		{"3084000000FF", 6 + 255},
		{"30840FFFFFFF", 6 + 0x0FFFFFFF},
		{"30847FFFFFF9", 0x7FFFFFFF},
	} {
		if n, err := Len(unhex(t, tt.in)); err != nil || n != tt.want {
			t.Errorf("Len(%s) = %d, %v, want %d", tt.in, n, err, tt.want)
		}
	}
	// The last three are more than an int holds where it has 32 bits.
	for _, in := range []string{"", "30", "3082", "308201", "1F", "0000", "3080", "3084FFFFFFFF", "308480000000", "30847FFFFFFF", "30847FFFFFFA"} {
		if n, err := Len(unhex(t, in)); !errors.Is(err, ErrSyntax) || n != 0 {
			t.Errorf("Len(%s) = %d, %v, want ErrSyntax", in, n, err)
		}
	}
}

func TestTagForms(t *testing.T) { // ISO/IEC 7816-4:2020 §6.3: one to three bytes, 00 is padding
	for in, want := range map[string]Tag{
		"01": 0x01, "1E": 0x1E, "30": 0x30, "87": 0x87, "DE": 0xDE, "FE": 0xFE,
		"1F20": 0x1F20, "5F37": 0x5F37, "7F21": 0x7F21, "7F49": 0x7F49, "FF7F": 0xFF7F,
		"BF8101": 0xBF8101, "BFA101": 0xBFA101, "BFFF7F": 0xBFFF7F,
	} {
		object := append(unhex(t, in), 0x01, 0x55)
		o, rest, err := Next(object)
		if err != nil || o.Tag != want || !bytes.Equal(o.Value, []byte{0x55}) || len(rest) != 0 {
			t.Errorf("%s: %X %X, %v", in, o.Tag, o.Value, err)
		}
		if got := Append(nil, want, []byte{0x55}); !bytes.Equal(got, object) {
			t.Errorf("Append(%X) = %X, want %X", want, got, object)
		}
	}
}

// TestTagsNoObjectHas are numbers that would be read back as something else.
func TestTagsNoObjectHas(t *testing.T) {
	for _, tag := range []Tag{0, 0x1F, 0x5F, 0xFF, 0x3000, 0x8701, 0x1F80, 0x5FFF, 0x870000, 0xBF0101, 0xBF8181, 0x01000000, 0x7F498101, 0xFFFFFFFF} {
		if b, err := (Object{tag, []byte{1}}).AppendBinary(nil); !errors.Is(err, ErrSyntax) || b != nil {
			t.Errorf("%X: %X, %v, want ErrSyntax", uint32(tag), b, err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("Append(%X) does not panic", uint32(tag))
				}
			}()
			Append(nil, tag, nil)
		}()
	}
}

func TestAppendingToAValueLeavesTheNextAlone(t *testing.T) {
	in := unhex(t, "970101980102")
	o, rest, err := Next(in)
	if err != nil {
		t.Fatal(err)
	}
	_ = append(o.Value, 0xEE)
	if !bytes.Equal(rest, []byte{0x98, 0x01, 0x02}) {
		t.Errorf("rest %X after an append to the value", rest)
	}
}

// nested is n objects 70, each in the other, around an empty one.
func nested(n int) []byte {
	var in []byte
	for range n {
		in = Append(nil, 0x70, in)
	}
	return in
}

func TestF57Depth(t *testing.T) {
	path := make([]Tag, maxDepth+1)
	for i := range path {
		path[i] = 0x70
	}
	deep := nested(10_000) // nothing here goes down by itself
	if objects, err := Parse(deep); err != nil || len(objects) != 1 {
		t.Errorf("Parse of 10,000 levels: %d objects, %v", len(objects), err)
	}
	if _, err := Find(deep, path[:maxDepth]...); err != nil {
		t.Errorf("%d levels: %v", maxDepth, err)
	}
	if _, err := Find(deep, path...); !errors.Is(err, ErrSyntax) {
		t.Errorf("%d levels: %v, want ErrSyntax", len(path), err)
	}
}

func TestF57DuplicatesAndGarbage(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want string // value of 97 in 70, "" none
	}{
		{"7003970101", "01"},
		{"7006970101970102", "01"},     // the first of two
		{"70069801FF970102", "02"},     // after another
		{"7003970101700397010F", "01"}, // the first of two parents
		{"7004970101FF", ""},           // garbage in the object
		{"7003970101FF", ""},           // garbage after it
		{"700397010100", ""},           // a zero after it
		{"7003970201", ""},             // child longer than its parent
		{"7004970101", ""},             // parent longer than what there is
		{"7003980101", ""},
	} {
		got, err := Find(unhex(t, tt.in), 0x70, 0x97)
		if (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, ErrSyntax) || !bytes.Equal(got, unhex(t, tt.want)) {
			t.Errorf("Find in %s = %X, %v, want %s", tt.in, got, err, tt.want)
		}
	}
}

// FuzzNextAndLen holds Next and Len to each other: an object is read exactly when
// its size is known and so many bytes are there.
func FuzzNextAndLen(f *testing.F) {
	for _, seed := range []string{"", "8701AA", "7F490155", "BF810100", "87820001AA", "8784FFFFFFFF", "30847FFFFFFF", "1F", "5F3782010000", "870299"} {
		f.Add(unhex(f, seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		n, lenErr := Len(in)
		o, rest, err := Next(in)
		if complete := lenErr == nil && n <= len(in); complete != (err == nil) {
			t.Fatalf("%X: Len = %d, %v; Next: %v", in, n, lenErr, err)
		}
		if lenErr == nil && (n < 2 || n < len(o.Value)) {
			t.Errorf("%X: Len = %d", in, n)
		}
		if err != nil {
			return
		}
		if n != len(in)-len(rest) || !bytes.HasSuffix(in, rest) || !bytes.HasSuffix(in[:n], o.Value) {
			t.Errorf("%X: Len = %d, value %X, rest %X", in, n, o.Value, rest)
		}
		if out, err := o.AppendBinary(nil); err != nil || len(out) > n || !bytes.HasSuffix(out, o.Value) {
			t.Errorf("%X → %X, %v", in[:n], out, err)
		}
	})
}

// FuzzFind holds Find to a rule that goes down by itself.
func FuzzFind(f *testing.F) {
	f.Add([]byte{0x70, 0x03, 0x97, 0x01, 0x05}, byte(0x70), byte(0x97))
	f.Add([]byte{0x70, 0x06, 0x97, 0x01, 0x05, 0x97, 0x01, 0x06}, byte(0x70), byte(0x97))
	f.Add([]byte{0x70, 0x02, 0x97, 0x01, 0x70, 0x00}, byte(0x70), byte(0x97))
	f.Fuzz(func(t *testing.T, in []byte, outer, inner byte) {
		got, err := Find(in, Tag(outer), Tag(inner))
		want, ok := first(in, outer)
		if ok {
			want, ok = first(want, inner)
		}
		if ok != (err == nil) || ok && !bytes.Equal(got, want) {
			t.Errorf("Find(%X, %X, %X) = %X, %v, want %X, %v", in, outer, inner, got, err, want, ok)
		}
	})
}

// first is the value of the first object of a one byte tag, in well formed bytes.
func first(in []byte, tag byte) (value []byte, ok bool) {
	for len(in) > 0 {
		n, err := Len(in)
		if err != nil || n > len(in) {
			return nil, false
		}
		if in[0] == tag && !ok && tag&0x1F != 0x1F {
			one := byte(2)
			if in[1]&0x80 != 0 {
				one += in[1] & 0x7F
			}
			value, ok = in[one:n], true
		}
		in = in[n:]
	}
	return value, ok
}
