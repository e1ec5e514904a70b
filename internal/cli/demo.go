package cli

import (
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"os"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
)

func (a *App) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: a.t("cli.version"), Args: a.arguments("version"),
		Run: func(*cobra.Command, []string) {
			a.result.Version = a.Version
			a.print("cie %s", a.Version)
			a.succeed()
		},
	}
}

func (a *App) demoCommand() *cobra.Command {
	return a.command("demo", "cli.demo", "  cie demo", func(ctx context.Context, _ []string) error { return a.demo(ctx) })
}

// demo walks through what the program does, with an emulated card in this
// process and a folder that is removed afterwards. Codes are shown: they open
// nothing.
func (a *App) demo(ctx context.Context) error {
	card, err := emulator.New(emulator.Options{})
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "cie-demo-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	if err := card.Dump(folder + "/trust"); err != nil {
		return err
	}
	h := &cie.Holder{
		Cards: cie.InSlots(map[string]cie.Software{"demo": card}), KeepHalf: true, Linger: a.settings.PIN.Linger.Duration, Progress: a.progress,
	}
	if h.Roots, err = trust.Load([]string{folder + "/trust"}); err != nil {
		return err
	}
	if h.Pairings, err = pairing.Open(folder + "/pairings"); err != nil {
		return err
	}
	a.print("%s", a.t("note.test"))
	return a.story(ctx, h, cie.Target{Reader: "demo"})
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
