package applet

import "encoding/hex"

// Instructions (ISO/IEC 7816-4:2020 §11 and ISO/IEC 7816-8:2019 §11).
const (
	insVerify               = 0x20
	insMSE                  = 0x22 // MANAGE SECURITY ENVIRONMENT, SET
	insChange               = 0x24 // CHANGE REFERENCE DATA
	insPSO                  = 0x2A // PERFORM SECURITY OPERATION
	insResetRetryCounter    = 0x2C
	insExternalAuthenticate = 0x82
	insGetChallenge         = 0x84
	insInternalAuthenticate = 0x88
	insSelect               = 0xA4
	insReadBinary           = 0xB0
	insGetResponse          = 0xC0
	insGetData              = 0xCB // odd: the data field is an extended header list
)

// Class bits (ISO/IEC 7816-4:2020 §5.4.1).
const (
	claSM    = 0x0C // secure messaging, header authenticated
	claChain = 0x10 // not the last command of a chain
)

// Status words that mean something to this client (ISO/IEC 7816-4:2020 §5.6).
const (
	swEndOfFile          = 0x6282 // end of file before Ne bytes
	swWrong              = 0x6300 // verification failed, no counter
	swWrongCount         = 0x63C0 // verification failed, low nibble tries left
	swWrongLength        = 0x6700
	swNoSession          = 0x6882 // secure messaging not supported: there is no session
	swNotSatisfied       = 0x6982 // security status not satisfied
	swBlocked            = 0x6983
	swConditions         = 0x6985 // conditions of use not satisfied
	swMissingObject      = 0x6987 // secure messaging object missing
	swWrongObject        = 0x6988 // secure messaging object wrong
	swNoReference        = 0x6A88 // the key or object meant does not exist, or none was chosen
	swOffset             = 0x6B00 // offset beyond the end of the file
	sw1MoreData     byte = 0x61
	sw1WrongLe      byte = 0x6C
)

// References of the objects in DF_CIE; bit 8 means local to the directory.
const (
	refPIN byte = 0x81
	refPUK byte = 0x82

	keyHolder    byte = 0x81 // the holder's, certificate in EF 1003; needs the PIN
	keyDevice    byte = 0x82 // the chip's, public part in EF 1004
	keyServices  byte = 0x83 // free to use, public part in EF 1005
	keyAuthority byte = 0x84 // public key that verifies terminal certificates
	keyAgreement byte = 0x81 // Diffie-Hellman
)

// Algorithm references in the security environment.
const (
	algorithmCertificate byte = 0x41 // ISO/IEC 9796-2, SHA-256
	algorithmDevice      byte = 0x9B // device authentication with privacy protection, SHA-256
	algorithmSignature   byte = 0x02 // RSASSA-PKCS1-v1_5, formatted by the card
)

// Application identifiers.
var (
	aidIAS = []byte{0xA0, 0x00, 0x00, 0x00, 0x30, 0x80, 0x00, 0x00, 0x00, 0x09, 0x81, 0x60, 0x01}
	aidCIE = []byte{0xA0, 0x00, 0x00, 0x00, 0x00, 0x39}
)

// The terminal's side of device authentication. These values are the same in
// every terminal there is and are no secrets: device authentication binds the
// key agreement to the chip's key, it does not keep terminals out.
var (
	terminalN = mustHex(`
		BA2837AB4C6BB827577BFF4EB7B1E49CDDE0F16614D1EF24C1B75CF70FB12CD1
		8F4D14E2814BA4877EA800E175906076B562BA535973C5D8B378051D8AFC7407
		A1D919529E03C106CDA18D699AFB0D8AB4FDDD9DC719159A50DE9468F02AB103
		E282A50E716EC23CDA5BFC4A232B09A4B2C70745939549099B4483CBAE62D009
		9674DBF6F39B7223A99D88E33F1A0CDEDEEBBDC35517ABE9880AAB240E1EA166
		283A274A9AD93B4B1D19F3679F3E8B5FF6A1E0ED736E84D5ABE03C59E7346B42
		18755D75366CBF4136F0A26C3DC70A69ABAAF66E13A1B2FAAD052CA6EC9C51E2
		AED14D16E090254DC3F64EA2BD8A836BBA99DEFACBA3A613AEEDD93A9615273D`)
	terminalD = mustHex(`
		4716C2A38CCC7A07B415EB1A6175F2AAA0E49CEAF1BA75CBA09A684B04D81118
		79D3E2CCD8B94D3C5CF6C55753F0ED9587910B3C77258A01460FE84C2EDE5764
		EEBE9C37FB95CD69CEAF09F4B1357C276314AB43EC5B3CEFB0403F868F688E2E
		C09A4973E987756F8DA7A101A2CA75A54A8C4CCF9A1B6147E4DE56423AF70B20
		67179C5EEB646867863478D752C7F412DB277541575AA0619D30BCCC8D87E617
		0B33439A2C93F2D97E18C0A82343A6012A5BB1822808F01B5CFD85673AC0964C
		5F3CFD2DAF8142359764A9ADB9E3F76DB613461C1BC913DC9AC0AB50D365F77C
		B93194C98AA966D89CDD555125A5E59ECF4FA3F0C3FD610CD3D056439338FD81`)
	terminalE  = []byte{0x00, 0x01, 0x00, 0x01}
	terminalSN = []byte{0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01}

	// authorityD is the private exponent of the authority that certifies
	// terminals; its modulus is read from the card.
	authorityD = mustHex(`
		186B31488C25DCF85D953D3630C0D073BA1C6AA24581AD254F3B6719C5D72CCA
		3E5CDC5A1E5316578D75954FF73B237B532C9F8DE4A2C4C911385A23E63E33E4
		7EE45E66EFD49B18E02CFF87598C39109E8F86A66BC330249CE3FCAD655DCDBF
		98C9C5E479321AF53B517D041061880A647BBE0FF813683470E6C50094CE81D0
		64E204E351BD3AE0A7947D8E91C3FD5C0A15233C349A5215A4E66E21C5D33498
		E71991EA24473B29F1475F6FD9BE3996E19BD474FAD1B41EA0DCD2FC16C9BFFA
		071BFEC1B22415184811C1985FBFE3E7B4F44A4B3C8DFAB4D90CECFC5E608D67
		3E6762C62CB798341271149BA688162EC7D0E3468F65A94AB4AD1AB67E37BFC1`)

	certificateCPI byte = 0x8A                                                         // certificate profile identifier
	certificateOID      = []byte{0x2A, 0x81, 0x22, 0xF4, 0x2A, 0x02, 0x04, 0x01, 0x04} // key for device authentication, SHA-256
	terminalRole   byte = 0x01                                                         // last byte of the CHA
)

// mustHex decodes one of the constants above, white space between its digits.
func mustHex(digits string) []byte {
	compact := make([]byte, 0, len(digits))
	for _, c := range []byte(digits) {
		if c > ' ' {
			compact = append(compact, c)
		}
	}
	n, err := hex.Decode(compact, compact)
	if err != nil {
		panic(err)
	}
	return compact[:n]
}
