// Package emulator is a CIE in software: the card's side of the protocol, for
// tests of any client and for trying a program without a card.
//
// It is written from the specification of the card and shares no code with the
// client in package applet but the encoding of APDUs and TLV, so that a mistake
// on one side is seen by the other. Everything in it is made up or public: its
// keys, its codes and its holder protect nobody.
package emulator

import (
	"bytes"
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"sync"
	"time"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

// ErrRemoved is what Transmit returns when the card is not, or no longer, in the
// field of the reader.
var ErrRemoved = errors.New("emulated card is out of the field")

// Options say which card to make. The zero value is the card of the published
// vectors in a chip of profile itj4d, PIN 12345678, PUK 87654321.
type Options struct {
	Seed      string     // another seed is another card, with other keys and another holder
	Profile   string     // name of a Profile; "": itj4d
	PIN, PUK  string     // "": 12345678, 87654321
	Tries     *int       // PIN tries left; nil: 3
	PUKTries  *int       // PUK tries left; nil: 10
	Behaviour *Behaviour // instead of the profile's
	Person    *Person    // instead of the one of the seed
	From      time.Time  // validity of the holder's certificate; zero: 2024 to 2044
	Until     time.Time
	Random    io.Reader     // what the chip draws; nil: a stream made from the seed
	State     string        // file that keeps codes and counters; "": none
	PerAPDU   time.Duration // latency: of each command,
	PerByte   time.Duration // of each byte in either direction,
	PerCrypto time.Duration // of each operation with a long number
	Log       io.Writer     // every APDU, protected commands also in the clear
}

// An identity is what one card contains.
type identity struct {
	keys        cardKeys
	pan         []byte // EF.SN.ICC
	person      Person
	certificate *x509.Certificate
	files       map[uint16][]byte
}

// A directory of the card.
type directory int

const (
	root directory = iota
	dfCIE
	dfMRTD
)

// A Card is one emulated card. It may be used from several goroutines.
type Card struct {
	mu       sync.Mutex
	profile  Profile
	identity identity
	options  Options
	random   io.Reader
	codes    codes
	present  bool // in the field
	powered  bool // since the last loss of the field

	session // lost at reset and at loss of the field

	faults   []armed
	history  [][]byte // earlier answers, for replay
	stats    Stats
	ledger   []Entry
	released chan struct{} // closed when a stalled command is let go
}

// A session is the volatile state of the card.
type session struct {
	df       directory
	ef       []byte // content of the current file, nil: none
	efID     uint16
	sm       *channel
	ifdValue []byte   // public value of the terminal, between MSE SET and GET DATA
	iccValue []byte   // ours
	next     *channel // agreed, starts after the answer
	dst      bool     // authority key chosen
	terminal *key     // key of the terminal's certificate
	chr      []byte   // its reference
	external bool     // chosen for EXTERNAL AUTHENTICATE
	rndICC   []byte
	fresh    bool // rndICC not yet used
	extOK    bool // terminal proved
	intOK    bool // chip proved
	private  byte // private key chosen, 0 none
	algo     byte
	newSSC   []byte // after this answer
	pinOK    bool
	pukOK    bool
	chain    []byte
	chainOf  [3]byte // INS P1 P2
	rest     []byte  // waiting for GET RESPONSE
	restSW   apdu.SW
	pace     *pace
}

// New makes a card, laid on the reader.
func New(o Options) (*Card, error) {
	profile, err := ProfileNamed(o.Profile)
	if err != nil {
		return nil, err
	}
	if o.Behaviour != nil {
		profile.Behaviour = *o.Behaviour
	}
	c := &Card{profile: profile, options: o, present: true, powered: true, released: make(chan struct{})}
	c.random = o.Random
	if c.random == nil {
		c.random = newStream("random", o.Seed)
	}
	if c.codes, err = newCodes(o); err != nil {
		return nil, err
	}
	c.makeIdentity()
	return c, nil
}

// persons of other seeds than "" are made of these.
var (
	surnames = []string{"PROVA", "ESEMPIO", "FINTO", "CAMPIONE", "MODELLO"}
	names    = []string{"CARTA", "TESSERA", "SCHEDA", "MARIO", "LUCIA"}
)

// makeIdentity makes keys, number, holder, certificate and files.
func (c *Card) makeIdentity() {
	o := c.options
	id := identity{keys: madeKeys.of(o.Seed), pan: unhex("5A0A9380001234567890123F")}
	id.person = Person{"PROVA", "CARTA", "PRVCRT85A41H501X", "CA00000AA"}
	nis := []byte("123456789012")
	if o.Seed != "" {
		s := newStream("identity", o.Seed)
		number := s.digits(12)
		for i := range 6 {
			id.pan[5+i] = (number[2*i]-'0')<<4 | number[2*i+1] - '0'
		}
		nis = s.digits(12)
		pick := s.digits(8)
		id.person = Person{
			Surname: surnames[pick[0]%5], Name: names[pick[1]%5],
			TaxCode:  fmt.Sprintf("PRVCRT%c%cA%c%cH%c%c%cX", pick[2], pick[3], '0'+pick[4]%2, '1'+pick[5]%8, pick[6], pick[7], '1'),
			Document: fmt.Sprintf("CA%sAA", s.digits(5)),
		}
	}
	if o.Person != nil {
		id.person = *o.Person
	}
	from, until := cmp.Or(o.From, holderFrom), cmp.Or(o.Until, holderUntil)
	id.certificate = holderCertificate(id.keys.holder, id.person, fmt.Sprintf("%X", id.pan[5:11]), from, until)
	c.identity = id
	c.identity.files = c.makeFiles(nis)
}

// Elementary files.
const (
	efNIS         = 0x1001
	efSerial      = 0x1002
	efCertificate = 0x1003
	efDeviceKey   = 0x1004
	efServicesKey = 0x1005
	efSOD         = 0x1006
	efDIR         = 0x2F00
	efATR         = 0x2F01
	efSNICC       = 0xD003
	efDH          = 0xD004
)

func (c *Card) makeFiles(nis []byte) map[uint16][]byte {
	id, b := c.identity, c.profile.Behaviour
	padding := make([]byte, b.Padding)
	files := map[uint16][]byte{
		efNIS: nis, efSerial: []byte(id.person.Document), efCertificate: append(bytes.Clone(id.certificate.Raw), padding...),
		efDeviceKey: publicKeyFile(id.keys.device), efServicesKey: publicKeyFile(id.keys.services),
		efDIR: unhex("61 0F 4F 0D A0 00 00 00 30 80 00 00 00 09 81 60 01"), efATR: c.profile.EFATR, efSNICC: id.pan,
		efDH: der(0x70, bytes.Join([][]byte{der(tagG, groupG), der(tagP, groupP), der(tagQ, groupQ)}, nil)),
	}
	groups := []dataGroup{
		{0xA5, files[efServicesKey]}, {0x1B, files[efDH]}, {0xA4, files[efDeviceKey]},
		{0xA3, id.certificate.Raw}, {0xA2, files[efSerial]}, {0xA1, nis},
	}
	files[efSOD] = append(makeSOD(groups, b), padding...)
	return files
}

// shortIDs are the short file identifiers of the files in DF_CIE and the root.
var shortIDs = map[byte]uint16{
	0x01: efNIS, 0x02: efSerial, 0x03: efCertificate, 0x04: efDeviceKey, 0x05: efServicesKey, 0x06: efSOD,
	0x1B: efDH, 0x1C: efSNICC, 0x1D: efATR, 0x1E: efDIR,
}

// ATR is the answer to reset as a PC/SC reader gives it.
func (c *Card) ATR() []byte { return bytes.Clone(c.profile.ATR) }

// PAN is the card's number, 12 digits.
func (c *Card) PAN() string { return fmt.Sprintf("%X", c.identity.pan[5:11]) }

// Holder is whom the card belongs to.
func (c *Card) Holder() Person { return c.identity.person }

// Certificate is the holder's certificate.
func (c *Card) Certificate() *x509.Certificate { return c.identity.certificate }

// Reset does what a reset by the reader does.
func (c *Card) Reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.reset()
}

