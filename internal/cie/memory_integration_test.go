//go:build integration

package cie

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/memscan"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// memoryVariable makes this program the process whose memory is looked at: its
// value is a folder with the emulated state's certificates.
const memoryVariable = "CIE_MEMORY_CHILD"

// memoryChild does what it is told on standard input, a word and the codes it
// needs on a line each, and says when it is done.
func memoryChild() {
	folder := os.Getenv(memoryVariable)
	roots, err := trust.Load([]string{folder + "/trust"})
	store, err2 := pairing.Open(folder + "/pairings")
	if err != nil || err2 != nil {
		fmt.Println(err, err2)
		os.Exit(1)
	}
	h := &Holder{Cards: OnPCSC(pcsc.New()), Pairings: store, Roots: roots, KeepHalf: true, Linger: 50 * time.Millisecond}
	reader := Target{Reader: "Virtual PCD 00 00"}
	for {
		word := codeFrom(os.Stdin)
		if word.Len() == 0 {
			return
		}
		err := obey(h, reader, string(word.Bytes())) //nolint:gocritic // a word, no code
		fmt.Printf("done: %v\n", err)
	}
}

// obey runs one operation; codes are wiped as every caller of a Holder must.
func obey(h *Holder, target Target, word string) error {
	first := codeFrom(os.Stdin)
	defer first.Wipe()
	switch word {
	case "pair":
		_, err := h.Pair(ctx, target, first)
		return err
	case "verify":
		_, err := h.VerifyPIN(ctx, target, first)
		return err
	case "sign":
		l, err := h.Login(ctx, target, first)
		if err != nil {
			return err
		}
		defer l.Close()
		info, err := DigestInfo(5, make([]byte, 32)) // crypto.SHA256
		if err != nil {
			return err
		}
		_, err = l.Sign(ctx, info)
		return err
	}
	second := codeFrom(os.Stdin)
	defer second.Wipe()
	var err error
	if word == "change" {
		_, err = h.ChangePIN(ctx, target, first, second)
	} else {
		_, err = h.UnblockPIN(ctx, target, first, second)
	}
	return err
}

// codeFrom reads a line into locked memory, as the command line does.
func codeFrom(in io.Reader) *secret.Buffer {
	code := secret.New(65)
	for n := 0; n < 64; n++ {
		if m, err := in.Read(code.Bytes()[n : n+1]); m != 1 || err != nil || code.Bytes()[n] == '\n' {
			code.Truncate(n)
			break
		}
	}
	return code
}

// A keyLog collects from the log of the emulated card what must not stay with us:
// session keys, and the signatures by key 83 that seal half of the PIN.
type keyLog struct {
	mu      sync.Mutex
	keys    [][]byte
	seals   int  // of the keys, those that seal
	sealing bool // the key that signs is 83
}

func (l *keyLog) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fields := strings.Fields(string(line))
	switch {
	case bytes.HasPrefix(line, []byte("! session keys ")):
		l.add(fields[3:]...)
	case bytes.HasPrefix(line, []byte("  > 0C 22 41 A4")):
		l.sealing = strings.HasSuffix(fields[5], "840183")
	case bytes.HasPrefix(line, []byte("  < ")) && l.sealing && len(fields[1]) == 2*256:
		l.add(fields[1])
		l.seals++
	}
	return len(line), nil
}

func (l *keyLog) add(texts ...string) {
	for _, text := range texts {
		if key, err := hex.DecodeString(text); err == nil {
			number := bytes.Clone(key) // as math/big has it: the least significant byte first
			slices.Reverse(number)
			l.keys = append(l.keys, key, number)
		}
	}
}

// from gives the keys but for the first n.
func (l *keyLog) from(n int) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.keys[n:]
}

// randomCode draws digits that are in no rule's way.
func randomCode(t *testing.T) string {
	t.Helper()
	for {
		draw := make([]byte, 8)
		if _, err := rand.Read(draw); err != nil {
			t.Fatal(err)
		}
		for i := range draw {
			draw[i] = '0' + draw[i]%10
		}
		code := secret.Take(draw)
		if CheckNewPIN(code, nil) == nil {
			return string(code.Bytes())
		}
	}
}

// TestNoSecretStaysInMemory runs each operation in a process of its own through
// pcscd, with random codes, and looks at all its writable memory afterwards: S1,
// for PIN, PUK, session keys and sealing keys.
func TestNoSecretStaysInMemory(t *testing.T) {
	rig.Need(t, "pcscd")
	rig.StartPCSCD(t)
	keys := &keyLog{}
	pin, puk := randomCode(t), randomCode(t)
	card := newCard(t, emulator.Options{PIN: pin, PUK: puk, Log: keys})
	folder := t.TempDir()
	must(t, card.Dump(folder+"/trust"))
	running, stop := context.WithCancel(ctx)
	defer stop()
	go func() { _ = emulator.Run(running, "127.0.0.1:35963", card) }()
	client := pcsc.New()
	defer client.Close()
	await(t, client, "Virtual PCD 00 00", true)

	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), memoryVariable+"="+folder)
	in, err := child.StdinPipe()
	must(t, err)
	out, err := child.StdoutPipe()
	must(t, err)
	child.Stderr = os.Stderr
	must(t, child.Start())
	defer func() { _ = in.Close(); _ = child.Wait() }()
	answers := bufio.NewScanner(out)

	codes := map[string]string{"PUK": puk}
	scans, since := 0, 0
	scan := func(after string, since int) {
		t.Helper()
		scans++
		var patterns []memscan.Pattern
		for name, code := range codes {
			patterns = append(patterns, memscan.Code(name, []byte(code))...)
		}
		for i, key := range keys.from(since) {
			patterns = append(patterns, memscan.Bytes(fmt.Sprintf("key %d", since+i), key))
		}
		hits, err := memscan.Scan(child.Process.Pid, patterns)
		must(t, err)
		for _, hit := range hits {
			if strings.Contains(hit.Pattern, "packed") {
				continue // four bytes: chance alone finds them in this many scans
			}
			t.Errorf("after %s: %+v\n%s", after, hit, memscan.Around(child.Process.Pid, hit.Address))
		}
	}
	do := func(want string, words ...string) {
		t.Helper()
		_, err := io.WriteString(in, strings.Join(words, "\n")+"\n")
		must(t, err)
		if !answers.Scan() || !strings.HasPrefix(answers.Text(), "done: "+want) {
			t.Fatalf("%s: %s", words[0], answers.Text())
		}
		scan(words[0], since)
		since = len(keys.from(0))
	}
	for round := range 10 {
		codes[fmt.Sprint("PIN ", round)] = pin
		do("<nil>", "pair", pin)
		do("<nil>", "verify", pin)
		do("<nil>", "verify", pin[4:])
		wrong := randomCode(t)
		codes[fmt.Sprint("wrong ", round)] = wrong
		do("verify the PIN: wrong PIN", "verify", wrong)
		do("<nil>", "sign", pin[4:])
		next := randomCode(t)
		codes[fmt.Sprint("new ", round)] = next
		do("<nil>", "change", pin[4:], next)
		pin = randomCode(t)
		codes[fmt.Sprint("PIN ", round)] = pin
		do("<nil>", "unblock", puk, pin)
	}
	scan("all", 0)
	if t.Logf("%d scans for %d codes and %d keys, %d of them seals", scans, len(codes), len(keys.keys)/2, keys.seals); keys.seals < 10 {
		t.Error("the sealing keys were not looked for")
	}
}
