package emulator

import (
	"bytes"
	"crypto"
	"crypto/sha512"
	"encoding/asn1"
	"encoding/hex"
	"math/big"

	"github.com/softwarecie/cie/applet/tlv"
)

// DER universal tags.
const (
	derInteger   tlv.Tag = 0x02
	derBitString tlv.Tag = 0x03
	derOctets    tlv.Tag = 0x04
	derNull      tlv.Tag = 0x05
	derOID       tlv.Tag = 0x06
	derPrintable tlv.Tag = 0x13
	derSequence  tlv.Tag = 0x30
	derSet       tlv.Tag = 0x31
)

var (
	oidSignedData    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 7, 2}
	oidContentType   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 3}
	oidMessageDigest = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 4}
	oidSecurityData  = asn1.ObjectIdentifier{2, 23, 136, 1, 1, 1}
	oidSHA256        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 1}
	oidSHA512        = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 2, 3}
	oidSHA1          = asn1.ObjectIdentifier{1, 3, 14, 3, 2, 26}
	oidMD5WithRSA    = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 4}
	oidSHA1WithRSA   = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 5}
	oidSHA256WithRSA = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 11}
	oidPSS           = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 10}
	oidMGF1          = asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 1, 8}
)

func seq(parts ...[]byte) []byte { return tlv.Append(nil, derSequence, bytes.Join(parts, nil)) }
func set(parts ...[]byte) []byte { return tlv.Append(nil, derSet, bytes.Join(parts, nil)) }

func der(tag tlv.Tag, value []byte) []byte { return tlv.Append(nil, tag, value) }

func oid(id asn1.ObjectIdentifier) []byte {
	b, err := asn1.Marshal(id)
	if err != nil {
		panic(err)
	}
	return b
}

// makeSOD builds EF.SOD over the given contents, in the order of a real one.
func makeSOD(contents []dataGroup, b Behaviour) []byte {
	old := b.OldSOD || b.SHA1SOD
	hash, hashOID, version := crypto.SHA512, oidSHA512, byte(1)
	a := theAuthorities()
	signer := a.signerPSS
	if old {
		hash, hashOID, version = crypto.SHA256, oidSHA256, 0
		signer = a.signer
	}
	if b.UnknownIssuer {
		signer = selfSigned("signer", signer.certificate.Subject, 99)
	}
	digests := make([][]byte, len(contents))
	for i, g := range contents {
		d := digest(hash, g.content)
		if hex.EncodeToString([]byte{g.id}) == b.BadDigest {
			d[0] ^= 1
		}
		digests[i] = seq(der(derInteger, []byte{g.id}), der(derOctets, d))
	}
	algorithm := seq(oid(hashOID)) // without NULL, as in the public sample
	lds := [][]byte{der(derInteger, []byte{version}), algorithm, seq(digests...)}
	if version == 1 {
		lds = append(lds, seq(der(derPrintable, []byte("0108")), der(derPrintable, []byte("040000"))))
	}
	content := seq(lds...)

	attributes := bytes.Join([][]byte{
		seq(oid(oidContentType), set(oid(oidSecurityData))),
		seq(oid(oidMessageDigest), set(der(derOctets, digest(hash, content)))),
	}, nil)
	signature, signatureAlgorithm := signSOD(signer.key, der(derSet, attributes), b)
	if b.BadSignature {
		signature[100] ^= 1
	}
	serial := der(derInteger, signer.certificate.SerialNumber.Bytes())
	info := seq(der(derInteger, []byte{1}), seq(signer.certificate.RawIssuer, serial), algorithm,
		der(0xA0, attributes), signatureAlgorithm, der(derOctets, signature))
	data := seq(der(derInteger, []byte{3}), set(algorithm),
		seq(oid(oidSecurityData), der(0xA0, der(derOctets, content))),
		der(0xA0, signer.certificate.Raw), set(info))
	return der(0x77, seq(oid(oidSignedData), der(0xA0, data)))
}

