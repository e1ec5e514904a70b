package trust

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/softwarecie/cie/applet/tlv"
	"github.com/softwarecie/cie/internal/rig"
)

// DER of what a security object is made of (RFC 5652, RFC 4055, ICAO Doc 9303-10),
// written out so that nothing of the parser has a part in it.
const (
	derSignedData     = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x02"
	derSecurityObject = "\x06\x06\x67\x81\x08\x01\x01\x01"
	derData           = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x07\x01"
	derContentType    = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x03"
	derMessageDigest  = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x04"
	derSHA1           = "\x30\x07\x06\x05\x2B\x0E\x03\x02\x1A"
	derSHA256         = "\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	derSHA384         = "\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	derSHA512         = "\x30\x0B\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"
	derSHA256WithRSA  = "\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0B\x05\x00"
	derMGF1           = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x08"
	derPSS            = "\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A"
)

// der makes an element of the parts.
func der(tag tlv.Tag, parts ...string) string {
	return string(tlv.Append(nil, tag, []byte(strings.Join(parts, ""))))
}

func pssSHA512(salt byte) string {
	return der(0x30, derPSS, der(0x30, der(0xA0, derSHA512), der(0xA1, der(0x30, derMGF1, derSHA512)),
		der(0xA2, der(0x02, string(salt)))))
}

func securityObjectDER(hash string, groups ...string) string {
	return der(0x30, "\x02\x01\x01", hash, der(0x30, groups...), der(0x30, der(0x13, "0108"), der(0x13, "040000")))
}

func groupDER(id byte, digest []byte) string {
	return der(0x30, string([]byte{2, 1, id}), der(0x04, string(digest)))
}

func attributeDER(kind string, values ...string) string { return der(0x30, kind, der(0x31, values...)) }

// A signer is a certificate and its key.
type signer struct {
	*x509.Certificate
	key crypto.Signer
}

func issue(template x509.Certificate, key crypto.Signer, by *signer) signer {
	template.NotBefore, template.NotAfter = now.AddDate(-1, 0, 0), now.AddDate(10, 0, 0)
	if template.SerialNumber == nil {
		template.SerialNumber = big.NewInt(7)
	}
	if by == nil {
		by = &signer{&template, key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, &template, by.Certificate, key.Public(), by.key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		panic(err)
	}
	return signer{cert, key}
}

func rsaKey(bits int) *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		panic(err)
	}
	return key
}

// pki is a country CA, an impostor that claims its name and key identifier, and
// keys to spare. Made once: keys cost time.
var pki = sync.OnceValue(func() (p struct {
	ca, impostor, ds signer
	key              *rsa.PrivateKey
	weak             *rsa.PrivateKey
},
) {
	ca := x509.Certificate{
		Subject: pkix.Name{CommonName: "Country Signer TEST"}, BasicConstraintsValid: true, IsCA: true,
		KeyUsage: x509.KeyUsageCertSign, SubjectKeyId: []byte("country"),
	}
	p.key, p.weak = rsaKey(2048), rsaKey(1024)
	p.ca = issue(ca, rsaKey(2048), nil)
	p.impostor = issue(ca, p.key, nil)
	p.ds = issue(documentSigner(), p.key, &p.ca)
	return p
})

func documentSigner() x509.Certificate {
	return x509.Certificate{
		Subject: pkix.Name{CommonName: "eIdentityCardSigner TEST"}, KeyUsage: x509.KeyUsageDigitalSignature,
		SubjectKeyId: []byte("signer"),
	}
}

// A draft is a security object before it is signed and put together: whatever a
// forger may want to be different.
type draft struct {
	version, digests, contentType, object, afterObject string
	certificates, afterCertificates                    string
	by                                                 signer
	signerVersion, id, digest                          string
	attributes                                         func(messageDigest string) []string
	algorithm                                          string
	hash                                               crypto.Hash
	salt                                               int
	afterSignature, afterSigner, afterSigners, after   string
}

