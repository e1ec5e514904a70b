package applet

import (
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

func (c *Card) sign(key byte, data []byte) ([]byte, error) {
	if len(data) == 0 || len(data) > MaxSignData {
		return nil, fmt.Errorf("%d bytes cannot be signed at once", len(data))
	}
	// The key is chosen for each signature, as every terminal does: no source says
	// that a card remembers it.
	environment := []byte{0x80, 0x01, algorithmSignature, 0x84, 0x01, key}
	if err := c.run(apdu.Command{INS: insMSE, P1: 0x41, P2: 0xA4, Data: environment}); err != nil {
		return nil, err
	}
	command := apdu.Command{INS: insInternalAuthenticate, Data: data}
	if c.channel == nil {
		command.Ne = apdu.MaxShortNe
	}
	return c.ask(command)
}
