//go:build unix

package pairing

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	gokeyring "github.com/zalando/go-keyring"

	"github.com/softwarecie/cie/applet"
)

// secrets of a person who must not be found in any file.
const (
	surname  = "CAMPIONESSA"
	taxCode  = "CMPLCU80A41H501Z"
	document = "CA98765ZZ"
)

func aRecord(t testing.TB, number string) Record {
	t.Helper()
	pan, err := applet.ParsePAN(number)
	if err != nil {
		t.Fatal(err)
	}
	salt, err := NewSalt()
	if err != nil {
		t.Fatal(err)
	}
	return Record{
		PAN: pan, Certificate: []byte("certificate of " + surname + " " + taxCode + " " + document), Salt: salt, Tries: 3, Genuine: "test",
		Parameters: applet.Parameters{G: []byte{2}, P: bytes.Repeat([]byte{7}, 256), Q: []byte{5}, DeviceKey: []byte("device key")},
		PairedAt:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	}
}

func aStore(t testing.TB, options ...Option) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "pairings"), options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// same compares records by what their file has.
func same(t *testing.T, got, want Record) {
	t.Helper()
	a, _ := json.Marshal(stored(got))
	b, _ := json.Marshal(stored(want))
	if !bytes.Equal(a, b) {
		t.Errorf("record\n%s, want\n%s", a, b)
	}
}

const numberA, numberB = "123456789012", "999988887777"

func TestPutGetListDelete(t *testing.T) {
	s := aStore(t)
	a, b := aRecord(t, numberA), aRecord(t, numberB)
	if _, err := s.Get(a.PAN); !errors.Is(err, ErrNotPaired) {
		t.Errorf("Get of nothing: %v", err)
	}
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("List of nothing: %v, %v", all, err)
	}
	if _, err := os.Stat(s.Folder()); !errors.Is(err, os.ErrNotExist) {
		t.Error("looking made a folder")
	}
	must(t, s.Put(a))
	must(t, s.Put(b))
	got, err := s.Get(b.PAN)
	must(t, err)
	same(t, got, b)
	must(t, s.Update(a.PAN, func(r *Record) error { r.Tries = 1; return nil }))
	refused := errors.New("refused")
	if err := s.Update(a.PAN, func(r *Record) error { r.Tries = 0; return refused }); !errors.Is(err, refused) {
		t.Errorf("Update = %v", err)
	}
	if got, err := s.Get(a.PAN); err != nil || got.Tries != 1 {
		t.Errorf("after Update: %d tries, %v", got.Tries, err)
	}
	if all, err := s.List(); err != nil || len(all) != 2 {
		t.Errorf("List: %d, %v", len(all), err)
	}
	must(t, s.Delete(a.PAN))
	if err := s.Delete(a.PAN); !errors.Is(err, ErrNotPaired) {
		t.Errorf("Delete again: %v", err)
	}
	if _, err := s.Get(b.PAN); err != nil {
		t.Errorf("the other: %v", err)
	}
}

func TestNothingInTheClear(t *testing.T) {
	s := aStore(t)
	r := aRecord(t, numberA)
	must(t, s.Put(r))
	must(t, s.BeginChange(r.PAN, Change))
	sizes := map[int64]bool{}
	must(t, filepath.WalkDir(s.Folder(), func(path string, d os.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		if d.IsDir() {
			if info.Mode().Perm() != 0o700 {
				t.Errorf("%s has mode %04o", path, info.Mode().Perm())
			}
			return nil
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %04o", path, info.Mode().Perm())
		}
		if strings.HasSuffix(path, recordSuffix) || strings.HasSuffix(path, journalSuffix) {
			sizes[info.Size()] = true
		}
		content, err := os.ReadFile(path)
		must(t, err)
		content = append(content, path...)
		for _, word := range []string{surname, taxCode, document, numberA, string(r.PAN[:]), "device key"} {
			for _, form := range []string{word, hex.EncodeToString([]byte(word)), base64.StdEncoding.EncodeToString([]byte(word))} {
				if bytes.Contains(bytes.ToUpper(content), bytes.ToUpper([]byte(form))) {
					t.Errorf("%s holds %q", path, form)
				}
			}
		}
		return nil
	}))
	if len(sizes) != 1 {
		t.Errorf("sizes tell kinds apart: %v", sizes)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, r) + fmt.Sprintf(verb, &r); strings.Contains(text, surname) || strings.Contains(text, numberA) {
			t.Errorf("%s = %s", verb, text)
		}
	}
}

