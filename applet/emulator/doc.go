// Package emulator is a software Carta d'Identità Elettronica 3.0: the card's
// side of the protocol, for tests, demonstrations and development without a
// reader. New makes a card, Transmit talks to it, Serve puts it into the virtual
// reader of a PC/SC service.
//
// It is written from the specification of the chip and shares nothing with the
// client in package applet but apdu and tlv, so that two mistakes cannot cancel
// out. Where nobody knows how a real card behaves, both readings exist behind a
// switch: see Switches and the README.
//
// Every key, certificate, name and code in it is a test value. Nothing here is
// constant-time, and nothing here protects a secret.
package emulator
