package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/pcsc"
)

// looks is how many looks at a card the link is judged by: three harmless commands
// each.
const looks = 10

// A Contact is how a card has answered of late.
type Contact struct {
	Answered, Asked int
	Typical         time.Duration // of the answers, their median; 0: none
}

// Good says whether it has always answered.
func (c Contact) Good() bool { return c.Asked > 0 && c.Answered == c.Asked }

// String is for support: "9/10 · 23 ms".
func (c Contact) String() string {
	s := fmt.Sprintf("%d/%d", c.Answered, c.Asked)
	if c.Answered > 0 {
		s += fmt.Sprintf(" · %d ms", c.Typical.Milliseconds())
	}
	return s
}

// A Meter asks a card again and again, without a code, while somebody moves it to
// where it answers.
type Meter struct {
	Holder *cie.Holder
	reader string
	taken  []time.Duration // of the last looks, at most ten; -1: no answer
}

// Ask looks once at the card that lies on a reader. A card that was lifted, or laid
// on another reader, begins anew.
func (m *Meter) Ask(ctx context.Context) (Contact, error) {
	readers, err := m.Holder.Cards.Readers(ctx)
	if err != nil {
		return Contact{}, err
	}
	at := slices.IndexFunc(readers, func(r pcsc.Reader) bool { return r.Present && !ContactOnly(r.Name) })
	if at < 0 {
		m.reader, m.taken = "", nil
		if len(readers) == 0 {
			return Contact{}, cie.ErrNoReader
		}
		return Contact{}, pcsc.ErrNoCard
	}
	if readers[at].Name != m.reader {
		m.reader, m.taken = readers[at].Name, nil
	}
	return m.ask(ctx, readers[at])
}

func (m *Meter) ask(ctx context.Context, r pcsc.Reader) (Contact, error) {
	begun := time.Now()
	s := m.Holder.Look(ctx, r)
	switch {
	case ctx.Err() != nil:
		return Contact{}, ctx.Err()
	case s.Err == nil && !s.CIE:
		m.taken = nil
		return Contact{}, cie.ErrForeign
	case s.Err != nil:
		m.taken = append(m.taken, -1)
	default:
		m.taken = append(m.taken, time.Since(begun))
	}
	m.taken = m.taken[max(0, len(m.taken)-looks):]
	return m.contact(), nil
}

// contact judges the last looks.
func (m *Meter) contact() Contact {
	answers := slices.DeleteFunc(slices.Clone(m.taken), func(d time.Duration) bool { return d < 0 })
	c := Contact{Answered: len(answers), Asked: len(m.taken)}
	if len(answers) > 0 {
		slices.Sort(answers)
		c.Typical = answers[len(answers)/2]
	}
	return c
}

// link has a card answer harmless commands: how often it does, and how fast.
func (c Computer) link(ctx context.Context, r pcsc.Reader) Finding {
	m, now := Meter{Holder: c.Holder}, Contact{}
	for range looks {
		if seen, err := m.ask(ctx, r); err == nil {
			now = seen
		}
	}
	f := Finding{Check: "link", About: now.String()}
	if !now.Good() || now.Asked < looks {
		f.Err = ErrLink
	}
	return f
}
