package pairing

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/softwarecie/cie/applet"
)

// Files of the store.
const (
	keyFile       = "store.key"
	lockFile      = "store.lock"
	recordSuffix  = ".card"
	journalSuffix = ".pending"
	triesSuffix   = ".tries"
	newSuffix     = ".new"
)

// A file begins with magic and version, which are authenticated with the rest. Then
// follow nonce, cipher text and tag of AES-256-GCM, over length (4 bytes,
// big-endian), JSON and zeros.
const (
	magic      = "CIEpair"
	version    = 1
	headerSize = len(magic) + 2
	keySize    = 32
	idSize     = 16
	block      = 8 << 10 // plain text is padded to a multiple, so that sizes tell nothing
	maxFile    = 1 << 20
)

// patienceForLock is how long another process may keep the store: it does so for
// milliseconds, unless its disk is far away.
const patienceForLock = 5 * time.Second

// A Store is a folder of records. Several processes may use one at a time.
type Store struct {
	folder   string
	files    files
	keyring  keyring       // nil: not used
	patience time.Duration // with another process that changes the store
}

// An Option changes a Store.
type Option func(*Store)

// Open returns the store in a folder, which need not exist: it is made when
// something is kept.
func Open(folder string, options ...Option) (*Store, error) {
	if !filepath.IsAbs(folder) {
		return nil, fmt.Errorf("%w: %q is not an absolute path", ErrNoHome, folder)
	}
	s := &Store{folder: filepath.Clean(folder), files: osFiles{}, patience: patienceForLock}
	for _, o := range options {
		o(s)
	}
	return s, nil
}

// Folder is where the store is.
func (s *Store) Folder() string { return s.folder }

// Get returns the record of a card, or ErrNotPaired, ErrDamaged,
// ErrNewerVersion, ErrUnsafe.
func (s *Store) Get(pan applet.PAN) (Record, error) {
	key, err := s.key()
	if errors.Is(err, fs.ErrNotExist) {
		return Record{}, ErrNotPaired
	}
	if err != nil {
		return Record{}, err
	}
	return s.read(key, id(key, pan)+recordSuffix)
}

// List returns the records that can be read, the oldest first, and the errors of
// the others joined.
func (s *Store) List() ([]Record, error) {
	var all []Record
	err := s.each(recordSuffix, func(key []byte, name string) error {
		r, err := s.read(key, name)
		if err == nil {
			all = append(all, r)
		}
		return err
	})
	slices.SortFunc(all, func(a, b Record) int {
		return cmp.Or(a.PairedAt.Compare(b.PairedAt), bytes.Compare(a.PAN[:], b.PAN[:]))
	})
	return all, err
}

// Put keeps a record in the place of an older one of the same card, damaged or
// not. One of a newer version, and a file that is not safe, stay and are the error.
func (s *Store) Put(r Record) error {
	return s.prepared(func(key []byte) error { return s.write(key, id(key, r.PAN)+recordSuffix, stored(r)) })
}

// Update changes the record of a card under the lock of the store. An error of
// change is returned, and nothing is written then.
func (s *Store) Update(pan applet.PAN, change func(*Record) error) error {
	return notPaired(s.locked(func(key []byte) error {
		name := id(key, pan) + recordSuffix
		r, err := s.read(key, name)
		if err != nil {
			return err
		}
		if err := change(&r); err != nil {
			return err
		}
		return s.write(key, name, stored(r))
	}))
}

// Delete forgets a card: its record, damaged or not, and what the keyring has of
// it. ErrNotPaired if there is none; what Put does not replace is not removed.
func (s *Store) Delete(pan applet.PAN) error {
	return notPaired(s.locked(func(key []byte) error {
		name := id(key, pan)
		if err := s.replaceable(name + recordSuffix); err != nil {
			return err
		}
		if s.keyring != nil {
			_ = s.keyring.Delete(service, name)
		}
		err := s.files.Remove(s.path(name + recordSuffix))
		if err != nil {
			return err
		}
		_ = s.files.Remove(s.path(name + journalSuffix))
		_ = s.files.Remove(s.path(name + triesSuffix))
		return s.files.SyncFolder(s.folder)
	}))
}

