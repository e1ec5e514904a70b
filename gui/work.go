package gui

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/theme"
	"fyne.io/fyne/v2/widget"

	"github.com/softwarecie/cie/internal/cie"
	"github.com/softwarecie/cie/internal/secret"
)

// A task is one operation on a card, as a screen describes it.
type task struct {
	title  string // what is being done
	steps  []cie.Step
	target cie.Target
	codes  []*secret.Buffer // wiped when it is over
	do     func(context.Context, cie.Target) error
	done   func() // it worked
	again  func() // leads back to where the codes are typed
}

// A stage is the part of a screen where a form, the work and what came of it are
// seen in turn.
type stage struct {
	w    *Window
	box  *fyne.Container
	run  *run
	stop context.CancelFunc // of what is done without a card, nil: nothing was
	seen fyne.Focusable
	laid bool // out in the window
}

func newStage(w *Window) *stage { return &stage{w: w, box: container.NewStack()} }

// Content is the stage.
func (s *stage) Content() fyne.CanvasObject { return s.box }

// show replaces what is seen. Typing goes to first, if it is not nil.
func (s *stage) show(o fyne.CanvasObject, first fyne.Focusable) {
	s.box.Objects = []fyne.CanvasObject{o}
	s.box.Refresh()
	s.seen = first
	s.w.announce()
	if first != nil && s.laid {
		s.w.scroll().ScrollToTop() // what was there before may have been longer
		s.w.win.Canvas().Focus(first)
	}
}

// Focus is where typing goes, once the screen is in the window.
func (s *stage) Focus() fyne.Focusable {
	s.laid = true
	return s.seen
}

// Leave ends the work and forgets the codes.
func (s *stage) Leave() {
	s.laid = false
	if s.run != nil {
		s.run.end()
	}
	if s.stop != nil {
		s.stop()
	}
}

// StateChanged takes work up again that waits for the card: for the one it was begun
// with, if that is known.
func (s *stage) StateChanged(now state) {
	if s.run != nil && s.run.waiting && now.has(s.run.task.target) {
		s.run.begin()
	}
}

// start does a task.
func (s *stage) start(t task) {
	s.run = &run{stage: s, task: t}
	s.run.begin()
}

// A run is a task being done.
type run struct {
	stage   *stage
	task    task
	cancel  context.CancelFunc
	view    *progress
	waiting bool // for the card to come back
	over    bool
}

// begin does the task beside the window's goroutine. From the moment on when one
// card is known to be meant, no other gets the codes.
func (r *run) begin() {
	w := r.stage.w
	if !meant(r.task.target) {
		r.task.target.PAN = w.state.only().PAN
	}
	ctx, cancel := context.WithCancel(w.ctx)
	r.cancel, r.waiting = cancel, false
	r.view = newProgress(w, r.task, func() { r.view.stopping(); cancel() })
	w.running = r
	r.stage.show(r.view.box, nil)
	r.view.tick(w)
	go func() {
		w.work.Lock()
		err := r.once(ctx)
		w.work.Unlock()
		cancel()
		w.deps.Do(func() { r.ended(err) })
		w.urge()
	}()
}

// once finds the card and does the task.
func (r *run) once(ctx context.Context) error {
	reader, err := r.stage.w.holder().Find(ctx, r.task.target.Reader)
	if err != nil {
		return err
	}
	target := r.task.target
	target.Reader = reader
	return r.task.do(ctx, target)
}

// ended shows what came of it.
func (r *run) ended(err error) {
	w := r.stage.w
	r.view.over = true
	if w.running == r {
		w.running = nil
	}
	var few *cie.FewTriesError
	switch {
	case r.over:
		return
	case err == nil:
		r.end()
		w.served(r.task.title, "✓")
		r.task.done()
	case errors.Is(err, cie.ErrSeveralCards):
		r.stage.show(r.choose(), nil)
	case errors.Is(err, cie.ErrLastTry):
		r.ask(w.t("win.last.pin"), w.t("word.last"), func(c *cie.Consent) { c.LastTry = true })
	case errors.Is(err, cie.ErrLastPUKTry):
		r.ask(w.t("win.last.puk"), w.t("word.last"), func(c *cie.Consent) { c.LastTry = true })
	case errors.As(err, &few):
		r.ask(w.t("win.few.puk", "n", few.Tries), w.t("word.yes"), func(c *cie.Consent) { c.FewPUKTries = true })
	case errors.Is(err, cie.ErrUnknownIssuer):
		r.ask(w.t("win.unknown-issuer"), w.t("word.yes"), func(c *cie.Consent) { c.UnknownIssuer = true })
	case w.waitsForCard(err) && !r.withCard():
		r.wait(err)
	default:
		r.fail(err)
	}
}