func TestHalf(t *testing.T) {
	s := aStore(t)
	r := aRecord(t, numberA)
	signature := bytes.Repeat([]byte{0x5A}, 256)
	if r.HasHalf() {
		t.Error("a half before there is one")
	}
	must(t, s.Seal(&r, signature, []byte("1234")))
	must(t, s.Put(r))
	r, err := s.Get(r.PAN)
	must(t, err)
	half, err := s.Unseal(r, signature)
	must(t, err)
	if string(half.Bytes()) != "1234" || !r.HasHalf() {
		t.Errorf("half = %q", half.Bytes())
	}
	for name, change := range map[string]func(*Record, []byte) []byte{
		"another card's signature": func(_ *Record, sig []byte) []byte { sig[7] ^= 1; return sig },
		"another salt":             func(r *Record, sig []byte) []byte { r.Salt[0] ^= 1; return sig },
		"another card":             func(r *Record, sig []byte) []byte { r.PAN[0] ^= 1; return sig },
		"a flipped bit":            func(r *Record, sig []byte) []byte { r.Half[len(r.Half)-1] ^= 1; return sig },
		"nothing stored":           func(r *Record, sig []byte) []byte { r.Half = nil; return sig },
		"too short":                func(r *Record, sig []byte) []byte { r.Half = r.Half[:3]; return sig },
	} {
		bad := r
		bad.Salt, bad.Half = bytes.Clone(r.Salt), bytes.Clone(r.Half)
		if _, err := s.Unseal(bad, change(&bad, bytes.Clone(signature))); !errors.Is(err, ErrStale) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Seal(&r, signature, []byte("12345678")); err == nil {
		t.Error("a whole PIN was sealed")
	}
}

func TestF07Journal(t *testing.T) {
	s := aStore(t)
	a := aRecord(t, numberA)
	must(t, s.EndChange(a.PAN)) // nothing begun
	must(t, s.BeginChange(a.PAN, Unblock))
	again, err := Open(s.Folder()) // another start of the program
	must(t, err)
	pending, err := again.Pending()
	if err != nil || len(pending) != 1 || pending[0].PAN != a.PAN || pending[0].Operation != Unblock {
		t.Fatalf("Pending = %v, %v", pending, err)
	}
	must(t, again.EndChange(a.PAN))
	if pending, err = s.Pending(); err != nil || len(pending) != 0 {
		t.Errorf("Pending = %v, %v", pending, err)
	}
}

// between has every call that changes a file go through a function.
type between struct {
	osFiles
	call func(f func() error) error
}

func (b between) Write(path string, content []byte) error {
	return b.call(func() error { return b.osFiles.Write(path, content) })
}

func (b between) Rename(from, to string) error {
	return b.call(func() error { return b.osFiles.Rename(from, to) })
}

func (b between) Remove(path string) error {
	return b.call(func() error { return b.osFiles.Remove(path) })
}

func (b between) SyncFolder(path string) error {
	return b.call(func() error { return b.osFiles.SyncFolder(path) })
}

var errDisk = &os.PathError{Op: "write", Path: "disk", Err: syscall.ENOSPC}

// failing is a file system whose n-th writing call fails, before or after it was
// carried out, and every later one too: a full disk, or a process killed there.
func failing(left *int, late bool) files {
	return between{call: func(f func() error) error {
		if *left <= 0 {
			return errDisk
		}
		*left--
		if *left > 0 || late {
			if err := f(); err != nil {
				return err
			}
		}
		if *left == 0 {
			return errDisk
		}
		return nil
	}}
}

func TestF63F65DiskFullOrKilledAtEachCall(t *testing.T) {
	cells := 0
	for _, late := range []bool{false, true} {
		for n := 1; ; n++ {
			s := aStore(t)
			old, next := aRecord(t, numberA), aRecord(t, numberA)
			old.Tries, next.Tries = 1, 2
			must(t, s.Put(old))
			left := n
			broken := &Store{folder: s.folder, files: failing(&left, late)}
			err := broken.Put(next)
			got, getErr := s.Get(old.PAN)
			if getErr != nil || got.Tries != 1 && got.Tries != 2 || err == nil && got.Tries != 2 {
				t.Fatalf("at %d: Put = %v, then %d tries, %v", n, err, got.Tries, getErr)
			}
			must(t, s.Put(next)) // and works again, leftovers swept
			if names, _ := filepath.Glob(filepath.Join(s.folder, "*"+newSuffix)); len(names) > 0 {
				t.Errorf("at %d: left %v", n, names)
			}
			cells++
			if err == nil {
				break
			}
		}
	}
	t.Logf("%d points: the old record or the new one", cells)
}

func TestF64ReadOnlyHome(t *testing.T) {
	if os.Geteuid() == 0 {
		file := filepath.Join(t.TempDir(), "file") // root writes everywhere: a file where the home should be
		must(t, os.WriteFile(file, nil, 0o600))
		s, err := Open(filepath.Join(file, "cie"))
		must(t, err)
		if err := s.Put(aRecord(t, numberA)); err == nil {
			t.Error("written below a file")
		}
		return
	}
	home := t.TempDir()
	must(t, os.Chmod(home, 0o500)) //nolint:gosec // that is the test
	s, err := Open(filepath.Join(home, "cie"))
	must(t, err)
	if err := s.Put(aRecord(t, numberA)); err == nil {
		t.Error("written to a read-only home")
	}
}

func recordFile(t *testing.T, s *Store) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.Folder(), "*"+recordSuffix))
	if err != nil || len(names) != 1 {
		t.Fatalf("record files: %v, %v", names, err)
	}
	return names[0]
}