func (c *Card) reset() {
	c.session = session{}
	c.stats.Resets++
}

// Remove lifts the card: Transmit fails until Insert. A stalled command ends.
func (c *Card) Remove() {
	c.releaseStalled()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present = false
	c.session = session{}
}

// Insert lays the card on the reader.
func (c *Card) Insert() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.present = true
	c.powerOn()
}

// PowerOn brings the card back after a loss of the field, as a reader does when
// it finds a card. It fails while the card is lifted.
func (c *Card) PowerOn() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.present {
		return ErrRemoved
	}
	c.powerOn()
	return nil
}

func (c *Card) powerOn() {
	c.powered = true
	c.session = session{}
}

// Present says whether the card lies on the reader.
func (c *Card) Present() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.present
}

// Transmit answers one command APDU. The answer has at least two bytes, unless
// a fault takes them. The only errors are those of a lost link.
func (c *Card) Transmit(command []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.present || !c.powered {
		return nil, ErrRemoved
	}
	c.stats.APDUs++
	c.stats.BytesIn += len(command)
	answer, err := c.withFault(command)
	if err != nil {
		return nil, err
	}
	c.stats.BytesOut += len(answer)
	c.wait(c.options.PerAPDU + time.Duration(len(command)+len(answer))*c.options.PerByte)
	c.history = append(c.history, bytes.Clone(answer))
	if len(c.history) > 8 {
		c.history = c.history[1:]
	}
	return answer, nil
}

