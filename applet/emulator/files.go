package emulator

import (
	"bytes"

	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/applet/tlv"
)

var (
	aidIAS  = unhex("A0 00 00 00 30 80 00 00 00 09 81 60 01")
	aidCIE  = unhex("A0 00 00 00 00 39")
	aidMRTD = unhex("A0 00 00 02 47 10 01")
)

// selectFile is SELECT: of an application by name, of the root, of a file by its
// identifier.
func (c *Card) selectFile(cmd apdu.Command) reply {
	master := len(cmd.Data) == 0 || bytes.Equal(cmd.Data, []byte{0x3F, 0x00})
	switch {
	case c.profile.Behaviour.NoCIE:
		return refuse(0x6A82)
	case cmd.P2 != 0x0C && cmd.P2 != 0x04 && cmd.P2 != 0x00:
		return refuse(0x6A86)
	case cmd.P1 == 0x04:
		return c.selectApplication(cmd)
	case cmd.P1 == 0x00 && master:
		r := c.enter(root, cmd)
		c.named, c.mfSeen = false, cmd.P2 == 0x0C
		return r
	case cmd.P1 == 0x02, cmd.P1 == 0x00:
		return c.selectEF(cmd)
	}
	return refuse(0x6A86)
}

func (c *Card) selectApplication(cmd apdu.Command) reply {
	b := c.profile.Behaviour
	df := root
	switch {
	case bytes.Equal(cmd.Data, aidIAS) && !b.RefuseIASName:
	case bytes.Equal(cmd.Data, aidCIE) && (!b.CIENeedsRoot || c.rootSeen && c.df != dfMRTD):
		df = dfCIE
	case bytes.Equal(cmd.Data, aidMRTD):
		df = dfMRTD
	default:
		return refuse(0x6A82)
	}
	r := c.enter(df, cmd)
	c.named = true
	if cmd.P2 == 0x0C {
		return r
	}
	return answer(der(0x62, bytes.Join([][]byte{der(0x82, []byte{0x38}), der(0x84, cmd.Data), der(0x8A, []byte{0x05})}, nil)))
}

// enter makes a directory current. In the clear that ends the session; inside
// secure messaging, as after PACE, it goes on.
func (c *Card) enter(df directory, cmd apdu.Command) reply {
	if cmd.CLA&0x0C == 0 {
		c.endSession()
	} else if c.profile.Behaviour.ForgetAtSelect {
		c.pinOK, c.pukOK = false, false
	}
	c.df, c.ef, c.efID = df, nil, 0
	c.rootSeen = c.rootSeen || df == root
	return done()
}

func (c *Card) selectEF(cmd apdu.Command) reply {
	if len(cmd.Data) != 2 {
		return refuse(0x6700)
	}
	id := uint16(cmd.Data[0])<<8 | uint16(cmd.Data[1])
	if id == efCardAccess && c.df == root && !c.cardAccess() {
		return refuse(0x6982)
	}
	if sw := c.open(id); sw != apdu.OK {
		return refuse(sw)
	}
	if cmd.P2 == 0x0C || c.profile.Behaviour.NoFCP {
		return done()
	}
	return answer(c.fcp())
}

// open makes a file of the current directory the current file.
func (c *Card) open(id uint16) apdu.SW {
	content, ok := c.identity.files[id]
	here := root
	if id>>8 == 0x10 {
		here = dfCIE
	}
	if c.df == dfMRTD && id != efCardAccess || c.df == root && id == efCardAccess {
		content, ok = c.mrtdFile(id)
		here = c.df
	}
	if !ok || here != c.df {
		return 0x6A82
	}
	c.ef, c.efID = content, id
	return apdu.OK
}

// fcp is the file control parameters of the current file.
func (c *Card) fcp() []byte {
	n := len(c.ef)
	body := []byte{
		0x80, 0x02, byte(n >> 8), byte(n), 0x82, 0x01, 0x01, // size, transparent EF
		0x83, 0x02, byte(c.efID >> 8), byte(c.efID),
	}
	short := shortIDs
	if c.df == dfMRTD || c.efID == efCardAccess {
		short = mrtdShort
	}
	for sfi, id := range short {
		if id == c.efID {
			body = append(body, 0x88, 0x01, sfi<<3)
		}
	}
	// Access rules in the form of a real card of the same standard, and "operational".
	return der(0x62, append(body, 0xA1, 0x08, 0x8C, 0x02, 0x01, 0x00, 0x9C, 0x02, 0x01, 0x00, 0x8A, 0x01, 0x05))
}

// cardAccess says whether EF.CardAccess may be read.
func (c *Card) cardAccess() bool { return c.mfSeen || !c.profile.Behaviour.CardAccessMF }

// readBinary is READ BINARY, even and odd.
func (c *Card) readBinary(cmd apdu.Command) reply {
	offset := int(cmd.P1)<<8 | int(cmd.P2)
	sfi := byte(0)
	switch {
	case cmd.INS == 0xB1:
		o, err := tlv.Find(cmd.Data, 0x54)
		if err != nil || len(o) == 0 || len(o) > 3 || cmd.P1 != 0 {
			return refuse(0x6A80)
		}
		offset = 0
		for _, b := range o {
			offset = offset<<8 | int(b)
		}
		sfi = cmd.P2 & 0x1F
	case cmd.P1&0x80 != 0:
		sfi, offset = cmd.P1&0x1F, int(cmd.P2)
	}
	if sfi != 0 {
		if c.profile.Behaviour.NoSFI {
			return refuse(0x6A82)
		}
		if sw := c.openShort(sfi); sw != apdu.OK {
			return refuse(sw)
		}
	}
	if c.ef == nil {
		return refuse(0x6986)
	}
	if !c.readable() {
		return refuse(0x6982)
	}
	ne := cmd.Ne
	if ne == 0 {
		ne = apdu.MaxShortNe
	}
	if most := c.profile.Behaviour.ReadMax; most > 0 && cmd.CLA&0x0C != 0 {
		ne = min(ne, max(most, 8))
	}
	if cmd.INS == 0xB1 {
		return c.readOdd(offset, ne)
	}
	return c.read(offset, ne)
}

