package guide

import (
	"regexp"
	"strings"
)

// A Block is a heading, a paragraph or an item of a list.
type Block struct {
	Kind  Kind
	Mark  string // of an item: "•", "1."
	Spans []Span
}

// A Kind says what a block is.
type Kind int

// The kinds.
const (
	Paragraph Kind = iota
	Heading
	Item
)

// A Span is a piece of text in one style.
type Span struct {
	Text       string
	Bold, Code bool
	Link       Name // the guide it leads to, "" otherwise
}

var (
	listMark = regexp.MustCompile(`^(- |[0-9]\. )`)
	inline   = regexp.MustCompile("\\[([^\\]]*)\\]\\(([^)]*)\\)|\\*\\*([^*]*)\\*\\*|`([^`]*)`")
)

// Blocks are the parts of the page, in order.
func (g Guide) Blocks() []Block {
	var all []Block
	for line := range strings.Lines(g.Text) {
		line = strings.TrimSpace(line)
		b := Block{}
		if heading, ok := strings.CutPrefix(line, "## "); ok {
			b.Kind, line = Heading, heading
		} else if mark := listMark.FindString(line); mark != "" {
			b.Kind, b.Mark, line = Item, strings.TrimSpace(strings.Replace(mark, "-", "•", 1)), line[len(mark):]
		}
		if line != "" {
			b.Spans = spans(line)
			all = append(all, b)
		}
	}
	return all
}

// spans cuts a line where its style changes.
func spans(line string) []Span {
	var all []Span
	at := 0
	add := func(s Span) {
		if s.Text != "" {
			all = append(all, s)
		}
	}
	for _, m := range inline.FindAllStringSubmatchIndex(line, -1) {
		add(Span{Text: line[at:m[0]]})
		switch at = m[1]; {
		case m[2] >= 0:
			target, _ := Target(line[m[4]:m[5]])
			add(Span{Text: line[m[2]:m[3]], Link: target})
		case m[6] >= 0:
			add(Span{Text: line[m[6]:m[7]], Bold: true})
		default:
			add(Span{Text: line[m[8]:m[9]], Code: true})
		}
	}
	add(Span{Text: line[at:]})
	return all
}

// Plain is the page for a terminal of so many columns: links are followed by the
// name of their guide, headings underlined, lines broken between words.
func (g Guide) Plain(columns int) string {
	out := underlined(g.Title, "=", columns)
	before := Heading
	for _, b := range g.Blocks() {
		text := ""
		for _, s := range b.Spans {
			text += s.Text
			if s.Link != "" {
				text += " (→ " + string(s.Link) + ")"
			}
		}
		if b.Kind == Heading || before != Heading && before != b.Kind || before == Paragraph {
			out += "\n"
		}
		before = b.Kind
		switch b.Kind {
		case Heading:
			out += underlined(text, "-", columns)
		case Item:
			out += Wrap(b.Mark+" "+text, columns, len([]rune(b.Mark))+1)
		default:
			out += Wrap(text, columns, 0)
		}
	}
	return out
}

func underlined(heading, stroke string, columns int) string {
	return Wrap(heading, columns, 0) + strings.Repeat(stroke, min(len([]rune(heading)), columns)) + "\n"
}

// Wrap breaks a line between words, for a terminal of so many columns; what follows is
// indented.
func Wrap(line string, columns, indent int) string {
	var out strings.Builder
	width := 0
	for i, word := range strings.Fields(line) {
		n := len([]rune(word))
		switch {
		case i == 0:
		case width+1+n > columns:
			out.WriteString("\n" + strings.Repeat(" ", indent))
			width = indent
		default:
			out.WriteString(" ")
			width++
		}
		out.WriteString(word)
		width += n
	}
	return out.String() + "\n"
}
