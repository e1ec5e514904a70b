package pades

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"

	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/model"
	"github.com/pdfcpu/pdfcpu/pkg/pdfcpu/types"
)

// A xref is where the objects of a file are, as its cross-reference sections say (ISO
// 32000-2 §7.5.4, §7.5.8). It is read here once more, strictly, because the reader of
// objects repairs what it cannot read, and others would repair it in another way.
type xref struct {
	start   int64      // of the newest section, from behind the last “startxref”
	stream  bool       // the newest section is a stream
	trailer types.Dict // the newest
	objects map[int]place
	offsets map[int64]bool // of all objects and sections, older ones too
}

// A place is where one object is.
type place struct {
	offset     int64 // in the file; in an object stream 0
	generation int
	within     int // number of the object stream; 0: none
	free       bool
}

// Bounds on what a foreign file may make us do.
const (
	maxSections = 10_000
	maxObjects  = 1_000_000
	maxTrailer  = 64 << 10 // bytes of a dictionary of a section
	maxDecoded  = 32 << 20 // bytes of a stream that is decoded
)

var (
	startAt  = regexp.MustCompile(`^startxref[ \t\r\n]+(\d{1,12})[ \t\r\n]+%%EOF`)
	objectAt = regexp.MustCompile(`^[ \t\r\n]*(\d{1,10})[ \t\r\n]+(\d{1,5})[ \t\r\n]+obj`)
)

// readXref reads all sections of a file, the newest first. What is behind the last
// “%%EOF” is for the caller to judge.
func readXref(content []byte) (*xref, error) {
	at := bytes.LastIndex(content, []byte("startxref"))
	if at < 0 {
		return nil, fmt.Errorf("%w: no startxref", ErrFormat)
	}
	found := startAt.FindSubmatch(content[at:min(at+128, len(content))])
	if found == nil {
		return nil, fmt.Errorf("%w: startxref without its number or end", ErrFormat)
	}
	x := &xref{objects: map[int]place{}, offsets: map[int64]bool{}}
	x.start, _ = strconv.ParseInt(string(found[1]), 10, 64) // 12 digits
	seen := map[int64]bool{}
	for next := x.start; next >= 0; {
		if seen[next] || len(seen) > maxSections {
			return nil, fmt.Errorf("%w: cross-reference sections in a circle", ErrFormat)
		}
		seen[next], x.offsets[next] = true, true
		trailer, stream, err := x.section(content, next)
		if err != nil {
			return nil, err
		}
		if x.trailer == nil {
			x.trailer, x.stream = trailer, stream
		}
		if next, err = number(trailer, "Prev", -1); err != nil {
			return nil, err
		}
	}
	return x, nil
}

// number is an entry of a dictionary that is a number itself, or what is to be taken
// where there is none.
func number(d types.Dict, key string, absent int64) (int64, error) {
	switch n := d[key].(type) {
	case nil:
		return absent, nil
	case types.Integer:
		if n >= 0 {
			return int64(n), nil
		}
	}
	return 0, fmt.Errorf("%w: %s is no number", ErrFormat, key)
}

// section reads one section, a table or a stream.
func (x *xref) section(content []byte, at int64) (types.Dict, bool, error) {
	if at >= int64(len(content)) {
		return nil, false, fmt.Errorf("%w: cross-reference section outside the file", ErrFormat)
	}
	rest := bytes.TrimLeft(content[at:], " \t\r\n")
	if !bytes.HasPrefix(rest, []byte("xref")) {
		trailer, err := x.readStream(rest)
		return trailer, true, err
	}
	trailer, err := x.readTable(rest[len("xref"):])
	if err != nil || trailer["XRefStm"] == nil {
		return trailer, false, err
	}
	// A hybrid file: the stream comes between this table and the one before it.
	beside, err := number(trailer, "XRefStm", -1)
	if err != nil || beside >= int64(len(content)) {
		return nil, false, fmt.Errorf("%w: cross-reference stream outside the file", ErrFormat)
	}
	_, err = x.readStream(content[beside:])
	return trailer, false, err
}

// set tells of an object; a newer section has told it already, if any did.
func (x *xref) set(object int64, p place) error {
	if object > maxObjects || len(x.objects) > maxObjects {
		return fmt.Errorf("%w: too many objects", ErrFormat)
	}
	if !p.free && p.within == 0 {
		x.offsets[p.offset] = true
	}
	if _, told := x.objects[int(object)]; !told {
		x.objects[int(object)] = p
	}
	return nil
}

