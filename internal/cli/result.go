package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/softwarecie/cie/applet"
	"github.com/softwarecie/cie/internal/ades"
	"github.com/softwarecie/cie/internal/ades/apart"
	"github.com/softwarecie/cie/internal/browser"
	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/release"
	"github.com/softwarecie/cie/internal/settings"
	"github.com/softwarecie/cie/internal/trust"
	"github.com/softwarecie/cie/pcsc"
)

// Exit statuses. They are part of the stable surface.
const (
	exitOK         = 0
	exitOther      = 1
	exitUsage      = 2 // also a code of the wrong form
	exitNoReader   = 3 // no service, no reader
	exitNoCard     = 4
	exitNotCIE     = 5
	exitWrongCode  = 6 // wrong PIN or PUK
	exitPINBlocked = 7
	exitPUKBlocked = 8
	exitLinkLost   = 9  // card removed, link lost
	exitBusy       = 10 // another program has the card
	exitRefused    = 11 // by a rule that protects the holder
	exitNotGenuine = 12
	exitNotPaired  = 13 // all eight digits are needed
	exitNotSigned  = 14 // not as the project signed it
	exitInvalid    = 15 // a signature of a document is not valid; no signed file
	exitUnverified = 16 // a signature of a document cannot be verified
	exitNoStamp    = 17 // signed, but without the time stamp
)

// statuses is what each error means for a script; what says more comes first.
var statuses = []struct {
	err    error
	status int
}{
	{errUsage, exitUsage},
	{settings.ErrSettings, exitUsage},
	{release.ErrKey, exitUsage},
	{ades.ErrInvalid, exitInvalid},
	{ades.ErrFormat, exitInvalid},
	{ades.ErrUnsigned, exitInvalid},
	{ades.ErrUndetermined, exitUnverified},
	{apart.ErrStopped, exitUnverified},
	{ades.ErrStampNetwork, exitNoStamp},
	{ades.ErrStampRefused, exitNoStamp},
	{ades.ErrExists, exitRefused},
	{ades.ErrArchived, exitRefused},
	{ades.ErrNotForFormat, exitRefused},
	{ades.ErrReasonUnfit, exitRefused},
	{ades.ErrPDF, exitInvalid},
	{ades.ErrPDFPassword, exitRefused},
	{ades.ErrPDFProtected, exitRefused},
	{ades.ErrPDFLocked, exitRefused},
	{ades.ErrPDFForm, exitRefused},
	{ades.ErrPDFRepair, exitRefused},
	{ades.ErrPDFSize, exitRefused},
	{ades.ErrExpired, exitRefused},
	{release.ErrNoList, exitNotSigned},
	{release.ErrSignature, exitNotSigned},
	{release.ErrList, exitNotSigned},
	{release.ErrChanged, exitNotSigned},
	{release.ErrMissing, exitNotSigned},
	{release.ErrUnlisted, exitNotSigned},
	{release.ErrRefused, exitNotSigned},
	{cie.ErrCodeLength, exitUsage},
	{cie.ErrPUKLength, exitUsage},
	{cie.ErrNewPINLength, exitUsage},
	{cie.ErrCodeDigits, exitUsage},
	{cie.ErrNoHalf, exitUsage}, // a code of the wrong length
	{cie.ErrNewPINRepeat, exitUsage},
	{applet.ErrCodeForm, exitUsage},
	{cie.ErrSeveralCards, exitUsage},
	{applet.ErrPINBlocked, exitPINBlocked},
	{applet.ErrPUKBlocked, exitPUKBlocked},
	{cie.ErrLastTry, exitRefused},
	{cie.ErrLastPUKTry, exitRefused},
	{cie.ErrUnknownIssuer, exitRefused},
	{cie.ErrOtherCard, exitRefused},
	{cie.ErrNotGenuine, exitNotGenuine},
	{trust.ErrSOD, exitNotGenuine},
	{applet.ErrDeviceKey, exitNotGenuine},
	{applet.ErrGroup, exitNotGenuine},
	{cie.ErrNeedsAllDigits, exitNotPaired},
	{cie.ErrStaleHalf, exitNotPaired},
	{pairing.ErrNotPaired, exitNotPaired},
	{applet.ErrNotCIE, exitNotCIE},
	{cie.ErrForeign, exitNotCIE},
	{pcsc.ErrNoService, exitNoReader},
	{pcsc.ErrDenied, exitNoReader},
	{pcsc.ErrNoReader, exitNoReader},
	{cie.ErrNoReader, exitNoReader},
	{pcsc.ErrNoCard, exitNoCard},
	{pcsc.ErrBusy, exitBusy},
	{pcsc.ErrRemoved, exitLinkLost},
	{pcsc.ErrReset, exitLinkLost},
	{pcsc.ErrNoAnswer, exitLinkLost},
	{applet.ErrSessionLost, exitLinkLost},
	{applet.ErrShortAnswer, exitLinkLost},
}

// status is the exit status of an error.
func status(err error) int {
	var wrong *applet.WrongCodeError
	var weak *cie.WeakPINError
	var few *cie.FewTriesError
	var channel *applet.ChannelError
	var bare *applet.UnconfirmedError
	switch {
	case errors.As(err, &wrong):
		return exitWrongCode
	case errors.As(err, &weak), errors.As(err, &few):
		return exitRefused
	}
	for _, s := range statuses {
		if errors.Is(err, s.err) {
			return s.status
		}
	}
	if errors.As(err, &channel) || errors.As(err, &bare) {
		return exitLinkLost
	}
	return exitOther
}

