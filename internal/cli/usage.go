package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/softwarecie/cie/internal/guide"
)

// errUsage is a mistake on the command line.
var errUsage = errors.New("usage")

// A usageError says what is wrong with the command line.
type usageError struct{ key, detail string }

// usage is the error of a mistake on the command line. The key is that of a text
// usage.KEY.
func (a *App) usage(key string, args ...any) error {
	return &usageError{key, a.t("usage."+key, args...)}
}

func (e *usageError) Error() string      { return "usage: " + strings.ReplaceAll(e.key, "-", " ") }
func (e *usageError) Unwrap() error      { return errUsage }
func (e *usageError) MessageKey() string { return "usage" }
func (e *usageError) MessageArgs() []any { return []any{"detail", e.detail} }

// flagError says in the person's language what is wrong with an option.
func (a *App) flagError(err error) error {
	var unknown *pflag.NotExistError
	var missing *pflag.ValueRequiredError
	var invalid *pflag.InvalidValueError
	switch {
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() != "":
		return a.usage("option-unknown", "name", "-"+unknown.GetSpecifiedName())
	case errors.As(err, &unknown):
		return a.usage("option-unknown", "name", "--"+unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return a.usage("option-value-missing", "name", "--"+missing.GetFlag().Name)
	case errors.As(err, &invalid):
		return a.usage("option-value", "name", "--"+invalid.GetFlag().Name, "value", invalid.GetValue())
	}
	return &usageError{"option", err.Error()}
}

// exclusive lets only one of some options be given. It may be called again for others.
func (a *App) exclusive(c *cobra.Command, names ...string) {
	before := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if before != nil {
			if err := before(c, args); err != nil {
				return err
			}
		}
		var set []string
		for _, n := range names {
			if c.Flags().Changed(n) {
				set = append(set, "--"+n)
			}
		}
		if len(set) > 1 {
			return a.usage("options-together", "names", strings.Join(set, ", "))
		}
		return nil
	}
}

// group is a command that only holds others.
func (a *App) group(use, key string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: a.t(key), Args: cobra.ArbitraryArgs, SuggestionsMinimumDistance: 2,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) > 0:
				return a.noCommand(c, args[0])
			case a.json:
				return a.usage("command-missing", "name", c.Commands()[0].CommandPath())
			}
			return c.Help()
		},
	}
}

// noCommand is the error of a name that no command has.
func (a *App) noCommand(c *cobra.Command, name string) error {
	if similar := c.SuggestionsFor(name); len(similar) > 0 {
		return a.usage("command-similar", "name", name, "other", similar[0])
	}
	return a.usage("command-unknown", "name", name)
}

// helpCommand is “cie help COMMAND”.
func (a *App) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use: "help [COMMAND]", Short: a.t("cli.help"), Args: cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, args []string) error {
			found, rest, err := c.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return a.noCommand(c.Root(), strings.Join(args, " "))
			}
			return found.Help()
		},
	}
}

// completionCommand makes the scripts for shells, told in the person's language.
func (a *App) completionCommand(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	i := slices.IndexFunc(root.Commands(), func(c *cobra.Command) bool { return c.Name() == "completion" })
	completion := root.Commands()[i]
	completion.Short, completion.Long = a.t("cli.completion"), ""
	for _, shell := range completion.Commands() {
		shell.Short = a.t("cli.completion.shell", "name", shell.Name())
	}
}

// help writes what a command is for, and how it is used.
func (a *App) help(c *cobra.Command, _ []string) {
	for paragraph := range strings.SplitSeq(cmp.Or(c.Long, c.Short), "\n\n") {
		fmt.Fprintln(c.OutOrStdout(), guide.Wrap(paragraph, a.columns, 0))
	}
	_ = a.howTo(c) // what cannot be written is remembered
}

// howTo writes how a command is used.
func (a *App) howTo(c *cobra.Command) error {
	out := c.OutOrStdout()
	part := func(key string) { fmt.Fprintf(out, "\n%s\n", a.t(key)) }
	fmt.Fprintln(out, a.t("cli.help.usage"))
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(out, "  %s %s\n", c.CommandPath(), a.t("cli.help.command"))
	} else {
		fmt.Fprintf(out, "  %s\n", strings.Replace(c.UseLine(), "[flags]", a.t("cli.help.options"), 1))
	}
	if c.HasExample() {
		part("cli.help.examples")
		fmt.Fprintln(out, c.Example)
	}
	if c.HasAvailableSubCommands() {
		part("cli.help.commands")
		var rows [][2]string
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				rows = append(rows, [2]string{sub.Name(), sub.Short})
			}
		}
		a.table(out, rows)
	}
	if c.HasAvailableLocalFlags() {
		part("cli.help.flags")
		a.table(out, options(c.LocalFlags()))
	}
	if c.HasAvailableInheritedFlags() {
		part("cli.help.global")
		a.table(out, options(c.InheritedFlags()))
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprint(out, "\n"+guide.Wrap(a.t("cli.help.more", "command", c.CommandPath()+" "+a.t("cli.help.command")+" --help"), a.columns, 0))
	}
	return nil
}

// options are the names of options, with what they do.
func options(flags *pflag.FlagSet) (rows [][2]string) {
	flags.VisitAll(func(f *pflag.Flag) {
		name := "    --" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", --" + f.Name
		}
		if f.Value.Type() != "bool" {
			name += " …"
		}
		if !f.Hidden {
			rows = append(rows, [2]string{name, f.Usage})
		}
	})
	return rows
}

// least is the least width for what a name means; with less it stands below the name.
const least = 40

// table writes names with what they mean.
func (a *App) table(out io.Writer, rows [][2]string) {
	width := 0
	for _, row := range rows {
		width = max(width, len([]rune(row[0])))
	}
	const margin = 2
	for _, row := range rows {
		name := strings.Repeat(" ", margin) + row[0]
		indent := margin + width + 2
		if a.columns-indent < least {
			fmt.Fprintln(out, name)
			name, indent = "", 4*margin
		}
		text := guide.Wrap(row[1], a.columns-indent, 0)
		text = strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+strings.Repeat(" ", indent))
		fmt.Fprintf(out, "%-*s%s\n", indent, name, text)
	}
}