// token takes the next word off.
func token(rest []byte) (word, after []byte) {
	rest = bytes.TrimLeft(rest, " \t\r\n\x00\f")
	end := bytes.IndexAny(rest[:min(len(rest), 32)], " \t\r\n\x00\f<")
	if end < 0 {
		return nil, nil
	}
	return rest[:end], rest[end:]
}

// readTable reads the subsections of a table, up to its trailer.
func (x *xref) readTable(rest []byte) (types.Dict, error) {
	ints := func() (a, b int64, err error) {
		var first, second []byte
		first, rest = token(rest)
		second, rest = token(rest)
		a, err1 := strconv.ParseInt(string(first), 10, 63)
		b, err2 := strconv.ParseInt(string(second), 10, 63)
		if errors.Join(err1, err2) != nil {
			return 0, 0, fmt.Errorf("%w: cross-reference table", ErrFormat)
		}
		return a, b, nil
	}
	for {
		if word, after := token(rest); bytes.Equal(word, []byte("trailer")) {
			return dictionary(after)
		}
		first, count, err := ints()
		if err != nil || first < 0 || first > maxObjects || count < 0 || count > maxObjects {
			return nil, fmt.Errorf("%w: cross-reference table", ErrFormat)
		}
		for n := first; n < first+count; n++ {
			offset, generation, err := ints()
			if err != nil {
				return nil, err
			}
			kind, after := token(rest)
			rest = after
			p := place{offset: offset, generation: int(generation), free: string(kind) == "f"}
			if !p.free && string(kind) != "n" {
				return nil, fmt.Errorf("%w: cross-reference table", ErrFormat)
			}
			if err := x.set(n, p); err != nil {
				return nil, err
			}
		}
	}
}

// dictionary reads the dictionary that comes next.
func dictionary(rest []byte) (types.Dict, error) {
	text := string(rest[:min(len(rest), maxTrailer)])
	o, err := parse(&text)
	d, ok := o.(types.Dict)
	if err != nil || !ok {
		return nil, fmt.Errorf("%w: no dictionary", ErrFormat)
	}
	return d, nil
}

// parse takes one object off a text. The parser is somebody else's: should it panic,
// the text is wrong.
func parse(text *string) (o types.Object, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrFormat, r)
		}
	}()
	return model.ParseObjectContext(context.Background(), text, 0)
}

// readStream reads a section that is a stream: numbers in columns of fixed widths.
func (x *xref) readStream(rest []byte) (types.Dict, error) {
	head := objectAt.Find(rest[:min(len(rest), 64)])
	if head == nil {
		return nil, fmt.Errorf("%w: no cross-reference section where it should be", ErrFormat)
	}
	rest = rest[len(head):]
	text := string(rest[:min(len(rest), maxTrailer)])
	whole := len(text)
	o, err := parse(&text)
	d, ok := o.(types.Dict)
	if kind, _ := d["Type"].(types.Name); err != nil || !ok || kind != "XRef" {
		return nil, fmt.Errorf("%w: no cross-reference stream", ErrFormat)
	}
	rest = bytes.TrimLeft(rest[whole-len(text):], " \t\r\n")
	length, err := number(d, "Length", -1)
	if err != nil || !bytes.HasPrefix(rest, []byte("stream")) {
		return nil, fmt.Errorf("%w: no cross-reference stream", ErrFormat)
	}
	rest = bytes.TrimPrefix(bytes.TrimPrefix(rest[len("stream"):], []byte("\r")), []byte("\n"))
	if length < 0 || length > int64(len(rest)) {
		return nil, fmt.Errorf("%w: cross-reference stream ends early", ErrFormat)
	}
	columns, err := decode(rest[:length], d)
	if err != nil {
		return nil, err
	}
	return d, x.columns(columns, d)
}