// A result is the answer in JSON. Names and meanings are stable: docs/cli.md.
type result struct {
	OK        bool               `json:"ok"`
	Code      string             `json:"code"`    // CIE-…, "" when ok
	Message   string             `json:"message"` // for a person
	Tries     *int               `json:"tries"`   // PIN tries left; after a PUK those of the PUK; null unknown
	PUKTries  *int               `json:"puk_tries,omitempty"`
	*CardInfo                    // of one card
	Readers   []readerInfo       `json:"readers,omitzero"`
	Cards     []CardInfo         `json:"cards,omitzero"`
	Check     *checkInfo         `json:"check,omitempty"`
	Kept      []keptInfo         `json:"kept,omitzero"`
	Settings  []settings.Setting `json:"settings,omitempty"`
	Output    string             `json:"output,omitempty"` // file written
	Site      *siteInfo          `json:"site,omitempty"`
	Attempt   *attemptInfo       `json:"attempt,omitempty"`
	Version   string             `json:"version,omitempty"`
	Packages  []release.Package  `json:"packages,omitempty"` // verified
	Files     []string           `json:"files,omitempty"`    // verified
	Newest    *newestInfo        `json:"newest,omitempty"`
	Signed    []signedInfo       `json:"signed,omitzero"`
	Extracted []signedInfo       `json:"extracted,omitempty"`
	Reports   []ades.Report      `json:"reports,omitempty"` // of signed files

	Findings []findingInfo     `json:"findings,omitempty"` // of the doctor
	Browsers []browser.Place   `json:"browsers,omitzero"`
	Programs []browser.Program `json:"programs,omitempty"`
	Changes  []browser.Change  `json:"changes,omitzero"` // made, or with --dry-run that would be
}

// A CardInfo is one card in an answer.
type CardInfo struct {
	PAN      string `json:"pan"`
	Paired   bool   `json:"paired"`
	Chip     string `json:"chip"`    // family, "" unknown
	Genuine  string `json:"genuine"` // genuine, test, unknown, failed
	Digits   int    `json:"digits"`  // of the PIN that are enough here: 4 or 8
	Holder   string `json:"holder,omitempty"`
	Expires  string `json:"expires,omitempty"` // YYYY-MM-DD
	Expired  bool   `json:"expired,omitempty"`
	PairedAt string `json:"paired_at,omitempty"` // RFC 3339
	Document string `json:"document,omitempty"`
	TaxCode  string `json:"tax_code,omitempty"` // only when asked for
	Pending  bool   `json:"pending,omitempty"`  // a change of the PIN was not seen to end
	LastSeen *int   `json:"tries_last_seen,omitempty"`
}

// readerInfo is one reader.
type readerInfo struct {
	Name  string `json:"name"`
	State string `json:"state"` // empty, cie, other, silent, busy, error
	Kind  string `json:"kind,omitempty"`
	ATR   string `json:"atr,omitempty"`
	PAN   string `json:"pan,omitempty"`
	Error string `json:"error,omitempty"`
}

// keptInfo is one file that is stored, or an entry of the keyring.
type keptInfo struct {
	Kind string `json:"kind"` // key, lock, card, pending, tries, rest, keyring, settings, window
	Path string `json:"path"`
	Size int64  `json:"size"` // bytes
	PAN  string `json:"pan,omitempty"`
}

// checkInfo is what card check found.
type checkInfo struct {
	NIS    string   `json:"nis"`
	Signer string   `json:"signer"`
	Signed []string `json:"signed"` // data groups as the state signed them
	Clone  bool     `json:"clone"`
	Reason string   `json:"reason,omitempty"`
}

func number(n int) *int {
	if n < 0 {
		return nil
	}
	return &n
}

// succeed ends a command that did what it should.
func (a *App) succeed() {
	a.result.OK = true
	a.emit()
}

// fail says what went wrong, in JSON or to the terminal.
func (a *App) fail(err error) {
	a.exit = status(err)
	m := a.messages.Explain(err)
	if errors.Is(err, context.Canceled) {
		a.exit = exitOther
	}
	var wrong *applet.WrongCodeError
	if errors.As(err, &wrong) {
		a.result.Tries = number(wrong.Tries)
	}
	if a.exit == exitPINBlocked || a.exit == exitPUKBlocked {
		a.result.Tries = number(0)
	}
	if errors.Is(err, cie.ErrLastTry) || errors.Is(err, cie.ErrLastPUKTry) {
		a.result.Tries = number(1)
	}
	a.result.OK, a.result.Code, a.result.Message = false, m.Code, m.What+" "+m.Tries+" "+m.Next
	if a.json {
		a.emit()
		return
	}
	fmt.Fprintf(a.Err, "%s\n%s\n%s\n(%s: %v)\n", m.What, m.Tries, m.Next, m.Code, err)
}

func (a *App) emit() {
	if !a.json {
		return
	}
	encoder := json.NewEncoder(a.Out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(a.result)
}
