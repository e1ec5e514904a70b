package calendar

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func aDay() Day {
	return Day{
		UID: "1", Date: time.Date(2032, 2, 29, 23, 0, 0, 0, time.UTC), Title: "Scade, oggi; la carta", Text: "riga\ndue \\",
		Remind: []int{180, 30}, Written: time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600)),
	}
}

func TestICS(t *testing.T) { // forms from RFC 5545: §3.1, §3.3.4, §3.3.5, §3.3.11, §3.6.1, §3.6.6
	want := "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Software CIE//cie//EN\r\nCALSCALE:GREGORIAN\r\nMETHOD:PUBLISH\r\n" +
		"BEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260102T020405Z\r\nDTSTART;VALUE=DATE:20320229\r\nDTEND;VALUE=DATE:20320301\r\n" +
		"SUMMARY:Scade\\, oggi\\; la carta\r\nDESCRIPTION:riga\\ndue \\\\\r\nTRANSP:TRANSPARENT\r\nCLASS:PRIVATE\r\n" +
		"BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Scade\\, oggi\\; la carta\r\nTRIGGER:-P180D\r\nEND:VALARM\r\n" +
		"BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Scade\\, oggi\\; la carta\r\nTRIGGER:-P30D\r\nEND:VALARM\r\n" +
		"END:VEVENT\r\nEND:VCALENDAR\r\n"
	if got := string(aDay().ICS()); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
}

func TestExpiryTellsNoName(t *testing.T) {
	c := &x509.Certificate{Raw: []byte{1}, NotAfter: time.Date(2032, 6, 15, 0, 0, 0, 0, time.UTC), Subject: pkix.Name{CommonName: "ROSSI"}}
	ics := string(Expiry(c, "La carta scade", "", time.Now()).ICS())
	for _, want := range []string{"DTSTART;VALUE=DATE:20320615\r\n", "TRIGGER:-P180D", "TRIGGER:-P30D", "SUMMARY:La carta scade"} {
		if !strings.Contains(ics, want) {
			t.Errorf("no %q in %s", want, ics)
		}
	}
	again := Expiry(c, "x", "", time.Now())
	if strings.Contains(ics, "ROSSI") || !strings.Contains(strings.ReplaceAll(ics, "\r\n ", ""), "UID:"+again.UID) {
		t.Errorf("%s", ics)
	}
}

// unfold joins folded lines as a reader does (§3.1), and sees that none is too
// long.
func unfold(t *testing.T, ics string) []string {
	t.Helper()
	if !utf8.ValidString(ics) {
		t.Error("a character was broken")
	}
	for l := range strings.SplitSeq(ics, "\r\n") {
		if len(l) > 75 || strings.ContainsAny(l, "\r\n") || !utf8.ValidString(l) {
			t.Errorf("line of %d octets: %q", len(l), l)
		}
	}
	return strings.Split(strings.ReplaceAll(ics, "\r\n ", ""), "\r\n")
}

func FuzzICS(f *testing.F) {
	f.Add("carta", strings.Repeat("però… ", 40))
	f.Add("END:VEVENT\r\nBEGIN:VALARM", "\x00\x7F;,\\")
	f.Fuzz(func(t *testing.T, title, more string) {
		if !utf8.ValidString(title) || !utf8.ValidString(more) {
			return
		}
		d := aDay()
		d.Title, d.Text, d.Remind = title, more, nil
		lines := unfold(t, string(d.ICS()))
		if len(lines) != 17 { // 16 lines and what follows the last end
			t.Errorf("%d lines: %q", len(lines), lines)
		}
	})
}
