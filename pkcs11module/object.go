package pkcs11module

import (
	"bytes"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // PKCS#11 and every other module derive CKA_ID and CKA_CHECK_VALUE with it
	"crypto/x509"
	"encoding/asn1"
	"fmt"
	"maps"
	"math/big"
)

// An object is one that a token shows.
type object struct {
	handle     ObjectHandle // 0: nobody can use it now
	private    bool         // only for who is logged in
	attributes map[AttributeType][]byte
	public     *rsa.PublicKey // of a key
}

// sensitive attributes of the private key exist but never leave the card.
var sensitive = map[AttributeType]bool{
	CKA_PRIVATE_EXPONENT: true, CKA_PRIME_1: true, CKA_PRIME_2: true,
	CKA_EXPONENT_1: true, CKA_EXPONENT_2: true, CKA_COEFFICIENT: true,
}

// describe makes the objects of a token, in the order in which a search finds
// them. Those that exist keep their handles. The tables are locked.
func (m *Module) describe(t *token, certificate *x509.Certificate) {
	d := describer{m, t, t.objects}
	t.objects = nil
	public, ok := publicKey(certificate)
	if ok {
		id := keyID(public)
		label := "CIE"
		if number := certificate.Subject.SerialNumber; number != "" {
			label += " " + number
		}
		d.add("cert", d.certificateAttributes(certificate, id, label, categoryTokenUser))
		d.add("pub", d.publicKeyAttributes(certificate, public, id, label)).public = public
		t.key = d.add("priv", d.privateKeyAttributes(certificate, public, id, label))
		t.key.private, t.key.public, t.key.handle = true, public, 0 // it gets one at login
		chain, _, _ := m.holder.Roots.VerifyHolder(certificate)
		for i, ca := range chain {
			d.add(fmt.Sprintf("ca%d", i+1), d.authorityAttributes(ca))
		}
	}
	profiles := []uint64{CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER}
	if ok {
		profiles = append(profiles, CKP_AUTHENTICATION_TOKEN, CKP_PUBLIC_CERTIFICATES_TOKEN)
	}
	for _, p := range profiles {
		d.add(fmt.Sprintf("profile%d", p), map[AttributeType][]byte{
			CKA_CLASS: d.ulong(uint64(CKO_PROFILE)), CKA_PROFILE_ID: d.ulong(p), CKA_LABEL: []byte("CIE profile"),
		})
	}
}

func publicKey(c *x509.Certificate) (*rsa.PublicKey, bool) {
	if c == nil {
		return nil, false
	}
	key, ok := c.PublicKey.(*rsa.PublicKey)
	return key, ok && key.Size() == SignatureLength
}

// keyID is the CKA_ID of a key and its certificate: the SHA-1 of the modulus.
func keyID(key *rsa.PublicKey) []byte {
	sum := sha1.Sum(key.N.Bytes()) //nolint:gosec // not for security
	return sum[:]
}

// A describer adds objects to a token.
type describer struct {
	module *Module
	token  *token
	before []*object
}

// ulong is a CK_ULONG as the program has it.
func (d describer) ulong(v uint64) []byte { return ulong(d.module.ulongSize, v) }

// add makes an object of its attributes and those that all objects have.
func (d describer) add(name string, attributes map[AttributeType][]byte) *object {
	maps.Copy(attributes, map[AttributeType][]byte{
		CKA_TOKEN: yes, CKA_MODIFIABLE: no, CKA_COPYABLE: no, CKA_DESTROYABLE: no,
		CKA_UNIQUE_ID: []byte(d.token.pan.String() + "/" + name),
	})
	if attributes[CKA_PRIVATE] == nil {
		attributes[CKA_PRIVATE] = no
	}
	o := &object{handle: d.handle(attributes[CKA_UNIQUE_ID]), attributes: attributes}
	d.token.objects = append(d.token.objects, o)
	return o
}

// handle gives the handle that the object of that name has, or a new one.
func (d describer) handle(name []byte) ObjectHandle {
	for _, o := range d.before {
		if bytes.Equal(o.attributes[CKA_UNIQUE_ID], name) {
			return o.handle
		}
	}
	return ObjectHandle(d.module.handle())
}

// yes and no are CK_BBOOL values.
var yes, no = []byte{1}, []byte{0}

func (d describer) certificateAttributes(c *x509.Certificate, id []byte, label string, category uint64) map[AttributeType][]byte {
	check := sha1.Sum(c.Raw) //nolint:gosec // not for security
	return map[AttributeType][]byte{
		CKA_CLASS: d.ulong(uint64(CKO_CERTIFICATE)), CKA_CERTIFICATE_TYPE: d.ulong(ckcX509),
		CKA_ID: id, CKA_LABEL: []byte(label), CKA_VALUE: c.Raw,
		CKA_SUBJECT: c.RawSubject, CKA_ISSUER: c.RawIssuer, CKA_SERIAL_NUMBER: derInteger(c.SerialNumber),
		CKA_CERTIFICATE_CATEGORY: d.ulong(category), CKA_TRUSTED: no,
		CKA_START_DATE:  []byte(c.NotBefore.UTC().Format("20060102")),
		CKA_END_DATE:    []byte(c.NotAfter.UTC().Format("20060102")),
		CKA_CHECK_VALUE: check[:3], CKA_PUBLIC_KEY_INFO: c.RawSubjectPublicKeyInfo,
		CKA_URL: {}, CKA_HASH_OF_SUBJECT_PUBLIC_KEY: {}, CKA_HASH_OF_ISSUER_PUBLIC_KEY: {},
		CKA_NAME_HASH_ALGORITHM: d.ulong(ckmSHA1), CKA_JAVA_MIDP_SECURITY_DOMAIN: d.ulong(0),
	}
}