// withCard says whether the work ends when the card is lifted: at a counter the codes
// go with it.
func (r *run) withCard() bool {
	return r.stage.w.counter != nil && meant(r.task.target)
}

// patience is how long codes are kept while the card or a person is waited for.
const patience = time.Minute

// wait shows that the card is missing; its return takes the work up again.
func (r *run) wait(err error) {
	w := r.stage.w
	r.waiting = true
	text := w.t("win.lay")
	if w.texts.Explain(err).Key == "card-removed" {
		text = w.t("win.moved")
	}
	r.stage.show(stacked(3*unit,
		heading(r.task.title),
		note(iconWarning, colorCaution, text),
		beside(newButton(plain, w.t("win.cancel"), r.abandon)),
	), nil)
	r.forgetLater()
}

// forgetLater gives the codes up when nothing happens.
func (r *run) forgetLater() {
	w := r.stage.w
	view := r.view
	time.AfterFunc(patience, func() {
		w.deps.Do(func() {
			if !r.over && r.view == view && view.over {
				r.abandon()
			}
		})
	})
}

// abandon goes back to the form.
func (r *run) abandon() {
	r.end()
	r.task.again()
}

// fail shows an error.
func (r *run) fail(err error) {
	r.end()
	r.stage.w.served(r.task.title, r.stage.w.texts.Explain(err).What)
	r.stage.show(newErrorView(r.stage.w, err, r.task.again))
}

// end wipes the codes; what is still on its way is cancelled and not shown.
func (r *run) end() {
	r.over = true
	r.cancel()
	for _, code := range r.task.codes {
		code.Wipe()
	}
}

// ask has a person type a word before a try is spent that cannot be had back.
func (r *run) ask(question, word string, agree func(*cie.Consent)) {
	w := r.stage.w
	yes := newButton(primary, w.t("win.go-on"), func() {
		agree(&r.task.target.Consent)
		r.begin()
	})
	yes.enable(false)
	typed := newWordEntry(word, yes)
	r.stage.show(stacked(3*unit,
		heading(r.task.title),
		note(iconWarning, colorDanger, question),
		paragraph(w.t("win.type-word", "word", word)),
		typed,
		beside(yes, newButton(plain, w.t("win.cancel"), r.abandon)),
	), typed)
	r.forgetLater()
}

// choose offers the cards on the readers.
func (r *run) choose() fyne.CanvasObject {
	w := r.stage.w
	list := stacked(unit)
	for _, c := range w.state.readers {
		if !c.CIE {
			continue
		}
		b := newButton(plain, w.cardName(c), func() {
			r.task.target.Reader, r.task.target.PAN = c.Reader.Name, c.PAN
			r.begin()
		})
		b.icon, b.listed = iconCard, true
		list.Add(b)
	}
	return stacked(3*unit, heading(w.t("win.which-card")), list, beside(newButton(plain, w.t("win.cancel"), r.abandon)))
}

// cardName tells a card from others.
func (w *Window) cardName(c cie.Status) string {
	if c.Record != nil {
		return holderOf(*c.Record).FullName() + " · " + c.Reader.Name
	}
	return w.t("win.strip.unpaired") + " · " + c.Reader.Name
}

// onStep is told of each step of card work.
func (w *Window) onStep(s cie.Step) {
	if w.running != nil {
		w.running.view.reach(s)
	}
}

// progress is what is seen during card work: named steps that tick off.
type progress struct {
	w       *Window
	steps   []cie.Step
	at      int // which of them is being done
	rows    *fyne.Container
	status  *widget.RichText
	stop    *button
	box     *fyne.Container
	far     string // how far a step of several parts is, "" if it has one
	started time.Time
	over    bool
}

func newProgress(w *Window, t task, cancel func()) *progress {
	p := &progress{w: w, steps: slices.Clone(t.steps), rows: stacked(unit), started: time.Now()}
	p.status = written(w.t("step.hold-still"), theme.SizeNameText, colorQuiet, fyne.TextStyle{})
	p.stop = newButton(plain, w.t("win.cancel"), cancel)
	p.box = stacked(3*unit, heading(t.title), panel(p.rows, colorLine), flush(p.status), beside(p.stop))
	p.draw()
	return p
}

// reach ticks off what comes before a step. One that was not planned is put in;
// after a lost link it begins again.
func (p *progress) reach(s cie.Step) {
	if s == cie.StepRetry {
		p.at = 0
		p.say(p.w.t("step.retry"))
		p.draw()
		return
	}
	at := slices.Index(p.steps, s)
	if at < 0 {
		at = min(p.at+1, len(p.steps))
		p.steps = slices.Insert(p.steps, at, s)
	}
	p.at = at
	p.stop.Hidden = !safe(s)
	p.draw()
}

