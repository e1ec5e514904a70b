package applet

import (
	"fmt"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// Tags in GET DATA requests and answers: an extended header list (ISO/IEC
// 7816-4:2020 §8.4.7) names the object, the answer has the same nesting.
const (
	tagHeaderList  tlv.Tag = 0x4D
	tagObjects     tlv.Tag = 0x70
	tagDHObject    tlv.Tag = 0xBFA101
	tagDHValues    tlv.Tag = 0xA3
	tagG           tlv.Tag = 0x97
	tagP           tlv.Tag = 0x98
	tagQ           tlv.Tag = 0x99
	tagKeyObject   tlv.Tag = 0xBFA004
	tagPublicKey   tlv.Tag = 0x7F49
	tagModulus     tlv.Tag = 0x81
	tagExponent    tlv.Tag = 0x82
	tagCHR         tlv.Tag = 0x5F20
	tagCHA         tlv.Tag = 0x5F4C
	tagPINObject   tlv.Tag = 0xBF8101
	tagDOCP        tlv.Tag = 0xA0 // control parameters of an object
	tagTriesLeft   tlv.Tag = 0x9B
	tagAgreement   tlv.Tag = 0xA6
	tagPublicValue tlv.Tag = 0x91
)

// ReadParameters reads what a terminal must know of the card before it can
// agree on keys with it. All of it is free to read.
func (c *Card) ReadParameters() (Parameters, error) {
	p := Parameters{DefaultRoot: c.noName}
	for _, value := range []struct {
		tag  tlv.Tag
		into *[]byte
	}{{tagG, &p.G}, {tagP, &p.P}, {tagQ, &p.Q}} {
		var err error
		if *value.into, err = c.readDHValue(value.tag); err != nil {
			return Parameters{}, at(StepParameters, err)
		}
	}
	key, err := c.ReadFile(FileDeviceKey)
	if err != nil {
		return Parameters{}, err
	}
	p.DeviceKey = key
	if p.Authority, err = c.readAuthorityKey(); err != nil {
		return Parameters{}, at(StepParameters, err)
	}
	return p, nil
}

// readDHValue asks for one of g, p, q. Every card answers this form; the one
// that asks for all three is known to some only.
func (c *Card) readDHValue(tag tlv.Tag) ([]byte, error) {
	answer, err := c.getData([]byte{0x4D, 0x0A, 0x70, 0x08, 0xBF, 0xA1, 0x01, 0x04, 0xA3, 0x02, byte(tag), 0x00})
	if err != nil {
		return nil, err
	}
	value, err := tlv.Find(answer, tagObjects, tagDHObject, tagDHValues, tag)
	if err != nil {
		return nil, fmt.Errorf("%w: Diffie-Hellman parameter %02X", ErrData, tag)
	}
	return value, nil
}

// readAuthorityKey asks for the key with reference 84.
func (c *Card) readAuthorityKey() (AuthorityKey, error) {
	answer, err := c.getData([]byte{0x4D, 0x09, 0x70, 0x07, 0xBF, 0xA0, 0x04, 0x03, 0x7F, 0x49, 0x80})
	if err != nil {
		return AuthorityKey{}, err
	}
	key, err := tlv.Find(answer, tagObjects, tagKeyObject, tagPublicKey)
	if err != nil {
		return AuthorityKey{}, fmt.Errorf("%w: authority key", ErrData)
	}
	var k AuthorityKey
	for _, value := range []struct {
		tag  tlv.Tag
		into *[]byte
	}{{tagModulus, &k.N}, {tagExponent, &k.E}, {tagCHR, &k.CHR}, {tagCHA, &k.CHA}} {
		if *value.into, err = tlv.Find(key, value.tag); err != nil {
			return AuthorityKey{}, fmt.Errorf("%w: authority key", ErrData)
		}
	}
	return k, nil
}

// getData is GET DATA in the current directory, with Le; a card that refuses Le
// here is asked once more without, as older terminals do.
func (c *Card) getData(headerList []byte) ([]byte, error) {
	command := apdu.Command{INS: insGetData, P1: 0x3F, P2: 0xFF, Data: headerList, Ne: apdu.MaxShortNe}
	r, err := c.send(command)
	if err == nil && r.SW == swWrongLength {
		command.Ne = 0
		r, err = c.send(command)
	}
	if err != nil {
		return nil, err
	}
	return content(insGetData, r)
}
