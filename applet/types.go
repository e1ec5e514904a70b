package applet

import (
	"encoding/hex"
	"errors"
	"strings"
)

// A PAN names a card: bytes 5 to 10 of EF.SN.ICC, counted from 0. It is free to
// read, unique, and never changes.
type PAN [6]byte

// String gives the twelve upper-case hexadecimal digits by which the card is
// known to other software too.
func (p PAN) String() string { return strings.ToUpper(hex.EncodeToString(p[:])) }

// ParsePAN reads what String writes.
func ParsePAN(s string) (PAN, error) {
	var p PAN
	if len(s) != hex.EncodedLen(len(p)) {
		return PAN{}, errors.New("a card number has 12 digits")
	}
	if _, err := hex.Decode(p[:], []byte(s)); err != nil {
		return PAN{}, errors.New("a card number has hexadecimal digits only")
	}
	return p, nil
}

// A File is the identifier of an elementary file.
type File uint16

// The files of a CIE. Those from FileNIS to FileSOD are in DF_CIE, the others
// in the root directory. FileSerial and FileCertificate need the PIN.
const (
	FileNIS         File = 0x1001 // identifier for services, 12 ASCII digits
	FileSerial      File = 0x1002 // document number, 9 ASCII characters
	FileCertificate File = 0x1003 // the holder's X.509 certificate
	FileDeviceKey   File = 0x1004 // public key of the chip, see ParsePublicKey
	FileServicesKey File = 0x1005 // public key of the services key, same form
	FileSOD         File = 0x1006 // security object: digests of the others, signed by the state
	FileATR         File = 0x2F01 // capabilities of the chip
	FileSNICC       File = 0xD003 // serial number of the chip
	FileDH          File = 0xD004 // Diffie-Hellman parameters, layout not public: only ever hashed
)

// Parameters are what a terminal reads from a card before it can agree on keys
// with it. They never change in a card's life, so they can be kept; wrong ones
// make Authenticate fail and do nothing else.
type Parameters struct {
	G, P, Q   []byte // Diffie-Hellman domain parameters, as the card sent them
	Authority AuthorityKey
	// DefaultRoot says that the card does not know the application by its name,
	// only as the default directory.
	DefaultRoot bool
	DeviceKey   []byte // content of FileDeviceKey: who vouches for it is the caller's business
}

// An AuthorityKey is the public key with which the card verifies terminal
// certificates.
type AuthorityKey struct {
	N, E []byte // modulus and public exponent, big-endian
	CHR  []byte // certificate holder reference, 12 bytes
	CHA  []byte // certificate holder authorisation, at least 7 bytes
}
