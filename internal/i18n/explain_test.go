package i18n

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// explained has every exported error of the holder's operations and of the
// packages below them, with the situation it is.
var explained = map[string]struct {
	err error
	key string
}{
	"applet.ErrPINBlocked":       {applet.ErrPINBlocked, "pin-blocked"},
	"applet.ErrPUKBlocked":       {applet.ErrPUKBlocked, "puk-blocked"},
	"applet.WrongCodeError":      {&applet.WrongCodeError{Code: applet.CodePIN, Tries: 2}, "pin-wrong"},
	"applet.ErrCodeForm":         {applet.ErrCodeForm, "code-length"},
	"applet.ErrNotCIE":           {applet.ErrNotCIE, "not-cie"},
	"applet.ErrDeviceKey":        {applet.ErrDeviceKey, "chip-unproved"},
	"applet.ErrTerminalRefused":  {applet.ErrTerminalRefused, "terminal-refused"},
	"applet.ErrGroup":            {applet.ErrGroup, "weak-group"},
	"applet.ChannelError":        {&applet.ChannelError{Reason: "MAC"}, "channel-broken"},
	"applet.UnconfirmedError":    {&applet.UnconfirmedError{SW: 0x6983}, "channel-broken"},
	"applet.ErrShortAnswer":      {applet.ErrShortAnswer, "card-removed"},
	"applet.ErrSessionLost":      {applet.ErrSessionLost, "card-removed"},
	"applet.ErrData":             {applet.ErrData, "card-data"},
	"applet.ErrTriesUnknown":     {applet.ErrTriesUnknown, "card-refused"},
	"applet.StepError":           {&applet.StepError{Step: applet.StepSelect, Err: applet.ErrData}, "card-data"},
	"pcsc.ErrNoService":          {pcsc.ErrNoService, "no-service"},
	"pcsc.ErrDenied":             {pcsc.ErrDenied, "denied"},
	"pcsc.ErrNoReader":           {pcsc.ErrNoReader, "no-reader"},
	"pcsc.ErrNoCard":             {pcsc.ErrNoCard, "no-card"},
	"pcsc.ErrRemoved":            {pcsc.ErrRemoved, "card-removed"},
	"pcsc.ErrReset":              {pcsc.ErrReset, "card-reset"},
	"pcsc.ErrBusy":               {pcsc.ErrBusy, "busy"},
	"pcsc.ErrNoAnswer":           {pcsc.ErrNoAnswer, "card-silent"},
	"pcsc.Error":                 {&pcsc.Error{Op: "connect", Code: 0x80100069}, "card-removed"},
	"pairing.ErrNotPaired":       {pairing.ErrNotPaired, "not-paired"},
	"pairing.ErrStale":           {pairing.ErrStale, "half-stale"},
	"pairing.ErrDamaged":         {pairing.ErrDamaged, "pairing-damaged"},
	"pairing.ErrNewerVersion":    {pairing.ErrNewerVersion, "pairing-newer"},
	"pairing.ErrUnsafe":          {pairing.ErrUnsafe, "pairing-unsafe"},
	"pairing.ErrNoHome":          {pairing.ErrNoHome, "no-home"},
	"pairing.ErrKeyring":         {pairing.ErrKeyring, "keyring"},
	"trust.ErrSOD":               {trust.ErrSOD, "not-genuine"},
	"trust.ErrDigest":            {trust.ErrDigest, "not-genuine"},
	"trust.ErrNoDigest":          {trust.ErrNoDigest, "not-genuine"},
	"trust.ErrSignature":         {trust.ErrSignature, "not-genuine"},
	"trust.ErrUse":               {trust.ErrUse, "not-genuine"},
	"trust.ErrNotCertificates":   {trust.ErrNotCertificates, "settings"},
	"trust.ErrIssuer":            {trust.ErrIssuer, "issuer-unknown"},
	"trust.ErrValidity":          {trust.ErrValidity, "certificate-date"},
	"apdu.ErrLength":             {apdu.ErrLength, "card-data"},
	"apdu.StatusError":           {&apdu.StatusError{INS: 0x20, SW: 0x6A82}, "card-refused"},
	"cie.ErrLastTry":             {cie.ErrLastTry, "pin-last-try"},
	"cie.ErrLastPUKTry":          {cie.ErrLastPUKTry, "puk-last-try"},
	"cie.ErrOtherCard":           {cie.ErrOtherCard, "other-card"},
	"cie.ErrNotGenuine":          {cie.ErrNotGenuine, "not-genuine"},
	"cie.ErrUnknownIssuer":       {cie.ErrUnknownIssuer, "issuer-unknown"},
	"cie.ErrNeedsAllDigits":      {cie.ErrNeedsAllDigits, "not-paired"},
	"cie.ErrNoHalf":              {cie.ErrNoHalf, "half-none"},
	"cie.ErrStaleHalf":           {cie.ErrStaleHalf, "half-stale"},
	"cie.ErrCodeLength":          {cie.ErrCodeLength, "code-length"},
	"cie.ErrPUKLength":           {cie.ErrPUKLength, "puk-length"},
	"cie.ErrNewPINLength":        {cie.ErrNewPINLength, "new-pin-length"},
	"cie.ErrCodeDigits":          {cie.ErrCodeDigits, "code-digits"},
	"cie.ErrNewPINRepeat":        {cie.ErrNewPINRepeat, "new-pin-repeat"},
	"cie.ErrSeveralCards":        {cie.ErrSeveralCards, "several-cards"},
	"cie.ErrNoReader":            {cie.ErrNoReader, "no-reader"},
	"cie.ErrForeign":             {cie.ErrForeign, "not-cie"},
	"cie.ErrNotSaved":            {cie.ErrNotSaved, "pairing-unsaved"},
	"cie.ErrPadding":             {cie.ErrPadding, "internal"},
	"cie.ErrClosed":              {cie.ErrClosed, "internal"},
	"pcsc.ErrClosed":             {pcsc.ErrClosed, "cancelled"},
	"cie.FewTriesError":          {&cie.FewTriesError{Tries: 2}, "puk-few"},
	"cie.WeakPINError":           {&cie.WeakPINError{Rule: cie.RuleRun}, "new-pin-run"},
	"cie.UncertainError":         {&cie.UncertainError{Err: pcsc.ErrRemoved}, "pin-uncertain"},
	"cie.SentError":              {&cie.SentError{Code: applet.CodePIN, Err: pcsc.ErrReset}, "card-reset"},
	"all digits equal":           {&cie.WeakPINError{Rule: cie.RuleAllEqual}, "new-pin-equal"},
	"the old PIN":                {&cie.WeakPINError{Rule: cie.RuleSame}, "new-pin-same"},
	"the birth date":             {&cie.WeakPINError{Rule: cie.RuleBirthDate}, "new-pin-birth-date"},
	"the card's number":          {&cie.WeakPINError{Rule: cie.RuleCardNumber}, "new-pin-card-number"},
	"the reader held by a GnuPG": {&pcsc.Error{Op: "connect", Code: 0x8010000B}, "exclusive"},
	"a wrong PUK":                {&applet.WrongCodeError{Code: applet.CodePUK, Tries: 9}, "puk-wrong"},
	"a cancelled context":        {context.Canceled, "cancelled"},
	"a deadline":                 {context.DeadlineExceeded, "timeout"},
	"a file":                     {&fs.PathError{Op: "open", Path: "a.pem", Err: fs.ErrNotExist}, "file"},
	"anything else":              {errors.New("anything else"), "internal"},
	"two causes":                 {fmt.Errorf("%w (%w)", applet.ErrPINBlocked, &apdu.StatusError{INS: 0x20, SW: 0x6983}), "pin-blocked"},
}

