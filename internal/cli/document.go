package cli

import (
	"cmp"
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/apart"
	"github.com/softwarecie/cie/internal/ades/revocation"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/network"
	"github.com/softwarecie/cie/internal/report"
	"github.com/softwarecie/cie/internal/secret"
	"github.com/softwarecie/cie/internal/trust"
)

// signedInfo is one signed document in an answer.
type signedInfo struct {
	File   string `json:"file"`                  // that was signed
	Output string `json:"output"`                // that was written
	Size   int64  `json:"size"`                  // of the document, in bytes
	Level  string `json:"level,omitempty"`       // of what was signed: "B-B", "B-T"
	Proved string `json:"proved_time,omitempty"` // RFC 3339; by the time stamp
}

func (a *App) signCommand() *cobra.Command {
	var how ades.How
	timestamp := ""
	c := a.command("sign FILE…", "cli.sign",
		"  cie sign contract.pdf\n  cie sign --output signed *.pdf\n  cie sign --format cades contract.pdf\n  cie sign --detached photo.jpg\n  cie sign photo.jpg.p7m\n  cie sign --format xades invoice.xml\n  cie sign --timestamp https://tsa.example.org letter.txt",
		func(ctx context.Context, files []string) error { return a.sign(ctx, files, how, timestamp) })
	c.Long = a.t("cli.sign") + "\n\n" + a.t("cli.sign.long") + "\n\n" + a.t("note.fea")
	c.Flags().StringVar(&how.Format, "format", ades.Auto, a.t("cli.flag.format", "names", strings.Join(ades.Formats()[1:], ", ")))
	c.Flags().BoolVar(&how.Detached, "detached", false, a.t("cli.flag.detached"))
	c.Flags().BoolVar(&how.Nested, "nested", false, a.t("cli.flag.nested"))
	c.Flags().StringVarP(&how.Output, "output", "o", "", a.t("cli.flag.output-or-folder"))
	c.Flags().StringVar(&timestamp, "timestamp", "", a.t("cli.flag.timestamp"))
	c.Flags().StringVar(&how.Reason, "reason", "", a.t("cli.flag.reason"))
	c.Flags().StringVar(&how.Place, "place", "", a.t("cli.flag.place"))
	a.consentFlags(c, false)
	return a.codeFlags(c, "pin")
}

// sign reads all files, has the card sign them one after another with one PIN, lets
// the card go, and then asks for time stamps, if it has to, and writes what was signed:
// nothing of others is read while the card is open.
func (a *App) sign(ctx context.Context, files []string, how ades.How, timestamp string) error {
	if timestamp != "" && network.Check(timestamp) != nil {
		return a.usage("timestamp", "address", timestamp)
	}
	if !slices.Contains(ades.Formats(), how.Format) {
		return a.usage("format", "name", how.Format, "names", strings.Join(ades.Formats(), ", "))
	}
	if err := a.severalInto(files, how.Output); err != nil {
		return err
	}
	a.say(a.t("note.fea"))
	jobs, err := ades.PrepareAll(ctx, files, how, func(int) {})
	if err != nil {
		return err
	}
	defer ades.CloseAll(jobs)
	a.sayJobs(jobs)
	err = a.withPIN(ctx, func(t cie.Target, pin *secret.Buffer) error { return a.signJobs(ctx, t, pin, jobs) }, func() {})
	if failed := a.stampJobs(ctx, jobs, timestamp); err == nil {
		err = failed
	}
	return a.finishJobs(ctx, jobs, err)
}

// severalInto wants a folder for more than one file.
func (a *App) severalInto(files []string, output string) error {
	info, err := os.Stat(output)
	if len(files) > 1 && output != "" && (err != nil || !info.IsDir()) {
		return a.usage("output-folder", "name", output)
	}
	return nil
}

// sayJobs tells what will be signed.
func (a *App) sayJobs(jobs []*ades.Job) {
	for _, j := range jobs {
		a.say("  " + a.t("cli.sign.file", "file", j.Path, "size", j.Size))
		for _, said := range report.Before(a.messages, j) {
			a.say("  " + said)
		}
	}
}

// signJobs has the card sign, once for each file.
func (a *App) signJobs(ctx context.Context, t cie.Target, pin *secret.Buffer, jobs []*ades.Job) error {
	login, err := a.holder.Login(ctx, t, pin)
	if err != nil {
		return err
	}
	defer login.Close()
	a.done(login.PAN())
	certificate := login.Certificate()
	issuers := a.holder.Roots.Describe(certificate).Path
	return ades.SignAll(jobs, login.Signer(ctx), certificate, issuers, func(int) {})
}

