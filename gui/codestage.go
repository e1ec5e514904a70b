package gui

import "github.com/softwarecie/cie/internal/secret"

// A codeStage is a stage that begins with a form for a code.
type codeStage struct {
	*stage
	forms []*form // in the order in which they are filled in
}

func newCodeStage(w *Window) codeStage { return codeStage{stage: newStage(w)} }

// ask shows the first form.
func (s *codeStage) ask() { s.form(0) }

func (s *codeStage) form(n int) { s.show(s.forms[n].box, s.forms[n].first()) }

// take is the code typed into the first form.
func (s *codeStage) take() *secret.Buffer { return s.forms[0].inputs[0].field.take() }

// Leave clears the fields, too.
func (s *codeStage) Leave() {
	for _, f := range s.forms {
		f.clear()
	}
	s.stage.Leave()
}

// A newPINStage asks for the code that allows a new PIN, then for that, twice.
type newPINStage struct {
	codeStage
	code *secret.Buffer // the first, while the new PIN is typed
}

func (s *newPINStage) onCode() {
	s.code = s.take()
	s.form(1)
}

// changed says that the new PIN is in force.
func (s *newPINStage) changed(what string) {
	s.finish(what, s.w.t("note.keep-codes"), s.w.t("note.pair-again"))
}

// Leave wipes the code, too.
func (s *newPINStage) Leave() {
	s.code.Wipe()
	s.codeStage.Leave()
}
