//go:build integration

package xades

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/internal/rig"
)

func writeFile(t *testing.T, path string, content []byte) string {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// xmlsec1 finds what we sign good: around, inside and beside.
func TestXmlsecVerifiesWhatWeSign(t *testing.T) {
	rig.Need(t, "xmlsec1")
	folder := t.TempDir()
	key, c := holder(t, 2048)
	trusted := writeFile(t, filepath.Join(folder, "root.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	hard["invoice"] = string(readFile(t, vectors+"/invoice.xml"))
	hard["latin1"] = string(readFile(t, vectors+"/latin1.xml"))
	signed := map[string][]byte{}
	for name, document := range hard {
		d, err := Enveloped([]byte(document))
		signed[name] = sign(t, d, err, key, c)
	}
	d, err := Enveloping(readFile(t, vectors+"/invoice.xml"))
	signed["enveloping"] = sign(t, d, err, key, c)
	other := "Carta d'identità 100%.txt"
	writeFile(t, filepath.Join(folder, other), []byte("text"))
	signed["detached"] = sign(t, Detached(other, sha256.Sum256([]byte("text"))), nil, key, c)
	for name, content := range signed {
		writeFile(t, filepath.Join(folder, "signed.xml"), content)
		command := exec.Command("xmlsec1", "--verify", "--id-attr:Id", "SignedProperties", "--id-attr:Id", "Object", "--trusted-pem", trusted, "signed.xml")
		command.Dir = folder
		said, err := command.CombinedOutput()
		if err != nil || !strings.Contains(string(said), "SignedInfo References (ok/all): 2/2") {
			t.Errorf("%s: %v\n%s%s", name, err, said, content)
		}
	}
}

// What xmlsec1 signs, in all canonical forms, is what we read.
func TestWhatXmlsecSigns(t *testing.T) {
	rig.Need(t, "xmlsec1")
	folder := t.TempDir()
	key, c := holder(t, 2048)
	der, err := x509.MarshalPKCS8PrivateKey(key.key)
	if err != nil {
		t.Fatal(err)
	}
	private := writeFile(t, filepath.Join(folder, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	public := writeFile(t, filepath.Join(folder, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	const around = "<?pi  a b?>\n<!-- c -->\n<r xmlns='urn:d' xmlns:z='urn:z' xmlns:unused='urn:u' xml:lang='it' xml:base='http://example.org/' z:k=' 1&#9;\t'>\n" +
		"<e xmlns='' Id='part' xmlns:b='urn:b' b:c='2' z:a='1' a='&quot;>' xml:space='preserve'><!-- c --><f/><z:g xmlns:z='urn:other' xmlns:unused='urn:v'/>è<![CDATA[<]]>\r\n</e>%s</r>\n<?end?>"
	for _, form := range []string{algExclusive, algExclusive + "WithComments", algInclusive, algInclusive + "#WithComments", algInclusive11, algInclusive11 + "#WithComments", ""} {
		for _, of := range []string{"", "#part", "#xpointer(/)", "#xpointer(id('part'))"} {
			for i, without := range []string{
				transform(algEnveloped, ""),
				transform(algXPath, `<ds:XPath xmlns:ds="`+nsDS+`">not(ancestor-or-self::ds:Signature)</ds:XPath>`),
				transform(algFilter2, `<XPath xmlns="`+algFilter2+`" Filter="subtract">/descendant::ds:Signature</XPath>`),
			} {
				if i > 0 && (of != "" || form != "" && form != algExclusive) {
					continue // once for each form is enough
				}
				chosen := without
				if form == algExclusive {
					chosen += transform(form, `<x:InclusiveNamespaces xmlns:x="`+nsExclusive+`" PrefixList="unused #default"/>`)
				} else if form != "" {
					chosen += transform(form, "")
				}
				info := form
				if info == "" {
					info = algInclusive
				}
				template := fmt.Sprintf(around, `<ds:Signature xmlns:ds="`+nsDS+`"><ds:SignedInfo><!-- c --><ds:CanonicalizationMethod Algorithm="`+info+`"/><ds:SignatureMethod Algorithm="`+algRSASHA256+
					`"/><ds:Reference URI="`+of+`"><ds:Transforms>`+chosen+`</ds:Transforms><ds:DigestMethod Algorithm="`+algSHA256+`"/><ds:DigestValue/></ds:Reference></ds:SignedInfo><ds:SignatureValue/>`+
					`<ds:KeyInfo><ds:X509Data><ds:X509Certificate/></ds:X509Data></ds:KeyInfo></ds:Signature>`)
				writeFile(t, filepath.Join(folder, "template.xml"), []byte(template))
				command := exec.Command("xmlsec1", "--sign", "--id-attr:Id", "e", "--privkey-pem", private+","+public, "--output", "out.xml", "template.xml")
				command.Dir = folder
				if said, err := command.CombinedOutput(); err != nil {
					t.Fatalf("%s %s: %v\n%s%s", form, of, err, said, template)
				}
				f, err := Read(readFile(t, filepath.Join(folder, "out.xml")))
				if err != nil {
					t.Fatalf("%s %s: %v", form, of, err)
				}
				if s := f.Verify(time.Now())[0]; !s.Intact || s.Level != "XMLDSig" || s.Failure == nil || s.Failure.Reason != "SIG_CONSTRAINTS_FAILURE" || s.Failure.Invalid {
					t.Errorf("%s %s %s: %+v", form, of, without, s)
				}
			}
		}
	}
}