// stampJobs asks for a time stamp on each signature; a service that fails is not asked
// again.
func (a *App) stampJobs(ctx context.Context, jobs []*ades.Job, address string) error {
	for _, j := range jobs {
		if address == "" || !j.Signed() {
			continue
		}
		if err := j.Stamp(ctx, a.fetch(a.way()), address, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// fetch asks the network as the documents' packages need it.
func (a *App) fetch(way *http.Client) ades.Fetch {
	return func(ctx context.Context, q revocation.Query) ([]byte, error) {
		return network.Fetch(ctx, way, network.Request(q))
	}
}

// finishJobs writes what was signed, also where the card did not get to the end. The
// error is the first.
func (a *App) finishJobs(ctx context.Context, jobs []*ades.Job, err error) error {
	a.result.Signed = []signedInfo{}
	for _, j := range jobs {
		if !j.Signed() {
			continue
		}
		if failed := j.Finish(ctx); failed != nil {
			err = cmp.Or(err, failed)
			continue
		}
		s := signedInfo{File: j.Path, Output: j.Output, Size: j.Size, Level: "B-B"}
		a.print("✓ %s", a.t("cli.signed", "file", j.Output))
		if at := j.Stamped; !at.IsZero() {
			s.Level, s.Proved = "B-T", at.UTC().Format(time.RFC3339)
			a.say("  " + a.t("cli.stamped", "date", a.messages.Date(at), "time", at.UTC().Format("15:04")))
		}
		a.result.Signed = append(a.result.Signed, s)
	}
	return err
}

func (a *App) verifyFilesCommand() *cobra.Command {
	document, online := "", false
	c := a.command("verify FILE…", "cli.verify", "  cie verify contract-signed.pdf photo.jpg.p7m\n  cie verify --document photo.jpg photo.jpg.p7s\n  cie verify --json *.p7m\n  cie verify --online contract-signed.pdf",
		func(ctx context.Context, files []string) error { return a.verifyFiles(ctx, files, document, online) })
	c.Long = a.t("cli.verify") + "\n\n" + a.t("cli.verify.long")
	c.Flags().StringVar(&document, "document", "", a.t("cli.flag.document"))
	c.Flags().BoolVar(&online, "online", false, a.t("cli.flag.online"))
	return c
}

// verifyFiles tells what is known of each file. The error is the worst verdict.
func (a *App) verifyFiles(ctx context.Context, files []string, document string, online bool) error {
	if len(files) > 1 && document != "" {
		return a.usage("one-file")
	}
	verify := apart.VerifyFile
	if online {
		verify = a.verifyOnline
	}
	var worst error
	for _, file := range files {
		r, err := verify(ctx, file, document, a.holder.Roots, time.Now())
		if err != nil {
			return err
		}
		a.tell(r)
		if worst == nil || r.Verdict == ades.Invalid && status(worst) != exitInvalid {
			worst = r.Err()
		}
	}
	return worst
}

// verifyOnline asks those whom the certificates name too: they are strangers.
func (a *App) verifyOnline(ctx context.Context, file, document string, roots *trust.Roots, now time.Time) (ades.Report, error) {
	way := a.Client
	if way == nil {
		way = network.Public(a.way())
	}
	return apart.VerifyOnline(ctx, file, document, roots, now, a.fetch(way))
}

func (a *App) extractCommand() *cobra.Command {
	innermost, output := false, ""
	c := a.command("extract FILE…", "cli.extract", "  cie extract contract.pdf.p7m\n  cie extract --innermost --output documents *.p7m",
		func(ctx context.Context, files []string) error { return a.extract(ctx, files, output, innermost) })
	c.Long = a.t("cli.extract") + "\n\n" + a.t("cli.extract.long")
	c.Flags().StringVarP(&output, "output", "o", "", a.t("cli.flag.output-or-folder"))
	c.Flags().BoolVar(&innermost, "innermost", false, a.t("cli.flag.innermost"))
	return c
}

// extract takes the documents out. The error is that of a signature that is wrong; the
// document is there all the same, and its name says so.
func (a *App) extract(ctx context.Context, files []string, output string, innermost bool) error {
	if err := a.severalInto(files, output); err != nil {
		return err
	}
	var worst error
	for _, file := range files {
		e, err := apart.Extract(ctx, file, output, innermost, a.holder.Roots, time.Now())
		if err != nil {
			return err
		}
		a.tell(e.Report)
		a.result.Extracted = append(a.result.Extracted, signedInfo{File: file, Output: e.Output, Size: e.Size})
		a.print("→ %s", a.t("cli.extracted", "file", e.Output))
		if e.Guessed {
			a.say("  " + a.t("cli.extract.guessed"))
		}
		if e.Program() {
			a.say("! " + a.t("extract.program"))
		}
		if e.Verdict == ades.Invalid {
			worst = cmp.Or(worst, e.Err())
		}
	}
	return worst
}

// tell prints what is known of one file, and keeps it for JSON.
func (a *App) tell(r ades.Report) {
	a.result.Reports = append(a.result.Reports, r)
	a.print("%s", strings.TrimSuffix(report.Text(a.messages, r), "\n"))
}
