package cli

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/demo"
	"github.com/softwarecie/cie/internal/secret"
)

func (a *App) demoCommand() *cobra.Command {
	return a.command("demo", "cli.demo", "  cie demo", func(ctx context.Context, _ []string) error { return a.demo(ctx) })
}

// demo walks through what the program does, with an emulated card in this
// process and a folder that is removed afterwards. Codes are shown: they open
// nothing.
func (a *App) demo(ctx context.Context) error {
	const reader = "demo"
	d, err := demo.New(a.settings.PIN.Linger.Duration, reader)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	d.Holder.Progress = a.progress
	a.print("%s", a.t("note.test"))
	return a.story(ctx, d.Holder, cie.Target{Reader: reader})
}

// story is the main job from pairing to unblocking, each step told before it is
// done.
func (a *App) story(ctx context.Context, h *cie.Holder, target cie.Target) error {
	code := func(digits string) *secret.Buffer { return secret.Take([]byte(digits)) }
	wrong := target
	wrong.LastTry = true
	for _, step := range []struct {
		text string
		do   func() error
	}{
		{"cli.demo.pair", func() error { _, err := h.Pair(ctx, target, code("12345678")); return err }},
		{"cli.demo.verify", func() error { _, err := h.VerifyPIN(ctx, target, code("5678")); return err }},
		{"cli.demo.sign", func() error { return signAndCheck(ctx, h, target, code("5678")) }},
		{"cli.demo.change", func() error { _, err := h.ChangePIN(ctx, target, code("5678"), code("20304050")); return err }},
		{"cli.demo.block", func() error {
			for range 3 {
				if _, err := h.VerifyPIN(ctx, wrong, code("99999999")); errors.Is(err, applet.ErrPINBlocked) {
					return nil
				}
			}
			return errors.New("the PIN should be blocked")
		}},
		{"cli.demo.unblock", func() error { _, err := h.UnblockPIN(ctx, target, code("87654321"), code("13572468")); return err }},
		{"cli.demo.again", func() error { _, err := h.VerifyPIN(ctx, target, code("2468")); return err }},
	} {
		a.print("→ %s", a.t(step.text))
		if err := step.do(); err != nil {
			return err
		}
		a.print("  ✓")
	}
	return nil
}

// signAndCheck signs and verifies with the standard library.
func signAndCheck(ctx context.Context, h *cie.Holder, target cie.Target, pin *secret.Buffer) error {
	login, err := h.Login(ctx, target, pin)
	if err != nil {
		return err
	}
	defer login.Close()
	sum := sha256.Sum256([]byte("CIE"))
	signature, err := login.Signer(ctx).Sign(nil, sum[:], crypto.SHA256)
	if err != nil {
		return err
	}
	return rsa.VerifyPKCS1v15(login.Certificate().PublicKey.(*rsa.PublicKey), crypto.SHA256, sum[:], signature)
}