func TestF66DamagedAnywhere(t *testing.T) {
	s := aStore(t)
	r := aRecord(t, numberA)
	must(t, s.Put(r))
	file := recordFile(t, s)
	whole, err := os.ReadFile(file)
	must(t, err)
	try := func(what string, content []byte) {
		t.Helper()
		must(t, os.WriteFile(file, content, 0o600))
		if _, err := s.Get(r.PAN); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for i := range whole {
		if i > 100 && i%37 != 0 && i < len(whole)-40 {
			continue // every byte of header, nonce and tag, some of the rest
		}
		bad := bytes.Clone(whole)
		bad[i] ^= 0x01
		try(fmt.Sprint("byte ", i), bad)
	}
	for _, n := range []int{0, 1, headerSize, headerSize + 11, len(whole) / 2, len(whole) - 1} {
		try(fmt.Sprint("cut at ", n), whole[:n])
	}
	if all, err := s.List(); len(all) != 0 || !errors.Is(err, ErrDamaged) {
		t.Errorf("List: %v, %v", all, err)
	}
	must(t, s.Put(r)) // pairing again puts it right
	if _, err := s.Get(r.PAN); err != nil {
		t.Error(err)
	}
	other := aRecord(t, numberB)
	must(t, s.Put(other))
	must(t, os.Rename(file, file+"x"))
	names, _ := filepath.Glob(filepath.Join(s.Folder(), "*"+recordSuffix))
	must(t, os.Rename(names[0], file)) // the other card's file under this one's name
	if _, err := s.Get(r.PAN); !errors.Is(err, ErrDamaged) {
		t.Errorf("another card's record: %v", err)
	}
}

func TestF67UnsafeFiles(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, file string){
		"mode 0666": func(t *testing.T, f string) { must(t, os.Chmod(f, 0o666)) }, //nolint:gosec // that is the test
		"a link": func(t *testing.T, f string) {
			must(t, os.Rename(f, f+".real"))
			must(t, os.Symlink(f+".real", f))
		},
		"a hard link": func(t *testing.T, f string) { must(t, os.Link(f, f+".twin")) },
		"a pipe": func(t *testing.T, f string) {
			must(t, os.Remove(f))
			must(t, syscall.Mkfifo(f, 0o600))
		},
		"a folder": func(t *testing.T, f string) {
			must(t, os.Remove(f))
			must(t, os.Mkdir(f, 0o700))
		},
		"another owner": func(t *testing.T, f string) {
			if os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			must(t, os.Chown(f, 65534, 65534))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := aStore(t)
			r := aRecord(t, numberA)
			must(t, s.Put(r))
			spoil(t, recordFile(t, s))
			done := make(chan error, 1)
			go func() { _, err := s.Get(r.PAN); done <- err }()
			select {
			case err := <-done:
				if !errors.Is(err, ErrUnsafe) {
					t.Errorf("Get = %v", err)
				}
			case <-time.After(5 * time.Second):
				t.Fatal("waits at it")
			}
		})
	}
	s := aStore(t)
	must(t, s.Put(aRecord(t, numberA)))
	must(t, os.Chmod(s.Folder(), 0o755)) //nolint:gosec // that is the test
	if err := s.Put(aRecord(t, numberB)); !errors.Is(err, ErrUnsafe) {
		t.Errorf("a folder open to others: %v", err)
	}
}

