//go:build unix

package pairing

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// Every byte of the folder is accounted for.
func TestKeptListsEveryByte(t *testing.T) {
	s := aStore(t)
	if all, err := s.Kept(); err != nil || len(all) != 0 {
		t.Errorf("of nothing: %v, %v", all, err)
	}
	a, b := aRecord(t, numberA), aRecord(t, numberB)
	must(t, s.Seal(&a, []byte("signature"), []byte("1234")))
	must(t, s.Put(a))
	must(t, s.BeginChange(a.PAN, Change))
	must(t, s.KeepTries(b.PAN, 1))
	must(t, os.WriteFile(filepath.Join(s.Folder(), "store.key.new"), []byte("half"), 0o600))
	all, err := s.Kept()
	must(t, err)
	var listed, there int64
	var kinds []Kind
	for _, k := range all {
		listed += k.Size
		kinds = append(kinds, k.Kind)
		if k.Kind == KindCard && (k.PAN != a.PAN || !k.Half) {
			t.Errorf("record of %v, half %v", k.PAN, k.Half)
		}
	}
	entries, err := os.ReadDir(s.Folder())
	must(t, err)
	for _, e := range entries {
		info, err := e.Info()
		must(t, err)
		there += info.Size()
	}
	slices.Sort(kinds)
	if want := []Kind{KindCard, KindKey, KindLock, KindPending, KindRest, KindTries}; !slices.Equal(kinds, want) || listed != there {
		t.Errorf("%v, %d bytes, want %v, %d", kinds, listed, want, there)
	}
	must(t, s.Forget())
	if all, err := s.Kept(); err != nil || len(all) != 0 {
		t.Errorf("after Forget: %v, %v", all, err)
	}
}

func TestKeptInKeyring(t *testing.T) {
	k := &fakeKeyring{entries: map[string]string{}}
	s := aStore(t, withKeyring(k, time.Second))
	r := aRecord(t, numberA)
	must(t, s.Seal(&r, []byte("signature"), []byte("1234")))
	must(t, s.Put(r))
	all, err := s.Kept()
	must(t, err)
	at := slices.IndexFunc(all, func(k Kept) bool { return k.Kind == KindKeyring })
	if at < 0 || all[at].PAN != r.PAN || all[at].Path != "" {
		t.Fatalf("%v", all)
	}
	for _, text := range k.entries {
		if all[at].Size != int64(len(text)) {
			t.Errorf("%d bytes, the keyring has %d", all[at].Size, len(text))
		}
	}
}
