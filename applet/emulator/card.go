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
	nis         []byte
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

// A Card is one emulated card and the field of the reader it lies in. It may be
// used from several goroutines: commands run one after the other, and none of the
// other methods waits for a slow or stalled one.
type Card struct {
	turn sync.Mutex    // held by one Transmit at a time, waits included
	mu   sync.Mutex    // guards all that follows
	late time.Duration // what the command under way still has to take

	profile  Profile
	identity identity
	options  Options
	random   io.Reader
	codes    codes
	present  bool // in the field
	powered  bool // since the last loss of the field

	session // lost at reset and at loss of the field

	faults   []armed
	once     string // kind of the fault at the command under way, where the card itself must know
	onceSW   apdu.SW
	history  [][]byte // earlier answers, for replay
	stats    Stats
	total    int // commands since the card was made
	inserted int // of these, before it was laid on the reader
	ledger   []Entry
	released chan struct{} // closed when a stalled command is let go
	field    chan struct{} // closed while the card has no power

	home   string           // number of the card of Options, which the state file keeps
	others map[string]codes // of cards swapped away, by number
}

// A session is the volatile state of the card.
type session struct {
	df       directory
	rootSeen bool   // the root was selected since reset
	mfSeen   bool   // by 00A4000C
	named    bool   // an application was selected by name since the MF was current
	ef       []byte // content of the current file, nil: none
	efID     uint16
	sm       *channel
	ifdValue []byte // public value of the terminal
	iccValue []byte // ours
	agreed   bool   // ours was sent
	group    group  // both are in it
	dst      bool   // authority key chosen
	terminal *key   // key of the terminal's certificate
	chr      []byte // its reference
	external bool   // chosen for EXTERNAL AUTHENTICATE
	rndICC   []byte
	fresh    bool   // rndICC not yet used
	extOK    bool   // terminal proved,
	proved   []byte // with an answer to this challenge
	intOK    bool   // chip proved
	private  byte   // private key chosen, 0 none
	algo     byte
	newSSC   []byte // after this answer
	endAfter bool   // the session ends after this answer
	travel   bool   // secure messaging comes from PACE
	pinOK    bool
	pukOK    bool
	chain    []byte
	chainOf  [4]byte // secure messaging or not, INS P1 P2
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
	c := &Card{
		profile: profile, options: o, present: true, powered: true,
		released: make(chan struct{}), field: make(chan struct{}), others: map[string]codes{},
	}
	c.random = o.Random
	if c.random == nil {
		c.random = newStream("random", o.Seed)
	}
	c.identity = c.makeIdentity(o.Seed, o.Person)
	c.home = c.identity.number()
	if c.codes, err = newCodes(o, c.home); err != nil {
		return nil, err
	}
	c.identity.files = c.makeFiles()
	return c, nil
}

// persons of other seeds than "" are made of these.
var (
	surnames = []string{"PROVA", "ESEMPIO", "FINTO", "CAMPIONE", "MODELLO"}
	names    = []string{"CARTA", "TESSERA", "SCHEDA", "MARIO", "LUCIA"}
)

// makeIdentity makes keys, number, holder and certificate of a seed.
func (c *Card) makeIdentity(seed string, person *Person) identity {
	o := c.options
	id := identity{keys: madeKeys.of(seed), pan: unhex("5A0A9380001234567890123F")}
	id.person = Person{"PROVA", "CARTA", "PRVCRT85A41H501E", "CA00000AA"}
	id.nis = []byte("123456789012")
	if seed != "" {
		s := newStream("identity", seed)
		number := s.digits(12)
		for i := range 6 {
			id.pan[5+i] = (number[2*i]-'0')<<4 | number[2*i+1] - '0'
		}
		id.nis = s.digits(12)
		pick := s.digits(8)
		id.person = Person{
			Surname: surnames[pick[0]%5], Name: names[pick[1]%5],
			Document: fmt.Sprintf("CA%sAA", s.digits(5)),
		}
	}
	if seed != "" {
		id.person.TaxCode = taxCode(id.person, newStream("birth", seed))
	}
	if person != nil {
		id.person = *person
	}
	from, until := cmp.Or(o.From, holderFrom), cmp.Or(o.Until, holderUntil)
	id.certificate = holderCertificate(id.keys.holder, id.person, id.number(), from, until)
	return id
}

