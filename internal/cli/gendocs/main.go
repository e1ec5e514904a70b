// Gendocs writes docs/cli.md and the manual pages from the commands themselves.
//
//	go run ./internal/cli/gendocs docs build/man
package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/softwarecie/cie/internal/cli"
	"github.com/softwarecie/cie/internal/doctor"
	"github.com/softwarecie/cie/internal/i18n"
)

// preface is what is true of every command.
const preface = `# The command line

Generated from the program: ` + "`make docs`" + `. In Italian, German, French or Slovenian say
` + "`CIE_LANG=it cie --help`" + `.

## Codes

PIN and PUK are never arguments, and never in the environment. They are asked for at the
terminal without being shown, or read from a descriptor (` + "`--pin-fd 3 3<file`" + `), or from
standard input, one for each line, in the order in which a person would be asked
(` + "`--pin-stdin`" + `). Wherever the PIN of a paired card is asked for, its last 4 digits or all 8
will do. What a person confirms by typing a word, a script says with ` + "`--accept-last-try`" + `,
` + "`--accept-few-tries`" + ` or ` + "`--accept-unknown-issuer`" + `.

## Exit statuses

| status | meaning |
|---|---|
| 0 | done |
| 1 | anything not below |
| 2 | the command line is wrong; a code of the wrong length, or with other than digits |
| 3 | no smart card service, or no reader |
| 4 | no card |
| 5 | not a CIE |
| 6 | wrong PIN or PUK; the tries left are in the answer |
| 7 | PIN blocked |
| 8 | PUK blocked |
| 9 | link lost, card removed |
| 10 | another program has the card |
| 11 | refused by a rule that protects the holder: last try, weak new PIN, unknown issuer |
| 12 | not genuine |
| 13 | not paired: all 8 digits are needed |
| 14 | files of a release, the installed programs, or the notice of a newer version are not as the project signed them |
| 15 | a signature of a document is not valid, or the file is no signed file |
| 16 | a signature of a document cannot be verified, or not now: see [signatures.md](signatures.md) |
| 17 | signed, but without the time stamp that was asked for |

## JSON

With ` + "`--json`" + ` every answer is one object.

| name | meaning |
|---|---|
| ` + "`ok`" + ` | whether it was done |
| ` + "`code`" + ` | stable code of the error, such as ` + "`CIE-PIN-02`" + `; empty when ok |
| ` + "`message`" + ` | the error for a person, in the language of the locale |
| ` + "`tries`" + ` | PIN tries left (after an error with the PUK, those of the PUK); null when not known |
| ` + "`puk_tries`" + ` | PUK tries left (` + "`pin tries`" + `) |
| ` + "`pan`" + ` | identifier of the card, 12 digits |
| ` + "`paired`" + ` | whether this computer knows it |
| ` + "`chip`" + ` | family of the chip, empty when not known |
| ` + "`genuine`" + ` | ` + "`genuine`, `test`, `unknown`, `failed`" + ` |
| ` + "`digits`" + ` | how many digits of the PIN are enough here: 4 or 8 |
| ` + "`holder`, `expires`, `expired`, `document`, `tax_code`" + ` | from the certificate; the tax code only when asked for |
| ` + "`pending`" + ` | a change of the PIN was not seen to end |
| ` + "`tries_last_seen`" + ` | PIN tries left when the card was last used here |
| ` + "`readers`" + ` | ` + "`name`, `state` (`empty`, `cie`, `other`, `silent`, `busy`, `error`), `kind`, `atr`, `pan`, `error`" + ` |
| ` + "`cards`" + ` | paired cards, each with the names above (` + "`list`" + `) |
| ` + "`check`" + ` | ` + "`nis`, `signer`, `signed` (data groups), `clone`, `reason`" + ` (` + "`card check`" + `) |
| ` + "`findings`" + ` | ` + "`check`, `ok`, `hint` (worth knowing, no fault), `about`, `code`, `message`, `effect`, `fix` (changes)" + ` (` + "`doctor`" + `) |
| ` + "`kept`" + ` | stored files: ` + "`kind`, `path`, `size`, `pan`" + ` (` + "`forget --list`" + `) |
| ` + "`settings`" + ` | ` + "`name`, `value` (TOML), `origin` (`default`, `user`, `managed`)" + ` (` + "`config show`" + `) |
| ` + "`output`" + ` | file written, or the content where none was named: text as it is, a signature or DER in base64 |
| ` + "`site`" + ` | ` + "`landing`, `required`, `optional`, `tls13`" + `: addresses; ` + "`ca`" + `: file with the CA of the site, PEM (` + "`demo-site`" + `, first object) |
| ` + "`attempt`" + ` | ` + "`door`, `outcome` (`ok`, `no-certificate`, `refused`, `failed`, `gone`), `holder`, `tax_code`, `issuer`, `genuine`, `version`, `cipher`, `signature`, `error`" + ` (` + "`demo-site`" + `, one object for each attempt; ` + "`login-test`" + `, the login that worked) |
| ` + "`version`" + ` | of the program |
| ` + "`packages`" + ` | installed, as they were signed: ` + "`name`, `version`, `format` (`deb`, `rpm`, `arch`, `tar`, `msi`, `single`), `files` (how many)" + ` (` + "`version --verify`" + `) |
| ` + "`files`" + ` | as they were signed (` + "`version --verify FILE`" + `) |
| ` + "`newest`" + ` | ` + "`version`, `date`, `notes` (address), `expires`, `newer` (than this program)" + ` (` + "`update`" + `) |
| ` + "`signed`, `extracted`" + ` | ` + "`file`, `output` (file written), `size` (of the document), `level` (`B-B`, `B-T`), `proved_time` (by the time stamp)" + ` (` + "`sign`, `extract`" + `) |
| ` + "`reports`" + ` | of each signed file: ` + "`file`, `format`, `encoding`, `detached`, `document`, `size`, `sha256`, `verdict` (`valid`, `undetermined`, `invalid`), `signatures`, `inside` (the same of a signed file within), `detail`" + `; of each signature: ` + "`verdict`, `reason` (ETSI EN 319 102-1), `detail`, `intact`, `covers` (`document`, `signature`), `level`, `signer` (`kind`: `cie`, `test`, `other`; `name`, `tax_code`, `issuer`, `from`, `expires`, `serial`), `claimed_time`, `proved_time`, `time_stamps` (`time`, `authority`, `issuer`, `known`, `revocation`, `counts`, `reason`, `detail`), `revocation` (`good`, `revoked`, `suspended`, `unknown`, `not-asked`), `revocation_source` (`ocsp` or `crl`, then `-file` or `-network`), `revocation_time` (as of when), `revoked_at`, `revocation_detail`, `notes`, `counter_signatures`" + ` (` + "`verify`, `extract`" + `) |

## Commands

`

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gendocs DOCS MAN")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(docs, man string) error {
	a := &cli.App{Version: "", Getenv: func(string) string { return "" }}
	root := a.Describe()
	var text bytes.Buffer
	text.WriteString(preface)
	if err := commands(&text, root); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(docs, "cli.md"), text.Bytes(), 0o644); err != nil { //nolint:gosec // a public document
		return err
	}
	if err := os.WriteFile(filepath.Join(docs, "doctor.md"), faults(), 0o644); err != nil { //nolint:gosec // a public document
		return err
	}
	if err := os.MkdirAll(man, 0o755); err != nil { //nolint:gosec // manual pages are for everybody
		return err
	}
	return doc.GenManTree(root, &doc.GenManHeader{Title: "CIE", Section: "1", Source: "Software CIE", Manual: "User Commands"}, man)
}

