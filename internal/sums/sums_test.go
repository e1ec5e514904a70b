package sums

import (
	"errors"
	"path/filepath"
	"testing"
)

func FuzzParse(f *testing.F) {
	f.Add([]byte("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a.deb\nba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  b/b.deb\n"))
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, list []byte) {
		l, err := Parse(list)
		if err != nil && !errors.Is(err, ErrList) {
			t.Fatal(err)
		}
		for _, name := range l.Files {
			if name == "" || filepath.Join("/folder", name) != "/folder/"+name {
				t.Fatalf("%q leads elsewhere", name)
			}
		}
	})
}