// number is the card's number, 12 digits.
func (id *identity) number() string { return fmt.Sprintf("%X", id.pan[5:11]) }

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
	ef1000        = 0x1000 // of these two only the identifiers are known
	ef1007        = 0x1007
)

// makeFiles makes the contents of the files, as the switches want them.
func (c *Card) makeFiles() map[uint16][]byte {
	id, b := c.identity, c.profile.Behaviour
	nis := id.nis
	padding := make([]byte, b.Padding)
	gr := groupNamed(b.Group)
	files := map[uint16][]byte{
		efNIS: nis, efSerial: []byte(id.person.Document), efCertificate: append(bytes.Clone(id.certificate.Raw), padding...),
		efDeviceKey: publicKeyFile(id.keys.device), efServicesKey: publicKeyFile(id.keys.services),
		efDIR: unhex("61 0F 4F 0D A0 00 00 00 30 80 00 00 00 09 81 60 01"), efATR: c.profile.EFATR, efSNICC: id.pan,
		efDH: der(0x70, bytes.Join([][]byte{der(tagG, gr.g), der(tagP, gr.p), der(tagQ, gr.q)}, nil)),
	}
	groups := []dataGroup{
		{0xA5, files[efServicesKey]},
		{0x1B, files[efDH]},
		{0xA4, files[efDeviceKey]},
		{0xA3, id.certificate.Raw},
		{0xA2, files[efSerial]},
		{0xA1, nis},
	}
	if b.NoDHDigest {
		groups = slices.Delete(groups, 1, 2)
	}
	files[efSOD] = append(makeSOD(groups, b), padding...)
	if b.CertificateSize != 0 { // a DER certificate of more than 255 bytes: 30 82 hh ll
		files[efCertificate][3] += byte(b.CertificateSize)
	}
	if b.OtherDeviceKey {
		files[efDeviceKey] = publicKeyFile(caKey("signer"))
	}
	if b.NoDHFile {
		delete(files, efDH)
	}
	if b.ExtraFiles {
		files[ef1000], files[ef1007] = []byte{0}, publicKeyFile(id.keys.holder)
	}
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
func (c *Card) PAN() string { id := c.who(); return id.number() }

// Holder is whom the card belongs to.
func (c *Card) Holder() Person { return c.who().person }

// Certificate is the holder's certificate.
func (c *Card) Certificate() *x509.Certificate { return c.who().certificate }

func (c *Card) who() identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.identity
}

// Reset does what a reset by the reader does. A stalled command ends.
func (c *Card) Reset() {
	c.releaseStalled()
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
	c.powerOff()
}

// powerOff is the loss of the field.
func (c *Card) powerOff() {
	c.powered = false
	c.session = session{}
	select {
	case <-c.field:
	default:
		close(c.field)
	}
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
	if !c.powered {
		c.field, c.inserted = make(chan struct{}), c.total
	}
	c.powered = true
	c.session = session{}
}

// Lost returns a channel that is closed once the card has lost the field.
func (c *Card) Lost() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.field
}

// Swap takes the card away and lays the card of another seed in its place, as
// someone does between two commands. It has the codes of Options; a card that
// comes back is as it was left. Only the first card is kept in the state file.
func (c *Card) Swap(seed string) {
	c.releaseStalled()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swap(seed)
	c.present = true
	c.powerOn()
}

func (c *Card) swap(seed string) {
	c.others[c.identity.number()] = c.codes
	person := c.options.Person
	if seed != c.options.Seed {
		person = nil
	}
	c.identity = c.makeIdentity(seed, person)
	c.identity.files = c.makeFiles()
	number := c.identity.number()
	codes, known := c.others[number]
	if !known {
		fresh := c.options
		fresh.State = ""
		codes, _ = newCodes(fresh, number) // checked by New
	}
	c.codes, c.session = codes, session{}
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
	c.turn.Lock()
	defer c.turn.Unlock()
	answer, late, err := c.transmit(command)
	if err != nil {
		return nil, err
	}
	return answer, c.takeTime(late)
}