func (c *Card) wait(d time.Duration) {
	if d > 0 {
		time.Sleep(d)
	}
}

// heavy counts an operation with a long number.
func (c *Card) heavy() {
	c.stats.Crypto++
	c.wait(c.options.PerCrypto)
}

// A reply is a response before it is protected and cut into pieces.
type reply struct {
	data []byte
	sw   apdu.SW
}

func refuse(sw apdu.SW) reply  { return reply{sw: sw} }
func answer(data []byte) reply { return reply{data, apdu.OK} }
func done() reply              { return reply{sw: apdu.OK} }
func (r reply) bytes() []byte  { return append(bytes.Clone(r.data), byte(r.sw>>8), byte(r.sw)) }
func (c *Card) log(f string, a ...any) {
	if c.options.Log != nil {
		fmt.Fprintf(c.options.Log, f+"\n", a...)
	}
}

// process answers a command: the reader's view.
func (c *Card) process(in []byte) []byte {
	c.log("> %X", in)
	out := c.answerTo(in).bytes()
	c.log("< %X", out)
	return out
}

func (c *Card) answerTo(in []byte) reply {
	cmd, err := apdu.ParseCommand(in)
	if err != nil || cmd.Extended() && !c.profile.Behaviour.Extended && c.df != dfMRTD {
		return refuse(0x6700)
	}
	if cmd.INS == 0xC0 && cmd.CLA == 0 {
		return c.getResponse(cmd)
	}
	c.rest = nil
	if cmd.CLA&^0x1C != 0 || cmd.CLA&0x0C != 0 && cmd.CLA&0x0C != 0x0C {
		return refuse(0x6E00)
	}
	if cmd.CLA&0x0C != 0 {
		return c.protected(cmd)
	}
	if c.sm != nil && cmd.INS != 0xA4 {
		c.endSession()
	}
	r := c.link(cmd)
	if c.profile.Behaviour.AlwaysMoreData && cmd.Ne == 0 && len(r.data) > 0 {
		c.rest, c.restSW = r.data, r.sw
		return refuse(0x6100 | apdu.SW(len(r.data)&0xFF))
	}
	return c.cut(r, cmd.Ne)
}

// protected answers a command in secure messaging.
func (c *Card) protected(cmd apdu.Command) reply {
	if c.sm == nil {
		return refuse(0x6882)
	}
	plain, sw := c.sm.open(cmd)
	if sw != apdu.OK {
		c.endSession()
		return refuse(sw)
	}
	c.log("  > %02X %02X %02X %02X %X Ne=%d", plain.CLA, plain.INS, plain.P1, plain.P2, plain.Data, plain.Ne)
	sm := c.sm
	r := c.link(plain)
	c.log("  < %X %v", r.data, r.sw)
	outer := apdu.OK
	if c.profile.Behaviour.MirrorStatus {
		outer = r.sw
	}
	body := sm.close(r, plain.INS)
	if c.newSSC != nil {
		copy(sm.ssc[:], c.newSSC)
		c.newSSC = nil
	}
	if cmd.CLA&0x10 != 0 && c.profile.Behaviour.LargeChainAnswer {
		c.rest, c.restSW = body, outer
		return refuse(0x6100 | apdu.SW(len(body)&0xFF))
	}
	return c.cut(reply{body, outer}, cmd.Ne)
}

