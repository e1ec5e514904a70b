package pairing

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/softwarecie/cie/internal/rig"
)

// again runs a test of this program in a process of its own, which a variable of
// the environment tells apart.
func again(t *testing.T, variable, value string) *exec.Cmd {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	c.Env = append(os.Environ(), variable+"="+value)
	return c
}

// snapshot is what lies below a folder: modes and contents.
func snapshot(t *testing.T, folder string) map[string]string {
	t.Helper()
	all := map[string]string{}
	must(t, filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		must(t, err)
		info, err := d.Info()
		must(t, err)
		all[path] = info.Mode().String()
		if d.Type().IsRegular() {
			content, err := os.ReadFile(path)
			must(t, err)
			all[path] += string(content)
		}
		return nil
	}))
	return all
}

func unchanged(t *testing.T, folder string, before map[string]string) {
	t.Helper()
	if after := snapshot(t, folder); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("the folder was changed: %d entries, were %d", len(after), len(before))
	}
}

func noLeftovers(t *testing.T, s *Store) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(s.Folder(), "*"+newSuffix)); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// Both on a file system of 64 kB, in a mount namespace of their own.
func TestF63F64SmallAndReadOnlyDisk(t *testing.T) {
	const variable = "CIE_PAIRING_SMALL_DISK"
	if os.Getenv(variable) == "" {
		c := again(t, variable, "yes")
		c.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS}
		if uid := os.Geteuid(); uid != 0 {
			c.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
			c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: uid, Size: 1}}
			c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
		}
		out, err := c.CombinedOutput()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSYS) {
			rig.Missing(t, "mount namespaces")
		}
		if err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	home := t.TempDir()
	must(t, unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
	must(t, unix.Mount("tmpfs", home, "tmpfs", 0, "size=64k,mode=700"))
	defer func() { _ = unix.Unmount(home, unix.MNT_DETACH) }()
	s, err := Open(filepath.Join(home, "cie"))
	must(t, err)
	kept := fillUp(t, s)
	must(t, s.Delete(kept[0].PAN)) // makes room
	must(t, s.Put(kept[0]))

	before := snapshot(t, home)
	must(t, unix.Mount("", home, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	for name, f := range map[string]func() error{
		"Put":         func() error { return s.Put(kept[0]) },
		"Update":      func() error { return s.Update(kept[0].PAN, func(*Record) error { return nil }) },
		"Delete":      func() error { return s.Delete(kept[0].PAN) },
		"BeginChange": func() error { return s.BeginChange(kept[0].PAN, Change) },
		"Forget":      s.Forget,
	} {
		if err := f(); !errors.Is(err, unix.EROFS) {
			t.Errorf("%s on a read-only disk: %v", name, err)
		}
	}
	if all, err := s.List(); err != nil || len(all) != len(kept) {
		t.Errorf("List on a read-only disk: %d, %v", len(all), err)
	}
	elsewhere, err := Open(filepath.Join(home, "new", "cie"))
	must(t, err)
	if err := elsewhere.Put(kept[0]); !errors.Is(err, ErrNoHome) {
		t.Errorf("first Put on a read-only disk: %v", err)
	}
	unchanged(t, home, before)
}

// fillUp pairs cards until the disk is full; those there stay whole.
func fillUp(t *testing.T, s *Store) (kept []Record) {
	for n := 0; ; n++ {
		r := aRecord(t, fmt.Sprintf("%012d", n))
		err := s.Put(r)
		if errors.Is(err, unix.ENOSPC) {
			break
		}
		must(t, err)
		if kept = append(kept, r); n > 20 {
			t.Fatal("the disk is never full")
		}
	}
	for i := range kept {
		next := kept[i]
		next.Tries++
		if s.Put(next) == nil {
			kept[i] = next
		}
		got, err := s.Get(next.PAN)
		must(t, err)
		same(t, got, kept[i])
	}
	noLeftovers(t, s)
	if len(kept) < 3 {
		t.Fatalf("%d records on 64 kB", len(kept))
	}
	return kept
}

// dying is a file system of a process that ends at its n-th call: nothing is
// carried out from there on, clearing up neither. A Write is three calls, after
// which the file is empty, half, and whole.
type dying struct{ between }

var errDead = errors.New("the process has ended")

func newDying(left *int) dying {
	return dying{between{call: func(f func() error) error {
		if *left--; *left < 0 {
			return errDead
		}
		return f()
	}}}
}

func (d dying) Write(path string, content []byte) error {
	for _, part := range [][]byte{nil, content[:len(content)/2], content} {
		if err := d.call(func() error { return os.WriteFile(path, part, 0o600) }); err != nil {
			return err
		}
	}
	return nil
}

func (d dying) MakeFolder(path string) error {
	return d.call(func() error { return d.osFiles.MakeFolder(path) })
}

// contents says what a store holds.
func contents(s *Store) string {
	all, err := s.List()
	pending, err2 := s.Pending()
	text := fmt.Sprint(err, err2)
	for _, r := range all {
		text += fmt.Sprintf(" %s/%d/%d", r.PAN, r.Tries, len(r.Certificate))
	}
	for _, p := range pending {
		text += fmt.Sprintf(" %s/%s", p.PAN, p.Operation)
	}
	return text
}

// Killed at each point of each operation the store is as before or as after, and
// the operation can be done again.
func TestF65KilledAtEachPoint(t *testing.T) {
	a, b := aRecord(t, numberA), aRecord(t, numberB)
	changed := a
	changed.Tries = 1
	nothing := func(*Store) error { return nil }
	paired := func(s *Store) error { return s.Put(a) }
	begun := func(s *Store) error { return s.BeginChange(a.PAN, Change) }
	points := 0
	for name, tt := range map[string]struct{ before, do func(*Store) error }{
		"first Put":         {nothing, paired},
		"Put":               {paired, func(s *Store) error { return s.Put(changed) }},
		"Put of another":    {paired, func(s *Store) error { return s.Put(b) }},
		"Delete":            {paired, func(s *Store) error { return s.Delete(a.PAN) }},
		"Update":            {paired, func(s *Store) error { return s.Update(a.PAN, func(r *Record) error { *r = changed; return nil }) }},
		"first BeginChange": {nothing, begun},
		"EndChange":         {begun, func(s *Store) error { return s.EndChange(a.PAN) }},
	} {
		t.Run(name, func(t *testing.T) {
			reference := aStore(t)
			must(t, tt.before(reference))
			old := contents(reference)
			must(t, tt.do(reference))
			next := contents(reference)
			for n := 0; ; n++ {
				s := aStore(t)
				must(t, tt.before(s))
				left := n
				err := tt.do(&Store{folder: s.folder, files: newDying(&left)})
				got := contents(s)
				if got != old && got != next || err == nil && got != next {
					t.Errorf("killed at %d (%v): %q, want %q or %q", n, err, got, old, next)
				}
				if err := tt.do(s); err != nil && !errors.Is(err, ErrNotPaired) {
					t.Errorf("killed at %d, then again: %v", n, err)
				}
				if got := contents(s); got != next {
					t.Errorf("killed at %d, then again: %q, want %q", n, got, next)
				}
				must(t, s.Put(b)) // clears up
				noLeftovers(t, s)
				if left >= 0 {
					break
				}
				points++
			}
		})
	}
	t.Logf("killed at %d points", points)
}

// Forget that was killed has forgotten the rest too, and ends its work later.
func TestF65ForgetKilledAtEachPoint(t *testing.T) {
	for n := 1; ; n++ {
		s := aStore(t)
		must(t, s.Put(aRecord(t, numberA)))
		must(t, s.BeginChange(aRecord(t, numberB).PAN, Unblock))
		left := n
		_ = (&Store{folder: s.folder, files: newDying(&left)}).Forget()
		if got := contents(s); got != contents(aStore(t)) {
			t.Errorf("killed at %d: %q", n, got)
		}
		must(t, s.Forget())
		if _, err := os.Stat(s.Folder()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("killed at %d, then again: the folder is left (%v)", n, err)
		}
		if left >= 0 {
			return
		}
	}
}

// A process that saves all the time is killed for good, thirty times; its lock
// goes with it.
func TestF65F71KilledProcess(t *testing.T) {
	const variable = "CIE_PAIRING_KILLED"
	if folder := os.Getenv(variable); folder != "" {
		s, err := Open(folder)
		must(t, err)
		r := aRecord(t, numberA)
		for r.Tries = 0; ; r.Tries++ {
			must(t, s.Put(r))
			if r.Tries == 0 {
				fmt.Println("begun")
			}
		}
	}
	s := aStore(t)
	r := aRecord(t, numberA)
	slowest := time.Duration(0)
	for n := range 30 {
		c := again(t, variable, s.Folder())
		out, err := c.StdoutPipe()
		must(t, err)
		must(t, c.Start())
		_, err = out.Read(make([]byte, 6))
		must(t, err)
		time.Sleep(time.Duration(n*137%4000) * time.Microsecond)
		must(t, c.Process.Kill())
		_ = c.Wait()
		if got, err := s.Get(r.PAN); err != nil || !bytes.Equal(got.Certificate, r.Certificate) {
			t.Fatalf("kill %d: %v", n, err)
		}
		begun := time.Now()
		must(t, s.Update(r.PAN, func(*Record) error { return nil }))
		slowest = max(slowest, time.Since(begun))
		noLeftovers(t, s)
	}
	if slowest > 5*time.Second {
		t.Errorf("lock of a dead process kept for %v", slowest)
	}
	t.Logf("slowest save after a kill: %v", slowest)
}

// A key that is damaged or gone keeps nobody from pairing again; what it had
// sealed is cleared away.
func TestF66DamagedKey(t *testing.T) {
	s := aStore(t)
	a, b := aRecord(t, numberA), aRecord(t, numberB)
	must(t, s.Put(a))
	file := filepath.Join(s.Folder(), keyFile)
	whole, err := os.ReadFile(file)
	must(t, err)
	damages := [][]byte{nil, whole[:1], whole[:len(whole)-1], append(bytes.Clone(whole), 0)}
	for i := range len(whole) * 8 {
		bad := bytes.Clone(whole)
		bad[i/8] ^= 1 << (i % 8)
		damages = append(damages, bad)
	}
	for i, bad := range damages {
		must(t, os.WriteFile(file, bad, 0o600))
		_, getErr := s.Get(a.PAN)
		_, listErr := s.List()
		if !errors.Is(getErr, ErrDamaged) || !errors.Is(listErr, ErrDamaged) {
			t.Errorf("damage %d: Get = %v, List = %v", i, getErr, listErr)
		}
	}
	must(t, s.Put(b))
	if all, err := s.List(); err != nil || len(all) != 1 || all[0].PAN != b.PAN {
		t.Errorf("after pairing again: %v, %v", all, err)
	}
	must(t, os.Remove(file))
	if _, err := s.Get(b.PAN); !errors.Is(err, ErrNotPaired) {
		t.Errorf("key gone: %v", err)
	}
	must(t, s.BeginChange(a.PAN, Change))
	if all, err := s.List(); err != nil || len(all) != 0 {
		t.Errorf("new key: %v, %v", all, err)
	}
}

// Every bit and every length of the first and the last hundred bytes.
func TestF66EveryBitAtTheEnds(t *testing.T) {
	s := aStore(t)
	must(t, s.Put(aRecord(t, numberA)))
	key, err := s.key()
	must(t, err)
	file := recordFile(t, s)
	whole, err := os.ReadFile(file)
	must(t, err)
	open := func(content []byte) error { return unseal(key, filepath.Base(file), content, new(stored)) }
	must(t, open(whole))
	for i := range whole {
		if i > 100 && i < len(whole)-100 {
			continue
		}
		for bit := range 8 {
			bad := bytes.Clone(whole)
			bad[i] ^= 1 << bit
			if err := open(bad); !errors.Is(err, ErrDamaged) {
				t.Errorf("bit %d of byte %d: %v", bit, i, err)
			}
		}
		if err := open(whole[:i]); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

// spoilt is what may lie in the place of a file of the store.
var spoilt = map[string]func(file, target string) error{
	"mode 0640": func(f, _ string) error { return os.Chmod(f, 0o640) }, //nolint:gosec // that is the test
	"mode 0604": func(f, _ string) error { return os.Chmod(f, 0o604) }, //nolint:gosec // that is the test
	"link":      func(f, to string) error { return errors.Join(os.Rename(f, to), os.Symlink(to, f)) },
	"dangling":  func(f, to string) error { return errors.Join(os.Remove(f), os.Symlink(to, f)) },
	"hard link": os.Link,
	"pipe":      func(f, _ string) error { return errors.Join(os.Remove(f), unix.Mkfifo(f, 0o600)) },
	"folder":    func(f, _ string) error { return errors.Join(os.Remove(f), os.Mkdir(f, 0o700)) },
}

// What is no ordinary file of ours is neither read, written, followed nor removed,
// whichever file of the store it stands for.
func TestF67EveryFileEveryKind(t *testing.T) {
	for _, suffix := range []string{keyFile, lockFile, recordSuffix, journalSuffix} {
		for kind, spoil := range spoilt {
			t.Run(suffix+" "+kind, func(t *testing.T) {
				s := aStore(t)
				r := aRecord(t, numberA)
				must(t, s.Put(r))
				must(t, s.BeginChange(r.PAN, Change))
				names, err := filepath.Glob(filepath.Join(s.Folder(), "*"+suffix))
				if err != nil || len(names) != 1 {
					t.Fatal(names, err)
				}
				home := filepath.Dir(s.Folder())
				must(t, spoil(names[0], filepath.Join(home, "target")))
				before := snapshot(t, home)
				for name, f := range touching(s, r, suffix) {
					done := make(chan error, 1)
					go func() { done <- f() }()
					select {
					case err := <-done:
						if !errors.Is(err, ErrUnsafe) {
							t.Errorf("%s = %v, want ErrUnsafe", name, err)
						}
					case <-time.After(2 * time.Second):
						t.Fatalf("%s waits", name)
					}
				}
				unchanged(t, home, before)
			})
		}
	}
}

// touching are the operations that have to do with a file of the store.
func touching(s *Store, r Record, suffix string) map[string]func() error {
	all := map[string]func() error{}
	if suffix == keyFile || suffix == recordSuffix {
		all["Get"] = func() error { _, err := s.Get(r.PAN); return err }
		all["List"] = func() error { _, err := s.List(); return err }
	}
	if suffix == keyFile || suffix == journalSuffix {
		all["Pending"] = func() error { _, err := s.Pending(); return err }
	}
	if suffix != journalSuffix {
		all["Put"] = func() error { return s.Put(r) }
		all["Delete"] = func() error { return s.Delete(r.PAN) }
		all["Update"] = func() error { return s.Update(r.PAN, func(*Record) error { return nil }) }
	}
	if suffix != recordSuffix {
		all["BeginChange"] = func() error { return s.BeginChange(r.PAN, Change) }
	}
	return all
}

func TestF67Folder(t *testing.T) {
	for kind, spoil := range map[string]func(folder string) error{
		"open to others": func(f string) error { return os.Chmod(f, 0o711) }, //nolint:gosec // that is the test
		"link":           func(f string) error { return errors.Join(os.Rename(f, f+"x"), os.Symlink(f+"x", f)) },
		"file":           func(f string) error { return errors.Join(os.Rename(f, f+"x"), os.WriteFile(f, nil, 0o600)) },
		"pipe":           func(f string) error { return errors.Join(os.Rename(f, f+"x"), unix.Mkfifo(f, 0o600)) },
		"another owner":  func(f string) error { return os.Chown(f, 65534, 65534) },
	} {
		t.Run(kind, func(t *testing.T) {
			if kind == "another owner" && os.Geteuid() != 0 {
				t.Skip("needs root")
			}
			s := aStore(t)
			r := aRecord(t, numberA)
			must(t, s.Put(r))
			must(t, spoil(s.Folder()))
			home := filepath.Dir(s.Folder())
			before := snapshot(t, home)
			_, getErr := s.Get(r.PAN)
			_, listErr := s.List()
			for name, err := range map[string]error{
				"Get": getErr, "List": listErr, "Put": s.Put(r), "Delete": s.Delete(r.PAN), "Forget": s.Forget(), "BeginChange": s.BeginChange(r.PAN, Change),
			} {
				if !errors.Is(err, ErrUnsafe) {
					t.Errorf("%s = %v, want ErrUnsafe", name, err)
				}
			}
			unchanged(t, home, before)
		})
	}
}

// Two processes pair and unpair the same card, a thousand calls in all, while a
// third looks: what it sees is whole, and one of the two has the last word.
func TestF70ThousandRounds(t *testing.T) {
	const variable, rounds = "CIE_PAIRING_ROUNDS", 250
	if value := os.Getenv(variable); value != "" {
		folder, mark, _ := strings.Cut(value, "=")
		s, err := Open(folder)
		must(t, err)
		r := aRecord(t, numberA)
		r.Family, r.Certificate = mark, bytes.Repeat([]byte(mark), 1000)
		for range rounds {
			must(t, s.Put(r))
			if err := s.Delete(r.PAN); !errors.Is(err, ErrNotPaired) {
				must(t, err)
			}
		}
		must(t, s.Put(r))
		return
	}
	s := aStore(t)
	ended := make(chan string, 2)
	for _, mark := range []string{"A", "B"} {
		c := again(t, variable, s.Folder()+"="+mark)
		go func() {
			out, err := c.CombinedOutput()
			if err == nil {
				out = nil
			}
			ended <- string(out)
		}()
	}
	pan := aRecord(t, numberA).PAN
	seen := map[string]int{}
	look := func() error {
		r, err := s.Get(pan)
		if err == nil && !bytes.Equal(r.Certificate, bytes.Repeat([]byte(r.Family), 1000)) {
			return errors.New("half of one, half of the other")
		}
		seen[r.Family]++
		return err
	}
	for running := 2; running > 0; {
		select {
		case out := <-ended:
			running--
			if out != "" {
				t.Error(out)
			}
		default:
			if err := look(); err != nil && !errors.Is(err, ErrNotPaired) {
				t.Errorf("torn: %v", err)
			}
			if _, err := s.List(); err != nil {
				t.Errorf("List: %v", err)
			}
		}
	}
	if err := look(); err != nil {
		t.Errorf("at the end: %v, want the record of one of the two", err)
	}
	if seen["A"] == 0 && seen["B"] == 0 {
		t.Error("the third saw nothing")
	}
	t.Logf("seen: %v", seen)
}

// Pairing works while another process forgets everything.
func TestF70ForgetMeanwhile(t *testing.T) {
	const variable = "CIE_PAIRING_FORGETS"
	if folder := os.Getenv(variable); folder != "" {
		s, err := Open(folder)
		must(t, err)
		for range 60 {
			must(t, s.Forget())
			time.Sleep(2 * time.Millisecond)
		}
		return
	}
	s := aStore(t)
	r := aRecord(t, numberA)
	c := again(t, variable, s.Folder())
	ended := make(chan string, 1)
	go func() {
		out, err := c.CombinedOutput()
		if err == nil {
			out = nil
		}
		ended <- string(out)
	}()
	for puts := 0; ; puts++ {
		select {
		case out := <-ended:
			if out != "" {
				t.Error(out)
			}
			must(t, s.Put(r))
			if _, err := s.Get(r.PAN); err != nil {
				t.Error(err)
			}
			t.Logf("%d times", puts)
			return
		default:
			if err := s.Put(r); err != nil {
				t.Errorf("Put %d: %v", puts, err)
			}
			if _, err := s.Get(r.PAN); err != nil && !errors.Is(err, ErrNotPaired) {
				t.Errorf("Get %d: %v", puts, err)
			}
		}
	}
}

// A lock that somebody keeps is an error in time, not a hang.
func TestF71LockKept(t *testing.T) {
	s := aStore(t)
	r := aRecord(t, numberA)
	must(t, s.Put(r))
	unlock, err := lock(filepath.Join(s.Folder(), lockFile), patienceForLock)
	must(t, err)
	defer unlock()
	if s.patience > 5*time.Second {
		t.Errorf("patience of %v", s.patience)
	}
	s.patience = 50 * time.Millisecond
	for name, err := range map[string]error{"Put": s.Put(r), "Delete": s.Delete(r.PAN), "Forget": s.Forget(), "BeginChange": s.BeginChange(r.PAN, Change)} {
		if !errors.Is(err, unix.EWOULDBLOCK) {
			t.Errorf("%s = %v, want EWOULDBLOCK", name, err)
		}
	}
	if _, err := s.Get(r.PAN); err != nil {
		t.Errorf("reading waits for nobody: %v", err)
	}
}

// A newer version's files stay, of whatever kind, until everything is forgotten.
func TestF73EveryKind(t *testing.T) {
	for _, suffix := range []string{keyFile, recordSuffix, journalSuffix} {
		t.Run(suffix, func(t *testing.T) {
			s := aStore(t)
			r := aRecord(t, numberA)
			must(t, s.Put(r))
			must(t, s.BeginChange(r.PAN, Change))
			names, _ := filepath.Glob(filepath.Join(s.Folder(), "*"+suffix))
			content, err := os.ReadFile(names[0])
			must(t, err)
			content[len(magic)], content[len(magic)+1] = 9, 0xF6
			must(t, os.WriteFile(names[0], append(content, "longer"...), 0o600))
			before := snapshot(t, s.Folder())
			for name, f := range touching(s, r, suffix) {
				if err := f(); !errors.Is(err, ErrNewerVersion) {
					t.Errorf("%s = %v, want ErrNewerVersion", name, err)
				}
			}
			unchanged(t, s.Folder(), before)
			must(t, s.Forget())
			if _, err := os.Stat(s.Folder()); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("after Forget: %v", err)
			}
		})
	}
}

// What Forget, and clearing up after a crash, do not take for theirs.
func TestForeignFilesStay(t *testing.T) {
	s := aStore(t)
	must(t, s.Put(aRecord(t, numberA)))
	foreign := []string{
		"visit" + recordSuffix, "notes" + newSuffix, strings.Repeat("z", 32) + recordSuffix,
		strings.Repeat("a", 31) + recordSuffix, strings.Repeat("a", 32), strings.Repeat("a", 32) + journalSuffix + ".bak",
	}
	for _, name := range foreign {
		must(t, os.WriteFile(filepath.Join(s.Folder(), name), []byte("theirs"), 0o600))
	}
	must(t, os.Mkdir(filepath.Join(s.Folder(), strings.Repeat("b", 32)+recordSuffix), 0o700))
	must(t, s.Put(aRecord(t, numberB)))
	var told *fs.PathError
	if err := s.Forget(); !errors.As(err, &told) {
		t.Errorf("Forget = %v, want a *fs.PathError", err)
	}
	entries, err := os.ReadDir(s.Folder())
	if err != nil || len(entries) != len(foreign)+1 {
		t.Errorf("left %v, %v, want the %d foreign ones", entries, err, len(foreign)+1)
	}
}
