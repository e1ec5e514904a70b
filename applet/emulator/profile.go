package emulator

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// A Behaviour holds the switches for everything in which cards differ or are
// suspected to differ, and for what a hostile card may do. The zero value is a
// strict, ordinary card. The README says where each doubt comes from.
type Behaviour struct {
	// Selection and reading.
	NoCIE           bool   `json:"no-cie"`             // another kind of card: every SELECT answers 6A82
	RefuseIASName   bool   `json:"refuse-ias-name"`    // SELECT by the IAS name: 6A82; the root answers 00A40000
	CIENeedsRoot    bool   `json:"cie-needs-root"`     // SELECT by the CIE name: 6A82 unless the root was selected since reset
	CardAccessMF    bool   `json:"card-access-mf"`     // EF.CardAccess: 6982 unless the MF was selected by 00A4000C
	ExtraFiles      bool   `json:"extra-files"`        // DF_CIE has 1000 and 1007, too
	NoDHFile        bool   `json:"no-dh-file"`         // D004 does not exist: 6A82
	NoSFI           bool   `json:"no-sfi"`             // READ BINARY by short file identifier: 6A82
	NoFCP           bool   `json:"no-fcp"`             // SELECT EF with P2=04 returns nothing
	EndOfFile       string `json:"end-of-file"`        // "6282" (default), "6b00", "empty", "6cxx", "endless"
	FullLe00        bool   `json:"full-le-00"`         // with "6282": a short answer to Le 00, all there is, ends in 9000
	ReadMax         int    `json:"sm-read-max"`        // most bytes of a protected READ BINARY; 0: no limit of its own
	Padding         int    `json:"padding"`            // zero bytes after the content of 1003 and 1006
	FreeCertificate bool   `json:"free-certificate"`   // 1003 needs no PIN
	FreeSerial      bool   `json:"free-serial"`        // 1002 needs no PIN
	CertificateSize int    `json:"certificate-length"` // added to the outer length of 1003: 1 or -1

	// Answers.
	AlwaysMoreData bool `json:"always-more-data"`  // plain answers to commands without Le: 61xx, however short
	MoreDataWithLe bool `json:"more-data-with-le"` // every answer with data, protected ones too: 61xx
	AnswerMax      int  `json:"answer-max"`        // most bytes in one short answer; 0: 256
	Extended       bool `json:"extended"`          // extended length fields are accepted; PACE takes them always

	// Key agreement and device authentication.
	RefuseGetDataLe   bool   `json:"refuse-getdata-le"`   // GET DATA with Le: 6700
	SingleDH          bool   `json:"single-dh"`           // g, p, q together in one GET DATA, too
	SingleDHOnly      bool   `json:"single-dh-only"`      // and not one by one: 6A88
	Group             string `json:"dh-group"`            // "2048-224", "3072"; "": 2048 bits, subgroup of 256
	WeakGroup         string `json:"weak-group"`          // "p-even", "p-small", "p-composite", "g-one", "y-zero", "y-one", "y-last", "y-large", "y-outside"
	LeadingZero       bool   `json:"leading-zero"`        // public value of the chip begins with a zero byte,
	ShortValue        bool   `json:"short-public-value"`  // which is left out
	LeadingZeroSecret bool   `json:"leading-zero-secret"` // the shared secret begins with a zero byte
	CHRWithA4Only     bool   `json:"chr-with-a4-only"`    // the terminal's reference in MSE SET 81B6: 6A88
	BadCertificate    string `json:"bad-certificate"`     // status word in hex for a wrong terminal certificate; "": 6982
	BadExternal       string `json:"bad-external"`        // status word in hex for a wrong proof of the terminal; "": 6300
	RefuseTerminal    bool   `json:"refuse-terminal"`     // EXTERNAL AUTHENTICATE fails, right or not
	ShortChallenge    bool   `json:"short-challenge"`     // GET CHALLENGE gives 4 bytes
	FakeDeviceKey     bool   `json:"fake-device-key"`     // the chip proves another key than EF 1004: a clone
	OtherDeviceKey    bool   `json:"other-device-key"`    // EF 1004 holds, and the chip proves, a key that the SOD does not know
	ZeroSerial        bool   `json:"zero-serial"`         // the serial number in the chip's proof is zero

	// Secure messaging.
	MirrorStatus      bool `json:"mirror-status"`        // outer status word of a protected answer = the inner one; else 9000
	PlainErrors       bool `json:"plain-errors"`         // errors without data come unprotected, the counter stays
	LargeChainAnswer  bool `json:"large-chain-answer"`   // 61xx after a piece of a protected chain
	BreakChain        bool `json:"break-chain"`          // GET RESPONSE inside a chain breaks it
	StrictLe          bool `json:"strict-do97"`          // DO 97 beside data where clients send none: 6988
	PlainKeepsSession bool `json:"plain-keeps-session"`  // a plain command does not end the session
	ForgetAtSelect    bool `json:"forget-pin-at-select"` // SELECT of an application inside secure messaging forgets the PIN
	KeepPIN           bool `json:"keep-pin"`             // the PIN state survives SELECT in the clear and a new channel

	// Codes.
	Tries          string `json:"tries-readable"`    // "both" (default), "object", "verify", "none"
	LenientVerify  bool   `json:"lenient-verify"`    // codes need the terminal proved only, not the chip
	NoDAPP         bool   `json:"no-dapp"`           // codes need secure messaging only
	Plain6985      bool   `json:"plain-verify-6985"` // a code in the clear: 6985, else 6982
	WrongTries     string `json:"wrong-tries"`       // status word in hex given for every wrong code, such as "63cf"
	GrowingTries   bool   `json:"growing-tries"`     // every wrong code is said to leave one try more
	LengthCosts    bool   `json:"length-costs"`      // a code of the wrong length spends a try
	WrongCodeEnds  bool   `json:"wrong-code-ends"`   // a wrong code ends the session
	ChangeNeedsPIN bool   `json:"change-needs-pin"`  // CHANGE needs the PIN verified before: 6982
	OneSignature   bool   `json:"one-signature"`     // a signature uses the PIN up
	ForgetKey      bool   `json:"forget-key"`        // and each use of a private key the choice of it
	SignMax        int    `json:"sign-max"`          // longest input of a signature; 0: 102
	SignTooLong    string `json:"sign-too-long"`     // status word in hex for a longer one; "": 6A80
	RandomServices bool   `json:"random-services"`   // key 83 signs a different value each time
	ShortServices  bool   `json:"short-services"`    // key 83 signs 16 bytes at most: 6A80
	PlainServices  bool   `json:"plain-services"`    // key 83 works outside secure messaging only: 6982

	// The security object (SOD).
	OldSOD        bool   `json:"old-sod"`        // SHA-256 and PKCS #1 v1.5; else SHA-512 and PSS
	SHA1SOD       bool   `json:"sha1-sod"`       // the old one, its signature over SHA-1
	NoDHDigest    bool   `json:"no-dh-digest"`   // it says nothing of EF D004
	BadDigest     string `json:"bad-digest"`     // data group whose digest is wrong: "a1" … "1b"
	BadSignature  bool   `json:"bad-signature"`  // the signature is wrong
	BadAlgorithm  bool   `json:"bad-algorithm"`  // the signature is said to be MD5 with RSA
	UnknownIssuer bool   `json:"unknown-issuer"` // the signer has an issuer nobody knows
}

