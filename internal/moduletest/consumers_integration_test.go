//go:build integration

package moduletest

import (
	"crypto"
	"crypto/rsa"
	_ "crypto/sha1"
	"crypto/sha256"
	_ "crypto/sha512"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
	"golang.org/x/sys/unix"

	"github.com/softwarecie/cie/internal/rig"
)

// A consumer counts what a program can do with the module, for a line in
// build/consumers.txt, which scripts/integration.sh shows.
type consumer struct {
	*testing.T
	name          string
	passed, total int
}

func newConsumer(t *testing.T, name string) *consumer {
	c := &consumer{T: t, name: name}
	t.Cleanup(func() {
		line := fmt.Sprintf("%s: %d of %d", c.name, c.passed, c.total)
		t.Log(line)
		list, err := os.OpenFile(filepath.Join("..", "..", "build", "consumers.txt"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		must(t, err)
		_, err = fmt.Fprintln(list, line)
		must(t, errors.Join(err, list.Close()))
	})
	return c
}

func (c *consumer) step(name string, f func(t *testing.T)) {
	c.total++
	if c.Run(name, f) {
		c.passed++
	}
}

// with is the desk for a step.
func (d *desk) with(t testing.TB) *desk {
	step := *d
	step.t = t
	return &step
}

// write keeps bytes in a file of the desk.
func (d *desk) write(name string, content []byte) string {
	d.t.Helper()
	path := filepath.Join(d.Folder, name)
	must(d.t, os.WriteFile(path, content, 0o600))
	return path
}

// publicKey is a file with the holder's public key, from the emulated card itself.
func (d *desk) publicKey() string {
	d.t.Helper()
	der, err := x509.MarshalPKIXPublicKey(d.Card.Certificate().PublicKey)
	must(d.t, err)
	return d.write("public.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

var opensslDigests = map[string]string{
	"SHA1-RSA-PKCS": "-sha1", "SHA224-RSA-PKCS": "-sha224", "SHA256-RSA-PKCS": "-sha256", "SHA384-RSA-PKCS": "-sha384", "SHA512-RSA-PKCS": "-sha512",
}

func TestPKCS11Tool(t *testing.T) { // T1, T2, T3
	rig.Need(t, "pkcs11-tool", "openssl")
	d := newDesk(t, true)
	c := newConsumer(t, "pkcs11-tool")
	tool := func(d *desk, wanted []string, arguments ...string) string {
		d.t.Helper()
		return d.must(wanted, "pkcs11-tool", append([]string{"--module", d.module}, arguments...)...)
	}
	c.step("info", func(t *testing.T) {
		tool(d.with(t), []string{"Cryptoki version 3.0", "Software CIE", "CIE - Carta Identita Elettronica"}, "-I")
	})
	c.step("slots", func(t *testing.T) {
		tool(d.with(t), []string{
			"Slot 0", "CIE - ultime 4 cifre del PIN", "IPZS", "CIE 3.0", d.Card.PAN(), "login required, token initialized, PIN initialized",
			"pin min/max        : 4/8", "Slot 1", "(empty)",
		}, "-L")
	})
	c.step("mechanisms", func(t *testing.T) {
		out := tool(d.with(t), []string{"RSA-PKCS, keySize={2048,2048}, hw, sign, verify"}, "-M")
		if n := strings.Count(out, "hw, sign, verify"); n != 6 || strings.Contains(out, "PSS") {
			t.Errorf("%d mechanisms, want 6:\n%s", n, out)
		}
	})
	c.step("objects", func(t *testing.T) {
		out := tool(d.with(t), []string{"Certificate Object", "Public Key Object; RSA 2048 bits", "CKP_PUBLIC_CERTIFICATES_TOKEN"}, "-O")
		if strings.Contains(out, "Private Key Object") {
			t.Errorf("private key before login:\n%s", out)
		}
	})
	c.step("objects after login", func(t *testing.T) {
		tool(d.with(t), []string{"Private Key Object", "sensitive, always sensitive, never extractable, local"}, "-O", "--login", "--pin", "5678")
	})
	c.step("interfaces", func(t *testing.T) {
		tool(d.with(t), []string{"version: 3.0", "version: 2.40"}, "--list-interfaces")
	})
	public, message := d.publicKey(), d.write("message", []byte("a message to be signed"))
	for mechanism, digest := range opensslDigests {
		c.step("sign "+mechanism, func(t *testing.T) {
			d, signature := d.with(t), filepath.Join(d.Folder, "signature")
			tool(d, nil, "--login", "--pin", "5678", "--sign", "-m", mechanism, "-i", message, "-o", signature)
			d.must([]string{"Verified OK"}, "openssl", "dgst", digest, "-verify", public, "-signature", signature, message)
		})
	}
	c.step("sign RSA-PKCS", func(t *testing.T) {
		d, signature := d.with(t), filepath.Join(d.Folder, "signature")
		sum := sha256.Sum256([]byte("a message to be signed"))
		info := append([]byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}, sum[:]...)
		tool(d, nil, "--login", "--pin", "5678", "--sign", "-m", "RSA-PKCS", "-i", d.write("digest-info", info), "-o", signature)
		d.must([]string{"Verified OK"}, "openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, message)
	})
	c.step("test", func(t *testing.T) {
		out := tool(d.with(t), []string{
			"Digests: not implemented", "RNG not available", "all 4 signature functions seem to work", "RSA-PKCS: OK", "SHA1-RSA-PKCS: OK",
			"SHA256-RSA-PKCS: OK", "Decrypt: not implemented", "No errors",
		}, "--login", "--pin", "5678", "--test")
		if strings.Contains(out, "ERR") {
			t.Error(out)
		}
	})
	c.step("test-fork", func(t *testing.T) {
		tool(d.with(t), nil, "--test-fork")
	})
	c.step("test-hotplug", func(t *testing.T) { d.with(t).hotplug() })
	c.step("wrong PIN", func(t *testing.T) {
		out, err := d.run("pkcs11-tool", "--module", d.module, "--login", "--pin", "123", "-O")
		if err == nil || !strings.Contains(out, "CKR_PIN_INCORRECT") {
			t.Errorf("%v\n%s", err, out)
		}
	})
	d.unharmed()
	if d.tries() != 3 {
		t.Errorf("%d tries left, want 3", d.tries())
	}
}

// hotplug answers the questions of "pkcs11-tool --test-hotplug", which waits for
// Enter while the card is moved.
func (d *desk) hotplug() {
	d.t.Helper()
	tool := exec.CommandContext(d.Ctx, "pkcs11-tool", "--module", d.module, "--test-hotplug")
	in, err := tool.StdinPipe()
	must(d.t, err)
	var out strings.Builder
	tool.Stdout, tool.Stderr = &out, &out
	must(d.t, tool.Start())
	time.Sleep(time.Second)
	for range 2 {
		d.Card.Remove()
		time.Sleep(1500 * time.Millisecond)
		_, _ = fmt.Fprintln(in)
		d.Card.Insert()
		time.Sleep(1500 * time.Millisecond)
		_, _ = fmt.Fprintln(in)
	}
	_ = in.Close()
	ended := make(chan error, 1)
	go func() { ended <- tool.Wait() }()
	select {
	case err = <-ended:
	case <-time.After(5 * time.Second):
		_ = tool.Process.Kill()
		err = <-ended
	}
	if err != nil || strings.Contains(out.String(), "error") {
		d.t.Errorf("%v\n%s", err, out.String())
	}
	d.Await(d.t, true)
}

func TestP11Kit(t *testing.T) { // T13
	rig.Need(t, "p11-kit", "p11tool", "gnutls-cli")
	d := newDesk(t, true)
	c := newConsumer(t, "p11-kit and GnuTLS")
	// p11-kit knows no other module here. For root it reads no folder of the user's.
	folder := filepath.Join(d.Folder, "modules")
	must(t, os.Mkdir(folder, 0o755))
	must(t, os.WriteFile(filepath.Join(folder, "cie.module"), fmt.Appendf(nil, "module: %s\ncritical: no\ntrust-policy: no\n", d.module), 0o600))
	must(t, unix.Mount(folder, "/usr/share/p11-kit/modules", "", unix.MS_BIND, ""))
	t.Cleanup(func() { must(t, unix.Unmount("/usr/share/p11-kit/modules", unix.MNT_DETACH)) })
	t.Setenv("GNUTLS_PIN", "5678")
	c.step("list-modules", func(t *testing.T) {
		out := d.with(t).must([]string{"cie:", "token: CIE - ultime 4 cifre del PIN", "serial-number: " + d.Card.PAN()}, "p11-kit", "list-modules")
		if n := strings.Count(out, "serial-number: "+d.Card.PAN()); n != 1 {
			t.Errorf("the token is listed %d times", n)
		}
	})
	c.step("p11tool tokens", func(t *testing.T) {
		d.with(t).must([]string{"serial=" + d.Card.PAN()}, "p11tool", "--list-tokens")
	})
	c.step("p11tool objects", func(t *testing.T) {
		d.with(t).must([]string{"type=private", "type=cert"}, "p11tool", "--login", "--list-all", "pkcs11:serial="+d.Card.PAN())
	})
	c.step("p11tool test-sign", func(t *testing.T) {
		d.with(t).must([]string{"ok"}, "p11tool", "--login", "--test-sign", "pkcs11:serial="+d.Card.PAN()+";object=CIE%20"+d.Card.Holder().Document+";type=private")
	})
	c.step("remoting", func(t *testing.T) {
		d := d.with(t)
		must(t, os.WriteFile(filepath.Join(folder, "cie.module"), fmt.Appendf(nil, "remote: |p11-kit remote %s\n", d.module), 0o600))
		d.must([]string{"type=private"}, "p11tool", "--login", "--list-all", "pkcs11:serial="+d.Card.PAN())
	})
	d.unharmed()
}

func TestNSS(t *testing.T) { // T6
	rig.Need(t, "modutil", "certutil", "tstclnt")
	d := newDesk(t, true)
	c := newConsumer(t, "NSS")
	database := "sql:" + d.Folder + "/nss"
	must(t, os.Mkdir(filepath.Join(d.Folder, "nss"), 0o700))
	pin := d.write("pin", []byte("CIE - ultime 4 cifre del PIN:5678\n"))
	c.step("certutil -N", func(t *testing.T) {
		d.with(t).must(nil, "certutil", "-N", "-d", database, "--empty-password")
	})
	c.step("modutil -add", func(t *testing.T) {
		d.with(t).must([]string{`"CIE" added`}, "modutil", "-dbdir", database, "-add", "CIE", "-libfile", d.module, "-force")
	})
	c.step("modutil -list", func(t *testing.T) {
		d.with(t).must([]string{"token: CIE - ultime 4 cifre del PIN"}, "modutil", "-dbdir", database, "-list")
	})
	c.step("certutil -L", func(t *testing.T) {
		out := d.with(t).must(nil, "certutil", "-L", "-h", "all", "-d", database, "-f", pin)
		if !strings.Contains(out, "u,u,u") {
			t.Errorf("no certificate of the user's:\n%s", out)
		}
	})
	c.step("tstclnt", func(t *testing.T) {
		d := d.with(t)
		s := d.site()
		u, err := url.Parse(s.Required)
		must(t, err)
		request := d.write("request", fmt.Appendf(nil, "GET /entra HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", u.Host))
		d.must([]string{d.Card.Holder().TaxCode}, "tstclnt", "-4", "-h", "localhost", "-p", u.Port(), "-d", database, "-W", pin, "-o",
			"-V", "tls1.2:tls1.2", "-n", "CIE - ultime 4 cifre del PIN:CIE "+d.Card.Holder().Document, "-A", request)
		s.sawLogin(d)
	})
	c.step("certutil -K", func(t *testing.T) {
		d.with(t).must([]string{"rsa"}, "certutil", "-K", "-h", "all", "-d", database, "-f", pin)
	})
	d.unharmed()
}

func TestOpenSSLEngine(t *testing.T) { // T8
	rig.Need(t, "openssl")
	d := newDesk(t, true)
	if out, _ := d.run("openssl", "engine", "pkcs11"); !strings.Contains(out, "(pkcs11)") {
		rig.Missing(t, "the pkcs11 engine of openssl")
	}
	c := newConsumer(t, "openssl engine")
	t.Setenv("PKCS11_MODULE_PATH", d.module)
	public, message, signature := d.publicKey(), d.write("message", []byte("a message")), filepath.Join(d.Folder, "signature")
	uri := "pkcs11:serial=" + d.Card.PAN() + ";type=private;pin-value=5678"
	c.step("dgst -sign", func(t *testing.T) {
		d := d.with(t)
		d.must(nil, "openssl", "dgst", "-engine", "pkcs11", "-keyform", "engine", "-sha256", "-sign", uri, "-out", signature, message)
		d.must([]string{"Verified OK"}, "openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, message)
	})
	c.step("req", func(t *testing.T) {
		d.with(t).must([]string{"BEGIN CERTIFICATE REQUEST"}, "openssl", "req", "-engine", "pkcs11", "-keyform", "engine", "-new", "-key", uri, "-subj", "/CN=test")
	})
	d.unharmed()
}

func TestOpenSSLProvider(t *testing.T) { // T8
	rig.Need(t, "openssl")
	provider, _ := filepath.Glob("/usr/lib/*/ossl-modules/pkcs11.so")
	if len(provider) == 0 {
		if release, _ := os.ReadFile("/etc/os-release"); strings.Contains(string(release), "VERSION_CODENAME=bookworm\n") {
			newConsumer(t, "openssl provider, of which Debian 12 has no package")
			t.Skip("Debian 12 has no package pkcs11-provider")
		}
		rig.Missing(t, "pkcs11-provider")
	}
	d := newDesk(t, true)
	c := newConsumer(t, "openssl provider")
	t.Setenv("OPENSSL_CONF", d.write("openssl.cnf", fmt.Appendf(nil, `openssl_conf = all
[all]
providers = providers
[providers]
default = of-openssl
pkcs11 = of-the-card
[of-openssl]
activate = 1
[of-the-card]
module = %s
pkcs11-module-path = %s
activate = 1
`, provider[0], d.module)))
	public, message, signature := d.publicKey(), d.write("message", []byte("a message")), filepath.Join(d.Folder, "signature")
	uri := "pkcs11:serial=" + d.Card.PAN() + ";type=private;pin-value=5678"
	c.step("pkeyutl -sign", func(t *testing.T) {
		d := d.with(t)
		d.must(nil, "openssl", "pkeyutl", "-sign", "-rawin", "-digest", "sha256", "-inkey", uri, "-in", message, "-out", signature)
		d.must([]string{"Verified OK"}, "openssl", "dgst", "-sha256", "-verify", public, "-signature", signature, message)
	})
	c.step("req", func(t *testing.T) {
		d.with(t).must([]string{"BEGIN CERTIFICATE REQUEST"}, "openssl", "req", "-new", "-key", uri, "-sigopt", "rsa_padding_mode:pkcs1", "-subj", "/CN=test")
	})
	d.unharmed()
}

func TestOpenSSH(t *testing.T) { // T8
	rig.Need(t, "ssh-keygen", "ssh-agent", "ssh-add")
	d := newDesk(t, true)
	c := newConsumer(t, "OpenSSH")
	var public string
	c.step("ssh-keygen -D", func(t *testing.T) {
		public = d.with(t).must([]string{"ssh-rsa "}, "ssh-keygen", "-D", d.module)
	})
	c.step("ssh-add and a signature", func(t *testing.T) {
		d := d.with(t)
		key := d.write("key.pub", []byte(strings.SplitN(public, "\n", 2)[0]+"\n"))
		ask := filepath.Join(d.Folder, "ask")
		must(t, os.WriteFile(ask, []byte("#!/bin/sh\necho 5678\n"), 0o700))
		t.Setenv("SSH_ASKPASS", ask)
		t.Setenv("SSH_ASKPASS_REQUIRE", "force")
		script := `set -e; ssh-add -s "$1"; ssh-add -L; ssh-add -T "$2"`
		d.must([]string{"Card added", "ssh-rsa "}, "ssh-agent", "-P", d.module, "sh", "-c", script, "sh", d.module, key)
	})
	d.unharmed()
}

func TestGoPKCS11(t *testing.T) { // as crypto11 does: a session for reading and writing, and the length first
	d := newDesk(t, true)
	c := newConsumer(t, "Go, miekg/pkcs11")
	p := load(t, d.module)
	defer p.Destroy()
	must(t, p.Initialize())
	defer func() { must(t, p.Finalize()) }()
	s, err := p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	must(t, err)
	must(t, p.Login(s, pkcs11.CKU_USER, "5678"))
	find := func(t *testing.T, template ...*pkcs11.Attribute) pkcs11.ObjectHandle {
		t.Helper()
		must(t, p.FindObjectsInit(s, template))
		found, _, err := p.FindObjects(s, 10)
		must(t, err)
		must(t, p.FindObjectsFinal(s))
		if len(found) != 1 {
			t.Fatalf("%d objects", len(found))
		}
		return found[0]
	}
	class := func(c uint) *pkcs11.Attribute { return pkcs11.NewAttribute(pkcs11.CKA_CLASS, c) }
	key := find(t, class(pkcs11.CKO_PRIVATE_KEY))
	c.step("public key and certificate of the private key", func(t *testing.T) {
		a, err := p.GetAttributeValue(s, key, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_ID, nil), pkcs11.NewAttribute(pkcs11.CKA_LABEL, nil)})
		must(t, err)
		find(t, class(pkcs11.CKO_PUBLIC_KEY), a[0], a[1], pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_RSA))
		certificate := find(t, class(pkcs11.CKO_CERTIFICATE), a[0])
		v, err := p.GetAttributeValue(s, certificate, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
		must(t, err)
		if string(v[0].Value) != string(d.Card.Certificate().Raw) {
			t.Error("another certificate")
		}
	})
	for mechanism, hash := range map[uint]crypto.Hash{
		pkcs11.CKM_SHA1_RSA_PKCS: crypto.SHA1, pkcs11.CKM_SHA224_RSA_PKCS: crypto.SHA224, pkcs11.CKM_SHA256_RSA_PKCS: crypto.SHA256,
		pkcs11.CKM_SHA384_RSA_PKCS: crypto.SHA384, pkcs11.CKM_SHA512_RSA_PKCS: crypto.SHA512,
	} {
		c.step("sign "+hash.String(), func(t *testing.T) {
			must(t, p.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}, key))
			signature, err := p.Sign(s, []byte("message"))
			must(t, err)
			h := hash.New()
			_, _ = h.Write([]byte("message"))
			must(t, rsa.VerifyPKCS1v15(d.Card.Certificate().PublicKey.(*rsa.PublicKey), hash, h.Sum(nil), signature))
		})
	}
	c.step("a killed helper", func(t *testing.T) { // sessions are gone, the program lives
		must(t, exec.Command("pkill", "-KILL", "-P", fmt.Sprint(os.Getpid()), "-f", "cie-pkcs11-helper").Run())
		_, err := p.GetSessionInfo(s)
		if !errors.Is(err, pkcs11.Error(pkcs11.CKR_SESSION_HANDLE_INVALID)) {
			t.Errorf("%v", err)
		}
		again, err := p.OpenSession(0, pkcs11.CKF_SERIAL_SESSION)
		must(t, err)
		if again == s {
			t.Error("a handle was used again")
		}
		s = again
		must(t, p.Login(s, pkcs11.CKU_USER, "5678"))
		must(t, p.SignInit(s, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA256_RSA_PKCS, nil)}, find(t, class(pkcs11.CKO_PRIVATE_KEY))))
		_, err = p.Sign(s, []byte("message"))
		must(t, err)
	})
	d.unharmed()
}
