//go:build integration

package moduletest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/softwarecie/cie/internal/rig"
)

const sanitizers = "-g -O1 -Wall -Wextra -Werror -fsanitize=address,undefined -fno-sanitize-recover=all"

// compile compiles C with the header of p11-kit.
func compile(t *testing.T, out, arguments string) {
	t.Helper()
	rig.Need(t, "cc", "pkg-config")
	command := "cc -std=gnu11 $(pkg-config --cflags p11-kit-1) -pthread -o " + out + " " + arguments
	if said, err := exec.Command("sh", "-c", command).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
}

// stream makes bytes as a helper might send them: answers, sometimes spoilt.
func stream(r *rand.Rand) []byte {
	var out []byte
	for range r.IntN(6) {
		body := make([]byte, r.IntN(2000))
		for i := range body {
			body[i] = byte(r.IntN(3)) // many small numbers, so that lengths are now and then right
		}
		out = binary.BigEndian.AppendUint32(out, uint32(8+len(body)))
		out = binary.BigEndian.AppendUint32(out, r.Uint32())
		out = binary.BigEndian.AppendUint32(out, r.Uint32())
		out = append(out, body...)
	}
	switch r.IntN(4) {
	case 0:
		out = out[:r.IntN(len(out)+1)]
	case 1:
		if len(out) > 0 {
			out[r.IntN(len(out))] ^= byte(1 + r.IntN(255))
		}
	case 2:
		for range r.IntN(20) {
			out = append(out, byte(r.Uint32()))
		}
	}
	return out
}

// answers says what a reader of frames must find, by the rule of frame.go.
func answers(in []byte) string {
	var out strings.Builder
	for len(in) >= 4 {
		length := binary.BigEndian.Uint32(in)
		if length < 8 || length > 1<<20 {
			return out.String() + "malformed"
		}
		if uint32(len(in)-4) < length {
			break
		}
		fmt.Fprintf(&out, "%d:%d:%d ", binary.BigEndian.Uint32(in[4:]), binary.BigEndian.Uint32(in[8:]), length-8)
		in = in[4+length:]
	}
	return out.String() + "more"
}

// TestFrameReaderInC gives the C reader random streams, under sanitizers.
func TestFrameReaderInC(t *testing.T) {
	program := filepath.Join(t.TempDir(), "frames")
	compile(t, program, sanitizers+" testdata/frames.c")
	r := rand.New(rand.NewPCG(1, 1))
	var in bytes.Buffer
	var want strings.Builder
	const cases = 20000
	for range cases {
		s := stream(r)
		in.Write(binary.BigEndian.AppendUint32(nil, uint32(len(s))))
		in.Write(s)
		want.WriteString(answers(s) + "\n")
	}
	command := exec.Command(program)
	command.Stdin = &in
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	if string(out) != want.String() {
		got, wanted := strings.Split(string(out), "\n"), strings.Split(want.String(), "\n")
		for i := range wanted {
			if i >= len(got) || got[i] != wanted[i] {
				t.Fatalf("case %d: %q, want %q", i, got[i], wanted[i])
			}
		}
	}
	t.Logf("%d streams", cases)
}

// lied is testdata/lied.c with the library that starts testdata/liar.c, under
// sanitizers, and with the patience in milliseconds.
func lied(t *testing.T, quick, card int) string {
	t.Helper()
	folder := t.TempDir()
	must(t, os.Chmod(folder, 0o700)) //nolint:gosec // a folder
	liar, program := filepath.Join(folder, "liar"), filepath.Join(folder, "lied")
	compile(t, liar, "-O1 -Wall -Wextra -Werror testdata/liar.c")
	compile(t, program, fmt.Sprintf(`%s -DQUICK=%d -DCARD=%d '-DHELPER_PATH="%s"' testdata/lied.c $(ls ../../cmd/cie-pkcs11/*.c | grep -v windows) -I../../cmd/cie-pkcs11`, sanitizers, quick, card, liar))
	return program
}

// TestSilentHelper has a helper that stops working in the midst of a login.
func TestSilentHelper(t *testing.T) {
	command := exec.Command(lied(t, 10000, 500), "silent")
	command.Env = append(os.Environ(), "LIAR=silent")
	if out, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestLyingHelper has the whole library believe a helper that lies.
func TestLyingHelper(t *testing.T) {
	program := lied(t, 50, 60) // the liar is silent now and then
	for seed := range size(2, 100) {
		command := exec.Command(program, "40")
		command.Env = append(os.Environ(), fmt.Sprintf("LIAR=%d", seed))
		out, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("seed %d: %v\n%s", seed, err, out)
		}
		t.Logf("seed %d: %s", seed, bytes.TrimSpace(out))
	}
}
