package cie

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/softwarecie/cie/pcsc"
)

// A Software card takes part in a slot without PC/SC.
type Software interface {
	Transmit(command []byte) ([]byte, error)
	ATR() []byte
	Reset()
	Present() bool
	PowerOn() error
}

// InSlots are readers in this process, each with a card in software: for tests
// and for trying the program. A lost link is what it would be in a reader.
func InSlots(cards map[string]Software) Cards { return slots{cards, 10 * time.Second} }

type slots struct {
	cards    map[string]Software
	patience time.Duration // for one command
}

func (s slots) Readers(context.Context) ([]pcsc.Reader, error) {
	var readers []pcsc.Reader
	for _, name := range slices.Sorted(maps.Keys(s.cards)) {
		card := s.cards[name]
		r := pcsc.Reader{Name: name, Present: card != nil && card.Present()}
		if r.Present {
			r.ATR = card.ATR()
		}
		readers = append(readers, r)
	}
	return readers, nil
}

func (s slots) Do(ctx context.Context, reader string, f func(Link) error) error {
	card := s.cards[reader]
	switch {
	case card == nil:
		return pcsc.ErrNoReader
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if err := card.PowerOn(); err != nil {
		return fmt.Errorf("%w (%w)", pcsc.ErrNoCard, err)
	}
	link := &slotLink{ctx: ctx, card: card, patience: s.patience}
	defer func() {
		if link.reset {
			card.Reset()
		}
	}()
	return f(link)
}

type slotLink struct {
	ctx      context.Context
	card     Software
	patience time.Duration
	reset    bool
}

func (l *slotLink) ATR() []byte { return l.card.ATR() }
func (l *slotLink) ResetAtEnd() { l.reset = true }

func (l *slotLink) Transmit(command []byte) ([]byte, error) {
	if err := l.ctx.Err(); err != nil {
		return nil, err
	}
	type result struct {
		answer []byte
		err    error
	}
	done := make(chan result, 1)
	go func() {
		answer, err := l.card.Transmit(command)
		done <- result{answer, err}
	}()
	select {
	case r := <-done:
		if r.err == nil && len(r.answer) < 2 {
			r.err = errors.New("empty answer")
		}
		if r.err != nil {
			return nil, fmt.Errorf("%w (%w)", pcsc.ErrRemoved, r.err)
		}
		return r.answer, nil
	case <-time.After(l.patience):
		return nil, pcsc.ErrNoAnswer
	case <-l.ctx.Done():
		return nil, l.ctx.Err()
	}
}