func newDraft(by signer) *draft {
	digest := sha512.Sum512([]byte("123456789012"))
	return &draft{
		version: "\x02\x01\x03", digests: derSHA512, contentType: derSecurityObject,
		object:       securityObjectDER(derSHA512, groupDER(0xA5, digest[:]), groupDER(0xA1, digest[:])),
		certificates: string(by.Raw), by: by, signerVersion: "\x02\x01\x01",
		id: issuerAndSerial(by.Certificate), digest: derSHA512,
		attributes: func(messageDigest string) []string {
			return []string{attributeDER(derContentType, derSecurityObject), attributeDER(derMessageDigest, der(0x04, messageDigest))}
		},
		algorithm: pssSHA512(64), hash: crypto.SHA512, salt: 64,
	}
}

func issuerAndSerial(c *x509.Certificate) string {
	serial, err := asn1.Marshal(c.SerialNumber)
	if err != nil {
		panic(err)
	}
	return der(0x30, string(c.RawIssuer), string(serial))
}

func sum(hash crypto.Hash, data string) string {
	h := hash.New()
	h.Write([]byte(data))
	return string(h.Sum(nil))
}

// sign makes EF.SOD of the draft. The signature is always good for what is there.
func (d *draft) sign() []byte {
	signed, attributes := d.object, ""
	if d.attributes != nil {
		content := strings.Join(d.attributes(sum(d.hash, d.object)), "")
		signed, attributes = der(0x31, content), der(0xA0, content)
	}
	var options crypto.SignerOpts = d.hash
	if d.salt > 0 {
		options = &rsa.PSSOptions{Hash: d.hash, SaltLength: d.salt}
	}
	signature, err := d.by.key.Sign(rand.Reader, []byte(sum(d.hash, signed)), options)
	if err != nil {
		panic(err)
	}
	info := der(0x30, d.signerVersion, d.id, d.digest, attributes, d.algorithm, der(0x04, string(signature)), d.afterSignature)
	data := der(0x30, d.version, der(0x31, d.digests), der(0x30, d.contentType, der(0xA0, der(0x04, d.object)), d.afterObject),
		der(0xA0, d.certificates), d.afterCertificates, der(0x31, info, d.afterSigner), d.afterSigners)
	return []byte(der(0x77, der(0x30, derSignedData, der(0xA0, data), d.after)))
}

// judge parses and verifies with the certificate added for tests.
func judge(file []byte, added ...signer) (Genuineness, error) {
	roots := BuiltIn()
	for _, s := range added {
		roots.csca = append(roots.csca, anchor{s.Certificate, true})
	}
	s, err := ParseSOD(file)
	if err != nil {
		return Failed, err
	}
	return s.Verify(roots, now)
}

func TestSODsThatAreGood(t *testing.T) {
	p := pki()
	for _, tt := range []struct {
		name   string
		change func(*draft)
	}{
		{"as it should be", func(*draft) {}},
		{"signer by key identifier", func(d *draft) { d.signerVersion, d.id = "\x02\x01\x03", der(0x80, "signer") }},
		{"a further signed attribute", func(d *draft) {
			normal := d.attributes
			d.attributes = func(digest string) []string {
				time := attributeDER("\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x09\x05", der(0x17, "261101000000Z")) // signingTime
				return slices.Insert(normal(digest), 1, time)
			}
		}},
		{"PKCS #1 v1.5, SHA-256, LDS version 0", func(d *draft) {
			d.digests, d.digest, d.algorithm, d.hash, d.salt = derSHA256, derSHA256, derSHA256WithRSA, crypto.SHA256, 0
			d.object = der(0x30, "\x02\x01\x00", derSHA256, der(0x30, groupDER(0xA1, make([]byte, 32))))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDraft(p.ds)
			tt.change(d)
			if verdict, err := judge(d.sign(), p.ca); verdict != Test || err != nil {
				t.Errorf("%v, %v", verdict, err)
			}
			if verdict, err := judge(d.sign()); verdict != Unknown || !errors.Is(err, ErrIssuer) {
				t.Errorf("without the CA: %v, %v", verdict, err)
			}
		})
	}
}