// safe says whether an operation may be cancelled at a step: not while the card
// judges a code or changes one.
func safe(s cie.Step) bool {
	return s != cie.StepVerify && s != cie.StepChange && s != cie.StepUnblock
}

func (p *progress) draw() {
	p.rows.RemoveAll()
	for i, s := range p.steps {
		text := p.w.t("step." + string(s))
		switch {
		case i < p.at:
			p.rows.Add(marked(iconCheck, colorGood, paragraph(text)))
		case i == p.at:
			p.rows.Add(marked(iconNow, theme.ColorNamePrimary, strong(text, theme.ColorNameForeground)))
		default:
			p.rows.Add(marked(iconDot, colorLine, aside(text)))
		}
	}
	p.box.Refresh()
}

func (p *progress) say(text string) {
	p.status.Segments[0].(*widget.TextSegment).Text = text
	p.status.Refresh()
}

// patience is what is asked for meanwhile.
func (p *progress) patience() string {
	if p.far == "" {
		return p.w.t("step.hold-still")
	}
	return p.far + " · " + p.w.t("step.hold-still")
}

// tellFar says how far the card work is that is seen.
func (w *Window) tellFar(far string) {
	if w.running != nil && !w.running.view.stop.disabled {
		w.running.view.far = far
		w.running.view.say(w.running.view.patience())
	}
}

// stopping shows that the card still has to answer.
func (p *progress) stopping() {
	p.stop.enable(false)
	p.say(p.w.t("win.stopping"))
}

// slow is when seconds begin to be counted.
const slow = 3 * time.Second

// tick shows the seconds once it takes long.
func (p *progress) tick(w *Window) {
	time.AfterFunc(time.Second, func() {
		w.deps.Do(func() {
			if p.over {
				return
			}
			if passed := time.Since(p.started); passed >= slow && !p.stop.disabled {
				p.say(p.patience() + " · " + strconv.Itoa(int(passed.Seconds())) + " s")
			}
			p.tick(w)
		})
	})
}

// finish says that something worked, and what to do now, a paragraph for each.
func (s *stage) finish(what string, then ...string) {
	texts := stacked(2 * unit)
	for _, text := range then {
		texts.Add(paragraph(text))
	}
	s.conclude(what, texts, nil)
}

// conclude says that something worked, more about it, and leads on: to next, nil for
// where one came from.
func (s *stage) conclude(what string, more fyne.CanvasObject, next *button) {
	end := newButton(quiet, s.w.t("win.done"), s.w.Back)
	if next == nil {
		end.weight, next = primary, end
	}
	actions := beside(next)
	if next != end {
		actions.Add(end)
	}
	s.show(stacked(3*unit, titled(iconCheck, colorGood, what), more, actions), next)
}

// during does something that is slow and needs no card beside the window's
// goroutine, with a word about it; then done, or an error that leads back to again.
// What comes after the screen was left is not shown.
func (s *stage) during(title, doing string, do func() error, done, again func()) {
	s.show(stacked(2*unit, heading(title), aside(doing)), nil)
	go func() {
		err := do()
		s.w.deps.Do(func() {
			switch {
			case !s.laid:
			case err != nil:
				s.show(newErrorView(s.w, err, again))
			default:
				done()
			}
		})
	}()
}

// cancellable does something that is slow and needs no card beside the window's
// goroutine, which tells how far it is; then done, or an error that leads back to again,
// as Cancel does. What comes after that, or after the screen was left, is not shown.
func (s *stage) cancellable(title string, do func(ctx context.Context, tell func(string)) error, done, again func()) {
	w := s.w
	ctx, cancel := context.WithCancel(w.ctx)
	s.stop = cancel
	here := func(show func()) {
		w.deps.Do(func() {
			if ctx.Err() == nil {
				show()
			}
		})
	}
	far := stacked(0)
	s.show(stacked(3*unit, heading(title), panel(far, colorLine), beside(newButton(plain, w.t("win.cancel"), func() { cancel(); again() }))), nil)
	go func() {
		err := do(ctx, func(text string) {
			here(func() {
				now := marked(iconNow, theme.ColorNamePrimary, path(text))
				far.Objects = []fyne.CanvasObject{now}
				s.box.Refresh()
			})
		})
		here(func() {
			cancel()
			if err != nil {
				s.show(newErrorView(w, err, again))
				return
			}
			done()
		})
	}()
}
