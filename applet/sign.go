package applet

import (
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet/apdu"
)

// MaxSignData is the most that the card signs at once: 40 % of the modulus
// (IAS ECC 1.0.1), in bytes.
const MaxSignData = 102

// Sign has the holder's key sign data, the DER of a DigestInfo (RFC 8017 §9.2):
// the card puts it into an EMSA-PKCS1-v1_5 block as it is. VerifyPIN must have
// succeeded in this channel. The signature has the size of the modulus, 256
// bytes, big-endian.
func (c *Card) Sign(data []byte) ([]byte, error) {
	if !c.Authenticated() {
		return nil, at(StepSign, errChannel)
	}
	signature, err := c.sign(keyHolder, data)
	return signature, at(StepSign, err)
}

// SignServices has the services key sign data in the same way. It needs no PIN
// and works with and without a secure channel.
func (c *Card) SignServices(data []byte) ([]byte, error) {
	signature, err := c.sign(keyServices, data)
	return signature, at(StepServices, err)
}

// sign chooses the key and has it sign. A card remembers the choice; one that has
// forgotten it is told again.
func (c *Card) sign(key byte, data []byte) ([]byte, error) {
	if len(data) == 0 || len(data) > MaxSignData {
		return nil, fmt.Errorf("%d bytes cannot be signed at once", len(data))
	}
	command := apdu.Command{INS: insInternalAuthenticate, Data: data}
	if c.channel == nil {
		command.Ne = apdu.MaxShortNe
	}
	if c.private == key {
		signature, err := c.ask(command)
		if !unchosen(err) {
			return signature, err
		}
	}
	environment := []byte{0x80, 0x01, algorithmSignature, 0x84, 0x01, key}
	if err := c.run(apdu.Command{INS: insMSE, P1: 0x41, P2: 0xA4, Data: environment}); err != nil {
		return nil, err
	}
	c.private = key
	return c.ask(command)
}

// unchosen says whether a card may have refused to sign for want of a key.
func unchosen(err error) bool {
	var refused *apdu.StatusError
	return errors.As(err, &refused) && (refused.SW == swConditions || refused.SW == swNoReference)
}
