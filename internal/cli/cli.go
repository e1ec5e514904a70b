// Package cli is the command line of the program: it asks for codes, calls the
// holder's operations, and says in words or in JSON what came of it.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/pcsc"
)

// An App is one run of the command line.
type App struct {
	In       *os.File
	Out, Err io.Writer
	Version  string
	Key      string       // public, of releases, as release.ParsePublic reads it; "": none is built in
	Feed     string       // address of the notice of the newest version; "": none is built in
	Program  string       // file of this program; "": that which runs
	Client   *http.Client // to ask with; nil: as the settings say
	Getenv   func(string) string
	Cards    cie.Cards // nil: the readers of this computer
	Module   string    // path of the library for browsers; "": that of this program

	columns  int // of the terminal, widest at most
	json     bool
	reader   string
	code     codeFlags
	consent  cie.Consent
	client   *pcsc.Client
	messages *i18n.Catalogue
	settings settings.Settings
	holder   *cie.Holder
	result   result
	exit     int
}

// Main runs the command line of this process and returns its exit status.
func Main(version, key, feed string) int {
	a := &App{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: version, Key: key, Feed: feed, Getenv: os.Getenv}
	ctx, stop := interruptible()
	defer stop()
	return a.Run(ctx, os.Args[1:])
}

// interruptible ends with Ctrl-C, and when the process is told to end: a terminal is
// not left without echo, and no change of a PIN is cut off.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

// Run executes one command line.
func (a *App) Run(ctx context.Context, args []string) int {
	debug.SetTraceback("none") // a crash prints no memory
	a.messages = i18n.Load(a.language(""))
	a.exit = exitOK
	root := a.Command()
	a.completionCommand(root)
	a.json = slices.Contains(args, "--json") // also where the rest of the line cannot be read
	root.SetArgs(args)
	root.SetErr(a.Err)
	a.columns = columns(a.Out)
	out := &output{to: a.Out}
	a.Out = out
	root.SetOut(out)
	err := root.ExecuteContext(ctx)
	if err == nil {
		err = out.err
	}
	if err != nil {
		a.fail(err)
	}
	if a.client != nil {
		_ = a.client.Close()
	}
	return a.exit
}

// widest is the widest a text is written: longer lines are hard to read.
const widest = 80

// columns is how wide a text is written.
func columns(out io.Writer) int {
	if file, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return min(width, widest)
		}
	}
	return widest
}

// An output remembers that something could not be written, so that no answer is lost
// without a word.
type output struct {
	to  io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.to.Write(p)
	o.err = cmp.Or(o.err, err)
	return n, err
}

// Describe is the tree of commands for documentation.
func (a *App) Describe() *cobra.Command {
	a.messages = i18n.Load(a.language(""))
	root := a.Command()
	root.DisableAutoGenTag = true
	return root
}

// language is that of the setting, else of the environment.
func (a *App) language(setting string) i18n.Language {
	if setting != "" && a.Getenv("CIE_LANG") == "" {
		return i18n.Match(setting)
	}
	return i18n.Detect(a.Getenv)
}

// t is a text in the person's language.
func (a *App) t(key string, args ...any) string { return a.messages.T(key, args...) }

// Command is the tree of commands.
func (a *App) Command() *cobra.Command {
	root := a.group("cie", "cli.cie")
	root.Long, root.Version = a.t("cli.cie")+"\n\n"+a.t("cli.cie.long"), a.Version
	root.Example = "  cie status\n  cie pair\n  cie pin verify\n  cie status --json"
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetUsageFunc(a.howTo)
	root.SetHelpFunc(a.help)
	root.SetHelpCommand(a.helpCommand())
	root.SetVersionTemplate("cie {{.Version}}\n")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return a.flagError(err) })
	flags := root.PersistentFlags()
	flags.BoolVar(&a.json, "json", false, a.t("cli.flag.json"))
	flags.StringVar(&a.reader, "reader", "", a.t("cli.flag.reader"))
	flags.BoolP("help", "h", false, a.t("cli.flag.help"))
	root.Flags().Bool("version", false, a.t("cli.version"))
	root.AddCommand(
		a.statusCommand(), a.readersCommand(), a.listCommand(), a.pairCommand(), a.unpairCommand(), a.forgetCommand(),
		a.pinCommand(), a.certCommand(), a.infoCommand(), a.cardCommand(),
		a.signCommand(), a.verifyFilesCommand(), a.extractCommand(), a.signDigestCommand(), a.guideCommand(),
		a.browserCommand(), a.configCommand(), a.doctorCommand(), a.loadModuleCommand(), a.demoCommand(), a.demoSiteCommand(), a.loginTestCommand(),
		a.versionCommand(), a.updateCommand(),
	)
	return root
}

// command makes a command whose run is f, with settings and Holder ready.
func (a *App) command(use, key, example string, f func(ctx context.Context, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: a.t(key), Example: example, Args: a.arguments(use),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.prepare(); err != nil {
				return err
			}
			if err := f(c.Context(), args); err != nil {
				return err
			}
			a.succeed()
			return nil
		},
	}
}

// arguments allows as many as the usage line shows.
func (a *App) arguments(use string) cobra.PositionalArgs {
	most, files := strings.Count(use, "[ID"), strings.Contains(use, "FILE…")
	return func(_ *cobra.Command, args []string) error {
		if files && len(args) == 0 {
			return a.usage("file-missing")
		}
		if files {
			return nil
		}
		if len(args) > most {
			return a.usage("arguments", "text", strings.Join(args[most:], " "))
		}
		return nil
	}
}

