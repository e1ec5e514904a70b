package pairing

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	gokeyring "github.com/zalando/go-keyring"

	"github.com/softwarecie/cie/internal/rig"
)

var aSignature = bytes.Repeat([]byte{1}, 256)

// The library's own stand-in, as a keyring that works and one that refuses.
func TestF68F69LibraryKeyring(t *testing.T) {
	t.Cleanup(func() { gokeyring.MockInitWithError(errors.New("no test")) })
	gokeyring.MockInit()
	s := aStore(t, withKeyring(libraryKeyring{}, time.Second))
	r, other := aRecord(t, numberA), aRecord(t, numberB)
	must(t, s.Seal(&r, aSignature, []byte("5938"))) // the very first thing a new store does
	must(t, s.Seal(&other, aSignature, []byte("7164")))
	must(t, s.Put(r))
	if half, err := s.Unseal(r, aSignature); err != nil || string(half.Bytes()) != "5938" {
		t.Errorf("Unseal: %v", err)
	}
	name := id(mustKey(t, s), r.PAN)
	must(t, gokeyring.Set(service, name, "not hexadecimal"))
	if _, err := s.Unseal(r, aSignature); !errors.Is(err, ErrStale) {
		t.Errorf("spoilt entry: %v, want ErrStale", err)
	}
	must(t, s.Seal(&r, aSignature, []byte("5938"))) // pairing again
	must(t, s.Delete(r.PAN))
	if _, err := gokeyring.Get(service, name); !errors.Is(err, gokeyring.ErrNotFound) {
		t.Errorf("Delete left the entry: %v", err)
	}

	// The files are gone, the entries are not: Forget takes them.
	must(t, os.RemoveAll(s.Folder()))
	must(t, s.Forget())
	if _, err := s.Unseal(other, aSignature); !errors.Is(err, ErrStale) {
		t.Errorf("everything gone: %v, want ErrStale", err)
	}
	if _, err := os.Stat(s.Folder()); err == nil {
		t.Error("looking for a share made a folder")
	}

	gokeyring.MockInitWithError(errors.New("refused"))
	if err := s.Seal(&r, aSignature, []byte("5938")); !errors.Is(err, ErrKeyring) {
		t.Errorf("Seal with a keyring that refuses: %v", err)
	}
	if err := s.Forget(); !errors.Is(err, ErrKeyring) {
		t.Errorf("Forget with a keyring that refuses: %v", err)
	}
}

func mustKey(t *testing.T, s *Store) []byte {
	t.Helper()
	key, err := s.key()
	must(t, err)
	return key
}

// However often it is asked, a keyring without an answer costs its time and one
// goroutine.
func TestF68NoGoroutinesPileUp(t *testing.T) {
	k := &fakeKeyring{silent: make(chan struct{})}
	s := aStore(t, withKeyring(k, 10*time.Millisecond))
	r := aRecord(t, numberA)
	before := runtime.NumGoroutine()
	for range 20 {
		if err := s.Seal(&r, aSignature, []byte("5938")); !errors.Is(err, ErrKeyring) {
			t.Fatalf("Seal = %v", err)
		}
	}
	if n := runtime.NumGoroutine() - before; n > 1 {
		t.Errorf("%d goroutines wait", n)
	}
	if len(r.Half) > 0 || r.InKeyring {
		t.Error("sealed all the same")
	}
	close(k.silent)
}

// A secretService is the part of the Secret Service API that go-keyring uses. It
// counts the times somebody would have been asked for a password.
type secretService struct {
	conn    *dbus.Conn
	locked  bool
	asked   atomic.Int32
	content []byte
}

type dbusSecret struct {
	Session     dbus.ObjectPath
	Parameters  []byte
	Value       []byte
	ContentType string
}

const (
	servicePath = dbus.ObjectPath("/org/freedesktop/secrets")
	loginPath   = dbus.ObjectPath("/org/freedesktop/secrets/collection/login")
	itemPath    = dbus.ObjectPath("/org/freedesktop/secrets/collection/login/1")
)

func (s *secretService) OpenSession(string, dbus.Variant) (dbus.Variant, dbus.ObjectPath, *dbus.Error) {
	return dbus.MakeVariant(""), servicePath, nil
}

func (s *secretService) Close() *dbus.Error { return nil }

func (s *secretService) Unlock(paths []dbus.ObjectPath) ([]dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	if s.locked {
		s.asked.Add(1)
		return nil, "/prompt", nil
	}
	return paths, "/", nil
}

func (s *secretService) Prompt(string) *dbus.Error { s.asked.Add(1); return nil } // and never completes