func TestErrorsAreExplained(t *testing.T) {
	for name, tt := range explained {
		for _, l := range Languages() {
			m := Load(l).Explain(fmt.Errorf("at work: %w", tt.err))
			if m.Key != tt.key {
				t.Errorf("%s: Explain = %s, want %s", name, m.Key, tt.key)
			}
			for _, sentence := range []string{m.Code, m.What, m.Tries, m.Next} {
				if sentence == "" || strings.Contains(sentence, "{{") {
					t.Errorf("%s in %s: incomplete: %s", name, l, m)
				}
			}
		}
	}
}

// A new error needs a row in the table above, and so a
// sentence.
func TestNoErrorIsForgotten(t *testing.T) {
	for _, folder := range []string{"applet", "applet/apdu", "internal/cie", "internal/pairing", "internal/trust", "pcsc"} {
		files, err := filepath.Glob(filepath.Join("..", "..", folder, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("no source in %s (%v)", folder, err)
		}
		for _, file := range files {
			for _, name := range exportedErrors(t, file) {
				if name = filepath.Base(folder) + "." + name; explained[name].err == nil {
					t.Errorf("%s is explained to nobody", name)
				}
			}
		}
	}
}

// exportedErrors returns the exported sentinels (ErrX) and error types (XError)
// that a source file declares.
func exportedErrors(t *testing.T, file string) (names []string) {
	t.Helper()
	if strings.HasSuffix(file, "_test.go") {
		return nil
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, declaration := range parsed.Decls {
		general, ok := declaration.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range general.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, n := range spec.Names {
					if strings.HasPrefix(n.Name, "Err") {
						names = append(names, n.Name)
					}
				}
			case *ast.TypeSpec:
				if spec.Name.IsExported() && strings.HasSuffix(spec.Name.Name, "Error") {
					names = append(names, spec.Name.Name)
				}
			}
		}
	}
	return names
}