func (c *Card) transmit(command []byte) (answer []byte, late time.Duration, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.present || !c.powered {
		return nil, 0, ErrRemoved
	}
	c.late = 0
	c.total++
	c.stats.APDUs++
	c.stats.BytesIn += len(command)
	if answer, err = c.withFault(command); err != nil {
		return nil, 0, err
	}
	c.stats.BytesOut += len(answer)
	c.wait(c.options.PerAPDU + time.Duration(len(command)+len(answer))*c.options.PerByte)
	c.history = append(c.history, bytes.Clone(answer))
	if len(c.history) > 8 {
		c.history = c.history[1:]
	}
	return answer, c.late, nil
}

// wait makes the answer come later.
func (c *Card) wait(d time.Duration) { c.late += d }

// takeTime waits, unless the card leaves the field meanwhile.
func (c *Card) takeTime(d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-c.Lost():
		return ErrRemoved
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
	cmd, err := c.parse(in)
	if err != nil {
		return refuse(0x6700)
	}
	if cmd.CLA&^0x1C != 0 || cmd.CLA&0x0C != 0 && cmd.CLA&0x0C != 0x0C {
		return refuse(0x6E00)
	}
	if cmd.INS == 0xC0 && len(cmd.Data) == 0 { // never protected, whatever its class
		return c.getResponse(cmd)
	}
	c.rest = nil
	if cmd.CLA&0x0C != 0 {
		return c.protected(cmd)
	}
	if c.sm != nil && cmd.INS != 0xA4 && !c.profile.Behaviour.PlainKeepsSession {
		c.endSession()
	}
	return c.cut(c.link(cmd), cmd.Ne)
}

// parse reads a command. PACE needs extended length with these numbers, so every
// card takes it there, and some clients send it with a Le of one byte.
func (c *Card) parse(in []byte) (apdu.Command, error) {
	cmd, err := apdu.ParseCommand(in)
	pace := len(in) > 7 && in[1] == 0x86
	if err != nil && pace {
		short, err := apdu.ParseCommand(in[:len(in)-1])
		if err != nil || len(in) != 8+len(short.Data) {
			return apdu.Command{}, apdu.ErrLength
		}
		short.Ne = apdu.MaxExtendedNe
		return short, nil
	}
	extended := len(in) > 5 && in[4] == 0
	if extended && !pace && !c.profile.Behaviour.Extended {
		return apdu.Command{}, apdu.ErrLength
	}
	return cmd, err
}

// protected answers a command in secure messaging.
func (c *Card) protected(cmd apdu.Command) reply {
	if c.sm == nil {
		return refuse(0x6882)
	}
	plain, sw := c.sm.open(cmd)
	if sw == apdu.OK && c.profile.Behaviour.StrictLe && !leAllowed(plain) {
		sw = 0x6988
	}
	if sw != apdu.OK {
		c.endSession()
		return refuse(sw)
	}
	c.log("  > %02X %02X %02X %02X %X Ne=%d", plain.CLA, plain.INS, plain.P1, plain.P2, plain.Data, plain.Ne)
	sm, b := c.sm, c.profile.Behaviour
	r := c.link(plain)
	c.log("  < %X %v", r.data, r.sw)
	defer c.after(sm)
	if b.PlainErrors && r.sw != apdu.OK && len(r.data) == 0 {
		return r
	}
	outer := apdu.OK
	if b.MirrorStatus {
		outer = r.sw
	}
	var body []byte
	if c.once == "repeat" {
		body = sm.seal(r, plain.INS)
	} else {
		body = sm.close(r, plain.INS)
	}
	if cmd.CLA&0x10 != 0 && cmd.INS != 0x86 {
		if b.LargeChainAnswer || c.once == "chain-more" {
			c.rest, c.restSW = body, outer
			return refuse(moreData(len(body)))
		}
		return reply{body, outer}
	}
	return c.cut(reply{body, outer}, cmd.Ne)
}

// after lets what the answer announced begin: a new counter, the end of the
// session.
func (c *Card) after(sm *channel) {
	if c.newSSC != nil {
		copy(sm.ssc[:], c.newSSC)
		c.newSSC = nil
	}
	if c.endAfter {
		c.endSession()
	}
}

