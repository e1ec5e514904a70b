package pairing

import (
	"bufio"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/memscan"
	"github.com/softwarecie/cie/internal/secret"
)

const (
	sealerVariable = "CIE_PAIRING_SEALER" // makes this program one that seals in a folder
	signatureSize  = 256
)

func TestMain(m *testing.M) {
	if folder := os.Getenv(sealerVariable); folder != "" {
		sealHere(folder)
		return
	}
	os.Exit(m.Run())
}

// sealHere takes a signature and four digits from standard input, seals and unseals
// them, and waits.
func sealHere(folder string) {
	signature, half := secret.New(signatureSize), secret.New(HalfLength)
	for _, b := range []*secret.Buffer{signature, half} {
		if _, err := io.ReadFull(os.Stdin, b.Bytes()); err != nil {
			panic(err)
		}
	}
	s, err := Open(folder)
	if err != nil {
		panic(err)
	}
	var r Record
	if r.PAN, err = applet.ParsePAN(numberA); err != nil {
		panic(err)
	}
	if r.Salt, err = NewSalt(); err != nil {
		panic(err)
	}
	if err := s.Seal(&r, signature.Bytes(), half.Bytes()); err != nil {
		panic(err)
	}
	again, err := s.Unseal(r, signature.Bytes())
	if err != nil || string(again.Bytes()) != string(half.Bytes()) {
		panic("another half")
	}
	for _, b := range []*secret.Buffer{signature, half, again} {
		b.Wipe()
	}
	fmt.Printf("%x\n", r.Salt)
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// S1: after Seal and Unseal neither the sealing key, nor what it is made from, is
// left in memory. The key is computed here by crypto/hkdf.
func TestS1NoSealingKeyInMemory(t *testing.T) {
	signature := secret.New(signatureSize)
	defer signature.Wipe()
	if _, err := rand.Read(signature.Bytes()); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), sealerVariable+"="+filepath.Join(t.TempDir(), "pairings"))
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	defer func() { _ = errors.Join(in.Close(), c.Wait()) }()
	_, err = in.Write(append(append([]byte(nil), signature.Bytes()...), "5938"...))
	must(t, err)
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	salt, err := hex.DecodeString(strings.TrimSpace(line))
	must(t, err)

	extracted, err := hkdf.Extract(sha256.New, signature.Bytes(), salt)
	must(t, err)
	key, err := hkdf.Expand(sha256.New, extracted, "first half of the PIN 1 "+numberA, keySize)
	must(t, err)
	patterns := []memscan.Pattern{
		memscan.Bytes("sealing key", key), memscan.Bytes("extracted key", extracted),
		memscan.Bytes("signature", signature.Bytes()[:32]), memscan.Bytes("end of signature", signature.Bytes()[signatureSize-32:]),
		memscan.Bytes("extracted key as HMAC pads it", padded(extracted, 0x36)), memscan.Bytes("extracted key as HMAC pads it again", padded(extracted, 0x5C)),
	}
	hits, err := memscan.Scan(c.Process.Pid, patterns)
	must(t, err)
	for _, h := range hits {
		t.Errorf("%s at %x in %q", h.Pattern, h.Address, h.Mapping)
	}
}

func padded(key []byte, pad byte) []byte {
	all := make([]byte, len(key))
	for i := range key {
		all[i] = key[i] ^ pad
	}
	return all
}
