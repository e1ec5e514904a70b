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
	// ErrStampNetwork means that a time-stamp service was not reached. The signature is
	// there without a time stamp.
	ErrStampNetwork = situation.New("stamp-network", "no answer from the time-stamp service")

	// ErrStampRefused means that a time-stamp service gave none, or a wrong one. The
	// signature is there without a time stamp.
	ErrStampRefused = situation.New("stamp-refused", "no time stamp from the service")
)

// Stamp has a time-stamp service at an address stamp the signature (level B-T): after
// Sign, when the card is let go, and before Finish. The service gets a digest, no more.
// After an error, the file can be finished all the same.
func (j *Job) Stamp(ctx context.Context, fetch Fetch, address string, now time.Time) error {
	raw, token, err := tsp.Ask(ctx, fetch, address, j.work.value(), now)
	switch {
	case err == nil:
		if err := j.work.stamp(raw); err != nil {
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
