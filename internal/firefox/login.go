package firefox

import (
	"context"
	"errors"
	"fmt"
)

// LoginOptions say where to log in, and what to keep of it.
type LoginOptions struct {
	Options
	URL        string
	PINs       []string // typed one after the other, while the browser asks
	Screenshot string   // file, PNG
}

// Login opens a page that wants a certificate, answers the questions for the PIN,
// and returns the screenshot of what came, also when it is Firefox's page for a
// failure: then with an error.
func Login(ctx context.Context, o LoginOptions) (screenshot string, err error) {
	b, err := Start(ctx, o.Options)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := b.Give(ctx, o.PINs...); err != nil {
		return "", err
	}
	if err := b.Open(ctx, o.URL); err != nil {
		return "", err
	}
	v, err := b.Await(ctx)
	if err != nil {
		return "", err
	}
	if err := b.Screenshot(ctx, o.Screenshot); err != nil {
		return "", err
	}
	if v.Kind == Failure {
		return o.Screenshot, fmt.Errorf("firefox could not load %s: %s", o.URL, v.Text)
	}
	return o.Screenshot, nil
}
