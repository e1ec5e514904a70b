package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
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

// exclusive lets only one of some options be given.
func (a *App) exclusive(c *cobra.Command, names ...string) {
	c.PreRunE = func(c *cobra.Command, _ []string) error {
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

// help writes how a command is used.
func (a *App) help(c *cobra.Command) error {
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
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() || sub.Name() == "help" {
				fmt.Fprintf(out, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
			}
		}
	}
	if c.HasAvailableLocalFlags() {
		part("cli.help.flags")
		fmt.Fprint(out, c.LocalFlags().FlagUsages())
	}
	if c.HasAvailableInheritedFlags() {
		part("cli.help.global")
		fmt.Fprint(out, c.InheritedFlags().FlagUsages())
	}
	if c.HasAvailableSubCommands() {
		fmt.Fprintf(out, "\n%s\n", a.t("cli.help.more", "command", c.CommandPath()+" "+a.t("cli.help.command")+" --help"))
	}
	return nil
}