// doctorPreface stands before the table of what the doctor finds.
const doctorPreface = `# The doctor

Generated from the program: ` + "`make docs`" + `.

` + "`cie doctor`" + ` looks at everything between the computer's clock and the browsers, in this order, and says what is
wrong and what to do. It presents no code and changes nothing. ` + "`--fix`" + ` makes the changes that help, after showing each
line; ` + "`cie browser undo`" + ` takes them back. ` + "`--report FILE.zip`" + ` shows a report for support, then writes it: codes, counts,
versions and names of products, nothing of a person, a card or a path. The exit status is that of the first finding.

What a check does not need, it leaves alone: without a service there are no readers to look at. "contact with the card"
has the card answer ten times three harmless commands, and tells how often it did and how fast; ` + "`--link`" + `, and "Find the
right place" in the window, go on with that while the card is moved. The library is loaded by
another process. What is marked "hint" is worth knowing and no fault: it does not change the exit status. Whether a whole
login works is tried by ` + "`cie login-test`" + `; the doctor sees the settings by which a program excludes TLS 1.2. Other
libraries for the CIE are taken out by ` + "`--remove-others`" + ` only.

| check | finding | effect | code | remedy | ` + "`--fix`" + ` |
|---|---|---|---|---|---|
`

// modelsPreface stands before the table of readers that fail at times.
const modelsPreface = `
## Readers that are known to fail at times

Of public reports, these are the models with more than a single report of a single device. Left out: ACR1251 (one report of an
unstable device, acshk/acsccid issue 23), ACR1281 and ACR1252 (extended commands fail, acshk/acsccid issues 42 and 15: this
program sends none). None was tried here.

| in the reader's name | source | for the CIE |
|---|---|---|
`

// faults is the table of what the doctor finds.
func faults() []byte {
	texts := i18n.Load(i18n.English)
	text := bytes.NewBufferString(doctorPreface)
	for _, c := range doctor.Finds() {
		for _, err := range c.Finds {
			m, fix := texts.Explain(err), ""
			among := func(all []error) bool {
				return slices.ContainsFunc(all, func(e error) bool { return errors.Is(err, e) })
			}
			switch {
			case among(doctor.Hints()):
				fix = "hint"
			case errors.Is(err, doctor.ErrRival):
				fix = "on request"
			case among(doctor.Fixes()):
				fix = "yes"
			}
			fmt.Fprintf(text, "| %s | %s | %s | %s | %s | %s |\n", texts.T("doctor."+c.Name), m.What, texts.T("doctor.effect."+c.Name), m.Code, m.Next, fix)
		}
	}
	text.WriteString(modelsPreface)
	for _, m := range doctor.FlakyModels() {
		fmt.Fprintf(text, "| %s | %s | %s |\n", m.Word, m.Source, m.Means)
	}
	return text.Bytes()
}

// commands writes a section for every command that does something.
func commands(text *bytes.Buffer, c *cobra.Command) error {
	c.InitDefaultHelpFlag()
	if c.Runnable() && !c.HasSubCommands() && !c.Hidden {
		fmt.Fprintf(text, "### %s\n\n%s.\n\n```\n%s\n```\n\n", c.CommandPath(), c.Short, strings.TrimRight(c.Example, "\n"))
		if flags := c.LocalNonPersistentFlags().FlagUsages(); flags != "" {
			fmt.Fprintf(text, "```\n%s```\n\n", flags)
		}
	}
	for _, sub := range c.Commands() {
		if err := commands(text, sub); err != nil {
			return err
		}
	}
	return nil
}
