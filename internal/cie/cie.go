// Package cie is the card as its holder knows it: pair it, check it, change its
// PIN, unblock it, sign with it. It is the only place where the order open →
// authenticate → verify → act is written, and where the rules are kept that
// protect the holder's tries: at most one VERIFY for each code somebody typed,
// never the last try without being told to, and no code at all to a chip that
// has not proved its key.
package cie

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// Cards is where cards are found.
type Cards interface {
	// Readers lists the readers and what lies on them.
	Readers(ctx context.Context) ([]pcsc.Reader, error)
	// Do runs f with the card on a reader, which nobody else can use meanwhile.
	Do(ctx context.Context, reader string, f func(Link) error) error
}

// A Link is the way to one card for the time of a transaction.
type Link interface {
	applet.Transmitter
	ATR() []byte
	ResetAtEnd() // the card is reset when it is let go
}

// OnPCSC finds cards in the readers of this computer.
func OnPCSC(c *pcsc.Client) Cards { return onPCSC{c} }

type onPCSC struct{ client *pcsc.Client }

func (p onPCSC) Readers(ctx context.Context) ([]pcsc.Reader, error) { return p.client.Readers(ctx) }

func (p onPCSC) Do(ctx context.Context, reader string, f func(Link) error) error {
	return p.client.Do(ctx, reader, func(c *pcsc.Card) error { return f(c) })
}

// A Step is a part of an operation that a person waits for.
type Step string

// The steps, as they are told to Progress.
const (
	StepConnect      Step = "connect"
	StepRead         Step = "read"         // the files that are free to read
	StepGenuine      Step = "genuine"      // the state's signature
	StepAuthenticate Step = "authenticate" // key agreement and device authentication
	StepVerify       Step = "verify"       // PIN or PUK
	StepCertificate  Step = "certificate"
	StepSeal         Step = "seal" // the key for what is kept
	StepSave         Step = "save"
	StepChange       Step = "change"
	StepUnblock      Step = "unblock"
	StepSign         Step = "sign"
	StepRetry        Step = "retry" // the link was lost before anything counted
)

// A Holder does for a person what the card can do.
type Holder struct {
	Cards    Cards
	Pairings *pairing.Store // nil: nothing is remembered
	Roots    *trust.Roots
	Progress func(Step)       // nil: nobody waits
	Linger   time.Duration    // how long a card stays open for the next signature
	KeepHalf bool             // pairing keeps the first half of the PIN, sealed
	LastTry  bool             // the guard of the last try is off
	Now      func() time.Time // nil: time.Now
	Random   io.Reader        // nil: crypto/rand

	comeBack time.Duration // how long a card is given to come back; 0: 300 ms
}

// DefaultLinger is how long a card stays open after an authenticated step.
const DefaultLinger = 1500 * time.Millisecond

// Consent is what a person agreed to, in so many words, for one operation.
type Consent struct {
	LastTry       bool // spend the last try of the code
	FewPUKTries   bool // try a PUK with less than three tries left
	UnknownIssuer bool // trust a card whose issuer is not known here
}

func (h *Holder) step(s Step) {
	if h.Progress != nil {
		h.Progress(s)
	}
}

func (h *Holder) now() time.Time {
	if h.Now != nil {
		return h.Now()
	}
	return time.Now()
}

func (h *Holder) random() io.Reader {
	if h.Random != nil {
		return h.Random
	}
	return rand.Reader
}

// Paired lists the records of all paired cards, with the errors of those that
// cannot be read.
func (h *Holder) Paired() ([]pairing.Record, error) {
	if h.Pairings == nil {
		return nil, nil
	}
	return h.Pairings.List()
}

// Unpair forgets a card.
func (h *Holder) Unpair(pan applet.PAN) error {
	if h.Pairings == nil {
		return pairing.ErrNotPaired
	}
	return h.Pairings.Delete(pan)
}