// derInteger is the serial number with tag and length, as NSS looks for it.
func derInteger(n *big.Int) []byte {
	der, err := asn1.Marshal(n)
	if err != nil {
		return nil
	}
	return der
}

func (d describer) authorityAttributes(ca *x509.Certificate) map[AttributeType][]byte {
	var id []byte
	if key, ok := ca.PublicKey.(*rsa.PublicKey); ok {
		id = keyID(key)
	} else {
		sum := sha1.Sum(ca.RawSubjectPublicKeyInfo) //nolint:gosec // not for security
		id = sum[:]
	}
	label := ca.Subject.CommonName
	if label == "" {
		label = "CA"
	}
	return d.certificateAttributes(ca, id, label, categoryAuthority)
}

// keyAttributes are those that both keys have.
func (d describer) keyAttributes(c *x509.Certificate, key *rsa.PublicKey, id []byte, label string) map[AttributeType][]byte {
	var mechanisms []byte
	for _, m := range mechanismList {
		mechanisms = append(mechanisms, d.ulong(uint64(m.Type))...)
	}
	return map[AttributeType][]byte{
		CKA_KEY_TYPE: d.ulong(ckkRSA), CKA_ID: id, CKA_LABEL: []byte(label), CKA_SUBJECT: c.RawSubject,
		CKA_MODULUS: key.N.Bytes(), CKA_PUBLIC_EXPONENT: big.NewInt(int64(key.E)).Bytes(),
		CKA_PUBLIC_KEY_INFO: c.RawSubjectPublicKeyInfo, CKA_ALLOWED_MECHANISMS: mechanisms,
		CKA_DERIVE: no, CKA_START_DATE: {}, CKA_END_DATE: {},
	}
}

func (d describer) publicKeyAttributes(c *x509.Certificate, key *rsa.PublicKey, id []byte, label string) map[AttributeType][]byte {
	a := d.keyAttributes(c, key, id, label)
	maps.Copy(a, map[AttributeType][]byte{
		CKA_CLASS: d.ulong(uint64(CKO_PUBLIC_KEY)), CKA_MODULUS_BITS: d.ulong(uint64(key.N.BitLen())),
		CKA_VERIFY: yes, CKA_ENCRYPT: no, CKA_WRAP: no, CKA_VERIFY_RECOVER: no, CKA_TRUSTED: no,
		CKA_LOCAL: no, CKA_KEY_GEN_MECHANISM: d.ulong(Unavailable),
	})
	return a
}

func (d describer) privateKeyAttributes(c *x509.Certificate, key *rsa.PublicKey, id []byte, label string) map[AttributeType][]byte {
	a := d.keyAttributes(c, key, id, label)
	maps.Copy(a, map[AttributeType][]byte{
		CKA_CLASS: d.ulong(uint64(CKO_PRIVATE_KEY)), CKA_PRIVATE: yes,
		CKA_SIGN: yes, CKA_SIGN_RECOVER: no, CKA_DECRYPT: no, CKA_UNWRAP: no,
		CKA_SENSITIVE: yes, CKA_ALWAYS_SENSITIVE: yes, CKA_NEVER_EXTRACTABLE: yes, CKA_EXTRACTABLE: no,
		CKA_LOCAL: yes, CKA_KEY_GEN_MECHANISM: d.ulong(ckmRSAPKCSKeyPairGen),
		CKA_ALWAYS_AUTHENTICATE: no, CKA_WRAP_WITH_TRUSTED: no,
	})
	return a
}

// visible says whether an object may be seen in sessions of its token.
func (t *token) visible(o *object) bool { return !o.private || t.login != nil }

// object finds an object by its handle. The tables are locked.
func (s *session) object(h ObjectHandle) (*object, error) {
	for _, o := range s.token.objects {
		if h != 0 && o.handle == h && s.token.visible(o) {
			return o, nil
		}
	}
	return nil, CKR_OBJECT_HANDLE_INVALID
}

// DestroyObject is C_DestroyObject: nothing on a CIE can be.
func (m *Module) DestroyObject(h SessionHandle, o ObjectHandle) error {
	return m.with(h, func(s *session) error {
		if _, err := s.object(o); err != nil {
			return err
		}
		return CKR_ACTION_PROHIBITED
	})
}

// SetAttributeValue is C_SetAttributeValue: nothing on a CIE can be changed.
func (m *Module) SetAttributeValue(h SessionHandle, o ObjectHandle) error {
	return m.with(h, func(s *session) error {
		if _, err := s.object(o); err != nil {
			return err
		}
		if !s.readWrite {
			return CKR_SESSION_READ_ONLY
		}
		return CKR_ACTION_PROHIBITED
	})
}

// ObjectSize is C_GetObjectSize: the sum of the sizes of the attributes.
func (m *Module) ObjectSize(h SessionHandle, handle ObjectHandle) (size int, err error) {
	err = m.with(h, func(s *session) error {
		o, err := s.object(handle)
		if err != nil {
			return err
		}
		for _, value := range o.attributes {
			size += len(value)
		}
		return nil
	})
	return size, err
}
