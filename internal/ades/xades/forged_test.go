package xades

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
)

// again gives all signatures of a file digests and values that fit what is there now,
// as somebody does who signs what he has made up.
func again(t testing.TB, file string, key *rsa.PrivateKey) string {
	t.Helper()
	for range 3 { // a digest may be in what another digests
		f, err := Read([]byte(file))
		if err != nil {
			t.Fatalf("%v\n%s", err, file)
		}
		for i := range f.signatures {
			file = oneAgain(t, file, i, key)
		}
	}
	return file
}

var (
	digestValue    = regexp.MustCompile(`<ds:DigestValue>[^<]*</ds:DigestValue>`)
	signatureValue = regexp.MustCompile(`(<ds:SignatureValue[^>]*>)[^<]*<`)
	signedInfo     = regexp.MustCompile(`(?s)<ds:SignedInfo>.*?</ds:SignedInfo>`)
)

func oneAgain(t testing.TB, file string, n int, key *rsa.PrivateKey) string {
	t.Helper()
	read := func() (*File, *element) {
		f, err := Read([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		return f, f.signatures[n]
	}
	f, s := read()
	at := signedInfo.FindAllStringIndex(file, -1)[n]
	info := file[at[0]:at[1]]
	references := s.path("SignedInfo").children(nsDS, "Reference")
	i := -1
	info = digestValue.ReplaceAllStringFunc(info, func(old string) string {
		i++
		r, err := f.resolve(s, references[i])
		if err != nil || r.external {
			return old
		}
		state := r.hash.New()
		if err := r.write(state); err != nil {
			return old
		}
		return "<ds:DigestValue>" + base64.StdEncoding.EncodeToString(state.Sum(nil)) + "</ds:DigestValue>"
	})
	file = file[:at[0]] + info + file[at[1]:]
	_, s = read()
	j := judgement{element: s, file: f}
	if err := j.form(); err != nil && j.info == nil {
		return file
	}
	value, err := rsa.SignPKCS1v15(nil, key, j.scheme.hash, digestOf(j.scheme.hash, j.info))
	if err != nil {
		t.Fatal(err)
	}
	at = signatureValue.FindAllStringSubmatchIndex(file, -1)[n]
	return file[:at[3]] + base64.StdEncoding.EncodeToString(value) + file[at[1]-1:]
}

// Each way to make a file that says something else than what was signed, and what
// becomes of it. Invalid or not, none is without a fault, and none covers a document
// that it does not sign.
func TestForged(t *testing.T) {
	key, c := holder(t, 2048)
	weak, weakCertificate := holder(t, 1024)
	renewed := certificate(t, key.key, 0x81) // the same key in another certificate
	make := func(document string) string {
		d, err := Enveloped([]byte(document))
		return string(sign(t, d, err, key, c))
	}
	original := make(`<r xmlns:x="urn:x"><pay Id="pay">100</pay></r>`)
	byName := again(t, replace(t, original, `URI=""`, `URI="#pay"`, transform(algEnveloped, ""), ""), key.key)
	id := regexp.MustCompile(`xades-[0-9a-f]{32}`).FindString(original)
	certificateText := base64.StdEncoding.EncodeToString(c.Raw)
	properties := regexp.MustCompile(`(?s)<ds:Object><xades:QualifyingProperties.*</xades:QualifyingProperties></ds:Object>`).FindString(original)
	payload := `<ds:Object><r><pay Id="other">999</pay></r></ds:Object>`
	reference := regexp.MustCompile(`(?s)<ds:Reference URI="".*?</ds:Reference>`).FindString(original)
	d, err := Enveloping([]byte("text"))
	enveloping := string(sign(t, d, err, key, c))
	beside := strings.TrimPrefix(string(sign(t, Detached("a.txt", sha256.Sum256([]byte("text"))), nil, key, c)), xmlDeclaration)
	for _, tt := range []struct {
		name    string
		file    string
		signed  bool // by the forger too
		reason  string
		invalid bool
	}{
		{"text", replace(t, original, ">100<", ">999<"), false, "HASH_FAILURE", true},
		{"attribute", replace(t, original, `<pay `, `<pay a="" `), false, "HASH_FAILURE", true},
		{"instruction", "<?pi?>" + original, false, "HASH_FAILURE", true},
		{"time", replace(t, original, "<xades:SigningTime>20", "<xades:SigningTime>19"), false, "HASH_FAILURE", true},
		{"value", signatureValue.ReplaceAllString(original, "${1}AAAA<"), false, "SIG_CRYPTO_FAILURE", true},
		{"algorithm", replace(t, original, "rsa-sha256", "rsa-sha512"), false, "SIG_CRYPTO_FAILURE", true},
		{"key of another kind", replace(t, original, "rsa-sha256", "ecdsa-sha256"), false, "SIG_CRYPTO_FAILURE", true},
		{"base64", signatureValue.ReplaceAllString(original, "${1}?<"), false, "FORMAT_FAILURE", true},

		// A name twice, in every attribute that may be one.
		{"name of the properties twice", replace(t, original, "<pay ", `<pay ID="`+id+`-sp" `), true, "FORMAT_FAILURE", true},
		{"name of the signature twice", replace(t, original, "<pay ", `<pay xml:id="`+id+`" `), true, "FORMAT_FAILURE", true},
		{"name of the part twice", replace(t, byName, "<pay ", `<a id="pay"/><pay `), false, "FORMAT_FAILURE", true},

		// Wrapping: what was signed is somewhere else, and something else in its place.
		{"a part", byName, false, "SIG_CONSTRAINTS_FAILURE", false},
		{"wrapped beside", replace(t, byName, `<pay Id="pay">100</pay>`, `<pay Id="new">999</pay><hidden><pay Id="pay">100</pay></hidden>`), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"wrapped in the signature", replace(t, byName, `<pay Id="pay">100</pay>`, `<pay Id="new">999</pay>`, `</ds:Signature>`, `<ds:Object><pay Id="pay">100</pay></ds:Object></ds:Signature>`), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"the whole wrapped", replace(t, byName, `<r `, `<fake><pay>999</pay><r `, "</r>", "</r></fake>"), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"object not signed", replace(t, original, "</ds:Signature>", payload+"</ds:Signature>"), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"object beside the document", replace(t, enveloping, "</ds:Signature>", payload+"</ds:Signature>"), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"text in an object", replace(t, original, "</ds:Signature>", "<ds:Object>999</ds:Object></ds:Signature>"), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"document in the key", replace(t, original, "</ds:X509Data>", "</ds:X509Data><pay>999</pay>"), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"document in unsigned properties", replace(t, original, "</xades:SignedProperties>", `</xades:SignedProperties><xades:UnsignedProperties><x:pay xmlns:x="urn:x"/></xades:UnsignedProperties>`), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"enveloping, put into a document", `<r><pay>999</pay>` + strings.TrimPrefix(enveloping, xmlDeclaration) + `</r>`, false, "SIG_CONSTRAINTS_FAILURE", false},

		// Properties of somebody else.
		{"properties twice", replace(t, original, "</ds:Signature>", properties+"</ds:Signature>"), false, "FORMAT_FAILURE", true},
		{"properties twice, renamed", replace(t, original, "</ds:Signature>", strings.ReplaceAll(properties, id, "b")+"</ds:Signature>"), false, "FORMAT_FAILURE", true},
		{"properties elsewhere", replace(t, original, properties, "<ds:Object>"+properties+"</ds:Object>"), true, "FORMAT_FAILURE", true},
		{"properties of another", replace(t, original, `Target="#`+id, `Target="#a`), true, "FORMAT_FAILURE", true},
		{"properties without type", replace(t, original, ` Type="`+typeProperties+`"`, ""), true, "FORMAT_FAILURE", true},
		{"type of properties for a document", replace(t, original, `<ds:Reference URI=""`, `<ds:Reference Type="`+typeProperties+`" URI=""`), true, "FORMAT_FAILURE", true},
		{"properties not signed", replace(t, original, `URI="#`+id+`-sp"`, `URI="#pay"`, ` Type="`+typeProperties+`"`, ""), true, "FORMAT_FAILURE", true},
		{"no properties", replace(t, original, properties, "", signedInfo.FindString(original), replace(t, signedInfo.FindString(original), "#"+id+"-sp", "#pay", ` Type="`+typeProperties+`"`, "")), true, "SIG_CONSTRAINTS_FAILURE", false},

		// The signer.
		{"certificate of another", replace(t, original, certificateText, base64.StdEncoding.EncodeToString(weakCertificate.Raw)), false, "NO_SIGNING_CERTIFICATE_FOUND", true},
		{"certificate with the same key", replace(t, original, certificateText, base64.StdEncoding.EncodeToString(renewed.Raw)), false, "NO_SIGNING_CERTIFICATE_FOUND", true},
		{"a key alone", regexp.MustCompile(`<ds:X509Data>.*</ds:X509Data>`).ReplaceAllString(original, "<ds:KeyValue/>"), false, "NO_SIGNING_CERTIFICATE_FOUND", false},
		{"certificate not named", regexp.MustCompile(`<xades:SigningCertificateV2>.*</xades:SigningCertificateV2>`).ReplaceAllString(original, ""), true, "SIG_CONSTRAINTS_FAILURE", false},
		{"certificate named by nothing", regexp.MustCompile(`<xades:Cert>.*</xades:Cert>`).ReplaceAllString(original, ""), true, "NO_SIGNING_CERTIFICATE_FOUND", true},

		// Algorithms.
		{"HMAC", replace(t, original, algRSASHA256, nsDS+"hmac-sha1"), false, "CRYPTO_CONSTRAINTS_FAILURE", true},
		{"unknown algorithm", replace(t, original, algRSASHA256, "urn:x"), false, "CRYPTO_CONSTRAINTS_FAILURE", false},
		{"unknown hash", replace(t, original, algSHA256, "urn:x"), false, "CRYPTO_CONSTRAINTS_FAILURE", false},
		{"SHA-1 in the digest", strings.Replace(original, algSHA256, nsDS+"sha1", 1), true, "CRYPTO_CONSTRAINTS_FAILURE", false},
		{"SHA-1 in the signature", replace(t, original, algRSASHA256, nsDS+"rsa-sha1"), true, "CRYPTO_CONSTRAINTS_FAILURE", false},
		{"MD5", strings.Replace(original, algSHA256, "http://www.w3.org/2001/04/xmldsig-more#md5", 1), true, "CRYPTO_CONSTRAINTS_FAILURE", true},

		// What is referred to.
		{"network", replace(t, original, `URI=""`, `URI="http://127.0.0.1/a"`), true, "SIGNED_DATA_NOT_FOUND", false},
		{"file", replace(t, original, `URI=""`, `URI="file:///etc/passwd"`), true, "SIGNED_DATA_NOT_FOUND", false},
		{"host", replace(t, original, `URI=""`, `URI="//host/a"`), true, "SIGNED_DATA_NOT_FOUND", false},
		{"another file, transformed", replace(t, original, `URI=""`, `URI="a.xml"`), true, "SIGNED_DATA_NOT_FOUND", false},
		{"name that is not there", replace(t, original, `URI=""`, `URI="#nobody"`), true, "SIGNED_DATA_NOT_FOUND", false},
		{"expression", replace(t, original, `URI=""`, `URI="#xpointer(//pay)"`), true, "SIGNED_DATA_NOT_FOUND", false},
		{"no URI", replace(t, original, ` URI=""`, ""), true, "FORMAT_FAILURE", true},
		{"XSLT", replace(t, original, algEnveloped, "http://www.w3.org/TR/1999/REC-xslt-19991116"), true, "SIGNED_DATA_NOT_FOUND", false},
		{"XPath", replace(t, original, transform(algEnveloped, ""), transform(algXPath, `<ds:XPath>self::text()</ds:XPath>`)), true, "SIGNED_DATA_NOT_FOUND", false},
		{"XPath of another namespace", replace(t, original, transform(algEnveloped, ""), transform(algXPath, `<ds:XPath>not(ancestor-or-self::x:Signature)</ds:XPath>`)), true, "SIGNED_DATA_NOT_FOUND", false},
		{"canonical twice", replace(t, original, transform(algExclusive, ""), transform(algExclusive, "")+transform(algInclusive, "")), true, "SIGNED_DATA_NOT_FOUND", false},
		{"nothing", replace(t, original, reference, ""), true, "FORMAT_FAILURE", true},
		{"the key alone", replace(t, original, "<ds:KeyInfo>", `<ds:KeyInfo Id="key">`, `URI=""`, `URI="#key"`), true, "FORMAT_FAILURE", true},
		{"the key alone, and nothing else", replace(t, beside, "<ds:KeyInfo>", `<ds:KeyInfo Id="key">`, `URI="a.txt"`, `URI="#key"`), true, "FORMAT_FAILURE", true},
		{"another file, and text around", "<r>999" + beside + "</r>", false, "SIG_CONSTRAINTS_FAILURE", false},
		{"a page in the key", replace(t, original, "</ds:X509Data>", `</ds:X509Data><p xmlns="http://www.w3.org/1999/xhtml">999</p>`), false, "SIG_CONSTRAINTS_FAILURE", false},
		{"nothing but itself", strings.TrimSuffix(strings.TrimPrefix(original, `<r xmlns:x="urn:x"><pay Id="pay">100</pay>`), "</r>"), true, "FORMAT_FAILURE", true},
		{"all, but for a signature that is none", again(t, replace(t, original, algEnveloped, algFilter2), key.key), false, "SIGNED_DATA_NOT_FOUND", false},

		// The signature itself.
		{"value twice", replace(t, original, "<ds:KeyInfo>", "<ds:SignatureValue/><ds:KeyInfo>"), false, "FORMAT_FAILURE", true},
		{"signed twice", replace(t, original, "<ds:SignatureValue ", "<ds:SignedInfo/><ds:SignatureValue "), false, "FORMAT_FAILURE", true},
		{"unknown canonical form", replace(t, original, `<ds:CanonicalizationMethod Algorithm="`+algExclusive, `<ds:CanonicalizationMethod Algorithm="urn:x`), false, "CRYPTO_CONSTRAINTS_FAILURE", false},
		{"weak key", string(sign(t, envelopedWeak(t), nil, weak, weakCertificate)), false, "CRYPTO_CONSTRAINTS_FAILURE", true},
	} {
		if tt.signed {
			tt.file = again(t, tt.file, key.key)
		}
		f, err := Read([]byte(tt.file))
		if err != nil {
			t.Fatalf("%s: %v\n%s", tt.name, err, tt.file)
		}
		if err := f.ReadDetached(strings.NewReader("text")); err != nil {
			t.Fatal(err)
		}
		s := f.Verify(time.Now())[0]
		if s.Failure == nil || string(s.Failure.Reason) != tt.reason || s.Failure.Invalid != tt.invalid {
			t.Errorf("%s: %+v, want %s %v\n%s", tt.name, s, tt.reason, tt.invalid, tt.file)
		}
		if s.Covers == Document && s.Failure != nil && s.Failure.Reason == "SIG_CONSTRAINTS_FAILURE" {
			t.Errorf("%s covers all", tt.name)
		}
	}
}

func envelopedWeak(t testing.TB) *Draft {
	t.Helper()
	d, err := Enveloped([]byte("<r/>"))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// replace puts new texts in the places of old ones, each of which must be there.
func replace(t testing.TB, s string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(s, oldnew[i]) {
			t.Fatalf("%q is not in %s", oldnew[i], s)
		}
		s = strings.ReplaceAll(s, oldnew[i], oldnew[i+1])
	}
	return s
}

func transform(algorithm, inside string) string {
	if inside == "" {
		return `<ds:Transform Algorithm="` + algorithm + `"/>`
	}
	return `<ds:Transform Algorithm="` + algorithm + `">` + inside + `</ds:Transform>`
}

// A signature that leaves all signatures out allows others beside it, and each of them
// is judged: what hides in one that is none makes the file invalid.
func TestSignaturesBeside(t *testing.T) {
	key, c := holder(t, 2048)
	d, err := Enveloped([]byte("<r>text</r>"))
	one := replace(t, string(sign(t, d, err, key, c)), transform(algEnveloped, ""),
		transform(algXPath, `<ds:XPath>not(ancestor-or-self::ds:Signature)</ds:XPath>`))
	one = again(t, one, key.key)
	other := strings.TrimSuffix(strings.TrimPrefix(one, "<r>text"), "</r>")
	id := regexp.MustCompile(`xades-[0-9a-f]{32}`).FindString(other)
	both := again(t, replace(t, one, "</r>", strings.ReplaceAll(other, id, "second")+"</r>"), key.key)
	f, err := Read([]byte(both))
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range f.Verify(time.Now()) {
		if s.Failure != nil || s.Covers != Document {
			t.Errorf("%d: %+v", i, s)
		}
	}
	f, err = Read([]byte(replace(t, one, "<r>", `<r><Signature xmlns="`+nsDS+`"><pay xmlns="">999</pay></Signature>`)))
	if err != nil {
		t.Fatal(err)
	}
	if all := f.Verify(time.Now()); len(all) != 2 || all[0].Failure == nil || !all[0].Failure.Invalid || all[1].Failure != nil {
		t.Errorf("%+v", all)
	}
}

// A counter-signature signs the value of the signature around it, and no other.
func TestCounterSignature(t *testing.T) {
	key, c := holder(t, 2048)
	d, err := Enveloped([]byte("<r>text</r>"))
	signed := string(sign(t, d, err, key, c))
	id := regexp.MustCompile(`xades-[0-9a-f]{32}`).FindString(signed)
	for target, want := range map[string]string{id + "-sv": "", id + "-sp": "FORMAT_FAILURE"} {
		d := Detached("x", sha256.Sum256(nil))
		counter := strings.TrimPrefix(string(sign(t, d, nil, key, c)), xmlDeclaration)
		counter = replace(t, counter, `URI="x"`, `URI="#`+target+`"`)
		// Its own digest is of what is canonical without being told how: inclusive.
		whole := replace(t, signed, "</xades:SignedProperties>",
			"</xades:SignedProperties><xades:UnsignedProperties><xades:UnsignedSignatureProperties><xades:CounterSignature>"+counter+
				"</xades:CounterSignature></xades:UnsignedSignatureProperties></xades:UnsignedProperties>")
		whole = counterAgain(t, whole, key.key)
		f, err := Read([]byte(whole))
		if err != nil {
			t.Fatal(err)
		}
		all := f.Verify(time.Now())
		if len(all) != 1 || all[0].Failure != nil || len(all[0].Counter) != 1 {
			t.Fatalf("%+v", all)
		}
		s := all[0].Counter[0]
		if want == "" && (s.Failure != nil || s.Covers != value) || want != "" && (s.Failure == nil || string(s.Failure.Reason) != want || !s.Failure.Invalid) {
			t.Errorf("%s: %+v", target, s)
		}
	}
}

// counterAgain is oneAgain for the one counter-signature of a file.
func counterAgain(t testing.TB, file string, key *rsa.PrivateKey) string {
	t.Helper()
	for range 2 {
		f, err := Read([]byte(file))
		if err != nil {
			t.Fatal(err)
		}
		j := judgement{element: f.signatures[0], file: f}
		if err := j.form(); err != nil {
			t.Fatal(err)
		}
		counter := j.unsigned().path("CounterSignature").child(nsDS, "Signature")
		r, err := f.resolve(counter, counter.path("SignedInfo").children(nsDS, "Reference")[0])
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if err := r.write(&b); err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(b.Bytes())
		old, _ := r.child(nsDS, "DigestValue").text()
		in := judgement{element: counter, file: f}
		if err := in.form(); err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(in.info)
		value, err := rsa.SignPKCS1v15(nil, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Fatal(err)
		}
		was, _ := counter.path("SignatureValue").text()
		file = replace(t, file, was, base64.StdEncoding.EncodeToString(value), old, base64.StdEncoding.EncodeToString(sum[:]))
	}
	return file
}

// Each thing that a manifest lists is looked at.
func TestManifest(t *testing.T) {
	key, c := holder(t, 2048)
	d, err := Enveloped([]byte(`<r><a Id="a">1</a></r>`))
	signed := string(sign(t, d, err, key, c))
	sum := sha256.Sum256([]byte(`<a Id="a">1</a>`))
	list := `<ds:Object><ds:Manifest Id="list"><ds:Reference URI="#a"><ds:DigestMethod Algorithm="` + algSHA256 + `"/><ds:DigestValue>` +
		base64.StdEncoding.EncodeToString(sum[:]) + `</ds:DigestValue></ds:Reference></ds:Manifest></ds:Object>`
	signed = replace(t, signed, `URI=""`, `Type="`+typeManifest+`" URI="#list"`, transform(algEnveloped, ""), "", "</ds:Signature>", list+"</ds:Signature>")
	signed = again(t, signed, key.key)
	for _, tt := range []struct{ file, reason string }{
		{signed, "SIG_CONSTRAINTS_FAILURE"}, // a part
		{replace(t, signed, ">1<", ">2<"), "HASH_FAILURE"},
		{replace(t, signed, `Id="a"`, `Id="b"`), "SIGNED_DATA_NOT_FOUND"},
	} {
		f, err := Read([]byte(tt.file))
		if err != nil {
			t.Fatal(err)
		}
		if s := f.Verify(time.Now())[0]; s.Failure == nil || string(s.Failure.Reason) != tt.reason || s.Covers == Document {
			t.Errorf("%+v, want %s", s, tt.reason)
		}
	}
}

// What is read differently by others, or takes too much, is not read at all.
func TestRefused(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	for _, tt := range []struct {
		name, file string
		want       error
	}{
		{"document type", `<!DOCTYPE r><r/>`, ErrDoctype},
		{"entities in entities", `<!DOCTYPE r [<!ENTITY a "b"><!ENTITY c "&a;&a;">]><r>&c;</r>`, ErrDoctype},
		{"entity of a file", `<!DOCTYPE r [<!ENTITY a SYSTEM "file:///etc/passwd">]><r>&a;</r>`, ErrDoctype},
		{"entity", `<r>&nbsp;</r>`, ErrFormat},
		{"deep", nested(maxDepth + 1), ErrFormat},
		{"many elements", "<r>" + strings.Repeat("<a/>", maxNodes) + "</r>", ErrFormat},
		{"many attributes", "<r" + strings.Repeat(" a=''", maxNodes) + "/>", ErrFormat},
		{"large", "<r>" + strings.Repeat(" ", MaxSize) + "</r>", ErrSize},
		{"attribute twice", `<r a="1" a="2"/>`, ErrFormat},
		{"attribute twice by its namespace", `<r xmlns:a="urn:x" xmlns:b="urn:x" a:a="1" b:a="2"/>`, ErrFormat},
		{"unknown prefix", `<a:r/>`, ErrFormat},
		{"unknown prefix of an attribute", `<r a:b="1"/>`, ErrFormat},
		{"two colons", `<a:b:c xmlns:a="urn:x"/>`, ErrFormat},
		{"prefix for nothing", `<r xmlns:a=""/>`, ErrFormat},
		{"prefix xml", `<r xmlns:xml="urn:x"/>`, ErrFormat},
		{"prefix for xml", `<r xmlns:a="http://www.w3.org/XML/1998/namespace"/>`, ErrFormat},
		{"prefix xmlns", `<r xmlns:xmlns="urn:x"/>`, ErrFormat},
		{"no space", `<r a="1"b="2"/>`, ErrFormat},
		{"no quotes", `<r a=1/>`, ErrFormat},
		{"two roots", `<r/><r/>`, ErrFormat},
		{"no root", `<!-- -->`, ErrFormat},
		{"text outside", `<r/>text`, ErrFormat},
		{"no end", `<r>`, ErrFormat},
		{"another end", `<r></s>`, ErrFormat},
		{"declaration inside", `<r><?xml version="1.0"?></r>`, ErrFormat},
		{"declaration after a space", ` <?xml version="1.0"?><r/>`, ErrFormat},
		{"another version", `<?xml version="1.1"?><r/>`, ErrFormat},
		{"declaration that is none", `<?xml standalone='encoding="latin1"'?><r/>`, ErrFormat},
		{"not UTF-8", "<r>\xE8</r>", ErrFormat},
		{"not ASCII", "<?xml version='1.0' encoding='US-ASCII'?><r>è</r>", ErrFormat},
		{"control character", "<r>\x01</r>", ErrFormat},
		{"reference to a control character", "<r>&#1;</r>", ErrFormat},
		{"no character", "<r>\uFFFE</r>", ErrFormat},
		{"comment without end", "<r/><!-- ", ErrFormat},
		{"UTF-16", "\xFF\xFE<\x00r\x00/\x00>\x00", ErrEncoding},
		{"UTF-16 without mark", "\x00<\x00r\x00/\x00>", ErrEncoding},
		{"unknown encoding", "<?xml version='1.0' encoding='EBCDIC'?><r/>", ErrEncoding},
		{"two encodings", "\uFEFF<?xml version='1.0' encoding='latin1'?><r/>", ErrEncoding},
		{"empty", "", ErrFormat},
		{"many signatures", "<r>" + strings.Repeat(`<Signature xmlns="`+nsDS+`"/>`, maxSignatures+1) + "</r>", ErrFormat},
		{"signatures in signatures", strings.Repeat(`<Signature xmlns="`+nsDS+`">`, maxSignatures+1) + strings.Repeat("</Signature>", maxSignatures+1), ErrFormat},
	} {
		if _, err := Read([]byte(tt.file)); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	if _, err := Read([]byte(nested(maxDepth - 1))); err != nil {
		t.Error(err)
	}
}

// A small file cannot make for much work: each of many signatures refers to all of it.
func TestWorkIsBounded(t *testing.T) {
	reference := `<ds:Reference URI="#r"><ds:DigestMethod Algorithm="` + algSHA256 + `"/><ds:DigestValue/></ds:Reference>`
	signature := `<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="` + algInclusive + `"/><ds:SignatureMethod Algorithm="` + algRSASHA256 + `"/>` +
		strings.Repeat(reference, 20) + `</ds:SignedInfo><ds:SignatureValue/></ds:Signature>`
	file := `<r Id="r" xmlns:ds="` + nsDS + `">` + strings.Repeat("<a/>", 20000) + strings.Repeat(signature, maxSignatures) + "</r>"
	f, err := Read([]byte(file))
	if err != nil {
		t.Fatal(err)
	}
	all := f.Verify(time.Now())
	if last := all[len(all)-1]; f.work > 0 || !strings.Contains(last.Failure.Detail, "too often") {
		t.Errorf("%d left, %+v", f.work, last)
	}
}
