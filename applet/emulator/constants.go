package emulator

import (
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/softwarecie/cie/applet/apdu"
)

// Instructions (ISO/IEC 7816-4:2020 §5.4.2, ISO/IEC 7816-8:2021 §4).
const (
	insVerify           = 0x20
	insMSE              = 0x22
	insChange           = 0x24
	insPSO              = 0x2A
	insResetRetry       = 0x2C
	insExternalAuth     = 0x82
	insGetChallenge     = 0x84
	insGeneralAuth      = 0x86
	insInternalAuth     = 0x88
	insSelect           = 0xA4
	insReadBinary       = 0xB0
	insReadBinaryOdd    = 0xB1
	insGetResponse      = 0xC0
	insGetData          = 0xCB
	chainBit       byte = 0x10 // ISO/IEC 7816-4:2020 §5.4.1: not the last command of a chain
	secureBits     byte = 0x0C // the same: secure messaging, header authenticated
)

// Status words (ISO/IEC 7816-4:2020 §5.6).
const (
	swOK                apdu.SW = 0x9000
	swMore              apdu.SW = 0x6100 // low byte: bytes waiting
	swEndOfFile         apdu.SW = 0x6282
	swAuthFailed        apdu.SW = 0x6300
	swTriesLeft         apdu.SW = 0x63C0 // low nibble: tries left
	swWrongLength       apdu.SW = 0x6700
	swNoChannel         apdu.SW = 0x6882 // secure messaging not supported: there is no session
	swLastExpected      apdu.SW = 0x6883
	swNotSatisfied      apdu.SW = 0x6982
	swBlocked           apdu.SW = 0x6983
	swConditions        apdu.SW = 0x6985
	swNoFile            apdu.SW = 0x6986
	swObjectMissing     apdu.SW = 0x6987
	swObjectWrong       apdu.SW = 0x6988
	swWrongData         apdu.SW = 0x6A80
	swNotFound          apdu.SW = 0x6A82
	swWrongP1P2         apdu.SW = 0x6A86
	swReferenceNotFound apdu.SW = 0x6A88
	swOffset            apdu.SW = 0x6B00
	swWrongLe           apdu.SW = 0x6C00 // low byte: the right Le
	swNoINS             apdu.SW = 0x6D00
	swNoCLA             apdu.SW = 0x6E00
)

// References and algorithms inside DF_CIE.
const (
	refPIN         = 0x81
	refPUK         = 0x82
	refCitizen     = 0x81 // private key of the certificate
	refDevice      = 0x82 // device authentication
	refServices    = 0x83 // NIS
	refAuthority   = 0x84 // certifies terminals
	refKeyExchange = 0x81 // Diffie-Hellman

	algCertificate = 0x41 // ISO 9796-2 with SHA-256
	algDevice      = 0x9B // device authentication with privacy, SHA-256
	algClient      = 0x02 // RSA PKCS #1 v1.5, padding by the card
)

// codeLength is the length of PIN and PUK: ASCII digits, no padding.
const codeLength = 8

// longestSigned is the longest input of the signature keys: 40 % of the modulus.
const longestSigned = 102

// Applications.
const (
	aidIAS   = "\xA0\x00\x00\x00\x30\x80\x00\x00\x00\x09\x81\x60\x01"
	aidCIE   = "\xA0\x00\x00\x00\x00\x39"
	aidEMRTD = "\xA0\x00\x00\x02\x47\x10\x01"
)

// Data objects that terminals and cards share.
var (
	terminalCPI  = byte(0x8A)
	terminalOID  = []byte{0x2A, 0x81, 0x22, 0xF4, 0x2A, 0x02, 0x04, 0x01, 0x04} // device authentication, SHA-256
	terminalRole = byte(0x01)
)

// terminalAuthorityExponent is CA_D: the private exponent of the authority that
// certifies terminals, published in every client of the card (appendix A of the
// specification).
func terminalAuthorityExponent() *big.Int {
	return number(`
		186B31488C25DCF85D953D3630C0D073BA1C6AA24581AD254F3B6719C5D72CCA
		3E5CDC5A1E5316578D75954FF73B237B532C9F8DE4A2C4C911385A23E63E33E4
		7EE45E66EFD49B18E02CFF87598C39109E8F86A66BC330249CE3FCAD655DCDBF
		98C9C5E479321AF53B517D041061880A647BBE0FF813683470E6C50094CE81D0
		64E204E351BD3AE0A7947D8E91C3FD5C0A15233C349A5215A4E66E21C5D33498
		E71991EA24473B29F1475F6FD9BE3996E19BD474FAD1B41EA0DCD2FC16C9BFFA
		071BFEC1B22415184811C1985FBFE3E7B4F44A4B3C8DFAB4D90CECFC5E608D67
		3E6762C62CB798341271149BA688162EC7D0E3468F65A94AB4AD1AB67E37BFC1`)
}

// A Group is a Diffie-Hellman group, each number as the card sends it.
type Group struct{ G, P, Q []byte }

// group2048 is the 2048-bit MODP group with 256-bit prime order subgroup
// (RFC 5114 §2.3), the one of the PACE parameters seen on real cards.
func group2048() Group {
	return Group{
		P: octets(`
		87A8E61DB4B6663CFFBBD19C651959998CEEF608660DD0F25D2CEED4435E3B00
		E00DF8F1D61957D4FAF7DF4561B2AA3016C3D91134096FAA3BF4296D830E9A7C
		209E0C6497517ABD5A8A9D306BCF67ED91F9E6725B4758C022E0B1EF4275BF7B
		6C5BFC11D45F9088B941F54EB1E59BB8BC39A0BF12307F5C4FDB70C581B23F76
		B63ACAE1CAA6B7902D52526735488A0EF13C6D9A51BFA4AB3AD8347796524D8E
		F6A167B5A41825D967E144E5140564251CCACB83E6B486F6B3CA3F7971506026
		C0B857F689962856DED4010ABD0BE621C3A3960A54E710C375F26375D7014103
		A4B54330C198AF126116D2276E11715F693877FAD7EF09CADB094AE91E1A1597`),
		G: octets(`
		3FB32C9B73134D0B2E77506660EDBD484CA7B18F21EF205407F4793A1A0BA125
		10DBC15077BE463FFF4FED4AAC0BB555BE3A6C1B0C6B47B1BC3773BF7E8C6F62
		901228F8C28CBB18A55AE31341000A650196F931C77A57F2DDF463E5E9EC144B
		777DE62AAAB8A8628AC376D282D6ED3864E67982428EBC831D14348F6F2F9193
		B5045AF2767164E1DFC967C1FB3F2E55A4BD1BFFE83B9C80D052B985D182EA0A
		DB2A3B7313D3FE14C8484B1E052588B9B7D2BBD2DF016199ECD06E1557CD0915
		B3353BBB64E0EC377FD028370DF92B52C7891428CDC67EB6184B523D1DB246C3
		2F63078490F00EF8D647D148D47954515E2327CFEF98C582664B4C0F6CC41659`),
		Q: octets(`8CF83642A709A097B447997640129DA299B1A47D1EB3750BA308B0FE64F5FBD3`),
	}
}

// octets reads constants of this package, hexadecimal with white space.
func octets(text string) []byte {
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		panic(err)
	}
	return b
}

func number(text string) *big.Int { return new(big.Int).SetBytes(octets(text)) }
