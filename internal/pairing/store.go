package pairing

import (
	"bytes"
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
	newSuffix     = ".new"
)

// A file begins with magic and version, which are authenticated with the rest.
const (
	magic      = "CIEpair"
	version    = 1
	headerSize = len(magic) + 1
	keySize    = 32
	block      = 8 << 10 // plain text is padded to a multiple, so that sizes tell nothing
	maxFile    = 1 << 20
)

// A Store is a folder of records. Several processes may use one at a time.
type Store struct {
	folder  string
	files   files
	keyring keyring // nil: not used
}

// An Option changes a Store.
type Option func(*Store)

// Open returns the store in a folder, which need not exist: it is made when
// something is kept.
func Open(folder string, options ...Option) (*Store, error) {
	if !filepath.IsAbs(folder) {
		return nil, fmt.Errorf("%w: %q is not an absolute path", ErrNoHome, folder)
	}
	s := &Store{folder: filepath.Clean(folder), files: osFiles{}}
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

// List returns the records that can be read, and the errors of the others joined.
func (s *Store) List() ([]Record, error) {
	var all []Record
	err := s.each(recordSuffix, func(key []byte, name string) error {
		r, err := s.read(key, name)
		if err == nil {
			all = append(all, r)
		}
		return err
	})
	return all, err
}

// Put keeps a record in the place of an older one of the same card.
func (s *Store) Put(r Record) error {
	return s.locked(func(key []byte) error { return s.write(key, id(key, r.PAN)+recordSuffix, r) })
}

// Update changes the record of a card under the lock of the store.
func (s *Store) Update(pan applet.PAN, change func(*Record) error) error {
	if _, err := s.key(); errors.Is(err, fs.ErrNotExist) {
		return ErrNotPaired
	}
	return s.locked(func(key []byte) error {
		name := id(key, pan) + recordSuffix
		r, err := s.read(key, name)
		if err != nil {
			return err
		}
		if err := change(&r); err != nil {
			return err
		}
		return s.write(key, name, r)
	})
}

// Delete forgets a card: its record, damaged or not, and what the keyring has of
// it. ErrNotPaired if there is none.
func (s *Store) Delete(pan applet.PAN) error {
	if _, err := s.key(); errors.Is(err, fs.ErrNotExist) {
		return ErrNotPaired
	}
	return s.locked(func(key []byte) error {
		name := id(key, pan) + recordSuffix
		if s.keyring != nil {
			_ = s.forgetInKeyring(pan)
		}
		err := s.files.Remove(s.path(name))
		if errors.Is(err, fs.ErrNotExist) {
			return ErrNotPaired
		}
		_ = s.files.Remove(s.path(id(key, pan) + journalSuffix))
		return err
	})
}

// Forget removes everything the store has written, and the folder if nothing
// else is in it. What is not ours stays.
func (s *Store) Forget() error {
	if records, _ := s.List(); s.keyring != nil {
		for _, r := range records {
			_ = s.forgetInKeyring(r.PAN)
		}
	}
	entries, err := os.ReadDir(s.folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var errs []error
	for _, e := range entries {
		if ours(e.Name()) {
			errs = append(errs, s.files.Remove(s.path(e.Name())))
		}
	}
	if rest, _ := os.ReadDir(s.folder); len(rest) == 0 {
		errs = append(errs, s.files.Remove(s.folder))
	}
	return errors.Join(append(errs, err)...)
}

// ours says whether the store writes files of that name.
func ours(name string) bool {
	return name == keyFile || name == lockFile || strings.HasSuffix(name, recordSuffix) ||
		strings.HasSuffix(name, journalSuffix) || strings.HasSuffix(name, newSuffix)
}

// BeginChange writes down that the PIN of a card is about to change, before the
// command that does it leaves. It works for a card that is not paired too.
func (s *Store) BeginChange(pan applet.PAN, o Operation) error {
	return s.locked(func(key []byte) error {
		return s.write(key, id(key, pan)+journalSuffix, Pending{pan, o, time.Now().UTC()})
	})
}

// EndChange strikes out what BeginChange wrote: the outcome is known.
func (s *Store) EndChange(pan applet.PAN) error {
	return s.locked(func(key []byte) error {
		if err := s.files.Remove(s.path(id(key, pan) + journalSuffix)); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
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
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			errs = append(errs, f(key, e.Name()))
		}
	}
	return errors.Join(errs...)
}

// read opens a record and sees that it lies under its own name.
func (s *Store) read(key []byte, name string) (Record, error) {
	var r Record
	if err := s.open(key, name, &r); err != nil {
		return Record{}, err
	}
	if id(key, r.PAN)+recordSuffix != name {
		return Record{}, fmt.Errorf("%w: under another name", ErrDamaged)
	}
	return r, nil
}

// id names the files of a card without telling its number.
func id(key []byte, pan applet.PAN) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte("file name"))
	mac.Write(pan[:])
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

func (s *Store) path(name string) string { return filepath.Join(s.folder, name) }

// key reads the key of the store.
func (s *Store) key() ([]byte, error) {
	key, err := s.files.Read(s.path(keyFile))
	if err != nil {
		return nil, err
	}
	if len(key) != keySize {
		return nil, fmt.Errorf("%w: key of the store", ErrDamaged)
	}
	return key, nil
}

// locked runs f with the store to itself. It makes folder and key where they
// are missing.
func (s *Store) locked(f func(key []byte) error) error {
	if err := s.files.MakeFolder(s.folder); err != nil {
		return err
	}
	unlock, err := lock(s.path(lockFile))
	if err != nil {
		return err
	}
	defer unlock()
	s.sweep()
	key, err := s.key()
	if errors.Is(err, fs.ErrNotExist) {
		key = make([]byte, keySize)
		if _, err := rand.Read(key); err != nil {
			return err
		}
		err = s.replace(keyFile, key)
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
		if strings.HasSuffix(e.Name(), newSuffix) {
			_ = s.files.Remove(s.path(e.Name()))
		}
	}
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

// header is what a file begins with.
func header() []byte { return append([]byte(magic), version) }

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
	return s.replace(name, aead.Seal(header(), nil, padded, header()))
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
	if len(content) < headerSize || !bytes.HasPrefix(content, []byte(magic)) {
		return ErrDamaged
	}
	if v := content[len(magic)]; v > version {
		return fmt.Errorf("%w: format %d", ErrNewerVersion, v)
	}
	aead, err := sealer(key, name)
	if err != nil {
		return err
	}
	padded, err := aead.Open(nil, nil, content[headerSize:], content[:headerSize])
	if err != nil || len(padded) < 4 {
		return ErrDamaged
	}
	n := binary.BigEndian.Uint32(padded)
	if int64(n) > int64(len(padded)-4) || json.Unmarshal(padded[4:4+n], value) != nil {
		return ErrDamaged
	}
	return nil
}