func TestSituationsHaveSentencesAndCodes(t *testing.T) {
	form, seen := regexp.MustCompile(`^CIE-(SYS|RDR|CRD|PIN|PUK|PAIR|TRU|BRW|LGN|REL|SIG|UPD|APP)-\d\d$`), map[string]string{}
	italian := Load(Italian).texts
	for key, s := range situations {
		if !form.MatchString(s.code) || seen[s.code] != "" {
			t.Errorf("%s: code %q is malformed or that of %q too", key, s.code, seen[s.code])
		}
		seen[s.code] = key
		for _, text := range []string{"error." + key + ".what", "error." + key + ".next", s.tries} {
			if italian[text] == nil {
				t.Errorf("%s: no text %s", key, text)
			}
		}
	}
	for text := range maps.Keys(italian) {
		if parts := strings.Split(text, "."); parts[0] == "error" && situations[parts[1]].code == "" {
			t.Errorf("%s belongs to no situation", text)
		}
	}
}

// A keyedError knows its situation, as those of internal/cie do.
type keyedError struct {
	key   string
	args  []any
	cause error
}

func (e *keyedError) Error() string      { return e.key }
func (e *keyedError) Unwrap() error      { return e.cause }
func (e *keyedError) MessageKey() string { return e.key }
func (e *keyedError) MessageArgs() []any { return e.args }

func TestExplain(t *testing.T) {
	wrongPIN := func(tries int) error { return &applet.WrongCodeError{Code: applet.CodePIN, Tries: tries} }
	wrongPUK := func(tries int) error { return &applet.WrongCodeError{Code: applet.CodePUK, Tries: tries} }
	for _, tt := range []struct {
		name string
		err  error
		code string
		want string // in the sentence about the tries, in English
	}{
		{"two left", wrongPIN(2), "CIE-PIN-02", "2 tries are left: after 3 mistakes"},
		{"one left", wrongPIN(1), "CIE-PIN-02", "Only 1 try is left: if"},
		{"unknown", wrongPIN(-1), "CIE-PIN-02", "does not say how many tries are left: after 3"},
		{"PUK, nine left", wrongPUK(9), "CIE-PUK-01", "9 tries are left for the PUK"},
		{"PUK, unknown", wrongPUK(-1), "CIE-PUK-01", "after 10 wrong PUKs"},
		{"blocked", applet.ErrPINBlocked, "CIE-PIN-03", "No tries are left for the PIN"},
		{
			"link lost before any code", &applet.StepError{Step: applet.StepAgreement, Err: pcsc.ErrRemoved},
			"CIE-CRD-02", "You have not lost any try.",
		},
		{
			"link lost with the PIN under way", &applet.StepError{Step: applet.StepVerifyPIN, Err: pcsc.ErrRemoved},
			"CIE-CRD-02", "may have counted a try",
		},
		{
			"link lost after the PIN was accepted", &applet.StepError{Step: applet.StepReadFile, Err: pcsc.ErrRemoved},
			"CIE-CRD-02", "You have not lost any try.",
		},
		{
			"a code that never left", &applet.StepError{Step: applet.StepChangePIN, Err: applet.ErrCodeForm},
			"CIE-PIN-01", "You have not lost any try.",
		},
		{
			"wrong PIN at its step", &applet.StepError{Step: applet.StepVerifyPIN, Err: wrongPIN(2)},
			"CIE-PIN-02", "2 tries are left",
		},
		{
			"own key first", &keyedError{"half-stale", nil, wrongPIN(2)},
			"CIE-PAIR-02", "2 tries are left",
		},
		{"own key and argument", &keyedError{"puk-few", []any{"n", 2}, nil}, "CIE-PUK-04", "2 tries are left for the PUK"},
		{"last try kept", &keyedError{"pin-last-try", nil, nil}, "CIE-PIN-04", "has not been used"},
		{"a key nobody knows", &keyedError{"no-such-key", nil, pcsc.ErrBusy}, "CIE-RDR-02", "not lost any try"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := Load(English).Explain(tt.err)
			if m.Code != tt.code || !strings.Contains(m.Tries, tt.want) {
				t.Errorf("Explain = %v, want code %s and %q", m, tt.code, tt.want)
			}
		})
	}
	if m := Load(English).Explain(nil); m != (Message{}) {
		t.Errorf("Explain(nil) = %v, want nothing", m)
	}
}

// Each step of an operation is told in words.
func TestStepsHaveWords(t *testing.T) {
	for _, step := range []cie.Step{
		cie.StepConnect, cie.StepRead, cie.StepGenuine, cie.StepAuthenticate, cie.StepVerify, cie.StepCertificate,
		cie.StepSeal, cie.StepSave, cie.StepChange, cie.StepUnblock, cie.StepSign, cie.StepRetry,
	} {
		if key := "step." + string(step); Load(Italian).T(key) == key {
			t.Errorf("no text %s", key)
		}
	}
}

func TestMessageReadsAsOneText(t *testing.T) {
	want := "Il PIN è bloccato, perché è stato sbagliato 3 volte. Per il PIN non restano tentativi; il PUK ne ha 10 in tutto."
	got := Load(Italian).Explain(applet.ErrPINBlocked).String()
	if !strings.HasPrefix(got, want) || !slices.Equal(strings.Fields(got)[len(strings.Fields(got))-1:], []string{"(CIE-PIN-03)"}) {
		t.Errorf("String = %q, want %q … (CIE-PIN-03)", got, want)
	}
}
