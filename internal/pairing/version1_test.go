//go:build unix

package pairing

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet"
)

// A pairing survives updates: a store of version 1, made by another program
// (testdata/version1.py), opens with everything in it.
func TestVersion1Opens(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "pairings")
	must(t, os.Mkdir(folder, 0o700))
	names, err := filepath.Glob("testdata/version1/*")
	if err != nil || len(names) != 3 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(folder, filepath.Base(name)), content, 0o600))
	}
	s, err := Open(folder)
	must(t, err)
	pan, err := applet.ParsePAN(numberA)
	must(t, err)
	got, err := s.Get(pan)
	must(t, err)
	salt := make([]byte, 32)
	for i := range salt {
		salt[i] = byte(100 + i)
	}
	want := Record{
		PAN: pan, Certificate: []byte("certificate"), ServicesKey: []byte("services key"), Family: "NXP", Genuine: "genuine",
		Parameters: applet.Parameters{
			G: []byte{2}, P: []byte("prime"), Q: []byte("order"), DefaultRoot: true, DeviceKey: []byte("device key"),
			Authority: applet.AuthorityKey{N: []byte("modulus"), E: []byte{1, 0, 1}, CHR: []byte("reference"), CHA: []byte("authorisation")},
		},
		PairedAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Salt: salt, Half: got.Half, Suspect: true, Tries: 2, TriesFrom: applet.TriesObject,
	}
	if !reflect.DeepEqual(stored(got), stored(want)) {
		t.Errorf("record = %#v, want %#v", stored(got), stored(want))
	}
	signature := make([]byte, 256)
	for i := range signature {
		signature[i] = byte(i * 7)
	}
	if half, err := s.Unseal(got, signature); err != nil || string(half.Bytes()) != "5938" {
		t.Errorf("Unseal = %v, want 5938", err)
	}
	pending, err := s.Pending()
	if want := (Pending{pan, Unblock, time.Date(2026, 1, 2, 3, 4, 6, 0, time.UTC)}); err != nil || len(pending) != 1 || pending[0] != want {
		t.Errorf("Pending = %v, %v, want %v", pending, err, want)
	}
	must(t, s.Put(got)) // and is written under the same name
	if all, err := s.List(); err != nil || len(all) != 1 {
		t.Errorf("List = %v, %v", all, err)
	}
}

// A field that is added later, and the file does not have, is its zero value; one
// that a program does not know is passed over. No other field may be forgotten
// when a record is kept.
func TestEveryFieldIsKept(t *testing.T) {
	r := aRecord(t, numberA)
	r.ServicesKey, r.Family, r.Half, r.Suspect, r.InKeyring, r.TriesFrom = []byte{1}, "STM", []byte{2}, true, true, applet.TriesVerify
	v := reflect.ValueOf(r)
	for i := range v.NumField() {
		if v.Field(i).IsZero() {
			t.Errorf("the test leaves %s empty", v.Type().Field(i).Name)
		}
	}
	s := aStore(t)
	must(t, s.Put(r))
	got, err := s.Get(r.PAN)
	must(t, err)
	if !reflect.DeepEqual(stored(got), stored(r)) {
		t.Errorf("record = %#v, want %#v", stored(got), stored(r))
	}
}

// In a log a record is the end of its number, however it is handed over.
func TestRecordInALog(t *testing.T) {
	r := aRecord(t, numberA)
	for name, handler := range map[string]func(*bytes.Buffer) slog.Handler{
		"text": func(b *bytes.Buffer) slog.Handler { return slog.NewTextHandler(b, nil) },
		"JSON": func(b *bytes.Buffer) slog.Handler { return slog.NewJSONHandler(b, nil) },
	} {
		var out bytes.Buffer
		slog.New(handler(&out)).Info("paired", "record", r, "pointer", &r, "all", []Record{r}, "by number", map[string]Record{"a": r}, "held", struct{ R Record }{r})
		if n := strings.Count(out.String(), "…9012"); n != 5 {
			t.Errorf("%s: the record shows %d times, want 5: %s", name, n, out.String())
		}
		for _, word := range []string{numberA, surname, "Q0FNUE", "certificate", "18 52 86"} { // base64 and decimal forms too
			if strings.Contains(out.String(), word) {
				t.Errorf("%s shows %q: %s", name, word, out.String())
			}
		}
	}
}

// FuzzPlain opens what was sealed by somebody with the key of the store: never a
// panic, and what opens is kept as it is.
func FuzzPlain(f *testing.F) {
	s := aStore(f)
	must(f, s.Put(aRecord(f, numberA)))
	key, err := s.key()
	must(f, err)
	r := aRecord(f, numberA)
	name := id(key, r.PAN) + recordSuffix
	aead, err := sealer(key, name)
	must(f, err)
	for _, seed := range []string{"", "\x00\x00\x00\x02{}", "\x00\x00\x00\x03{}", "\xff\xff\xff\xff{}", "\x00\x00\x00\x0a{\"pan\":[1]}", "\x00\x00\x00\x0d{\"half\":\"AA\"}", "\x00\x00\x00\x04null"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		content := aead.Seal(header(), nil, plain, header())
		var first, second stored
		if err := unseal(key, name, content, &first); err != nil {
			return
		}
		must(t, s.write(key, name, first))
		must(t, s.open(key, name, &second))
		if a, b := first, second; !equalRecords(a, b) {
			t.Errorf("%q → %#v → %#v", plain, a, b)
		}
	})
}

// equalRecords compares what is kept; a time is the same in another zone.
func equalRecords(a, b stored) bool {
	sameTime := a.PairedAt.Equal(b.PairedAt)
	a.PairedAt, b.PairedAt = time.Time{}, time.Time{}
	return sameTime && reflect.DeepEqual(a, b)
}
