package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/doctor"
)

// findingInfo is one finding of the doctor in an answer.
type findingInfo struct {
	Check   string           `json:"check"`
	OK      bool             `json:"ok"`
	About   string           `json:"about,omitempty"`
	Code    string           `json:"code,omitempty"`
	Message string           `json:"message,omitempty"`
	Fix     []browser.Change `json:"fix,omitempty"`
}

func (a *App) doctorCommand() *cobra.Command {
	fix := false
	c := a.command("doctor", "cli.doctor", "  cie doctor\n  cie doctor --fix\n  cie doctor --json", func(ctx context.Context, _ []string) error {
		r, err := browser.Installed(a.Module)
		if err != nil {
			return err
		}
		var changes []browser.Change
		var first error
		for f := range doctor.Here(a.holder, r).Examine(ctx) {
			a.showFinding(f)
			changes = append(changes, f.Fix...)
			if first == nil {
				first = f.Err
			}
		}
		if !fix || len(changes) == 0 {
			return first
		}
		return errors.Join(a.applyAgreed(r.Machine, changes), first)
	})
	c.Flags().BoolVar(&fix, "fix", false, a.t("cli.flag.fix"))
	return c
}

// showFinding prints one finding.
func (a *App) showFinding(f doctor.Finding) {
	info := findingInfo{Check: f.Check, OK: f.Err == nil, About: f.About, Fix: f.Fix}
	about := ""
	if f.About != "" {
		about = " · " + f.About
	}
	if f.Err == nil {
		a.print("✓ %s%s", a.t("doctor."+f.Check), about)
	} else {
		m := a.messages.Explain(f.Err)
		info.Code, info.Message = m.Code, m.What+" "+m.Next
		a.print("✗ %s%s\n    %s\n    %s (%s)", a.t("doctor."+f.Check), about, m.What, m.Next, m.Code)
	}
	a.result.Findings = append(a.result.Findings, info)
}
