// Package report says in words what is known of a signed file: in the window, in the
// terminal, and in a file to keep. It says whether a document is intact, who signed it,
// when, and whether the certificate was revoked each apart, and has no word for all of
// them together but one that promises no more than the least of them.
package report

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/cades"
	"github.com/softwarecie/cie/internal/i18n"
)

// A Mark is how something stands.
type Mark string

// The marks. Open is what is not known, or not proved.
const (
	Good   Mark = "✓"
	Open   Mark = "?"
	Bad    Mark = "✗"
	Remark Mark = "!"
)

// A Line is one thing that is said, with what belongs to it.
type Line struct {
	Mark Mark
	Text string
	More []string
	Code string // of the reason, in the words of ETSI EN 319 102-1; "": none
}

// Verdict is what comes of all facts about a signature together, and why.
func Verdict(c *i18n.Catalogue, s ades.Signature) Line {
	l := Overall(c, s.Verdict)
	switch {
	case s.Verdict == ades.Valid && (len(s.Notes) > 0 || s.Covers == "revision" || s.Signer.Kind != ades.KindCIE):
		return Line{Mark: Remark, Text: c.T("verdict.valid-but")}
	case s.Verdict == ades.Valid:
		return l
	case s.Reason == ades.TryLater:
		return Line{Mark: Open, Text: c.T("verdict.unchecked")}
	}
	l.More, l.Code = []string{c.T("reason." + string(s.Reason))}, string(s.Reason)
	return l
}

// Overall is a verdict alone.
func Overall(c *i18n.Catalogue, v ades.Verdict) Line {
	switch v {
	case ades.Valid:
		return Line{Mark: Good, Text: c.T("verdict.valid")}
	case ades.Invalid:
		return Line{Mark: Bad, Text: c.T("verdict.invalid")}
	}
	return Line{Mark: Open, Text: c.T("verdict.undetermined")}
}

// Worst is the verdict on a file: that of its worst signature.
func Worst(c *i18n.Catalogue, r ades.Report) Line {
	worst := Overall(c, r.Verdict)
	worse := map[Mark]int{Good: 1, Remark: 2}
	for _, s := range r.Signatures {
		switch l := Verdict(c, s); {
		case r.Verdict == ades.Valid && worse[l.Mark] > worse[worst.Mark]:
			worst = l
		case r.Verdict == ades.Undetermined && s.Verdict != ades.Valid && s.Reason != ades.TryLater:
			return Overall(c, r.Verdict)
		case r.Verdict == ades.Undetermined && s.Reason == ades.TryLater:
			worst = l
		}
	}
	return worst
}

// Facts are the four that matter, always in this order: intact, who, when, revocation.
func Facts(c *i18n.Catalogue, s ades.Signature) []Line {
	return []Line{intact(c, s), who(c, s), when(c, s), revocation(c, s)}
}

func intact(c *i18n.Catalogue, s ades.Signature) Line {
	l := Line{Mark: Good, Text: c.T("report.intact")}
	switch {
	case !s.Intact && s.Verdict == ades.Invalid:
		l = Line{Mark: Bad, Text: c.T("report.not-intact")}
	case !s.Intact:
		l = Line{Mark: Open, Text: c.T("report.not-intact")}
	}
	l.Text += " · " + c.T("report.covers-"+s.Covers, "part", s.Part)
	return l
}

// who is good only where the state vouches for the signer, and all else is in order.
func who(c *i18n.Catalogue, s ades.Signature) Line {
	if s.Signer.Name == "" {
		return Line{Mark: Open, Text: c.T("report.nobody")}
	}
	name := s.Signer.Name
	if s.Signer.TaxCode != "" {
		name += " · " + s.Signer.TaxCode
	}
	l := Line{Mark: Open, Text: c.T("report.signer", "name", name, "issuer", s.Signer.Issuer), More: []string{c.T("report.kind-" + s.Signer.Kind)}}
	if s.Intact && (s.Reason == ades.TryLater || s.Verdict == ades.Valid) && s.Signer.Kind == ades.KindCIE {
		l.Mark = Good
	}
	if expires, err := time.Parse(time.DateOnly, s.Signer.Expires); err == nil {
		l.More = append(l.More, c.T("cli.expires", "date", c.Date(expires)))
	}
	return l
}

func when(c *i18n.Catalogue, s ades.Signature) Line {
	if at, err := time.Parse(time.RFC3339, s.Proved); err == nil {
		by := slices.IndexFunc(s.Stamps, func(t ades.TimeStamp) bool { return t.Counts && t.Time == s.Proved })
		if by >= 0 {
			return Line{Mark: Good, Text: c.T("report.proved", "date", c.Date(at), "time", at.UTC().Format("15:04"), "authority", s.Stamps[by].Authority)}
		}
	}
	at, err := time.Parse(time.RFC3339, s.Claimed)
	if err != nil {
		return Line{Mark: Open, Text: c.T("report.no-claim")}
	}
	return Line{Mark: Open, Text: c.T("report.claimed", "date", c.Date(at), "time", at.UTC().Format("15:04"))}
}