func (s *secretService) SearchItems(map[string]string) ([]dbus.ObjectPath, *dbus.Error) {
	if s.content == nil {
		return nil, nil
	}
	return []dbus.ObjectPath{itemPath}, nil
}

func (s *secretService) CreateItem(_ map[string]dbus.Variant, secret dbusSecret, _ bool) (dbus.ObjectPath, dbus.ObjectPath, *dbus.Error) {
	s.content = secret.Value
	return itemPath, "/", nil
}

func (s *secretService) GetSecret(session dbus.ObjectPath) (dbusSecret, *dbus.Error) {
	return dbusSecret{session, nil, s.content, "text/plain"}, nil
}

func (s *secretService) Delete() (dbus.ObjectPath, *dbus.Error) { s.content = nil; return "/", nil }

// Get answers for properties.
func (s *secretService) Get(_, name string) (dbus.Variant, *dbus.Error) {
	if name == "Locked" {
		return dbus.MakeVariant(s.locked), nil
	}
	return dbus.MakeVariant([]dbus.ObjectPath{loginPath}), nil
}

func serveSecrets(t *testing.T) *secretService {
	conn, err := dbus.ConnectSessionBus()
	must(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	s := &secretService{conn: conn}
	for path, names := range map[dbus.ObjectPath][]string{
		servicePath: {"org.freedesktop.Secret.Service", "org.freedesktop.Secret.Session"},
		loginPath:   {"org.freedesktop.Secret.Collection"}, itemPath: {"org.freedesktop.Secret.Item"}, "/prompt": {"org.freedesktop.Secret.Prompt"},
	} {
		for _, name := range append(names, "org.freedesktop.DBus.Properties") {
			must(t, conn.Export(s, path, name))
		}
	}
	if _, err := conn.RequestName("org.freedesktop.secrets", 0); err != nil {
		t.Fatal(err)
	}
	return s
}

// On a session bus of its own, with a Secret Service of ours: open, it keeps the
// share; locked, it is never asked to unlock, so no window comes up.
func TestF68SecretService(t *testing.T) {
	if os.Getenv("CIE_PAIRING_BUS") == "" {
		rig.Need(t, "dbus-run-session")
		c := again(t, "CIE_PAIRING_BUS", "yes")
		bus := exec.Command("dbus-run-session", append([]string{"--"}, c.Args...)...)
		bus.Env = c.Env
		if out, err := bus.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := keyringSilent(); err == nil {
		t.Error("no Secret Service on the bus: want an error")
	}
	keyring := serveSecrets(t)
	s := aStore(t, WithKeyring(5*time.Second))
	r := aRecord(t, numberA)
	must(t, s.Seal(&r, aSignature, []byte("5938")))
	if half, err := s.Unseal(r, aSignature); err != nil || string(half.Bytes()) != "5938" || !r.InKeyring || keyring.content == nil {
		t.Errorf("open: %v, in the keyring %v", err, r.InKeyring)
	}
	keyring.locked = true
	_, err := s.Unseal(r, aSignature)
	for name, err := range map[string]error{"Unseal": err, "Seal": s.Seal(&r, aSignature, []byte("5938")), "Forget": s.Forget()} {
		if !errors.Is(err, ErrKeyring) {
			t.Errorf("locked: %s = %v, want ErrKeyring", name, err)
		}
	}
	if n := keyring.asked.Load(); n != 0 {
		t.Errorf("somebody was asked %d times", n)
	}
	asking := aStore(t, withKeyring(libraryKeyring{}, 200*time.Millisecond))
	if err := asking.Seal(&r, aSignature, []byte("5938")); !errors.Is(err, ErrKeyring) || keyring.asked.Load() == 0 {
		t.Errorf("the library itself: %v, asked %d times: the test shows nothing", err, keyring.asked.Load())
	}
}

// Without a bus no program is started to make one.
func TestF68NoBus(t *testing.T) {
	started := filepath.Join(t.TempDir(), "started")
	launcher := filepath.Join(t.TempDir(), "dbus-launch")
	must(t, os.WriteFile(launcher, []byte("#!/bin/sh\n: >"+started+"\n"), 0o700)) //nolint:gosec // a program
	t.Setenv("PATH", filepath.Dir(launcher)+":"+os.Getenv("PATH"))
	for _, address := range []string{"", "autolaunch:", "unix:path=/nowhere"} {
		t.Setenv("DBUS_SESSION_BUS_ADDRESS", address)
		if address == "" && sessionBus() {
			continue // the machine has one
		}
		if err := keyringSilent(); err == nil {
			t.Errorf("%q: want an error", address)
		}
	}
	if _, err := os.Stat(started); err == nil {
		t.Error("dbus-launch was started")
	}
}