// A fakeKeyring answers at once, or never.
type fakeKeyring struct {
	entries map[string]string
	silent  chan struct{} // nil: answers
}

func (k *fakeKeyring) Get(_, user string) (string, error) {
	k.wait()
	if text, ok := k.entries[user]; ok {
		return text, nil
	}
	return "", gokeyring.ErrNotFound
}

func (k *fakeKeyring) Set(_, user, text string) error { k.wait(); k.entries[user] = text; return nil }

func (k *fakeKeyring) Delete(_, user string) error { k.wait(); delete(k.entries, user); return nil }
func (k *fakeKeyring) DeleteAll(string) error      { k.wait(); clear(k.entries); return nil }
func (k *fakeKeyring) wait() {
	if k.silent != nil {
		<-k.silent
	}
}

func TestF68F69Keyring(t *testing.T) {
	k := &fakeKeyring{entries: map[string]string{}}
	s := aStore(t, withKeyring(k, 50*time.Millisecond))
	r := aRecord(t, numberA)
	signature := bytes.Repeat([]byte{1}, 256)
	must(t, s.Seal(&r, signature, []byte("1234")))
	must(t, s.Put(r))
	if !r.InKeyring || len(k.entries) != 1 {
		t.Fatalf("in the keyring: %v", k.entries)
	}
	if half, err := s.Unseal(r, signature); err != nil || string(half.Bytes()) != "1234" {
		t.Errorf("Unseal: %v", err)
	}
	plain := &Store{folder: s.folder, files: osFiles{}}
	if _, err := plain.Unseal(r, signature); !errors.Is(err, ErrKeyring) {
		t.Errorf("without a keyring: %v", err)
	}
	k.silent = make(chan struct{})
	start := time.Now()
	if _, err := s.Unseal(r, signature); !errors.Is(err, ErrKeyring) || time.Since(start) > 5*time.Second {
		t.Errorf("keyring that never answers: %v after %v", err, time.Since(start))
	}
	close(k.silent)
	k.silent = nil
	time.Sleep(10 * time.Millisecond)
	clear(k.entries)
	if _, err := s.Unseal(r, signature); !errors.Is(err, ErrStale) {
		t.Errorf("entry gone: %v", err)
	}
	must(t, s.Seal(&r, signature, []byte("1234")))
	must(t, s.Forget())
	if len(k.entries) != 0 {
		t.Error("the keyring was not cleared")
	}
}