// A Profile is a chip as a reader sees it: its ATR, the content of EF.ATR, and
// the behaviour it is known or thought to have.
type Profile struct {
	Name      string
	ATR       []byte
	EFATR     []byte
	Behaviour Behaviour
}

// Makers' EF.ATR, as far as they are known.
var (
	efATRGemalto  = []byte("\x80IasEccRoot\x82\x02\x90\x00")
	efATRGemalto2 = unhex("43 01 B8 46 04 10 10 10 10 47 03 94 41 C0 82 02 90 00")
	efATRNXP      = unhex("80 00 43 01 B8 46 04 10 10 10 10 47 03 94 01 80 82 02 90 00")
	efATRActalis  = unhex("80 00 43 01 B8 46 04 10 10 10 10 47 03 94 01 E0 7F 66 08 02 02 04 D6 02 02 07 E3 E0 10 02 02 01 04 02 02 00 E6 02 02 00 E6 02 02 00 E6 78 08 06 06 2B 81 22 F8 78 02 82 02 90 00")
	efATRST       = unhex("80 00 43 01 B9 46 04 00 00 00 10 47 03 94 01 81 4F 0C A0 00 00 00 95 00 00 00 00 8A 00 01 E0 10 02 02 00 FF 02 02 00 FF 02 02 01 00 02 02 01 00 78 08 06 06 2B 81 22 F8 78 02 82 02 90 00")
)