func (c *Card) openShort(sfi byte) apdu.SW {
	// 1C is EF.CardAccess in the MF and EF.SN.ICC in the IAS root.
	if sfi == 0x1C && c.df == root && !c.named {
		if !c.cardAccess() {
			return 0x6982
		}
		return c.open(efCardAccess)
	}
	if c.df == dfMRTD {
		return c.open(mrtdShort[sfi])
	}
	id, ok := shortIDs[sfi]
	if !ok {
		return 0x6A82
	}
	return c.open(id)
}

// readable says whether the access condition of the current file is met.
func (c *Card) readable() bool {
	b := c.profile.Behaviour
	switch {
	case c.df == dfMRTD:
		return c.sm != nil && c.travel
	case c.efID == efCertificate && b.FreeCertificate, c.efID == efSerial && b.FreeSerial:
		return true
	case c.efID == efCertificate, c.efID == efSerial:
		return c.pinOK && c.sm != nil && c.extOK
	}
	return true
}

// read gives up to ne bytes, and ends the file in the way of this card.
func (c *Card) read(offset, ne int) reply {
	left := len(c.ef) - offset
	end := c.profile.Behaviour.EndOfFile
	switch {
	case end == "endless" && len(c.ef) > 0:
		again := bytes.Repeat(c.ef, 2+ne/len(c.ef))[offset%len(c.ef):]
		return answer(again[:ne])
	case left <= 0 && end == "empty":
		return done()
	case left <= 0:
		return refuse(0x6B00)
	case ne <= left:
		return answer(c.ef[offset : offset+ne])
	case end == "6cxx" && left < 256:
		return refuse(0x6C00 | apdu.SW(left))
	case end == "6b00", end == "empty", c.profile.Behaviour.FullLe00 && ne == apdu.MaxShortNe:
		return answer(c.ef[offset:])
	}
	return reply{c.ef[offset:], 0x6282}
}

// readOdd gives the data in a DO'53' that ne counts in full.
func (c *Card) readOdd(offset, ne int) reply {
	header := 2
	if ne > 0x81 {
		header = 3
	}
	if ne > 0x102 {
		header = 4
	}
	if ne <= header {
		return refuse(0x6700)
	}
	r := c.read(offset, ne-header)
	if len(r.data) > 0 {
		r.data = der(0x53, r.data)
	}
	return r
}

// Tags of data objects in GET DATA.
const (
	tagG tlv.Tag = 0x97
	tagP tlv.Tag = 0x98
	tagQ tlv.Tag = 0x99
)

// getData is GET DATA with an extended header list in the current directory.
func (c *Card) getData(cmd apdu.Command) reply {
	if cmd.P1 != 0x3F || cmd.P2 != 0xFF {
		return refuse(0x6A86)
	}
	if cmd.Ne > 0 && c.profile.Behaviour.RefuseGetDataLe && c.sm == nil {
		return refuse(0x6700)
	}
	list := cmd.Data
	is := func(digits string) bool { return bytes.Equal(list, unhex(digits)) }
	b := c.profile.Behaviour
	switch {
	case c.df == dfMRTD:
		return refuse(0x6A88)
	case is("4D04 A602 9100"):
		return c.agree()
	case is("4D0A 7008 BFA10104 A302 9700") && !b.SingleDHOnly:
		return answer(dhObject(der(tagG, c.parameters().g)))
	case is("4D0A 7008 BFA10104 A302 9800") && !b.SingleDHOnly:
		return answer(dhObject(der(tagP, c.parameters().p)))
	case is("4D0A 7008 BFA10104 A302 9900") && !b.SingleDHOnly:
		return answer(dhObject(der(tagQ, c.parameters().q)))
	case is("4D08 7006 BFA10102 A380") && (b.SingleDH || b.SingleDHOnly):
		gr := c.parameters()
		return answer(dhObject(bytes.Join([][]byte{der(tagG, gr.g), der(tagP, gr.p), der(tagQ, gr.q)}, nil)))
	case is("4D09 7007 BFA00403 7F4980"), is("4D0C 700A BFA00406 7F4903 5F2080"): // the second is that of older terminals
		return answer(authorityObject())
	case is("4D08 7006 BF810102 A080"):
		return c.codeObject(pinReference)
	case is("4D08 7006 BF810202 A080"):
		return c.codeObject(pukReference)
	}
	return refuse(0x6A88)
}

func dhObject(values []byte) []byte { return der(0x70, der(0xBFA101, der(0xA3, values))) }

func authorityObject() []byte {
	parts := bytes.Join([][]byte{
		der(0x81, terminalAuthorityN), der(0x82, terminalAuthorityE), der(0x5F20, authorityCHR), der(0x5F4C, authorityCHA),
	}, nil)
	return der(0x70, der(0xBFA004, der(0x7F49, parts)))
}