// TestF70TwoProcesses pairs and unpairs at once, each with a process of its own.
func TestF70TwoProcesses(t *testing.T) {
	const variable = "CIE_PAIRING_RIVAL"
	if folder := os.Getenv(variable); folder != "" {
		s, err := Open(folder)
		must(t, err)
		r := aRecord(t, numberA)
		for range 100 {
			if err := s.Put(r); err != nil {
				t.Fatal(err)
			}
			if err := s.Delete(r.PAN); err != nil && !errors.Is(err, ErrNotPaired) {
				t.Fatal(err)
			}
		}
		return
	}
	folder := filepath.Join(t.TempDir(), "pairings")
	var rivals []*exec.Cmd
	for range 2 {
		c := exec.Command(os.Args[0], "-test.run=TestF70TwoProcesses")
		c.Env = append(os.Environ(), variable+"="+folder)
		must(t, c.Start())
		rivals = append(rivals, c)
	}
	s, err := Open(folder)
	must(t, err)
	pan, _ := applet.ParsePAN(numberA)
	for range 200 {
		if _, err := s.Get(pan); err != nil && !errors.Is(err, ErrNotPaired) {
			t.Fatalf("torn: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
	for _, c := range rivals {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
}

func TestF71LockOfDeadProcess(t *testing.T) {
	s := aStore(t)
	must(t, s.Put(aRecord(t, numberA)))
	unlock, err := lock(filepath.Join(s.Folder(), lockFile), patienceForLock)
	must(t, err)
	time.AfterFunc(200*time.Millisecond, unlock) // as the system does when its process ends
	if err := s.Put(aRecord(t, numberB)); err != nil {
		t.Error(err)
	}
}

func TestF73NewerVersion(t *testing.T) {
	s := aStore(t)
	r := aRecord(t, numberA)
	must(t, s.Put(r))
	file := recordFile(t, s)
	content, err := os.ReadFile(file)
	must(t, err)
	content[len(magic)], content[len(magic)+1] = version+1, 0xFF-(version+1)
	must(t, os.WriteFile(file, content, 0o600))
	if _, err := s.Get(r.PAN); !errors.Is(err, ErrNewerVersion) {
		t.Errorf("Get = %v", err)
	}
	if err := s.Put(r); !errors.Is(err, ErrNewerVersion) {
		t.Errorf("Put = %v", err)
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(after, content) {
		t.Error("the newer file was touched")
	}
}

func TestForgetLeavesNothingOfOurs(t *testing.T) {
	s := aStore(t)
	must(t, s.Forget()) // of nothing
	must(t, s.Put(aRecord(t, numberA)))
	must(t, s.BeginChange(aRecord(t, numberB).PAN, Change))
	must(t, s.Forget())
	if _, err := os.Stat(s.Folder()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder is left: %v", err)
	}
	must(t, s.Put(aRecord(t, numberA)))
	foreign := filepath.Join(s.Folder(), "diary.txt")
	must(t, os.WriteFile(foreign, nil, 0o600))
	if err := s.Forget(); err == nil {
		t.Error("nobody was told of the foreign file")
	}
	if rest, _ := os.ReadDir(s.Folder()); len(rest) != 1 || rest[0].Name() != "diary.txt" {
		t.Errorf("left: %v", rest)
	}
}

func TestF45OddHomes(t *testing.T) {
	nested := t.TempDir()
	for _, tt := range []struct{ name, home, state string }{
		{"no home", "", ""},
		{"relative", "here", ""},
		{"4,000 characters", "/" + strings.Repeat("x", 4000), ""},
		{"relative state folder", nested, "state"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("HOME", tt.home)
			t.Setenv("XDG_STATE_HOME", tt.state)
			folder, err := DefaultFolder()
			if tt.home == nested {
				if want := filepath.Join(nested, ".local/state/cie/pairings"); folder != want {
					t.Errorf("DefaultFolder = %s, %v", folder, err)
				}
				return
			}
			if err == nil {
				s, err := Open(folder)
				must(t, err)
				if err := s.Put(aRecord(t, numberA)); err == nil {
					t.Error("written")
				}
				return
			}
			if !errors.Is(err, ErrNoHome) {
				t.Errorf("DefaultFolder: %v", err)
			}
		})
	}
	if _, err := Open("relative"); !errors.Is(err, ErrNoHome) {
		t.Errorf("Open of a relative path: %v", err)
	}
}

func FuzzRecord(f *testing.F) {
	folder := f.TempDir()
	s, err := Open(filepath.Join(folder, "p"))
	must(f, err)
	r := aRecord(f, numberA)
	must(f, s.Put(r))
	key, err := s.key()
	must(f, err)
	name := id(key, r.PAN) + recordSuffix
	whole, err := os.ReadFile(s.path(name))
	must(f, err)
	f.Add(whole)
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, in []byte) {
		var got stored
		err := unseal(key, name, in, &got)
		switch {
		case err == nil && !bytes.Equal(in, whole):
			t.Error("opened what was never sealed")
		case err != nil && !errors.Is(err, ErrDamaged) && !errors.Is(err, ErrNewerVersion):
			t.Errorf("untyped error %v", err)
		}
	})
}

func TestTriesOfACardThatIsNotPaired(t *testing.T) {
	s, err := Open(filepath.Join(t.TempDir(), "pairings"))
	if err != nil {
		t.Fatal(err)
	}
	pan, other := applet.PAN{1}, applet.PAN{2}
	if n := s.SeenTries(pan); n != -1 {
		t.Errorf("SeenTries = %d before anything was kept", n)
	}
	for _, n := range []int{2, 1, 0} {
		if err := s.KeepTries(pan, n); err != nil {
			t.Fatal(err)
		}
		if got := s.SeenTries(pan); got != n {
			t.Errorf("SeenTries = %d, want %d", got, n)
		}
	}
	if n := s.SeenTries(other); n != -1 {
		t.Errorf("SeenTries of another card = %d", n)
	}
	for who, want := range map[applet.PAN]int{pan: 3, other: -1} {
		if err := s.KeepTries(who, 3); err != nil {
			t.Fatal(err)
		}
		if n := s.SeenTries(who); n != want {
			t.Errorf("SeenTries = %d after a good PIN, want %d", n, want)
		}
	}
	if err := s.KeepTries(pan, 1); err != nil {
		t.Fatal(err)
	}
	if err := s.Forget(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Folder()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder stays: %v", err)
	}
}