// Profiles are the twelve chips with a known ATR.
func Profiles() []Profile {
	st := Behaviour{CHRWithA4Only: true, OldSOD: true}
	jcop := Behaviour{Extended: true, EndOfFile: "empty"}
	jcop2023 := jcop
	jcop2023.CardAccessMF = true
	return []Profile{
		{"gemalto2", unhex("3B8F8001 80318065B0850300EF120FFF829000 73"), efATRGemalto2, Behaviour{SingleDH: true, OldSOD: true}},
		{"gemalto", unhex("3B8F8001 80318065B085040011120FFF829000 8A"), efATRGemalto, Behaviour{SingleDH: true, OldSOD: true, EndOfFile: "6b00"}},
		{"nxp", unhex("3B8E8001 8031806549544E5850120FFF8290 F0"), efATRNXP, Behaviour{RefuseIASName: true, OldSOD: true}},
		{"stm", unhex("3B8B8001 8066475000B8007F829000 2E"), efATRST, st},
		{"stm2", unhex("3B80800101"), efATRST, st},
		{"stm3", unhex("3B8B8001 8066475000B80094829000 C5"), efATRST, st},
		{"itj4b", unhex("3B8F8001 8031806549544A3442120FFF829000 8B"), efATRActalis, jcop},
		{"itj4a", unhex("3B8F8001 8031806549544A3441120FFF829000 88"), efATRActalis, jcop},
		{"itj4d", unhex("3B8F8001 8031806549544A3444120FFF829000 8D"), efATRActalis, jcop2023},
		{"itj4c", unhex("3B8F8001 8031806549544A3443120FFF829000 8A"), efATRActalis, jcop2023},
		{"itj4i", unhex("3B8F8001 8031806549544A3449120FFF829000 80"), efATRActalis, jcop2023},
		{"itj4l", unhex("3B8F8001 8031806549544A344C120FFF829000 85"), efATRActalis, jcop2023},
	}
}

// ProfileNamed finds a profile, in capitals or not; "" is itj4d. The names of the
// four personalities of the chip specification (13.5) are known, too: "st" is stm,
// "jcop4" is itj4d.
func ProfileNamed(name string) (Profile, error) {
	wanted := strings.ToLower(name)
	switch wanted {
	case "", "jcop4":
		wanted = "itj4d"
	case "st":
		wanted = "stm"
	}
	all := Profiles()
	if i := slices.IndexFunc(all, func(p Profile) bool { return p.Name == wanted }); i >= 0 {
		return all[i], nil
	}
	return Profile{}, fmt.Errorf("no profile %q", name)
}

// unhex decodes a constant of this package, blanks between its digits.
func unhex(digits string) []byte {
	compact := slices.DeleteFunc([]byte(digits), func(c byte) bool { return c <= ' ' })
	n, err := hex.Decode(compact, compact)
	if err != nil {
		panic(err)
	}
	return compact[:n]
}
