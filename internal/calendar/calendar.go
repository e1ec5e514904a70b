// Package calendar writes one day with reminders as a file that every calendar
// reads (iCalendar, RFC 5545).
package calendar

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A Day is an event that takes a whole day.
type Day struct {
	UID         string // the same for the same event: a second import replaces the first
	Date        time.Time
	Title, Text string
	Remind      []int // days before, for each a reminder
	Written     time.Time
}

// Expiry is the last day of a certificate, with reminders half a year before, when
// a new card can be asked for at ease, and a month before. Nothing in it tells
// whose it is.
func Expiry(c *x509.Certificate, title, text string, now time.Time) Day {
	return Day{
		UID: fmt.Sprintf("%x", sha256.Sum256(c.Raw)), Date: c.NotAfter, Title: title, Text: text,
		Remind: []int{180, 30}, Written: now,
	}
}

// productID names the program that wrote the file (RFC 5545 §3.7.3).
const productID = "-//Software CIE//cie//EN"

// ICS is the content of the file.
func (d Day) ICS() []byte {
	lines := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:" + productID, "CALSCALE:GREGORIAN", "METHOD:PUBLISH",
		"BEGIN:VEVENT",
		"UID:" + text(d.UID),
		"DTSTAMP:" + d.Written.UTC().Format("20060102T150405Z"),
		"DTSTART;VALUE=DATE:" + d.Date.Format("20060102"),
		"DTEND;VALUE=DATE:" + d.Date.AddDate(0, 0, 1).Format("20060102"), // not part of it (§3.6.1)
		"SUMMARY:" + text(d.Title),
		"DESCRIPTION:" + text(d.Text),
		"TRANSP:TRANSPARENT", // nobody is busy on that day
		"CLASS:PRIVATE",
	}
	for _, days := range d.Remind {
		lines = append(lines, "BEGIN:VALARM", "ACTION:DISPLAY", "DESCRIPTION:"+text(d.Title), fmt.Sprintf("TRIGGER:-P%dD", days), "END:VALARM")
	}
	lines = append(lines, "END:VEVENT", "END:VCALENDAR")
	var out strings.Builder
	for _, l := range lines {
		fold(&out, l)
	}
	return []byte(out.String())
}

// text escapes a value of type TEXT (§3.3.11). Control characters, which have no
// place in it, become blanks.
func text(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7F {
			return ' '
		}
		return r
	}, strings.ReplaceAll(s, "\r\n", "\n"))
	return strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(s)
}

// longest is the length of a line in octets, without its end (§3.1).
const longest = 75

// fold writes a line, and breaks one that is too long between characters.
func fold(out *strings.Builder, line string) {
	room := longest
	for len(line) > room {
		at := room
		for !utf8.RuneStart(line[at]) {
			at--
		}
		out.WriteString(line[:at] + "\r\n ")
		line, room = line[at:], longest-1
	}
	out.WriteString(line + "\r\n")
}