// prepare reads the settings and makes the Holder.
func (a *App) prepare() (err error) {
	if a.settings, err = settings.Here().Load(); err != nil {
		return err
	}
	a.messages = i18n.Load(a.language(a.settings.Language))
	cards := a.Cards
	if cards == nil {
		a.client = pcsc.New(pcsc.Waiting(func(string) { a.say(a.t("step.wait-program")) }))
		cards = cie.OnPCSC(a.client)
	}
	if a.holder, err = a.settings.Holder(cards, settings.KeyringPatience); err != nil {
		return err
	}
	a.holder.Progress = a.progress
	return nil
}

// progress names the step on the terminal; scripts do not see it.
func (a *App) progress(s cie.Step) {
	if a.interactive() {
		fmt.Fprintf(a.Err, "  · %s\n", a.t("step."+string(s)))
	}
}

// say writes a line for a person, beside the answer.
func (a *App) say(line string) {
	if !a.json {
		fmt.Fprintln(a.Err, line)
	}
}

// print writes a line of the answer.
func (a *App) print(format string, args ...any) {
	if !a.json {
		fmt.Fprintf(a.Out, format+"\n", args...)
	}
}

// interactive says whether a person sits at the other end.
func (a *App) interactive() bool {
	return !a.json && a.In != nil && term.IsTerminal(int(a.In.Fd())) && !a.code.given()
}

// target chooses the card: by the reader given, whole or in part of its name, or
// the only one there is.
func (a *App) target(ctx context.Context) (cie.Target, error) {
	name, err := a.fullName(ctx)
	if err == nil {
		name, err = a.holder.Find(ctx, name)
	}
	return cie.Target{Reader: name, Consent: a.consent}, err
}

// fullName completes the name given with --reader.
func (a *App) fullName(ctx context.Context) (string, error) {
	if a.reader == "" {
		return "", nil
	}
	readers, err := a.holder.Cards.Readers(ctx)
	if err != nil {
		return "", err
	}
	found := ""
	for _, r := range readers {
		if r.Name == a.reader {
			return r.Name, nil
		}
		if strings.Contains(strings.ToLower(r.Name), strings.ToLower(a.reader)) {
			if found != "" {
				return "", a.usage("reader-several", "name", a.reader)
			}
			found = r.Name
		}
	}
	if found == "" {
		return "", cie.ErrNoReader
	}
	return found, nil
}

// agree runs an operation, and asks a person for the consent it turns out to
// need. No code has left when it is asked for.
func (a *App) agree(ctx context.Context, target cie.Target, operation func(cie.Target) error) error {
	for {
		err := operation(target)
		var few *cie.FewTriesError
		var question, word string
		var consent *bool
		switch {
		case errors.Is(err, cie.ErrLastTry):
			question, word, consent = "prompt.last-try", "word.last", &target.LastTry
		case errors.Is(err, cie.ErrLastPUKTry):
			question, word, consent = "prompt.last-puk-try", "word.last", &target.LastTry
		case errors.As(err, &few):
			question, word, consent = "prompt.few-tries", "word.yes", &target.FewPUKTries
		case errors.Is(err, cie.ErrUnknownIssuer):
			question, word, consent = "prompt.unknown-issuer", "word.yes", &target.UnknownIssuer
		default:
			return err
		}
		var n []any
		if few != nil {
			n = []any{"n", few.Tries}
		}
		agreed, cancelled := a.confirm(ctx, question, word, n...)
		if !agreed {
			return cmp.Or(cancelled, err)
		}
		*consent = true
	}
}

// confirm asks a person to type a word. Both are keys of texts; the question has
// the word as an argument, besides those given.
func (a *App) confirm(ctx context.Context, question, word string, args ...any) (bool, error) {
	if !a.interactive() {
		return false, nil
	}
	word = a.t(word)
	fmt.Fprint(a.Err, a.t(question, append(args, "word", word)...))
	answer := make(chan string, 1)
	go func() { // reading a terminal cannot be interrupted
		line, _ := readLine(a.In)
		answer <- line
	}()
	select {
	case line := <-answer:
		return same(line, word), nil
	case <-ctx.Done():
		fmt.Fprintln(a.Err)
		return false, errCancelled{}
	}
}

// same says whether a word was typed, also on a keyboard without an ì.
func same(typed, word string) bool {
	plain := strings.NewReplacer("ì", "i", "i\u0300", "i")
	return plain.Replace(strings.ToLower(strings.TrimSpace(typed))) == plain.Replace(word)
}

// readLine reads a line that is no secret, a byte at a time so that nothing after
// it is taken.
func readLine(in io.Reader) (string, error) {
	var line []byte
	for one := make([]byte, 1); len(line) < 1000; {
		n, err := in.Read(one)
		if n == 1 && one[0] != '\n' {
			line = append(line, one[0])
		}
		if n == 1 && one[0] == '\n' {
			break
		}
		if err != nil {
			return "", err
		}
	}
	return string(line), nil
}

// consentFlags are those by which a script says what a person would type.
func (a *App) consentFlags(c *cobra.Command, puk bool) {
	c.Flags().BoolVar(&a.consent.LastTry, "accept-last-try", false, a.t("cli.flag.last-try"))
	c.Flags().BoolVar(&a.consent.UnknownIssuer, "accept-unknown-issuer", false, a.t("cli.flag.unknown-issuer"))
	if puk {
		c.Flags().BoolVar(&a.consent.FewPUKTries, "accept-few-tries", false, a.t("cli.flag.few-tries"))
	}
}

// parsePAN reads the identifier of a card as it is listed.
func (a *App) parsePAN(s string) (applet.PAN, error) {
	pan, err := applet.ParsePAN(s)
	if err != nil {
		return pan, a.usage("card-number", "text", s)
	}
	return pan, nil
}
