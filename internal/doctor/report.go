package doctor

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"regexp"
	"runtime"
	"strings"

	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/pcsc"
)

// A Report is what support needs to know, and nobody is to be known by: it is made
// of codes, counts, versions, and names of products only. No text of the system, no
// path and nothing of a card has a place in it.
type Report struct {
	Version  string            `json:"version"` // of this program
	System   string            `json:"system"`  // linux, windows, darwin
	Arch     string            `json:"arch"`
	Release  string            `json:"release,omitempty"` // of the distribution, as "debian 12"
	Readers  []string          `json:"readers"`           // models
	Findings []ReportedFinding `json:"findings"`
	Programs []ReportedProgram `json:"programs"`
}

// A ReportedFinding is a finding without what it is about.
type ReportedFinding struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Code  string `json:"code,omitempty"`
	Link  string `json:"link,omitempty"` // answers of the card: how many, how fast
}

// A ReportedProgram is a program that can use the card.
type ReportedProgram struct {
	Product   string            `json:"product"`
	Version   string            `json:"version,omitempty"`
	Packaging browser.Packaging `json:"packaging,omitempty"`
	Kind      browser.Kind      `json:"kind"`
	System    bool              `json:"system"`
	Running   bool              `json:"running"`
	State     browser.State     `json:"state"`
	Rivals    int               `json:"rivals,omitempty"`
}

// Report makes a report of findings. code gives the code of an error.
func (c Computer) Report(version string, readers []pcsc.Reader, findings []Finding, code func(error) string) Report {
	r := Report{
		Version: versionOnly(version), System: runtime.GOOS, Arch: runtime.GOARCH, Release: c.release(),
		Readers: []string{}, Findings: []ReportedFinding{}, Programs: []ReportedProgram{},
	}
	for _, reader := range readers {
		r.Readers = append(r.Readers, model(reader.Name))
	}
	for _, f := range findings {
		told := ReportedFinding{Check: f.Check, OK: !f.Ill()}
		if f.Err != nil {
			told.Code = code(f.Err)
		}
		if f.Check == "link" {
			told.Link = f.About
		}
		r.Findings = append(r.Findings, told)
	}
	for _, p := range c.Places() {
		r.Programs = append(r.Programs, ReportedProgram{
			Product: p.Product, Version: versionOnly(p.Version), Packaging: p.Packaging, Kind: p.Kind,
			System: p.System, Running: p.Running, State: p.State, Rivals: len(p.Rivals),
		})
	}
	return r
}

var (
	versionForm = regexp.MustCompile(`^v?[0-9][0-9A-Za-z.+~-]{0,30}$`)
	releaseForm = regexp.MustCompile(`^[a-z0-9._-]{1,20}$`)
	aside       = regexp.MustCompile(`[\[(][^\])]*[\])]`) // interface, serial number
	longNumber  = regexp.MustCompile(`[0-9A-F]{6,}`)
	foreign     = regexp.MustCompile(`[^A-Za-z0-9 ._-]`)
)

// versionOnly is a version, "" if it does not look like one.
func versionOnly(s string) string {
	if versionForm.MatchString(s) {
		return s
	}
	return ""
}

// model is the name of a reader without what tells one from another of its kind.
func model(name string) string {
	for _, form := range []*regexp.Regexp{aside, longNumber, foreign} {
		name = form.ReplaceAllString(name, "")
	}
	words := strings.Fields(name)
	return strings.Join(words[:min(len(words), 6)], " ")
}

// release is the distribution with its version (os-release(5)).
func (c Computer) release() string {
	content, err := read(c.at("/etc/os-release"))
	if err != nil {
		return ""
	}
	var words []string
	for _, name := range []string{"ID=", "VERSION_ID="} {
		for line := range strings.Lines(content) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), name); ok {
				if value = strings.Trim(value, `"`); releaseForm.MatchString(value) {
					words = append(words, value)
				}
			}
		}
	}
	return strings.Join(words, " ")
}

// Text is the report as a person reads it before it is sent.
func (r Report) Text() string {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err.Error() // of strings, numbers and booleans: there is none
	}
	return string(text) + "\n"
}

// Zip is the file that is sent: the text and nothing else.
func (r Report) Zip() ([]byte, error) {
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	w, err := z.Create("report.json")
	if err != nil {
		return nil, err
	}
	if _, err := w.Write([]byte(r.Text())); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
