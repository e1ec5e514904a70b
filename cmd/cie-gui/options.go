//go:build gles || windows

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/softwarecie/cie/internal/i18n"
)

// options are those of the command line.
type options struct {
	version, demo, counter bool
	request
}

// A usageError says what is wrong with the command line.
type usageError struct{ detail string }

func (*usageError) Error() string        { return "usage" }
func (*usageError) MessageKey() string   { return "usage" }
func (e *usageError) MessageArgs() []any { return []any{"detail", e.detail} }

// read reads the command line, and writes the help it asks for: that is
// flag.ErrHelp.
func read(args []string, texts *i18n.Catalogue, out io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("cie-gui", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // English
	flags.Usage = func() {}
	flags.BoolVar(&o.version, "version", false, texts.T("cli.version"))
	flags.BoolVar(&o.demo, "demo", false, texts.T("gui.flag.demo"))
	flags.BoolVar(&o.counter, "counter", false, texts.T("gui.flag.counter"))
	verify := flags.Bool(doVerify, false, texts.T("gui.flag.verify"))
	sign := flags.Bool(doSign, false, texts.T("gui.flag.sign"))
	err = flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintf(out, "%s\n  cie-gui %s\n  cie-gui --sign %[3]s\n  cie-gui --verify %[3]s\n\n%[4]s\n", texts.T("cli.help.usage"), texts.T("cli.help.options"), texts.T("gui.help.files"), texts.T("cli.help.flags"))
		flags.VisitAll(func(f *flag.Flag) { fmt.Fprintf(out, "  --%-9s  %s\n", f.Name, f.Usage) })
		return o, err
	case err != nil:
		if name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: "); unknown { // there is no type for it
			return o, &usageError{texts.T("usage.option-unknown", "name", name)}
		}
		return o, &usageError{err.Error()}
	case *verify && *sign:
		return o, &usageError{texts.T("usage.options-together", "names", "--verify, --sign")}
	case *verify:
		o.request, err = ask(doVerify, flags.Args())
		return o, err
	case *sign:
		o.request, err = ask(doSign, flags.Args())
		return o, err
	case flags.NArg() > 0:
		return o, &usageError{texts.T("usage.arguments", "text", strings.Join(flags.Args(), " "))}
	}
	return o, nil
}