// leAllowed says whether clients are known to send this command with DO 97.
func leAllowed(cmd apdu.Command) bool {
	if cmd.Ne == 0 || len(cmd.Data) == 0 {
		return true
	}
	switch cmd.INS {
	case 0xA4, 0xB0, 0xB1, 0xCB, 0x86, 0x88:
		return true
	case 0x22:
		return cmd.P1 == 0x81 && cmd.P2 == 0xB6
	}
	return false
}

// shortAnswer is the most that one answer to a short command holds.
func (c *Card) shortAnswer() int {
	if n := c.profile.Behaviour.AnswerMax; n > 0 && n < apdu.MaxShortNe {
		return n
	}
	return apdu.MaxShortNe
}

// cut gives what fits in one answer and keeps the rest for GET RESPONSE.
func (c *Card) cut(r reply, ne int) reply {
	b, limit := c.profile.Behaviour, c.shortAnswer()
	switch {
	case len(r.data) == 0:
		return r
	case b.MoreDataWithLe, b.AlwaysMoreData && ne == 0:
		limit = 0
	case ne > apdu.MaxShortNe:
		limit = ne
	case ne > 0:
		limit = min(ne, limit)
	}
	if len(r.data) <= limit {
		return r
	}
	c.rest, c.restSW = r.data[limit:], r.sw
	return reply{r.data[:limit], moreData(len(c.rest))}
}

// moreData is 61xx for n waiting bytes, 6100 for 256 and more.
func moreData(n int) apdu.SW {
	if n > 255 {
		n = 0
	}
	return 0x6100 | apdu.SW(n)
}

// getResponse gives the next part of an answer.
func (c *Card) getResponse(cmd apdu.Command) reply {
	if c.profile.Behaviour.BreakChain {
		c.chain = nil
	}
	if c.rest == nil {
		return refuse(0x6985)
	}
	n := c.shortAnswer()
	if cmd.Ne > 0 && cmd.Ne < n || cmd.Ne > apdu.MaxShortNe {
		n = cmd.Ne
	}
	n = min(n, len(c.rest))
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
		c.chain = nil
		return c.run(cmd)
	}
	id := [4]byte{cmd.CLA & 0x0C, cmd.INS, cmd.P1, cmd.P2}
	open := c.chain != nil
	if open && id != c.chainOf {
		c.chain = nil
		return refuse(0x6883)
	}
	if len(c.chain)+len(cmd.Data) > maxChain {
		c.chain = nil
		return refuse(0x6700)
	}
	if cmd.CLA&0x10 != 0 {
		c.chain, c.chainOf = append(append([]byte{}, c.chain...), cmd.Data...), id
		return done()
	}
	if open {
		cmd.Data, c.chain = append(c.chain, cmd.Data...), nil
	}
	return c.run(cmd)
}

// run executes a command, unless a fault has an answer ready.
func (c *Card) run(cmd apdu.Command) reply {
	if c.once == "status" {
		return refuse(c.onceSW)
	}
	r := c.execute(cmd)
	if c.once == "execute-status" {
		return refuse(c.onceSW)
	}
	return r
}

func (c *Card) execute(cmd apdu.Command) reply {
	if cmd.INS != 0xA4 && c.profile.Behaviour.NoCIE {
		return refuse(0x6D00)
	}
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
	kept := session{df: c.df, ef: c.ef, efID: c.efID, rootSeen: c.rootSeen, mfSeen: c.mfSeen, named: c.named}
	if c.profile.Behaviour.KeepPIN {
		kept.pinOK, kept.pukOK = c.pinOK, c.pukOK
	}
	c.session = kept
}

// newPrivate draws a private exponent from 1 to q-1.
func (c *Card) newPrivate(q *big.Int) *big.Int {
	draw := make([]byte, (q.BitLen()+7)/8)
	for range 1000 {
		_, _ = io.ReadFull(c.random, draw)
		if x := new(big.Int).SetBytes(draw); x.Sign() > 0 && x.Cmp(q) < 0 {
			return x
		}
	}
	return big.NewInt(1) // a source of Options that has run dry
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