// signSOD signs the signed attributes and names the algorithm.
func signSOD(k key, attributes []byte, b Behaviour) (signature, algorithm []byte) {
	pkcs1 := func(hash crypto.Hash, info, name asn1.ObjectIdentifier) ([]byte, []byte) {
		sum := digest(hash, attributes)
		return k.private(type1(k.size(), digestInfo(info, sum))), seq(oid(name), der(derNull, nil))
	}
	switch {
	case b.BadAlgorithm:
		return pkcs1(crypto.SHA256, oidSHA256, oidMD5WithRSA)
	case b.SHA1SOD:
		return pkcs1(crypto.SHA1, oidSHA1, oidSHA1WithRSA)
	case b.OldSOD:
		return pkcs1(crypto.SHA256, oidSHA256, oidSHA256WithRSA)
	}
	return k.private(encodePSS(k, digest(crypto.SHA512, attributes))), seq(oid(oidPSS), pssParameters())
}

// A dataGroup is what one digest of the SOD is over.
type dataGroup struct {
	id      byte
	content []byte
}

func digest(hash crypto.Hash, content []byte) []byte {
	h := hash.New()
	h.Write(content)
	return h.Sum(nil)
}

// digestInfo is the DigestInfo of a digest (RFC 8017 §9.2).
func digestInfo(hash asn1.ObjectIdentifier, sum []byte) []byte {
	return seq(seq(oid(hash), der(derNull, nil)), der(derOctets, sum))
}

// type1 is 00 01 FF…FF 00 ‖ data, n bytes (EMSA-PKCS1-v1_5, RFC 8017 §9.2).
func type1(n int, data []byte) []byte {
	m := bytes.Repeat([]byte{0xFF}, n)
	m[0], m[1], m[n-len(data)-1] = 0, 1, 0
	copy(m[n-len(data):], data)
	return m
}

func pssParameters() []byte {
	sha512Algorithm := seq(oid(oidSHA512), der(derNull, nil))
	return seq(der(0xA0, sha512Algorithm), der(0xA1, seq(oid(oidMGF1), sha512Algorithm)), der(0xA2, der(derInteger, []byte{64})))
}

// encodePSS is EMSA-PSS-ENCODE (RFC 8017 §9.1.1) with SHA-512, MGF1 with
// SHA-512, and a salt of 64 bytes made from the digest, so that the same card
// always has the same bytes.
func encodePSS(k key, sum []byte) []byte {
	salt := sha512.Sum512(append([]byte("salt"), sum...))
	h := sha512.New()
	h.Write(make([]byte, 8))
	h.Write(sum)
	h.Write(salt[:])
	hash := h.Sum(nil)
	db := make([]byte, k.size()-len(hash)-1)
	db[len(db)-len(salt)-1] = 1
	copy(db[len(db)-len(salt):], salt[:])
	for i, b := range mgf1(hash, len(db)) {
		db[i] ^= b
	}
	db[0] &= 0xFF >> (8*k.size() - (k.n.BitLen() - 1))
	return append(append(db, hash...), 0xBC)
}

// mgf1 is the mask generation function of RFC 8017 §B.2.1 with SHA-512.
func mgf1(seed []byte, n int) []byte {
	var mask []byte
	for i := byte(0); len(mask) < n; i++ {
		sum := sha512.Sum512(append(seed[:len(seed):len(seed)], 0, 0, 0, i))
		mask = append(mask, sum[:]...)
	}
	return mask[:n]
}

// publicKeyFile is the content of EF 1004 and 1005: 30 { 02 n, 02 e }.
func publicKeyFile(k key) []byte { return seq(derUnsigned(k.n), derUnsigned(k.e)) }

func derUnsigned(n *big.Int) []byte {
	b := n.Bytes()
	if len(b) == 0 || b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return der(derInteger, b)
}