// cut gives what fits in one answer and keeps the rest for GET RESPONSE.
func (c *Card) cut(r reply, ne int) reply {
	limit := apdu.MaxShortNe
	if ne > limit {
		limit = ne
	}
	if len(r.data) <= limit {
		return r
	}
	c.rest, c.restSW = r.data[limit:], r.sw
	return reply{r.data[:limit], moreData(len(c.rest))}
}

func moreData(n int) apdu.SW {
	if n > 255 {
		n = 0
	}
	return 0x6100 | apdu.SW(n)
}

func (c *Card) getResponse(cmd apdu.Command) reply {
	if c.rest == nil {
		return refuse(0x6985)
	}
	n := min(max(cmd.Ne, 1), len(c.rest))
	out := c.rest[:n]
	if c.rest = c.rest[n:]; len(c.rest) > 0 {
		return reply{out, moreData(len(c.rest))}
	}
	c.rest = nil
	return reply{out, c.restSW}
}

// maxChain bounds the data that a chain may collect.
const maxChain = 4096

// link collects the pieces of a chain and runs the command at its end.
func (c *Card) link(cmd apdu.Command) reply {
	if cmd.INS == 0x86 { // the steps of PACE are a chain whose every part is answered
		return c.run(cmd)
	}
	id := [3]byte{cmd.INS, cmd.P1, cmd.P2}
	if c.chain != nil && id != c.chainOf {
		c.chain = nil
	}
	if len(c.chain)+len(cmd.Data) > maxChain {
		c.chain = nil
		return refuse(0x6A80)
	}
	if cmd.CLA&0x10 != 0 {
		c.chain, c.chainOf = append(c.chain, cmd.Data...), id
		return done()
	}
	if c.chain != nil {
		cmd.Data, c.chain = append(c.chain, cmd.Data...), nil
	}
	return c.run(cmd)
}

// run executes a command.
func (c *Card) run(cmd apdu.Command) reply {
	switch cmd.INS {
	case 0xA4:
		return c.selectFile(cmd)
	case 0xB0, 0xB1:
		return c.readBinary(cmd)
	case 0xCB:
		return c.getData(cmd)
	case 0x22:
		return c.manageEnvironment(cmd)
	case 0x2A:
		return c.verifyCertificate(cmd)
	case 0x84:
		return c.getChallenge(cmd)
	case 0x82:
		return c.externalAuthenticate(cmd)
	case 0x88:
		return c.internalAuthenticate(cmd)
	case 0x86:
		return c.generalAuthenticate(cmd)
	case 0x20:
		return c.verify(cmd)
	case 0x24:
		return c.changePIN(cmd)
	case 0x2C:
		return c.resetRetryCounter(cmd)
	}
	return refuse(0x6D00)
}

// endSession ends secure messaging and every state of authentication.
func (c *Card) endSession() {
	kept := session{df: c.df, ef: c.ef, efID: c.efID}
	if c.profile.Behaviour.KeepPIN {
		kept.pinOK = c.pinOK
	}
	c.session = kept
}

// newPrivate draws a private Diffie-Hellman exponent.
func (c *Card) newPrivate() (x *big.Int) {
	draw, q := make([]byte, len(groupQ)), new(big.Int).SetBytes(groupQ)
	for {
		_, _ = io.ReadFull(c.random, draw)
		if x = new(big.Int).SetBytes(draw); x.Sign() > 0 && x.Cmp(q) < 0 {
			return x
		}
	}
}

func (c *Card) draw(n int) []byte {
	out := make([]byte, n)
	_, _ = io.ReadFull(c.random, out)
	return out
}

// object finds the one object with that tag, nil if it is missing.
func object(objects []tlv.Object, tag tlv.Tag) []byte {
	if i := slices.IndexFunc(objects, func(o tlv.Object) bool { return o.Tag == tag }); i >= 0 {
		return objects[i].Value
	}
	return nil
}
