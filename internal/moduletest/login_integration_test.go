//go:build integration

package moduletest

import (
	"encoding/pem"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/internal/trust"
)

// A site is the demo site, and what it was told.
type site struct {
	*demosite.Site
	attempts chan demosite.Attempt
}

func (d *desk) site() site {
	d.t.Helper()
	roots, err := trust.Load([]string{filepath.Join(d.Folder, "trust")})
	must(d.t, err)
	s := site{attempts: make(chan demosite.Attempt, 100)}
	s.Site, err = demosite.Start(d.Ctx, demosite.Options{Roots: roots, Folder: d.Folder, Attempt: func(a demosite.Attempt) { s.attempts <- a }})
	must(d.t, err)
	d.t.Cleanup(func() { _ = s.Close() })
	return s
}

// sawLogin fails unless the holder of the card has logged in.
func (s site) sawLogin(d *desk) {
	d.t.Helper()
	for {
		select {
		case a := <-s.attempts:
			if a.Outcome == demosite.OK && a.Version == "TLS 1.2" && a.Holder.TaxCode == d.Card.Holder().TaxCode && strings.HasPrefix(a.Signature, "PKCS1") {
				return
			}
			d.t.Logf("attempt %+v", a)
		case <-time.After(20 * time.Second):
			d.t.Error("the site saw no login")
			return
		}
	}
}

// certificate is a file with the holder's certificate.
func (d *desk) certificate() string {
	d.t.Helper()
	return d.write("certificate.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: d.Card.Certificate().Raw}))
}

func TestCurl(t *testing.T) { // profile 13.4
	rig.Need(t, "curl", "openssl")
	d := newDesk(t, true)
	if out, _ := d.run("openssl", "engine", "pkcs11"); !strings.Contains(out, "(pkcs11)") {
		rig.Missing(t, "the pkcs11 engine of openssl")
	}
	c := newConsumer(t, "curl")
	s := d.site()
	t.Setenv("PKCS11_MODULE_PATH", d.module)
	t.Setenv("OPENSSL_CONF", d.write("openssl.cnf", []byte(`openssl_conf = all
[all]
ssl_conf = ssl
[ssl]
system_default = default
[default]
ClientSignatureAlgorithms = RSA+SHA256:RSA+SHA384:RSA+SHA512
`)))
	c.step("login", func(t *testing.T) {
		d := d.with(t)
		d.must([]string{d.Card.Holder().TaxCode}, "curl", "-sS", "--cacert", s.CA, "--engine", "pkcs11", "--key-type", "ENG",
			"--key", "pkcs11:serial="+d.Card.PAN()+";type=private;pin-value=5678", "--cert", d.certificate(), "--tls-max", "1.2", s.Required)
		s.sawLogin(d)
	})
	d.unharmed()
}

func TestGnuTLSLogin(t *testing.T) {
	rig.Need(t, "gnutls-cli")
	d := newDesk(t, true)
	c := newConsumer(t, "gnutls-cli")
	s := d.site()
	t.Setenv("GNUTLS_PIN", "5678")
	c.step("login", func(t *testing.T) {
		d := d.with(t)
		u, err := url.Parse(s.Required)
		must(t, err)
		token := "pkcs11:serial=" + d.Card.PAN() + ";object=CIE%20" + d.Card.Holder().Document
		script := `printf 'GET /entra HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n' "$1" | gnutls-cli --provider="$2" --x509cafile="$3" \
			--x509keyfile="$4;type=private" --x509certfile="$4;type=cert" --priority=NORMAL:-VERS-TLS1.3 -p "$5" localhost`
		d.must([]string{d.Card.Holder().TaxCode}, "sh", "-c", script, "sh", u.Host, d.module, s.CA, token, u.Port())
		s.sawLogin(d)
	})
	d.unharmed()
}

func TestJava(t *testing.T) {
	rig.Need(t, "java")
	d := newDesk(t, true)
	c := newConsumer(t, "Java SunPKCS11")
	s := d.site()
	configuration := d.write("pkcs11.cfg", fmt.Appendf(nil, "name = CIE\nlibrary = %s\nslotListIndex = 0\n", d.module))
	c.step("signatures and login", func(t *testing.T) {
		d := d.with(t)
		d.must([]string{"key true", "SHA256withRSA true", "SHA384withRSA true", "SHA512withRSA true", "SHA1withRSA true", "status 200"},
			"java", "-Djdk.tls.client.protocols=TLSv1.2", "testdata/Client.java", configuration, "5678", s.CA, s.Required)
		s.sawLogin(d)
	})
	d.unharmed()
}

func TestOpenVPN(t *testing.T) {
	rig.Need(t, "openvpn")
	d := newDesk(t, true)
	c := newConsumer(t, "OpenVPN")
	c.step("show-pkcs11-ids", func(t *testing.T) {
		d.with(t).must([]string{"Serialized id:", d.Card.PAN()}, "openvpn", "--show-pkcs11-ids", d.module)
	})
	d.unharmed()
}

func TestSSHLogin(t *testing.T) {
	rig.Need(t, "sshd", "ssh", "ssh-agent", "ssh-add", "ssh-keygen")
	if os.Getuid() != 0 {
		t.Skip("sshd needs root")
	}
	d := newDesk(t, true)
	c := newConsumer(t, "ssh")
	must(t, os.MkdirAll("/run/sshd", 0o755)) //nolint:gosec // as the package makes it
	key := filepath.Join(d.Folder, "host_key")
	d.must(nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
	public, _ := d.run("ssh-keygen", "-D", d.module)
	authorized := d.write("authorized_keys", []byte(strings.SplitN(public, "\n", 2)[0]+"\n"))
	configuration := d.write("sshd_config", fmt.Appendf(nil,
		"Port 2222\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPermitRootLogin yes\nStrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\n", key, authorized))
	path, err := exec.LookPath("sshd")
	must(t, err)
	server := exec.CommandContext(d.Ctx, path, "-D", "-e", "-f", configuration)
	must(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	ask := filepath.Join(d.Folder, "ask")
	must(t, os.WriteFile(ask, []byte("#!/bin/sh\necho 5678\n"), 0o700)) //nolint:gosec // a program
	t.Setenv("SSH_ASKPASS", ask)
	t.Setenv("SSH_ASKPASS_REQUIRE", "force")
	c.step("login by the agent", func(t *testing.T) {
		script := `set -e; ssh-add -s "$1"; for try in 1 2 3 4 5 6 7 8 9; do ssh -p 2222 -o BatchMode=yes -o StrictHostKeyChecking=no \
			-o UserKnownHostsFile=/dev/null root@127.0.0.1 echo logged-in && exit; sleep 0.3; done; exit 1`
		d.with(t).must([]string{"Card added", "logged-in"}, "ssh-agent", "-P", d.module, "sh", "-c", script, "sh", d.module)
	})
	d.unharmed()
}