// TestSODsThatContradict: each has a good signature by a signer of the right CA,
// but for what its name says.
func TestSODsThatContradict(t *testing.T) {
	p := pki()
	digest := sha512.Sum512(nil)
	attributes := func(list ...string) func(string) []string {
		return func(string) []string { return list }
	}
	contentType := attributeDER(derContentType, derSecurityObject)
	for _, tt := range []struct {
		name   string
		change func(*draft)
	}{
		{"two signers", func(d *draft) {
			d.afterSigner = der(0x30, d.signerVersion, d.id, d.digest, der(0xA0, contentType), d.algorithm, der(0x04, "x"))
		}},
		{"unsigned attribute", func(d *draft) { d.afterSignature = der(0xA1, contentType) }},
		{"more after the signature", func(d *draft) { d.afterSignature = der(0xA2, contentType) }},
		{"more after the signers", func(d *draft) { d.afterSigners = der(0xA2, "\x05\x00") }},
		{"more after the content", func(d *draft) { d.afterObject = der(0x04, "another") }},
		{"more after the signed data", func(d *draft) { d.after = "\x05\x00" }},
		{"certificate lists", func(d *draft) { d.afterCertificates = der(0xA1, "\x30\x00") }},
		{"a second certificate", func(d *draft) { d.certificates += string(p.ca.Raw) }},
		{"certificate of another", func(d *draft) { d.certificates = string(p.ca.Raw) }},
		{"no certificate", func(d *draft) { d.certificates = "" }},
		{"signer of another serial number", func(d *draft) {
			other := *d.by.Certificate
			other.SerialNumber = big.NewInt(8)
			d.id = issuerAndSerial(&other)
		}},
		{"signer by key identifier, of version 1", func(d *draft) { d.id = der(0x80, "signer") }},
		{"signer by another key identifier", func(d *draft) { d.signerVersion, d.id = "\x02\x01\x03", der(0x80, "Signer") }},
		{"version 1 of signed data", func(d *draft) { d.version = "\x02\x01\x01" }},
		{"content of another type", func(d *draft) { d.contentType = derData }},

		{"no signed attributes", func(d *draft) { d.attributes = nil }},
		{"no content type", func(d *draft) {
			normal := d.attributes
			d.attributes = func(digest string) []string { return normal(digest)[1:] }
		}},
		{"no message digest", func(d *draft) { d.attributes = attributes(contentType) }},
		{"content type of another", func(d *draft) {
			normal := d.attributes
			d.attributes = func(digest string) []string {
				return []string{attributeDER(derContentType, derData), normal(digest)[1]}
			}
		}},
		{"message digest of another", func(d *draft) {
			d.attributes = attributes(contentType, attributeDER(derMessageDigest, der(0x04, string(digest[:]))))
		}},
		{"message digest twice", func(d *draft) {
			normal := d.attributes
			d.attributes = func(digest string) []string { return append(normal(digest), normal(digest)[1]) }
		}},
		{"message digest of two values", func(d *draft) {
			d.attributes = func(right string) []string {
				return []string{contentType, attributeDER(derMessageDigest, der(0x04, right), der(0x04, string(digest[:])))}
			}
		}},

		{"digests of SHA-1", func(d *draft) {
			d.object = securityObjectDER(derSHA1, groupDER(0xA1, make([]byte, 20)))
		}},
		{"digests of an unknown algorithm", func(d *draft) {
			d.object = securityObjectDER(derSHA384, groupDER(0xA1, make([]byte, 48)))
		}},
		{"digests of another algorithm than the signature", func(d *draft) {
			d.object = securityObjectDER(derSHA256, groupDER(0xA1, make([]byte, 32)))
		}},
		{"digest algorithm of the list differs", func(d *draft) { d.digests = derSHA256 }},
		{"digest algorithm of the signer differs", func(d *draft) { d.digest = derSHA256 }},
		{"message digest by SHA-1", func(d *draft) {
			d.digests, d.digest, d.hash, d.salt = derSHA1, derSHA1, crypto.SHA1, 0
			d.algorithm = "\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x05\x05\x00"
		}},
		{"signature by SHA-256, all else SHA-512", func(d *draft) {
			d.algorithm, d.salt = derSHA256WithRSA, 0
		}},
		{"salt of 32", func(d *draft) { d.algorithm, d.salt = pssSHA512(32), 32 }},
		{"salt of 65", func(d *draft) { d.algorithm, d.salt = pssSHA512(65), 65 }},
		{"salt other than announced", func(d *draft) { d.salt = 32 }},
		{"PSS announced, PKCS #1 v1.5 made", func(d *draft) { d.salt = 0 }},

		{"a data group twice", func(d *draft) {
			d.object = securityObjectDER(derSHA512, groupDER(0xA1, digest[:]), groupDER(0xA1, digest[:]))
		}},
		{"a short digest", func(d *draft) { d.object = securityObjectDER(derSHA512, groupDER(0xA1, digest[:32])) }},
		{"an empty digest", func(d *draft) { d.object = securityObjectDER(derSHA512, groupDER(0xA1, nil)) }},
		{"a data group of two bytes", func(d *draft) {
			d.object = securityObjectDER(derSHA512, der(0x30, "\x02\x02\x01\xA1", der(0x04, string(digest[:]))))
		}},
		{"more in a data group", func(d *draft) {
			d.object = securityObjectDER(derSHA512, der(0x30, "\x02\x01\xA1", der(0x04, string(digest[:])), "\x05\x00"))
		}},
		{"17 data groups", func(d *draft) {
			var groups []string
			for id := range byte(17) {
				groups = append(groups, groupDER(id, digest[:]))
			}
			d.object = securityObjectDER(derSHA512, groups...)
		}},
		{"more after the security object", func(d *draft) { d.object += "\x05\x00" }},

		{"signed by another key", func(d *draft) { d.by.key = p.ca.key }},
		{"signer's certificate by an impostor of the CA", func(d *draft) {
			use(d, issue(documentSigner(), p.key, &p.impostor))
		}},
		{"signer with a key of 1024 bits", func(d *draft) { use(d, issue(documentSigner(), p.weak, &p.ca)); d.salt = 62 }},
		{"signer with an elliptic key", func(d *draft) {
			key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
			if err != nil {
				panic(err)
			}
			use(d, issue(documentSigner(), key, &p.ca))
			d.salt = 0
		}},
		{"signer that is a CA", func(d *draft) {
			c := documentSigner()
			c.IsCA, c.BasicConstraintsValid = true, true
			use(d, issue(c, p.key, &p.ca))
		}},
		{"signer not for signatures", func(d *draft) {
			c := documentSigner()
			c.KeyUsage = x509.KeyUsageKeyEncipherment
			use(d, issue(c, p.key, &p.ca))
		}},
		{"signer with a critical extension nobody knows", func(d *draft) {
			c := documentSigner()
			c.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3}, Critical: true, Value: []byte{5, 0}}}
			use(d, issue(c, p.key, &p.ca))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := newDraft(p.ds)
			tt.change(d)
			if verdict, err := judge(d.sign(), p.ca); verdict != Failed || err == nil {
				t.Errorf("%v, %v", verdict, err)
			}
		})
	}
}

