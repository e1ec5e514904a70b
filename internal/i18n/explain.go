package i18n

import (
	"context"
	"errors"
	"io/fs"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/applet/apdu"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// A Message is an error as a person reads it.
type Message struct {
	Key   string // of the situation, such as "pin-wrong"
	Code  string // stable, for support and for scripts, such as "CIE-PIN-02"
	What  string // one sentence: what happened
	Tries string // what it means for the tries of PIN and PUK
	Next  string // what to do now
}

// String gives the three sentences and the code.
func (m Message) String() string {
	return m.What + " " + m.Tries + " " + m.Next + " (" + m.Code + ")"
}

// A situation is something that can happen to a person. Its sentences are the
// texts error.KEY.what and error.KEY.next.
type situation struct {
	code  string
	tries string // key of the sentence about the tries
}

// What situations say about the tries.
const (
	unchanged = "tries.unchanged" // unless a code was on its way to the card
	uncertain = "tries.uncertain"
	lastKept  = "tries.last-kept"
	pukLeft   = "tries.puk-left"
	nonePIN   = "tries.none-pin"
	nonePUK   = "tries.none-puk"
)

// situations is the list of all of them. A code, once released, keeps its
// meaning for ever; one that is given up is not used again.
var situations = map[string]situation{
	"no-service":     {"CIE-SYS-01", unchanged},
	"denied":         {"CIE-SYS-02", unchanged},
	"kernel-nfc":     {"CIE-SYS-03", unchanged},
	"clock":          {"CIE-SYS-04", unchanged},
	"state-folder":   {"CIE-SYS-05", unchanged},
	"home-folder":    {"CIE-SYS-06", unchanged},
	"pcscd-missing":  {"CIE-SYS-07", unchanged},
	"driver-missing": {"CIE-SYS-08", unchanged},
	"scdaemon":       {"CIE-SYS-09", unchanged},
	"pcscd-stopped":  {"CIE-SYS-10", unchanged},
	"remote-session": {"CIE-SYS-11", unchanged},
	"polkit-stopped": {"CIE-SYS-12", unchanged},

	"no-reader":    {"CIE-RDR-01", unchanged},
	"busy":         {"CIE-RDR-02", unchanged},
	"exclusive":    {"CIE-RDR-03", unchanged},
	"contact-only": {"CIE-RDR-04", unchanged},
	"link":         {"CIE-RDR-05", unchanged},
	"reader-model": {"CIE-RDR-06", unchanged},

	"no-card":       {"CIE-CRD-01", unchanged},
	"card-removed":  {"CIE-CRD-02", unchanged},
	"card-reset":    {"CIE-CRD-03", unchanged},
	"card-silent":   {"CIE-CRD-04", unchanged},
	"not-cie":       {"CIE-CRD-05", unchanged},
	"unknown-chip":  {"CIE-CRD-06", unchanged},
	"several-cards": {"CIE-CRD-07", unchanged},
	"other-card":    {"CIE-CRD-08", unchanged},
	"card-data":     {"CIE-CRD-09", unchanged},
	"card-refused":  {"CIE-CRD-10", unchanged},
	"expired":       {"CIE-CRD-11", unchanged},
	"chip-new":      {"CIE-CRD-12", unchanged},

	"code-length":         {"CIE-PIN-01", unchanged},
	"pin-wrong":           {"CIE-PIN-02", unchanged}, // a WrongCodeError says the tries
	"pin-blocked":         {"CIE-PIN-03", nonePIN},
	"pin-last-try":        {"CIE-PIN-04", lastKept},
	"code-digits":         {"CIE-PIN-05", unchanged},
	"new-pin-same":        {"CIE-PIN-06", unchanged},
	"new-pin-equal":       {"CIE-PIN-07", unchanged},
	"new-pin-run":         {"CIE-PIN-08", unchanged},
	"new-pin-birth-date":  {"CIE-PIN-09", unchanged},
	"new-pin-card-number": {"CIE-PIN-10", unchanged},
	"new-pin-repeat":      {"CIE-PIN-11", unchanged},
	"new-pin-length":      {"CIE-PIN-12", unchanged},
	"pin-uncertain":       {"CIE-PIN-13", uncertain},
	"few-tries":           {"CIE-PIN-14", unchanged},

	"puk-wrong":    {"CIE-PUK-01", unchanged}, // a WrongCodeError says the tries
	"puk-blocked":  {"CIE-PUK-02", nonePUK},
	"puk-last-try": {"CIE-PUK-03", lastKept},
	"puk-few":      {"CIE-PUK-04", pukLeft}, // argument n
	"puk-length":   {"CIE-PUK-05", unchanged},

	"not-paired":      {"CIE-PAIR-01", unchanged},
	"half-stale":      {"CIE-PAIR-02", unchanged},
	"pairing-damaged": {"CIE-PAIR-03", unchanged},
	"pairing-newer":   {"CIE-PAIR-04", unchanged},
	"pairing-unsafe":  {"CIE-PAIR-05", unchanged},
	"pairing-unsaved": {"CIE-PAIR-06", unchanged},
	"keyring":         {"CIE-PAIR-07", unchanged},
	"no-home":         {"CIE-PAIR-08", unchanged},
	"half-none":       {"CIE-PAIR-09", unchanged},

	"not-genuine":      {"CIE-TRU-01", unchanged},
	"issuer-unknown":   {"CIE-TRU-02", unchanged},
	"certificate-date": {"CIE-TRU-03", unchanged},
	"chip-unproved":    {"CIE-TRU-04", unchanged},
	"channel-broken":   {"CIE-TRU-05", unchanged},
	"terminal-refused": {"CIE-TRU-06", unchanged},
	"weak-group":       {"CIE-TRU-07", unchanged},

	"no-module":       {"CIE-BRW-01", unchanged},
	"browser-changed": {"CIE-BRW-02", unchanged},
	"browser-file":    {"CIE-BRW-03", unchanged},
	"nothing-to-undo": {"CIE-BRW-04", unchanged},
	"not-connected":   {"CIE-BRW-05", unchanged},
	"other-software":  {"CIE-BRW-06", unchanged},
	"architecture":    {"CIE-BRW-07", unchanged},
	"module-load":     {"CIE-BRW-08", unchanged},
	"tls-versions":    {"CIE-BRW-09", unchanged},
	"sandboxed":       {"CIE-BRW-10", unchanged},
	"other-pairing":   {"CIE-BRW-11", unchanged},

	"cancelled":            {"CIE-APP-01", unchanged},
	"login-module":         {"CIE-LGN-01", unchanged},
	"login-no-certificate": {"CIE-LGN-02", unchanged},
	"login-not-signed":     {"CIE-LGN-03", unchanged},
	"login-tls13":          {"CIE-LGN-04", unchanged},
	"login-refused":        {"CIE-LGN-05", unchanged},
	"login-closed":         {"CIE-LGN-06", unchanged},
	"login-no-browser":     {"CIE-LGN-07", unchanged},

	"usage":            {"CIE-APP-02", unchanged},
	"internal":         {"CIE-APP-03", unchanged},
	"timeout":          {"CIE-APP-04", unchanged},
	"file":             {"CIE-APP-05", unchanged}, // argument file
	"no-code-input":    {"CIE-APP-06", unchanged},
	"settings":         {"CIE-APP-07", unchanged},
	"managed":          {"CIE-APP-08", unchanged},
	"no-display":       {"CIE-APP-09", unchanged},
	"managed-settings": {"CIE-APP-10", unchanged},

	"signature-format":       {"CIE-SIG-01", unchanged}, // argument file, as all of these
	"signature-none":         {"CIE-SIG-02", unchanged},
	"signature-invalid":      {"CIE-SIG-03", unchanged},
	"signature-undetermined": {"CIE-SIG-04", unchanged},
	"signature-detached":     {"CIE-SIG-05", unchanged},
	"signature-archived":     {"CIE-SIG-06", unchanged},
	"signature-self":         {"CIE-SIG-07", unchanged},
	"file-exists":            {"CIE-SIG-08", unchanged},
	"file-changed":           {"CIE-SIG-09", unchanged},
	"format-unfit":           {"CIE-SIG-10", unchanged},
	"signature-stopped":      {"CIE-SIG-11", unchanged},
	"stamp-network":          {"CIE-SIG-12", unchanged},
	"stamp-refused":          {"CIE-SIG-13", unchanged},
	"xml-damaged":            {"CIE-SIG-21", unchanged},
	"xml-doctype":            {"CIE-SIG-22", unchanged},
	"xml-encoding":           {"CIE-SIG-23", unchanged},
	"xml-size":               {"CIE-SIG-24", unchanged},
	"xml-signed":             {"CIE-SIG-25", unchanged},
	"pdf-damaged":            {"CIE-SIG-31", unchanged},
	"pdf-password":           {"CIE-SIG-32", unchanged},
	"pdf-protected":          {"CIE-SIG-33", unchanged},
	"pdf-locked":             {"CIE-SIG-34", unchanged},
	"pdf-form":               {"CIE-SIG-35", unchanged},
	"pdf-repair":             {"CIE-SIG-36", unchanged},
	"pdf-size":               {"CIE-SIG-37", unchanged},
	"reason-unfit":           {"CIE-SIG-38", unchanged},

	"release-no-key":    {"CIE-REL-01", unchanged},
	"release-key":       {"CIE-REL-02", unchanged},
	"release-no-list":   {"CIE-REL-03", unchanged},
	"release-signature": {"CIE-REL-04", unchanged},
	"release-changed":   {"CIE-REL-05", unchanged}, // argument file
	"release-missing":   {"CIE-REL-06", unchanged}, // argument file
	"release-unlisted":  {"CIE-REL-07", unchanged}, // argument file
	"update-no-feed":    {"CIE-UPD-01", unchanged},
	"update-packaged":   {"CIE-UPD-02", unchanged},
	"update-network":    {"CIE-UPD-03", unchanged},
	"update-refused":    {"CIE-UPD-04", unchanged},
}

// A cause ties an error of the packages below to a situation.
type cause struct {
	key string
	in  func(error) bool
}

// causes are tried in order: what says more comes first.
var causes = []cause{
	{"pin-blocked", is(applet.ErrPINBlocked)},
	{"puk-blocked", is(applet.ErrPUKBlocked)},
	{"puk-wrong", wrong(applet.CodePUK)},
	{"pin-wrong", wrong(applet.CodePIN)},
	{"code-length", is(applet.ErrCodeForm)},

	{"not-cie", is(applet.ErrNotCIE)},
	{"chip-unproved", is(applet.ErrDeviceKey)},
	{"terminal-refused", is(applet.ErrTerminalRefused)},
	{"weak-group", is(applet.ErrGroup)},
	{"channel-broken", as[*applet.ChannelError]},
	{"channel-broken", as[*applet.UnconfirmedError]},

	{"exclusive", exclusive},
	{"no-service", is(pcsc.ErrNoService)},
	{"denied", is(pcsc.ErrDenied)},
	{"no-reader", is(pcsc.ErrNoReader)},
	{"no-card", is(pcsc.ErrNoCard)},
	{"card-removed", is(pcsc.ErrRemoved)},
	{"card-reset", is(pcsc.ErrReset)},
	{"busy", is(pcsc.ErrBusy)},
	{"card-silent", is(pcsc.ErrNoAnswer)},

	{"card-removed", is(applet.ErrShortAnswer)},
	{"card-removed", is(applet.ErrSessionLost)},
	{"card-data", is(applet.ErrData)},
	{"card-data", is(apdu.ErrLength)},
	{"card-refused", is(applet.ErrTriesUnknown)},
	{"card-refused", as[*apdu.StatusError]},

	{"not-paired", is(pairing.ErrNotPaired)},
	{"half-stale", is(pairing.ErrStale)},
	{"pairing-damaged", is(pairing.ErrDamaged)},
	{"pairing-newer", is(pairing.ErrNewerVersion)},
	{"pairing-unsafe", is(pairing.ErrUnsafe)},
	{"no-home", is(pairing.ErrNoHome)},
	{"keyring", is(pairing.ErrKeyring)},

	{"not-genuine", is(trust.ErrSOD)},
	{"not-genuine", is(trust.ErrDigest)},
	{"not-genuine", is(trust.ErrNoDigest)},
	{"not-genuine", is(trust.ErrSignature)},
	{"not-genuine", is(trust.ErrUse)},
	{"settings", is(trust.ErrNotCertificates)},
	{"issuer-unknown", is(trust.ErrIssuer)},
	{"certificate-date", is(trust.ErrValidity)},

	{"cancelled", is(context.Canceled)},
	{"cancelled", is(pcsc.ErrClosed)},
	{"timeout", is(context.DeadlineExceeded)},
	{"file", as[*fs.PathError]},
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

func as[T error](err error) bool {
	var found T
	return errors.As(err, &found)
}

func wrong(code applet.Code) func(error) bool {
	return func(err error) bool {
		var refused *applet.WrongCodeError
		return errors.As(err, &refused) && refused.Code == code
	}
}

// sharingViolation is SCARD_E_SHARING_VIOLATION: a program has the reader for
// itself alone, so that waiting does not help.
const sharingViolation = 0x8010000B

func exclusive(err error) bool {
	var failed *pcsc.Error
	return errors.As(err, &failed) && failed.Code == sharingViolation
}

// An error that knows its situation says so itself: it has the key of a
// situation, and may have arguments for its sentences, as T takes them.
type (
	keyed interface {
		error
		MessageKey() string
	}
	arguments interface {
		error
		MessageArgs() []any
	}
)

// Explain tells a person what err means. An error that has MessageKey() string
// is explained by that key, any other by what it is made of; one that is not
// known is an internal error. Of nil there is nothing to say.
func (c *Catalogue) Explain(err error) Message {
	if err == nil {
		return Message{}
	}
	key, args := key(err), args(err)
	s := situations[key]
	tries, n := triesOf(err, s)
	if n > 0 {
		args = append(args, "n", n)
	}
	return Message{
		Key:   key,
		Code:  s.code,
		What:  c.T("error."+key+".what", args...),
		Tries: c.T(tries, args...),
		Next:  c.T("error."+key+".next", args...),
	}
}

func key(err error) string {
	var named keyed
	if errors.As(err, &named) {
		if _, known := situations[named.MessageKey()]; known {
			return named.MessageKey()
		}
	}
	for _, c := range causes {
		if c.in(err) {
			return c.key
		}
	}
	return "internal"
}

func args(err error) []any {
	var with arguments
	if errors.As(err, &with) {
		return with.MessageArgs()
	}
	var path *fs.PathError
	if errors.As(err, &path) {
		return []any{"file", path.Path}
	}
	return nil
}

// triesOf returns the key of the sentence about the tries, and how many are left
// if the card said so.
func triesOf(err error, s situation) (key string, n int) {
	var refused *applet.WrongCodeError
	switch {
	case s.tries != unchanged:
		return s.tries, 0
	case errors.As(err, &refused):
		return leftKey(refused), refused.Tries
	case spendsTry(err):
		return uncertain, 0
	}
	return unchanged, 0
}

func leftKey(refused *applet.WrongCodeError) string {
	key := "tries.left"
	if refused.Code == applet.CodePUK {
		key = pukLeft
	}
	if refused.Tries < 0 {
		return key + "-unknown"
	}
	return key
}

// spendsTry says whether err happened while a code was on its way to the card,
// which may have counted it.
func spendsTry(err error) bool {
	var at *applet.StepError
	if !errors.As(err, &at) || errors.Is(err, applet.ErrCodeForm) {
		return false
	}
	switch at.Step {
	case applet.StepVerifyPIN, applet.StepVerifyPUK, applet.StepChangePIN, applet.StepResetCounter:
		return true
	}
	return false
}