// revocation says whether the certificate was revoked, as of when, and who says so.
func revocation(c *i18n.Catalogue, s ades.Signature) Line {
	mark, at := Bad, s.RevokedAt
	switch s.Revocation {
	case "good":
		mark, at = Good, s.Updated
	case "revoked", "suspended":
	case "unknown":
		return Line{Mark: Open, Text: c.T("report.revocation-unknown")}
	default:
		return Line{Mark: Open, Text: c.T("report.revocation")}
	}
	day, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return Line{Mark: Open, Text: c.T("report.revocation-unknown")}
	}
	return Line{Mark: mark, Text: c.T("report.revocation-"+s.Revocation,
		"date", c.Date(day), "time", day.UTC().Format("15:04"), "source", c.T("report.source-"+s.Source))}
}

// unproved says of a time stamp why it proves nothing.
func unproved(c *i18n.Catalogue, t ades.TimeStamp) Line {
	at, err := time.Parse(time.RFC3339, t.Time)
	if err != nil || t.Reason == ades.StampWrong {
		return Line{Mark: Remark, Text: c.T("report.stamp-wrong")}
	}
	return Line{Mark: Remark, Text: c.T("report.stamp-"+t.Reason, "authority", t.Authority, "date", c.Date(at), "time", at.UTC().Format("15:04"))}
}

// Remarks are what else is worth knowing of a signature.
func Remarks(c *i18n.Catalogue, s ades.Signature) (all []Line) {
	if s.PDF != nil {
		all = inPDF(c, *s.PDF)
	}
	if strings.HasPrefix(s.Level, "B-") && s.Level != "B-B" {
		all = append(all, Line{Mark: Remark, Text: c.T("report.level", "level", s.Level)})
	}
	for _, t := range s.Stamps {
		if !t.Counts {
			all = append(all, unproved(c, t))
		}
	}
	for _, n := range s.Notes {
		if n != cades.NoteNoTime { // "when" says so
			all = append(all, Line{Mark: Remark, Text: c.T("note.signature." + string(n))})
		}
	}
	return all
}

// inPDF is what a signature in a PDF says, and what was changed after it.
func inPDF(c *i18n.Catalogue, p ades.PDF) (all []Line) {
	remark := func(m Mark, text string) { all = append(all, Line{Mark: m, Text: text}) }
	if p.Reason != "" {
		remark(Remark, c.T("report.signer-reason", "text", p.Reason))
	}
	if p.Place != "" {
		remark(Remark, c.T("report.signer-place", "text", p.Place))
	}
	if p.Certifies > 0 {
		remark(Remark, c.T(fmt.Sprintf("report.certifies-%d", p.Certifies)))
	}
	for _, change := range p.Changes {
		mark := Remark
		if !change.Allowed {
			mark = Bad
		}
		remark(mark, c.T("change."+change.Kind, "name", change.Name, "old", change.Old, "new", change.New))
	}
	return all
}

// Before is what to know of a document before it is signed.
func Before(c *i18n.Catalogue, j *ades.Job) (all []string) {
	if j.Invoice {
		all = append(all, c.T("cli.sign.invoice"))
	}
	if j.Broken {
		all = append(all, c.T("cli.sign.broken"))
	}
	if len(j.Active) > 0 {
		all = append(all, c.T("cli.sign.active"))
	}
	return all
}

// Inside says that the document is a signed file itself, "" if it is none.
func Inside(c *i18n.Catalogue, r ades.Report) string {
	switch {
	case r.Inside == nil:
		return ""
	case r.Inside.Signatures == nil:
		return c.T("report.inside-damaged")
	}
	return c.T("report.inside")
}

// Title names the file that a report is about, and how it is written.
func Title(c *i18n.Catalogue, r ades.Report) string {
	return c.T("report.file", "file", Name(r.File), "format", r.Format, "encoding", r.Encoding)
}

// Name is the name of a file that is safe to show: it begins no line of its own, and
// reads in the order in which it is written.
func Name(path string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, path)
}

// Document is by what a document is known, "" where there is none.
func Document(c *i18n.Catalogue, r ades.Report) string {
	if r.SHA256 == "" {
		return ""
	}
	return c.T("report.document", "size", r.Size, "sum", r.SHA256)
}

// Text is a whole report.
func Text(c *i18n.Catalogue, r ades.Report) string {
	t := text{Catalogue: c}
	t.line(0, Title(c, r))
	t.report(r, 1)
	return t.String()
}

// A text is a report being written, indented by what belongs to what.
type text struct {
	*i18n.Catalogue
	strings.Builder
}

func (t *text) line(depth int, words string) {
	t.WriteString(strings.Repeat("  ", depth) + words + "\n")
}

func (t *text) told(depth int, l Line) {
	t.line(depth, string(l.Mark)+" "+l.Text)
	for _, more := range l.More {
		if l.Code != "" {
			more += " (" + l.Code + ")"
		}
		t.line(depth+1, more)
	}
}

func (t *text) report(r ades.Report, depth int) {
	if d := Document(t.Catalogue, r); d != "" {
		t.line(depth, d)
	}
	for _, s := range r.Signatures {
		t.signature(s, depth)
	}
	if said := Inside(t.Catalogue, r); said != "" {
		t.line(depth, said)
		t.report(*r.Inside, depth+1)
	}
}

func (t *text) signature(s ades.Signature, depth int) {
	t.told(depth, Verdict(t.Catalogue, s))
	for _, l := range append(Facts(t.Catalogue, s), Remarks(t.Catalogue, s)...) {
		t.told(depth+2, l)
	}
	for _, counter := range s.Counter {
		t.line(depth+2, t.T("report.counter"))
		t.signature(counter, depth+3)
	}
}