// columns takes the numbers of a stream (ISO 32000-2 §7.5.8.3).
func (x *xref) columns(b []byte, d types.Dict) error {
	widths, _ := d["W"].(types.Array)
	if len(widths) != 3 {
		return fmt.Errorf("%w: widths of a cross-reference stream", ErrFormat)
	}
	var w [3]int
	for i, width := range widths {
		n, ok := width.(types.Integer)
		if !ok || n < 0 || n > 8 {
			return fmt.Errorf("%w: widths of a cross-reference stream", ErrFormat)
		}
		w[i] = int(n)
	}
	index, _ := d["Index"].(types.Array)
	if index == nil {
		index = types.Array{types.Integer(0), d["Size"]}
	}
	take := func(width int, absent int64) (n int64) {
		if width == 0 {
			return absent
		}
		for _, c := range b[:width] {
			n = n<<8 | int64(c)
		}
		b = b[width:]
		return n
	}
	for pair := range slices.Chunk(index, 2) {
		if len(pair) < 2 {
			return fmt.Errorf("%w: index of a cross-reference stream", ErrFormat)
		}
		first, ok1 := pair[0].(types.Integer)
		count, ok2 := pair[1].(types.Integer)
		if !ok1 || !ok2 || first < 0 || count < 0 || first > maxObjects || count > maxObjects {
			return fmt.Errorf("%w: index of a cross-reference stream", ErrFormat)
		}
		for n := first; n < first+count; n++ {
			if row := w[0] + w[1] + w[2]; row == 0 || len(b) < row {
				return fmt.Errorf("%w: cross-reference stream ends early", ErrFormat)
			}
			kind, second, third := take(w[0], 1), take(w[1], 0), take(w[2], 0)
			p := place{free: true}
			switch kind {
			case 1:
				p = place{offset: second, generation: int(third)}
			case 2:
				p = place{within: int(second)}
			}
			if err := x.set(int64(n), p); err != nil {
				return err
			}
		}
	}
	return nil
}

// decode decodes a stream that is plain, or packed with Flate with or without one of
// the predictors of PNG (ISO 32000-2 §7.4.4).
func decode(b []byte, d types.Dict) ([]byte, error) {
	filter := d["Filter"]
	if several, ok := filter.(types.Array); ok && len(several) == 1 {
		filter = several[0]
	}
	if filter == nil {
		return b, nil
	}
	if filter != types.Name("FlateDecode") {
		return nil, fmt.Errorf("%w: filter of a cross-reference stream", ErrFormat)
	}
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	all, err := io.ReadAll(io.LimitReader(r, maxDecoded+1))
	if err != nil || len(all) > maxDecoded {
		return nil, fmt.Errorf("%w: cross-reference stream", ErrFormat)
	}
	parameters := d["DecodeParms"]
	if several, ok := parameters.(types.Array); ok && len(several) == 1 {
		parameters = several[0]
	}
	p, _ := parameters.(types.Dict)
	predictor, err1 := number(p, "Predictor", 1)
	columns, err2 := number(p, "Columns", 1)
	switch {
	case errors.Join(err1, err2) != nil || columns < 1 || columns > 64 || predictor != 1 && predictor < 10:
		return nil, fmt.Errorf("%w: predictor of a cross-reference stream", ErrFormat)
	case predictor == 1:
		return all, nil
	}
	return unpredict(all, int(columns))
}

// deflate packs with Flate.
func deflate(b []byte) []byte {
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	_, _ = w.Write(b) // into memory
	_ = w.Close()
	return packed.Bytes()
}

// unpredict takes predictors of PNG off rows of bytes (ISO/IEC 15948 §9).
func unpredict(b []byte, columns int) ([]byte, error) {
	out, above := make([]byte, 0, len(b)), make([]byte, columns)
	for row := range slices.Chunk(b, columns+1) {
		if len(row) <= columns {
			return nil, fmt.Errorf("%w: cross-reference stream ends early", ErrFormat)
		}
		kind, row := row[0], slices.Clone(row[1:])
		for i := range row {
			var left, corner byte
			if i > 0 {
				left, corner = row[i-1], above[i-1]
			}
			switch kind {
			case 0:
			case 1:
				row[i] += left
			case 2:
				row[i] += above[i]
			case 3:
				row[i] += byte((int(left) + int(above[i])) / 2)
			case 4:
				row[i] += paeth(left, above[i], corner)
			default:
				return nil, fmt.Errorf("%w: predictor of a cross-reference stream", ErrFormat)
			}
		}
		out, above = append(out, row...), row
	}
	return out, nil
}

func paeth(left, above, corner byte) byte {
	estimate := int(left) + int(above) - int(corner)
	distance := func(b byte) int { return max(estimate-int(b), int(b)-estimate) }
	switch {
	case distance(left) <= distance(above) && distance(left) <= distance(corner):
		return left
	case distance(above) <= distance(corner):
		return above
	}
	return corner
}

// anyObject finds what looks like the start of an object.
var anyObject = regexp.MustCompile(`(?:^|[\r\n])(\d{1,10} \d{1,5} obj\b)`)

// unlisted says whether there are objects from a place on that no section names, so
// that only programs that repair files see them.
func (x *xref) unlisted(content []byte, from int64) bool {
	for _, at := range anyObject.FindAllSubmatchIndex(content[from:], -1) {
		if !x.offsets[from+int64(at[2])] {
			return true
		}
	}
	return false
}