// Forget removes everything the store has written, and the folder. What is not
// ours stays, and with it the folder: a *fs.PathError names it. ErrKeyring: the
// keyring may still have its share of the sealing keys, of no use without the
// files.
func (s *Store) Forget() error {
	var errs []error
	if s.keyring != nil {
		if err := s.keyring.DeleteAll(service); err != nil {
			errs = append(errs, fmt.Errorf("%w: %w", ErrKeyring, err))
		}
	}
	err := s.files.CheckFolder(s.folder)
	if err == nil {
		err = s.exclusively(s.empty)
	}
	if runtime.GOOS == "windows" { // where an open file cannot be removed
		_ = s.files.Remove(s.path(lockFile))
	}
	if err == nil {
		err = s.removeFolder()
	}
	if !errors.Is(err, fs.ErrNotExist) {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// empty removes our files: the key first, for without it the others say nothing;
// the lock last, while it is held.
func (s *Store) empty() error {
	names, err := s.names()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range append(append([]string{keyFile}, names...), lockFile) {
		if err := s.files.Remove(s.path(name)); !errors.Is(err, fs.ErrNotExist) && (name != lockFile || runtime.GOOS != "windows") {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// removeFolder removes the folder if nothing is in it. Of our files there is then
// only what another process has begun anew: that stays.
func (s *Store) removeFolder() error {
	var err error
	for range 3 {
		if err = s.files.Remove(s.folder); err == nil || errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		rest, _ := os.ReadDir(s.folder)
		for _, e := range rest {
			if !ours(e) {
				return &fs.PathError{Op: "forget", Path: s.path(e.Name()), Err: errors.New("left in place, it is not ours")}
			}
		}
		if len(rest) > 0 {
			return nil
		}
	}
	return err
}

// names lists the records, journals and notes of tries, and what a save may have left of them.
func (s *Store) names() ([]string, error) {
	entries, err := os.ReadDir(s.folder)
	var all []string
	for _, e := range entries {
		if n := e.Name(); ours(e) && n != keyFile && n != lockFile {
			all = append(all, n)
		}
	}
	return all, err
}

// ours says whether an entry of the folder is a file that the store writes.
func ours(e fs.DirEntry) bool {
	name := strings.TrimSuffix(e.Name(), newSuffix)
	return e.Type().IsRegular() && (name == keyFile || name == lockFile || isID(name, recordSuffix) || isID(name, journalSuffix) || isID(name, triesSuffix))
}

// isID says whether a name is what id makes, and suffix.
func isID(name, suffix string) bool {
	stem, found := strings.CutSuffix(name, suffix)
	b, err := hex.DecodeString(stem)
	return found && err == nil && len(b) == idSize
}

// BeginChange writes down that the PIN of a card is about to change, before the
// command that does it leaves. It works for a card that is not paired too.
func (s *Store) BeginChange(pan applet.PAN, o Operation) error {
	return s.prepared(func(key []byte) error {
		return s.write(key, id(key, pan)+journalSuffix, Pending{pan, o, time.Now().UTC()})
	})
}

// EndChange strikes out what BeginChange wrote: the outcome is known.
func (s *Store) EndChange(pan applet.PAN) error {
	err := s.locked(func(key []byte) error {
		if err := s.files.Remove(s.path(id(key, pan) + journalSuffix)); err != nil {
			return err
		}
		return s.files.SyncFolder(s.folder)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Pending lists the changes whose outcome is not known.
func (s *Store) Pending() ([]Pending, error) {
	var all []Pending
	err := s.each(journalSuffix, func(key []byte, name string) error {
		var p Pending
		err := s.open(key, name, &p)
		if err == nil {
			all = append(all, p)
		}
		return err
	})
	return all, err
}

// each calls f for the files of one kind and joins its errors.
func (s *Store) each(suffix string, f func(key []byte, name string) error) error {
	key, err := s.key()
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.folder)
	errs := []error{err}
	for _, e := range entries {
		if !isID(e.Name(), suffix) {
			continue
		}
		if err := f(key, e.Name()); !errors.Is(err, ErrNotPaired) { // removed meanwhile
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// read opens a record and sees that it lies under its own name.
func (s *Store) read(key []byte, name string) (Record, error) {
	var r stored
	if err := s.open(key, name, &r); err != nil {
		return Record{}, err
	}
	if id(key, r.PAN)+recordSuffix != name {
		return Record{}, fmt.Errorf("%w: under another name", ErrDamaged)
	}
	return Record(r), nil
}

// id names the files of a card without telling its number.
func id(key []byte, pan applet.PAN) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("file name"))
	mac.Write(pan[:])
	return hex.EncodeToString(mac.Sum(nil)[:idSize])
}

func (s *Store) path(name string) string { return filepath.Join(s.folder, name) }

// notPaired says of a store that does not exist, or a file in it, what callers
// ask.
func notPaired(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotPaired
	}
	return err
}

// key reads the key of the store: header, 32 bytes, and the SHA-256 of both, since
// under a changed key every card would seem to be a new one. fs.ErrNotExist: there
// is no store.
func (s *Store) key() ([]byte, error) {
	if err := s.files.CheckFolder(s.folder); err != nil {
		return nil, err
	}
	content, err := s.files.Read(s.path(keyFile))
	if err != nil {
		return nil, err
	}
	rest, err := cutHeader(content)
	if err != nil {
		return nil, err
	}
	if len(rest) != keySize+sha256.Size {
		return nil, fmt.Errorf("%w: key of the store", ErrDamaged)
	}
	if sum := sha256.Sum256(content[:headerSize+keySize]); !bytes.Equal(sum[:], rest[keySize:]) {
		return nil, fmt.Errorf("%w: key of the store", ErrDamaged)
	}
	return rest[:keySize], nil
}

// newKey makes the key of the store, in the place of none or of a damaged one.
// What that one had sealed can never be opened again and goes first.
func (s *Store) newKey() ([]byte, error) {
	names, err := s.names()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if s.replaceable(name) == nil {
			_ = s.files.Remove(s.path(name))
		}
	}
	key := make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	content := append(header(), key...)
	sum := sha256.Sum256(content)
	return key, s.replace(keyFile, append(content, sum[:]...))
}

// exclusively runs f while no other process changes the store.
func (s *Store) exclusively(f func() error) error {
	unlock, err := lock(s.path(lockFile), s.patience)
	if err != nil {
		return err
	}
	defer unlock()
	s.sweep()
	return f()
}

// locked runs f with a store that exists to itself; fs.ErrNotExist if there is
// none. It makes nothing.
func (s *Store) locked(f func(key []byte) error) error {
	if _, err := s.key(); err != nil {
		return err
	}
	return s.exclusively(func() error {
		key, err := s.key()
		if err != nil {
			return err
		}
		return f(key)
	})
}

// prepared runs f as locked does, and makes folder and key where they are missing.
func (s *Store) prepared(f func(key []byte) error) error {
	var err error
	for range 5 { // another process may forget everything meanwhile
		if err = s.files.MakeFolder(s.folder); err == nil {
			err = s.exclusively(func() error { return s.withKey(f) })
		}
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// withKey runs f with the key of the store, made if it is missing or damaged. The
// lock is held.
func (s *Store) withKey(f func(key []byte) error) error {
	key, err := s.key()
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrDamaged) {
		key, err = s.newKey()
	}
	if err != nil {
		return err
	}
	return f(key)
}

// sweep removes what a crashed save has left. The lock is held.
func (s *Store) sweep() {
	entries, _ := os.ReadDir(s.folder)
	for _, e := range entries {
		if ours(e) && strings.HasSuffix(e.Name(), newSuffix) {
			_ = s.files.Remove(s.path(e.Name()))
		}
	}
}

// replaceable looks at the file that is about to be replaced or removed: one that
// is not safe, or made by a newer version, is left as it is.
func (s *Store) replaceable(name string) error {
	content, err := s.files.Read(s.path(name))
	if err == nil {
		_, err = cutHeader(content)
	}
	if errors.Is(err, ErrUnsafe) || errors.Is(err, ErrNewerVersion) {
		return err
	}
	return nil
}

// replace puts a file in the place of another, so that at any moment one of the
// two is there, whole.
func (s *Store) replace(name string, content []byte) error {
	next := s.path(name + newSuffix)
	if err := s.files.Write(next, content); err != nil {
		_ = s.files.Remove(next)
		return err
	}
	if err := s.files.Rename(next, s.path(name)); err != nil {
		_ = s.files.Remove(next)
		return err
	}
	return s.files.SyncFolder(s.folder)
}

// header is what a file begins with: magic, version, and the version's complement,
// so that a damaged byte is not taken for a newer version.
func header() []byte { return append([]byte(magic), version, ^byte(version)) }

// cutHeader returns what follows the header. ErrDamaged, ErrNewerVersion.
func cutHeader(content []byte) ([]byte, error) {
	rest, found := bytes.CutPrefix(content, []byte(magic))
	if !found || len(rest) < 2 || rest[0] != ^rest[1] {
		return nil, ErrDamaged
	}
	if rest[0] > version {
		return nil, fmt.Errorf("%w: format %d", ErrNewerVersion, rest[0])
	}
	return rest[2:], nil
}

// sealer is AES-256-GCM under a key for one file.
func sealer(key []byte, name string) (cipher.AEAD, error) {
	k, err := hkdf.Key(sha256.New, key, nil, "record "+name, keySize)
	if err != nil {
		return nil, err
	}
	b, err := aes.NewCipher(k)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(b)
}

// write seals a value as JSON, padded.
func (s *Store) write(key []byte, name string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	padded := binary.BigEndian.AppendUint32(nil, uint32(len(text)))
	padded = append(padded, text...)
	padded = append(padded, make([]byte, (block-len(padded)%block)%block)...)
	aead, err := sealer(key, name)
	if err != nil {
		return err
	}
	content := aead.Seal(header(), nil, padded, header())
	if len(content) > maxFile {
		return errors.New("too much to remember of a card")
	}
	if err := s.replaceable(name); err != nil {
		return err
	}
	return s.replace(name, content)
}

// open reads what write wrote.
func (s *Store) open(key []byte, name string, value any) error {
	content, err := s.files.Read(s.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return ErrNotPaired
	}
	if err != nil {
		return err
	}
	return unseal(key, name, content, value)
}

// unseal opens the content of a file.
func unseal(key []byte, name string, content []byte, value any) error {
	sealed, err := cutHeader(content)
	if err != nil {
		return err
	}
	aead, err := sealer(key, name)
	if err != nil {
		return err
	}
	padded, err := aead.Open(nil, nil, sealed, content[:headerSize])
	if err != nil || len(padded) < 4 {
		return ErrDamaged
	}
	n := binary.BigEndian.Uint32(padded)
	if int64(n) > int64(len(padded)-4) || json.Unmarshal(padded[4:4+n], value) != nil {
		return ErrDamaged
	}
	return nil
}
