package cli

import (
	"context"
	"errors"
	"time"

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
	Hint    bool             `json:"hint,omitempty"` // told, and nothing is wrong
	Message string           `json:"message,omitempty"`
	Effect  string           `json:"effect,omitempty"`
	Fix     []browser.Change `json:"fix,omitempty"`
}

// doctorFlags are those of the doctor.
type doctorFlags struct {
	fix, others, yes bool
	link             time.Duration // how long; 0: not at all
	report           string        // file
}

func (a *App) doctorCommand() *cobra.Command {
	var f doctorFlags
	c := a.command("doctor", "cli.doctor", "  cie doctor\n  cie doctor --fix\n  cie doctor --link\n  cie doctor --report cie.zip\n  cie doctor --json", func(ctx context.Context, _ []string) error {
		if f.link > 0 {
			return a.measure(ctx, f.link)
		}
		return a.doctor(ctx, f)
	})
	c.Flags().DurationVar(&f.link, "link", 0, a.t("cli.flag.link"))
	c.Flags().Lookup("link").NoOptDefVal = "20s"
	c.Flags().BoolVar(&f.fix, "fix", false, a.t("cli.flag.fix"))
	c.Flags().BoolVar(&f.others, "remove-others", false, a.t("cli.flag.remove-others"))
	a.exclusive(c, "fix", "remove-others")
	c.Flags().StringVar(&f.report, "report", "", a.t("cli.flag.report"))
	c.Flags().BoolVar(&f.yes, "yes", false, a.t("cli.flag.yes"))
	return c
}

func (a *App) doctor(ctx context.Context, f doctorFlags) error {
	if f.report != "" && !f.yes && !a.interactive() {
		return a.usage("nobody-to-ask", "name", "--yes")
	}
	r, err := browser.Installed(a.Module)
	if err != nil {
		return err
	}
	computer := doctor.Here(a.holder, r)
	var found []doctor.Finding
	var changes []browser.Change
	var first error
	for finding := range computer.Examine(ctx) {
		a.showFinding(finding)
		found = append(found, finding)
		if finding.OnRequest == f.others {
			changes = append(changes, finding.Fix...)
		}
		if first == nil && finding.Ill() {
			first = finding.Err
		}
	}
	if f.report != "" {
		readers, _ := a.holder.Cards.Readers(ctx) // why there are none is among the findings
		return a.report(ctx, f, computer.Report(a.Version, readers, found, func(err error) string { return a.messages.Explain(err).Code }))
	}
	if first == nil {
		a.say(a.t("cli.doctor.try"))
	}
	if !f.fix && !f.others || len(changes) == 0 {
		return first
	}
	return errors.Join(a.applyAgreed(ctx, r.Machine, changes), first)
}

// askEvery is how often the contact with a card is told while it is moved.
const askEvery = time.Second

// measure tells once a second how the card has answered of late, and in the end how
// it does now.
func (a *App) measure(ctx context.Context, howLong time.Duration) error {
	a.say(a.t("win.link.text"))
	meter := doctor.Meter{Holder: a.holder}
	var last doctor.Finding
	for until := time.Now().Add(howLong); ctx.Err() == nil && time.Now().Before(until); {
		contact, err := meter.Ask(ctx)
		last = doctor.Finding{Check: "link", About: contact.String(), Err: err}
		switch {
		case err != nil:
			last.About = ""
			a.say("  " + a.messages.Explain(err).What)
		case !contact.Good():
			last.Err = doctor.ErrLink
			a.say("  " + contact.String() + " · " + a.t("win.link.weak"))
		default:
			a.say("  " + contact.String() + " · " + a.t("win.link.good"))
		}
		select {
		case <-ctx.Done():
		case <-time.After(askEvery):
		}
	}
	a.showFinding(last)
	return last.Err
}

// report shows what is in a report, and writes it if a person agrees.
func (a *App) report(ctx context.Context, f doctorFlags, r doctor.Report) error {
	a.print("\n%s", a.t("cli.report.text"))
	a.print("%s", r.Text())
	if !f.yes {
		if agreed, err := a.confirm(ctx, "prompt.report", "word.yes", "file", f.report); !agreed {
			a.say(a.t("cli.report.not-written"))
			return err
		}
	}
	content, err := r.Zip()
	if err != nil {
		return err
	}
	return a.write(f.report, content)
}

// loadModuleCommand is what the doctor has another process do.
func (a *App) loadModuleCommand() *cobra.Command {
	return &cobra.Command{
		Use: doctor.LoadCommand, Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return doctor.Load(args[0]) },
	}
}

// showFinding prints one finding.
func (a *App) showFinding(f doctor.Finding) {
	info := findingInfo{Check: f.Check, OK: !f.Ill(), About: f.About, Hint: f.Hint(), Fix: f.Fix}
	about := ""
	if f.About != "" {
		about = " · " + f.About
	}
	mark := "✓"
	switch {
	case f.Hint():
		mark = "i"
	case f.Err != nil:
		mark = "✗"
	}
	a.print("%s %s%s", mark, a.t("doctor."+f.Check), about)
	if f.Err != nil {
		m := a.messages.Explain(f.Err)
		info.Code, info.Message, info.Effect = m.Code, m.What+" "+m.Next, a.t("doctor.effect."+f.Check)
		a.print("    %s\n    %s\n    %s (%s)", m.What, info.Effect, m.Next, m.Code)
	}
	a.result.Findings = append(a.result.Findings, info)
}
