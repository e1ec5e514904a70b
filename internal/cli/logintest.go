package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/demosite"
	"github.com/softwarecie/cie/internal/logintest"
)

func (a *App) loginTestCommand() *cobra.Command {
	program := ""
	c := a.command("login-test", "cli.login-test", "  cie login-test\n  cie login-test --browser chromium\n  cie login-test --json", func(ctx context.Context, _ []string) error {
		return a.loginTest(ctx, program)
	})
	c.Flags().StringVar(&program, "browser", firstBrowser, a.t("cli.flag.browser"))
	c.Flags().Lookup("browser").DefValue = "" // its text says it
	return c
}

// loginTest tries a login. What came of it is told also where it failed.
func (a *App) loginTest(ctx context.Context, program string) error {
	p, err := a.program(program)
	if err != nil {
		return err
	}
	r, err := browser.Installed(a.Module)
	if err != nil {
		return err
	}
	login, err := logintest.Test{
		Holder: a.holder, Registrar: r, Program: p,
		Reached: func(s logintest.Step) { a.say("  · " + a.t("login.step."+string(s))) },
	}.Run(ctx)
	if err == nil {
		a.attempted(login.Attempt)
	}
	return err
}

// firstBrowser stands for the first there is.
const firstBrowser = "auto"

// program is the browser of a flag.
func (a *App) program(name string) (logintest.Program, error) {
	switch p := logintest.Program(name); p {
	case firstBrowser:
		return logintest.First()
	case logintest.Firefox, logintest.Chromium:
		return p, nil
	}
	return "", a.usage("browser-neither", "name", name)
}

// openBrowser opens a browser at the first page of the site.
func (a *App) openBrowser(ctx context.Context, site *demosite.Site, name string) (end func(), err error) {
	p, err := a.program(name)
	if err != nil {
		return nil, err
	}
	r, err := browser.Installed(a.Module)
	if err != nil {
		return nil, err
	}
	b, err := logintest.Open(ctx, p, r.Places(), site.CA, site.Landing)
	if err != nil {
		return nil, err
	}
	return func() { _ = b.Close() }, nil
}
