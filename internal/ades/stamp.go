package ades

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/softwarecie/cie/internal/ades/tsp"
	"github.com/softwarecie/cie/internal/situation"
)

var (
	// ErrStampUnfit means that a format has no time stamps here.
	ErrStampUnfit = situation.New("stamp-unfit", "no time stamp in that format")

	// ErrStampNetwork means that a time-stamp service was not reached. The signature is
	// there without a time stamp.
	ErrStampNetwork = situation.New("stamp-network", "no answer from the time-stamp service")

	// ErrStampRefused means that a time-stamp service gave none, or a wrong one. The
	// signature is there without a time stamp.
	ErrStampRefused = situation.New("stamp-refused", "no time stamp from the service")
)

// A stamper is a work that takes a time stamp over the value of its signature.
type stamper interface {
	value() []byte
	stamp(token []byte) error
}

// CanStamp is an error where the signed file takes no time stamp.
func (j *Job) CanStamp() error {
	if _, ok := j.work.(stamper); !ok {
		return about(j.Path, ErrStampUnfit)
	}
	return nil
}

// Stamp has a time-stamp service at an address stamp the signature (level B-T): after
// Sign, when the card is let go, and before Finish. The service gets a digest, no more.
// After an error, the file can be finished all the same.
func (j *Job) Stamp(ctx context.Context, fetch Fetch, address string, now time.Time) error {
	if err := j.CanStamp(); err != nil {
		return err
	}
	w := j.work.(stamper)
	raw, token, err := tsp.Ask(ctx, fetch, address, w.value(), now)
	switch {
	case err == nil:
		if err := w.stamp(raw); err != nil {
			return about(j.Path, fmt.Errorf("%w: %w", ErrStampRefused, err))
		}
		j.Stamped = token.Time
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	}
	for _, refused := range []error{tsp.ErrFormat, tsp.ErrImprint, tsp.ErrSignature, tsp.ErrUse, tsp.ErrRefused, tsp.ErrAnswer} {
		if errors.Is(err, refused) {
			return about(j.Path, fmt.Errorf("%w: %w", ErrStampRefused, err))
		}
	}
	return about(j.Path, fmt.Errorf("%w: %w", ErrStampNetwork, err))
}

func (w *cadesWork) value() []byte { return w.signed.Value }
func (w *cadesWork) stamp(token []byte) error {
	w.signed.Stamp(token)
	return nil
}

// All formats take time stamps.
var _, _, _ stamper = (*cadesWork)(nil), (*padesWork)(nil), (*xadesWork)(nil)

func (w *padesWork) value() []byte            { return w.draft.Value() }
func (w *padesWork) stamp(token []byte) error { return w.draft.Stamp(token) }