func use(d *draft, by signer) {
	d.by, d.certificates, d.id = by, string(by.Raw), issuerAndSerial(by.Certificate)
}

// TestIssuerMustBeACA: a certificate that may not issue vouches for nobody.
func TestIssuerMustBeACA(t *testing.T) {
	p := pki()
	file := newDraft(p.ds).sign()
	for name, template := range map[string]x509.Certificate{
		"no CA":                {SubjectKeyId: []byte("country"), BasicConstraintsValid: true},
		"no basic constraints": {SubjectKeyId: []byte("country")},
		"not for certificates": {SubjectKeyId: []byte("country"), BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCRLSign},
	} {
		template.Subject = p.ca.Subject
		if verdict, err := judge(file, issue(template, p.ca.key, nil)); verdict != Unknown || !errors.Is(err, ErrIssuer) {
			t.Errorf("%s: %v, %v", name, verdict, err)
		}
	}
}

// TestHostileBytes: no panic, the error that says so, and memory in proportion.
func TestHostileBytes(t *testing.T) {
	good := newDraft(pki().ds).sign()
	corpus := map[string][]byte{
		"nothing":           nil,
		"zeros":             make([]byte, 4096),
		"length FFFFFFFF":   []byte("\x77\x84\xFF\xFF\xFF\xFF\x30\x80"),
		"length of 8 bytes": []byte("\x77\x88\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
		"indefinite length": []byte("\x77\x80\x30\x80\x00\x00\x00\x00"),
		"thousands deep":    nest(10000),
		"too large":         append(bytes.Clone(good), make([]byte, maxSOD)...),
	}
	var sets []string
	for range 8000 {
		sets = append(sets, "\x30\x00")
	}
	corpus["8000 empty elements"] = []byte(der(0x77, der(0x30, derSignedData, der(0xA0, der(0x30, "\x02\x01\x03", der(0x31, sets...))))))
	for name, file := range corpus {
		allocated := testing.AllocsPerRun(1, func() {
			if s, err := ParseSOD(file); s != nil || !errors.Is(err, ErrSOD) {
				t.Errorf("%s: %v, %v", name, s, err)
			}
		})
		if allocated > 100000 {
			t.Errorf("%s: %v allocations", name, allocated)
		}
	}
	for n := 4; n < len(good); n++ { // cut inside, the length around it right
		if s, err := ParseSOD([]byte(der(0x77, string(good[4:n])))); s != nil || !errors.Is(err, ErrSOD) {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
}

// nest makes a security object of SEQUENCEs one in the other, n deep or as deep
// as fits.
func nest(n int) []byte {
	var in []byte
	for i := 0; i < n && len(in) < maxSOD-8; i++ {
		in = tlv.Append(nil, 0x30, in)
	}
	return tlv.Append(nil, 0x77, in)
}

// A key much larger than any real one only costs time: it is refused unused.
func TestHugeKeyIsRefused(t *testing.T) {
	p := pki()
	huge := new(big.Int).Lsh(big.NewInt(1), 60000)
	huge.Add(huge, big.NewInt(1))
	template := documentSigner()
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(7), now, now
	raw, err := x509.CreateCertificate(rand.Reader, &template, p.ca.Certificate, &rsa.PublicKey{N: huge, E: 65537}, p.ca.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		t.Fatal(err)
	}
	d := newDraft(p.ds)
	d.certificates, d.id = string(raw), issuerAndSerial(cert)
	if verdict, err := judge(d.sign(), p.ca); verdict != Failed || !strings.Contains(fmt.Sprint(err), "kind of key") {
		t.Errorf("%v, %v", verdict, err)
	}
}

// needOpenSSL runs the program that these tests take their expectations from.
func needOpenSSL(t *testing.T) func(arguments ...string) (string, error) {
	t.Helper()
	rig.Need(t, "openssl")
	return func(arguments ...string) (string, error) {
		out, err := exec.Command("openssl", arguments...).CombinedOutput()
		return string(out), err
	}
}

// TestOldStyle: the objects of the first cards (SHA-256, PKCS #1 v1.5; country CA
// with SHA-1), made by OpenSSL, which also says which of them are good.
func TestOldStyle(t *testing.T) {
	openssl := needOpenSSL(t)
	t.Chdir(t.TempDir())
	run := func(arguments ...string) {
		t.Helper()
		if out, err := openssl(arguments...); err != nil {
			t.Fatalf("openssl %v: %v\n%s", arguments, err, out)
		}
	}
	write := func(name string, data []byte) {
		t.Helper()
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	read := func(name string) []byte {
		t.Helper()
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	nis := []byte("123456789012")
	write("lds", []byte(der(0x30, "\x02\x01\x00", derSHA256,
		der(0x30, groupDER(0xA1, []byte(sum(crypto.SHA256, string(nis))))))))
	write("ds.ext", []byte("keyUsage=critical,digitalSignature\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n"))
	if err := os.Mkdir("roots", 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ca", "ds"} {
		run("genrsa", "-out", name+".key", "2048")
	}
	for _, md := range []string{"sha1", "sha256"} { // of the certificates
		run("req", "-x509", "-new", "-key", "ca.key", "-"+md, "-subj", "/CN=Country Signer TEST", "-days", "3000",
			"-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", "roots/ca.pem")
		run("req", "-new", "-key", "ds.key", "-subj", "/CN=eIdentityCardSigner TEST", "-out", "ds.csr")
		run("x509", "-req", "-in", "ds.csr", "-CA", "roots/ca.pem", "-CAkey", "ca.key", "-set_serial", "18", "-"+md,
			"-days", "3000", "-extfile", "ds.ext", "-out", "ds.pem")
		run("cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-in", "lds", "-econtent_type", "2.23.136.1.1.1",
			"-signer", "ds.pem", "-inkey", "ds.key", "-md", "sha256", "-outform", "DER", "-out", "cms")
		run("cms", "-verify", "-inform", "DER", "-in", "cms", "-CAfile", "roots/ca.pem", "-purpose", "any", "-out", "content")
		if !bytes.Equal(read("content"), read("lds")) {
			t.Fatal("OpenSSL signed something else")
		}
		roots, err := Load([]string{"roots"})
		if err != nil {
			t.Fatal(err)
		}
		block, _ := pem.Decode(read("ds.pem"))
		ds, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		judge := func(cms []byte) (*SOD, Genuineness, error) {
			s, err := ParseSOD([]byte(der(0x77, string(cms))))
			if err != nil {
				return nil, Failed, err
			}
			verdict, err := s.Verify(roots, ds.NotBefore)
			return s, verdict, err
		}
		accept := func(t *testing.T, cms []byte) {
			t.Helper()
			s, verdict, err := judge(cms)
			if verdict != Test || err != nil {
				t.Fatalf("%v, %v", verdict, err)
			}
			if err := s.Check(GroupNIS, nis); err != nil {
				t.Error(err)
			}
			refused := 0
			for i := range cms {
				bad := bytes.Clone(cms)
				bad[i] ^= 1 << (i % 8)
				if _, verdict, _ := judge(bad); verdict == Test {
					t.Errorf("byte %d changed and accepted", i)
				} else {
					refused++
				}
			}
			t.Logf("one bit flipped in each of %d bytes: %d refused", len(cms), refused)
		}
		cms := read("cms")
		t.Run("rsaEncryption with SHA-256, certificates by "+md, func(t *testing.T) { accept(t, cms) })

		// OpenSSL writes rsaEncryption; cards write the algorithm in full.
		rsaEncryption := []byte("\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00\x04\x82\x01\x00")
		at := bytes.LastIndex(cms, rsaEncryption)
		if at < 0 {
			t.Fatal("signature algorithm not found")
		}
		full := bytes.Clone(cms)
		full[at+12] = 0x0B // sha256WithRSAEncryption
		write("full", full)
		run("cms", "-verify", "-inform", "DER", "-in", "full", "-CAfile", "roots/ca.pem", "-purpose", "any", "-out", "content")
		t.Run("sha256WithRSA, certificates by "+md, func(t *testing.T) { accept(t, full) })

		// sha1WithRSA over the same signed attributes, as the official clients accept it.
		s, _, err := judge(cms)
		if err != nil {
			t.Fatal(err)
		}
		write("attributes", s.attributes)
		run("dgst", "-sha1", "-sign", "ds.key", "-out", "signature", "attributes")
		run("x509", "-in", "ds.pem", "-pubkey", "-noout", "-out", "ds.pub")
		run("dgst", "-sha1", "-verify", "ds.pub", "-signature", "signature", "attributes")
		old := bytes.Clone(cms)
		old[at+12] = 0x05 // sha1WithRSAEncryption
		copy(old[at+len(rsaEncryption):], read("signature"))
		t.Run("sha1WithRSA, certificates by "+md, func(t *testing.T) { accept(t, old) })
	}
	if out, err := openssl("cms", "-verify", "-inform", "DER", "-in", "cms", "-CAfile", "ds.pem", "-purpose", "any",
		"-out", filepath.Join(t.TempDir(), "x")); err == nil {
		t.Errorf("OpenSSL accepts anything: %s", out)
	}
}
