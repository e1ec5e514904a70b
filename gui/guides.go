package gui

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/guide"
)

// The guides screen is the table of contents.
type guidesScreen struct{ box *fyne.Container }

func newGuides(w *Window) screen {
	list := stacked(unit)
	for _, n := range guide.Names() {
		b := newButton(plain, guide.Load(w.deps.Language, n).Title, func() { w.Go(newGuide(n)) })
		b.icon, b.listed = iconBook, true
		list.Add(b)
	}
	return &guidesScreen{stacked(3*unit, heading(w.t("win.guides")), paragraph(w.t("win.guides.text")), list)}
}

// Content is the list.
func (s *guidesScreen) Content() fyne.CanvasObject { return s.box }

// Leave has nothing to end.
func (s *guidesScreen) Leave() {}

// A guideScreen is one guide. That on activation has two tools.
type guideScreen struct {
	box      *fyne.Container
	half     *codeInput
	password *passwordField
}

// newGuide opens a guide.
func newGuide(n guide.Name) opener {
	return func(w *Window) screen {
		g := guide.Load(w.deps.Language, n)
		s := &guideScreen{box: stacked(1.5*unit, beside(newBack(w)), heading(g.Title))}
		for _, b := range g.Blocks() {
			s.box.Add(block(b))
			for _, span := range b.Spans {
				if span.Link != "" {
					s.box.Add(beside(leadsTo(w, span.Link)))
				}
			}
		}
		if n == guide.Activation {
			s.addTools(w)
		}
		return s
	}
}

// Content is the page.
func (s *guideScreen) Content() fyne.CanvasObject { return s.box }

// Leave clears what was typed into the tools.
func (s *guideScreen) Leave() {
	if s.half != nil {
		s.half.field.clear()
		s.password.clear()
	}
}

func newBack(w *Window) *button {
	b := newButton(quiet, w.t("win.back"), w.Back)
	b.icon = iconBack
	return b
}

// leadsTo is a button to a guide, with its title.
func leadsTo(w *Window, n guide.Name) *button {
	b := newButton(quiet, guide.Load(w.deps.Language, n).Title, func() { w.Go(newGuide(n)) })
	b.icon = iconBook
	return b
}

// block is a part of a guide as it is seen.
func block(b guide.Block) fyne.CanvasObject {
	size, style := theme.SizeNameText, fyne.TextStyle{}
	if b.Kind == guide.Heading {
		size, style.Bold = theme.SizeNameSubHeadingText, true
	}
	text := widget.NewRichText()
	for _, s := range b.Spans {
		style.Bold, style.Monospace = s.Bold || b.Kind == guide.Heading, s.Code
		text.Segments = append(text.Segments, &widget.TextSegment{
			Text: s.Text, Style: widget.RichTextStyle{Inline: true, SizeName: size, ColorName: theme.ColorNameForeground, TextStyle: style},
		})
	}
	text.Wrapping = fyne.TextWrapWord
	if b.Kind != guide.Item {
		return flush(text)
	}
	mark := written(b.Mark, theme.SizeNameText, theme.ColorNamePrimary, fyne.TextStyle{Bold: true})
	mark.Wrapping = fyne.TextWrapOff
	return beneath(flush(mark), flush(text))
}

// addTools adds the digits of half a PUK, and the rules of the password.
func (s *guideScreen) addTools(w *Window) {
	s.half = newCodeInput(w, w.t("win.half.field"))
	digits := beside()
	s.half.typed = func() { s.showDigits(w, digits) }
	s.box.Add(panel(stacked(1.5*unit, subheading(w.t("win.half")), aside(w.t("win.tools.text")), s.half.box, digits), colorLine))

	rules := stacked(unit / 2)
	s.password = newPasswordField(w)
	s.password.changed = func() { showRules(w, rules, s.password.bytes()) }
	showRules(w, rules, nil)
	s.box.Add(panel(stacked(1.5*unit, subheading(w.t("win.password")), aside(w.t("win.tools.text")), s.password, rules), colorLine))
}

// halfLength is the number of digits of half a PUK.
const halfLength = codeLength / 2

// showDigits shows each digit with its position, as the portal asks for them.
func (s *guideScreen) showDigits(w *Window, row *fyne.Container) {
	field, names := s.half.field, figures()
	if field.n > halfLength {
		field.erase()
		s.half.say(w.t("win.half.full"), colorCaution)
		return
	}
	row.RemoveAll()
	for position := 1; position <= field.n; position++ {
		d, ok := guide.Digit(field.digits, position)
		if !ok {
			continue
		}
		name := written(w.t("win.half.position", "position", position), theme.SizeNameCaptionText, colorQuiet, fyne.TextStyle{})
		digit := written(names[d-'0'], theme.SizeNameHeadingText, theme.ColorNameForeground, fyne.TextStyle{Monospace: true})
		name.Wrapping, digit.Wrapping = fyne.TextWrapOff, fyne.TextWrapOff
		row.Add(stacked(0, name, digit))
	}
}

// showRules ticks the rules that a password keeps.
func showRules(w *Window, rows *fyne.Container, password []byte) {
	rows.RemoveAll()
	kept := guide.CheckPassword(password)
	for _, rule := range guide.PasswordRules() {
		icon, color := iconDot, colorQuiet
		if kept[rule] {
			icon, color = iconCheck, colorGood
		}
		text := w.t("win.password."+string(rule), "from", guide.PasswordMin, "to", guide.PasswordMax, "most", guide.PasswordRun)
		if kept[rule] {
			text += " · " + w.t("win.password.kept")
		}
		rows.Add(marked(icon, color, paragraph(text)))
	}
}
