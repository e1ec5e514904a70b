package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
)

// start runs the program until the test ends and returns what it prints, and a
// function that ends it and waits.
func start(t *testing.T, args ...string) (out *bufio.Reader, stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, write := io.Pipe()
	c := newCommand()
	c.SetOut(write)
	c.SetArgs(args)
	ended := make(chan error, 1)
	go func() { err := c.ExecuteContext(ctx); _ = write.Close(); ended <- err }()
	stop = func() error {
		cancel()
		go func() { _, _ = io.Copy(io.Discard, read) }()
		select {
		case err := <-ended:
			return err
		case <-time.After(10 * time.Second):
			t.Fatal("the program does not end")
			return nil
		}
	}
	return bufio.NewReader(read), stop
}

// reader is a virtual reader: it waits on a port for one card.
func reader(t *testing.T) (listener net.Listener, port string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	return listener, strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// accept waits for a card in the reader.
func accept(t *testing.T, listener net.Listener) net.Conn {
	t.Helper()
	_ = listener.(*net.TCPListener).SetDeadline(time.Now().Add(10 * time.Second))
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(10 * time.Second))
	return conn
}

// ask sends a frame of the vpcd protocol, in hexadecimal, and returns the answer.
func ask(t *testing.T, conn net.Conn, frame string) string {
	t.Helper()
	b, err := hex.DecodeString(frame)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(append([]byte{byte(len(b) >> 8), byte(len(b))}, b...)); err != nil {
		t.Fatal(err)
	}
	size := make([]byte, 2)
	if _, err := io.ReadFull(conn, size); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, int(size[0])<<8|int(size[1]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		t.Fatal(err)
	}
	return strings.ToUpper(hex.EncodeToString(answer))
}

const (
	askATR    = "04"
	selectIAS = "00A4040C0DA0000000308000000009816001"
)

