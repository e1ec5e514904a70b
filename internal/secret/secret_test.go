package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"errors"
	"fmt"
	"reflect"
	"testing"
)

func TestPrintsNothing(t *testing.T) {
	b := Take([]byte("12345678"))
	holder := struct{ code *Buffer }{b}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := fmt.Sprintf(verb, b); got != "[secret]" {
			t.Errorf("%s = %s", verb, got)
		}
		if got := fmt.Sprintf(verb, holder); contains(got, "12345678") || contains(got, "3132333435363738") || contains(got, "49 50 51") {
			t.Errorf("%s of a struct = %s", verb, got)
		}
	}
}

func contains(s, part string) bool {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return true
		}
	}
	return false
}

func TestTakeClearsAndWipeClears(t *testing.T) {
	from := []byte("87654321")
	b := Take(from)
	if string(from) != string(make([]byte, 8)) {
		t.Errorf("Take left %q behind", from)
	}
	clone, view := b.Clone(), b.Bytes()
	b.Wipe()
	b.Wipe()
	if string(view) != string(make([]byte, 8)) {
		t.Errorf("Wipe left %q behind", view)
	}
	if b.Len() != 0 || b.Bytes() != nil {
		t.Errorf("after Wipe: %d bytes", b.Len())
	}
	if string(clone.Bytes()) != "87654321" {
		t.Errorf("Clone = %q", clone.Bytes())
	}
	clone.Truncate(4)
	if string(clone.Bytes()) != "8765" {
		t.Errorf("Truncate = %q", clone.Bytes())
	}
	clone.Wipe()
	(*Buffer)(nil).Wipe()
}

func TestEmpty(t *testing.T) {
	b := Take(nil)
	if b.Len() != 0 {
		t.Errorf("Len = %d", b.Len())
	}
	b.Wipe()
}

// The ciphers of crypto/* hold their key schedule themselves; were one to point to
// it, Forget would not reach it.
func TestForget(t *testing.T) {
	key := []byte("0123456789abcdef01234567")
	single, err1 := des.NewCipher(key[:8])
	triple, err2 := des.NewTripleDESCipher(key)
	long, err3 := aes.NewCipher(key)
	gcm, err4 := cipher.NewGCM(long)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]any{"DES": single, "3DES": triple, "AES": long, "GCM": gcm} {
		object := reflect.ValueOf(c).Elem()
		if object.IsZero() || holdsPointer(object.Type()) {
			t.Errorf("%s keeps its key elsewhere: %v", name, object.Type())
		}
		if Forget(c); !object.IsZero() {
			t.Errorf("%s is left", name)
		}
	}
	Forget(nil)
}

func holdsPointer(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if holdsPointer(t.Field(i).Type) {
				return true
			}
		}
	case reflect.Array:
		return holdsPointer(t.Elem())
	case reflect.Pointer, reflect.Slice, reflect.Interface, reflect.Map:
		return true
	}
	return false
}