func TestOneCardInAReader(t *testing.T) {
	listener, port := reader(t)
	out, stop := start(t, "--port", port, "--profile", "gemalto", "--log", filepath.Join(t.TempDir(), "apdu.log"))
	line, _ := out.ReadString('\n')
	for _, part := range []string{"gemalto", "PIN 12345678 (3 tries)", "PUK 87654321 (10 tries)", "127.0.0.1:" + port} {
		if !strings.Contains(line, part) {
			t.Errorf("%q does not say %q", line, part)
		}
	}
	conn := accept(t, listener)
	if got, want := ask(t, conn, askATR), "3B8F800180318065B085040011120FFF8290008A"; got != want {
		t.Errorf("ATR = %s, want %s", got, want)
	}
	if got := ask(t, conn, selectIAS); got != "9000" {
		t.Errorf("SELECT IAS = %s, want 9000", got)
	}
	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestSeveralCardsDiffer(t *testing.T) {
	first, port1 := reader(t)
	second, port2 := reader(t)
	out, stop := start(t, "--port", port1, "--port", port2, "--profile", "gemalto,itj4d")
	one, _ := out.ReadString('\n')
	two, _ := out.ReadString('\n')
	if pan(one) == "" || pan(one) == pan(two) {
		t.Errorf("the cards are not different: %q, %q", one, two)
	}
	if a, b := ask(t, accept(t, first), askATR), ask(t, accept(t, second), askATR); a == b {
		t.Errorf("both have the ATR %s", a)
	}
	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func pan(line string) string {
	_, rest, _ := strings.Cut(line, "PAN ")
	number, _, _ := strings.Cut(rest, ",")
	return number
}

func TestCardComesBackToARestartedReader(t *testing.T) {
	listener, port := reader(t)
	out, stop := start(t, "--port", port)
	_, _ = out.ReadString('\n')
	_ = accept(t, listener).Close()
	if got := ask(t, accept(t, listener), selectIAS); got != "9000" {
		t.Errorf("SELECT IAS after the reader came back = %s, want 9000", got)
	}
	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestControlSocket(t *testing.T) {
	listener, port := reader(t)
	socket := filepath.Join(t.TempDir(), "s")
	out, stop := start(t, "--port", port, "--control", socket, "--tries", "1", "--set", "mirror-status=true")
	_, _ = out.ReadString('\n')
	conn := accept(t, listener)
	if got := ask(t, conn, selectIAS); got != "9000" {
		t.Fatalf("SELECT IAS = %s, want 9000", got)
	}
	control, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = control.Close() }()
	answers := bufio.NewReader(control)
	for request, part := range map[string]string{
		`{"do":"state"}`:  `"tries":1`,
		`{"do":"stats"}`:  `"apdus":1`,
		`{"do":"state" }`: `"mirror-status":true`,
		`{"do":"fly"}`:    `"ok":false`,
		`not JSON`:        `"ok":false`,
	} {
		_, _ = io.WriteString(control, request+"\n")
		if line, _ := answers.ReadString('\n'); !strings.Contains(line, part) {
			t.Errorf("%s → %q, want %s", request, line, part)
		}
	}
	_, _ = io.WriteString(control, `{"do":"remove"}`+"\n")
	if _, err := io.ReadFull(conn, make([]byte, 1)); err == nil {
		t.Error("the reader still has a removed card")
	}
	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
}

func TestQuitEndsTheProgram(t *testing.T) {
	_, port := reader(t)
	socket := filepath.Join(t.TempDir(), "s")
	out, stop := start(t, "--port", port, "--control", socket)
	_, _ = out.ReadString('\n')
	control, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(control, `{"do":"quit"}`+"\n")
	if rest, err := io.ReadAll(out); err != nil || len(rest) > 0 {
		t.Errorf("after quit: %q, %v", rest, err)
	}
	_ = control.Close()
	if err := stop(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if _, err := os.Lstat(socket); !os.IsNotExist(err) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestSecondControlSocketIsRefusedAndADeadOneReplaced(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listen(socket); err == nil {
		t.Error("a socket in use was taken over")
	}
	listener.(*net.UnixListener).SetUnlinkOnClose(false)
	_ = listener.Close()
	again, err := listen(socket)
	if err != nil {
		t.Fatalf("dead socket: %v", err)
	}
	_ = again.Close()
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := listen(socket); err == nil {
		t.Error("a plain file was replaced")
	}
}

func TestDump(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "trust")
	c := newCommand()
	c.SetArgs([]string{"--dump", folder})
	if err := c.ExecuteContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	certificate := func(name string) *x509.Certificate {
		text, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(text)
		if block == nil {
			t.Fatalf("%s is not PEM", name)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	root, sub, holder := certificate("cie-root.pem"), certificate("cie-sub-ca.pem"), certificate("holder.pem")
	csca, signer := certificate("csca.pem"), certificate("document-signer.pem")
	for name, err := range map[string]error{
		"root": root.CheckSignatureFrom(root), "sub CA": sub.CheckSignatureFrom(root), "holder": holder.CheckSignatureFrom(sub),
		"country": csca.CheckSignatureFrom(csca), "document signer": signer.CheckSignatureFrom(csca),
	} {
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMistakesInFlags(t *testing.T) {
	for name, args := range map[string][]string{
		"short PIN": {"--pin", "1234"}, "letters": {"--puk", "1234567x"}, "sign": {"--pin", "+1234567"},
		"too many tries": {"--tries", "4"}, "negative tries": {"--puk-tries", "-1"},
		"port 0": {"--port", "0"}, "port twice": {"--port", "4000,4000"}, "port 70000": {"--port", "70000"},
		"profile": {"--profile", "visa"}, "profiles for cards": {"--profile", "nxp,stm,gemalto", "--port", "4000,4001"},
		"switch": {"--set", "wings=true"}, "no value": {"--set", "no-fcp"}, "wrong value": {"--set", "no-fcp=perhaps"},
		"wrong type": {"--set", "padding=many"}, "argument": {"card"}, "flag": {"--fly"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCommand()
			c.SetOut(io.Discard)
			c.SetArgs(append(args, "--dump", t.TempDir()))
			if err := c.ExecuteContext(context.Background()); err == nil {
				t.Errorf("%q is accepted", args)
			}
		})
	}
}

func TestAssign(t *testing.T) {
	b := emulator.Behaviour{EndOfFile: "6b00"}
	if err := assign(&b, []string{"end-of-file=6282", "padding=64", "no-fcp=true", "wrong-tries=6300"}); err != nil {
		t.Fatal(err)
	}
	if want := (emulator.Behaviour{EndOfFile: "6282", Padding: 64, NoFCP: true, WrongTries: "6300"}); b != want {
		t.Errorf("%+v, want %+v", b, want)
	}
}

func TestHelpNamesEveryProfileAndSwitch(t *testing.T) {
	var out bytes.Buffer
	c := newCommand()
	c.SetOut(&out)
	c.SetArgs([]string{"--help"})
	if err := c.Execute(); err != nil {
		t.Fatal(err)
	}
	fields, err := switches(emulator.Behaviour{})
	if err != nil {
		t.Fatal(err)
	}
	names := profileNames()
	for name := range fields {
		names = append(names, name+"=")
	}
	for _, name := range names {
		if !strings.Contains(out.String(), name) {
			t.Errorf("--help does not name %s", name)
		}
	}
}
