//go:build gles && integration

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/guide"
	"github.com/softwarecie/cie/internal/i18n"
	"github.com/softwarecie/cie/internal/memscan"
	"github.com/softwarecie/cie/internal/pairing"
	"github.com/softwarecie/cie/internal/rig"
)

func TestMain(m *testing.M) { rig.Main(m) }

// Codes that stand nowhere in the program, so that whatever is found of them in
// its memory was typed.
const (
	firstPIN  = "48151623"
	secondPIN = "90817263"
	thirdPIN  = "57394826"
	wrongPIN  = "30303031"
	puk       = "62830741"
)

// A desk is a person before the window, with two readers and two cards.
type desk struct {
	*rig.Display
	t        testing.TB
	language i18n.Language
	texts    *i18n.Catalogue
	look     string // of the screenshots: language and theme
	daemon   *rig.PCSCD
	cards    [2]*emulator.Card
	home     string
	program  *exec.Cmd
}

// sit starts the window as a person finds it the first time: a service, readers,
// and no card yet.
func sit(t testing.TB, l i18n.Language, theme string) *desk {
	t.Helper()
	d := &desk{t: t, texts: i18n.Load(l), look: string(l) + "-" + theme, home: t.TempDir()}
	d.daemon = rig.StartPCSCD(t)
	for n, port := range []int{rig.FirstPort, rig.SecondPort} {
		card, err := emulator.New(emulator.Options{Seed: fmt.Sprint("story", n), PIN: firstPIN, PUK: puk})
		if err != nil {
			t.Fatal(err)
		}
		card.Remove()
		if err := card.Dump(filepath.Join(d.home, "trust")); err != nil {
			t.Fatal(err)
		}
		d.cards[n] = card
		go func() { _ = emulator.Run(t.Context(), fmt.Sprint("127.0.0.1:", port), card) }()
	}
	config := fmt.Sprintf("language = %q\n[trust]\nextra = [\"trust\"]\n[window]\ntheme = %q\n", l, theme)
	if err := os.WriteFile(filepath.Join(d.home, "config.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Display = rig.StartDisplay(t, "1000x720")
	d.language = l
	d.start()
	return d
}

// start starts the program.
func (d *desk) start(args ...string) {
	d.t.Helper()
	d.program = exec.Command(filepath.Join("..", "..", "build", "cie-gui"), args...) //nolint:gosec // ours
	d.program.Env = append(os.Environ(),
		"HOME="+d.home, "XDG_CONFIG_HOME="+d.home, "XDG_STATE_HOME="+d.home, "XDG_CACHE_HOME="+d.home, "XDG_RUNTIME_DIR="+d.home,
		"CIE_CONFIG="+filepath.Join(d.home, "config.toml"), "CIE_LANG=", "DBUS_SESSION_BUS_ADDRESS=disabled:")
	d.program.Stderr = os.Stderr
	d.Run(d.program)
}

// sees waits for a screen, by its title, and keeps a picture of it under a name;
// "" for none.
func (d *desk) sees(name, key string, args ...any) {
	d.t.Helper()
	d.Wait(d.texts.T(key, args...))
	if name != "" {
		d.shoot(name)
	}
}

// shoot keeps a picture of what is seen, where pictures are wanted.
func (d *desk) shoot(name string) {
	d.t.Helper()
	if folder := os.Getenv("CIE_SCREENSHOTS"); folder != "" {
		time.Sleep(500 * time.Millisecond) // drawn
		d.Shoot(filepath.Join(folder, d.look+"-"+name+".png"))
	}
}

// begins presses Enter at home until a card is found and the screen for pairing is
// there. Before that, Enter may lead elsewhere.
func (d *desk) begins() {
	d.t.Helper()
	for range 20 {
		d.Keys("Return")
		if d.There(d.texts.T("win.pair"), 2*time.Second) {
			return
		}
		d.Keys("ctrl+1")
	}
	d.sees("", "win.pair")
}

// typed types digits and presses Enter, once for each code.
func (d *desk) typed(codes ...string) {
	d.t.Helper()
	for _, code := range codes {
		d.Keys(append(strings.Split(code, ""), "Return")...)
		time.Sleep(200 * time.Millisecond)
	}
}

// ledger wants the commands with codes since the last time, of one card.
func (d *desk) ledger(card int, from *int, want ...string) {
	d.t.Helper()
	var got []string
	for _, e := range d.cards[card].Ledger()[*from:] {
		if e.Kind != "query" {
			got = append(got, e.Kind+" "+e.Reference+" "+e.SW)
		}
	}
	*from = len(d.cards[card].Ledger())
	if !slices.EqualFunc(got, want, strings.EqualFold) {
		d.t.Errorf("ledger %q, want %q", got, want)
	}
}

// stored is what the program has written down.
func (d *desk) stored() []pairing.Record {
	d.t.Helper()
	d.t.Setenv("XDG_STATE_HOME", d.home)
	folder, err := pairing.DefaultFolder()
	if err != nil {
		d.t.Fatal(err)
	}
	store, err := pairing.Open(folder)
	if err != nil {
		d.t.Fatal(err)
	}
	records, err := store.List()
	if err != nil {
		d.t.Error(err)
	}
	return records
}

// scan looks for a code in the memory of the program.
func (d *desk) scan(code string) int {
	d.t.Helper()
	hits, err := memscan.Scan(d.program.Process.Pid, memscan.Code("code", []byte(code)))
	if err != nil {
		d.t.Fatal(err)
	}
	for _, h := range hits {
		d.t.Logf("%s at %X in %q", h.Pattern, h.Address, h.Mapping)
	}
	return len(hits)
}

// The window from the first start to a blocked and unblocked card, by keyboard and
// mouse.
func TestStory(t *testing.T) {
	type look struct {
		language i18n.Language
		theme    string
	}
	looks := []look{{i18n.Italian, "light"}, {i18n.German, "dark"}}
	if os.Getenv("CIE_SCREENSHOTS") != "" { // "make screenshots"
		looks = append(looks, look{i18n.Italian, "dark"}, look{i18n.German, "light"})
	}
	for _, l := range looks {
		t.Run(string(l.language)+"-"+l.theme, func(t *testing.T) { story(sit(t, l.language, l.theme)) })
	}
}

func story(d *desk) {
	from := 0
	d.sees("01-first-card", "win.welcome")

	// The card is laid down: the screen moves on by itself.
	d.cards[0].Insert()
	time.Sleep(3 * time.Second)
	d.sees("02-first-pair", "win.welcome")
	d.begins()
	d.Keys(strings.Split(firstPIN, "")...)
	d.sees("03-pair", "win.pair")
	d.typed("")
	d.sees("04-paired", "win.pair.done", "name", d.cards[0].Holder().Name+" "+d.cards[0].Holder().Surname)
	d.ledger(0, &from, "verify PIN 9000")
	if r := d.stored(); len(r) != 1 || r[0].PAN.String() != d.cards[0].PAN() || !r[0].HasHalf() || r[0].Tries != 3 {
		d.t.Errorf("stored %v", r)
	}
	d.Keys("Return") // the browsers are offered
	d.sees("04-connected", "win.pair.connected")
	d.Keys("Return") // the login is offered
	d.sees("04-login", "win.login")
	d.Keys("ctrl+1")
	d.sees("05-home", "win.cards", "n", 1)

	d.change(&from)
	d.block(&from)
	d.unblock(&from)
	d.sign(&from)
	d.twoCards(&from)
	d.fewTries(&from)
	d.tour()
	d.ledger(0, &from)
}

// tour looks at the screens that the story has no part for.
func (d *desk) tour() {
	d.t.Helper()
	d.Keys("ctrl+1")
	d.sees("", "win.cards", "n", 2)
	d.press("win.details.go", "win.change")
	holder := d.cards[0].Holder()
	d.Wait(holder.Name + " " + holder.Surname)
	d.shoot("20-details")
	d.Keys("ctrl+5")
	d.sees("21-browsers", "win.browsers")
	d.Keys("ctrl+6")
	d.sees("", "win.doctor")
	time.Sleep(6 * time.Second) // it looks at everything
	d.shoot("22-doctor")
	d.press("win.link", "win.look-again", "win.browsers.undo")
	d.sees("", "win.link")
	time.Sleep(4 * time.Second) // ten looks at the card
	d.shoot("22-link")
	d.Keys("ctrl+7")
	d.sees("23-guides", "win.guides")
	first := guide.Load(d.language, guide.Names()[0]).Title
	d.letter(first)
	d.Wait(first)
	d.shoot("24-guide")
	d.Keys("ctrl+8")
	d.sees("25-settings", "win.settings")
	d.end()
	d.start("--counter")
	d.sees("26-counter", "win.counter.card")
}

// press presses a button that stands behind others, by the keys of their texts.
func (d *desk) press(key string, before ...string) {
	d.t.Helper()
	for i := range before {
		before[i] = d.texts.T(before[i])
	}
	d.letter(d.texts.T(key), before...)
}

// letter presses a button by Alt and its letter: the first of its text that no
// button before it has.
func (d *desk) letter(button string, before ...string) {
	d.t.Helper()
	taken := ""
	for _, text := range append(before, button) {
		at := strings.IndexFunc(strings.ToLower(text), func(r rune) bool {
			return r >= 'a' && r <= 'z' && !strings.ContainsRune(taken, r)
		})
		if at < 0 {
			continue
		}
		taken += strings.ToLower(text)[at : at+1]
	}
	d.Keys("alt+" + taken[len(taken)-1:])
}

// goes opens one of the screens that the PIN screen leads to.
func (d *desk) goes(key string) {
	d.t.Helper()
	d.Keys("ctrl+2")
	d.sees("", "win.pin")
	order := []string{"win.change", "win.unblock", "win.verify", "win.tries"}
	d.press(key, order[:slices.Index(order, key)]...)
	d.sees("", key)
}

// change changes the PIN, with the last four digits of the old one.
func (d *desk) change(from *int) {
	d.Click("60", "119") // the second entry of the rail
	d.sees("06-pin", "win.pin")
	d.goes("win.change")
	d.sees("07-change", "win.change")
	d.typed(firstPIN[4:])
	d.sees("", "win.new-pin.title")
	d.typed("11111111", "11111111")
	d.sees("08-weak-pin", "win.new-pin.title")
	d.ledger(0, from)
	d.typed(secondPIN, secondPIN)
	d.sees("09-changed", "cli.pin-changed")
	d.ledger(0, from, "verify PIN 9000", "change PIN 9000")
	if pin, _, _, _ := d.cards[0].Codes(); pin != secondPIN {
		d.t.Errorf("PIN of the card %s, want %s", pin, secondPIN)
	}
}

// block spends the tries of the PIN, the last one by a typed word.
func (d *desk) block(from *int) {
	for n := range 2 {
		d.goes("win.verify")
		d.typed(wrongPIN)
		d.sees([]string{"10-wrong-pin", ""}[n], "error.pin-wrong.what")
	}
	d.goes("win.verify")
	d.typed(wrongPIN)
	d.sees("", "win.verify") // the question about the last try has the same title
	time.Sleep(2 * time.Second)
	d.ledger(0, from, "verify PIN 63C2", "verify PIN 63C1")
	d.sees("11-last-try", "win.verify")
	for range 3 { // the question may not be there yet
		d.Keys("ctrl+a")
		d.Do("type", d.texts.T("word.last"))
		d.Keys("Return")
		if d.There(d.texts.T("error.pin-blocked.what"), 15*time.Second) {
			break
		}
	}
	d.sees("12-blocked", "error.pin-blocked.what")
	d.ledger(0, from, "verify PIN 63C0")
	if r := d.stored(); len(r) != 1 || r[0].Tries != 0 {
		d.t.Errorf("stored %v", r)
	}
}

// unblock sets a new PIN with the PUK; the error leads there.
func (d *desk) unblock(from *int) {
	d.press("win.unblock")
	d.sees("13-unblock", "win.unblock")
	d.typed(puk, thirdPIN, thirdPIN)
	d.sees("14-unblocked", "win.unblock.done")
	d.ledger(0, from, "verify PUK 9000", "reset PIN 9000")
	if pin, _, tries, _ := d.cards[0].Codes(); pin != thirdPIN || tries != 3 {
		d.t.Errorf("PIN of the card %s with %d tries, want %s with 3", pin, tries, thirdPIN)
	}
	d.goes("win.verify")
	d.typed(thirdPIN[4:]) // the half that is stored is the new one
	d.sees("", "cli.pin-right")
	d.ledger(0, from, "verify PIN 9000")
}

// asks starts the program once more, which hands its request to the one that runs.
func (d *desk) asks(args ...string) {
	d.t.Helper()
	first := d.program
	d.start(args...)
	if err := d.program.Wait(); err != nil {
		d.t.Errorf("%q: %v", args, err)
	}
	d.program = first
}

// sign signs a document that a file manager hands over, verifies it, and verifies one
// that was changed afterwards.
func (d *desk) sign(from *int) {
	file := filepath.Join(d.home, "contract.txt")
	if err := os.WriteFile(file, []byte("One hundred euro."), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.asks("--sign", file)
	d.sees("27-sign", "win.sign.title")
	d.Keys("Return") // all is read
	d.sees("28-sign-pin", "win.sign.ask", "n", 1)
	d.ledger(0, from)
	d.typed(thirdPIN[4:])
	d.sees("29-signed", "win.sign.done", "n", 1)
	d.ledger(0, from, "verify PIN 9000")
	d.Keys("Return") // verified
	d.sees("30-report", "verdict.unchecked")
	content, err := os.ReadFile(file + ".p7m")
	if err != nil {
		d.t.Fatal(err)
	}
	forged := filepath.Join(d.home, "forged.txt.p7m")
	if err := os.WriteFile(forged, bytes.Replace(content, []byte("One hundred"), []byte("Two hundred"), 1), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.asks("--verify", forged)
	d.sees("31-forged", "verdict.invalid")
	d.asks("--verify")
	d.sees("32-verify", "win.verify-files.title")
	d.ledger(0, from)
}

// twoCards pairs the second card, which has to be chosen.
func (d *desk) twoCards(from *int) {
	d.cards[1].Insert()
	d.Keys("ctrl+1")
	d.sees("", "win.cards", "n", 1)
	d.begins() // once the second card is there
	d.Keys("Escape")
	d.sees("15-two-cards", "win.cards", "n", 1)
	d.begins()
	d.typed(firstPIN)
	d.sees("16-which-card", "win.which-card")
	first, second := d.cards[0].Holder(), d.texts.T("win.strip.unpaired")+" · "+rig.SecondReader
	d.letter(second, first.Name+" "+first.Surname+" · "+rig.FirstReader)
	holder := d.cards[1].Holder()
	d.sees("17-second-paired", "win.pair.done", "name", holder.Name+" "+holder.Surname)
	d.ledger(0, from)
	other := 0
	d.ledger(1, &other, "verify PIN 9000")
	if n := len(d.stored()); n != 2 {
		d.t.Errorf("%d cards stored, want 2", n)
	}
	d.cards[1].Remove()
}

// fewTries asks for a word before one of the last tries of the PUK, and is told no.
func (d *desk) fewTries(from *int) {
	if err := d.cards[0].Set([]byte(`{"puk-tries": 2}`)); err != nil {
		d.t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
	d.goes("win.unblock")
	d.typed(wrongPIN, thirdPIN, thirdPIN)
	time.Sleep(3 * time.Second)
	d.sees("18-few-tries", "win.unblock")
	d.Keys("Escape")
	d.sees("", "win.unblock")
	d.ledger(0, from)
}

// A card that is lifted at any point of the work is taken up again, or what
// happened is told; no entry ever makes more than one VERIFY.
func TestLifted(t *testing.T) {
	d := sit(t, i18n.English, "light")
	from := 0
	d.cards[0].Insert()
	d.sees("", "win.welcome")
	d.begins()
	d.cards[0].Remove() // before it begins
	time.Sleep(time.Second)
	d.typed(firstPIN)
	time.Sleep(2 * time.Second)
	d.ledger(0, &from)
	d.sees("19-waiting", "win.pair")
	d.cards[0].Insert()
	d.sees("", "win.pair.done", "name", d.cards[0].Holder().Name+" "+d.cards[0].Holder().Surname)
	d.ledger(0, &from, "verify PIN 9000")

	for _, operation := range []string{"win.verify", "win.change", "win.unblock"} {
		for _, n := range []int{1, 5, 14, 20, 21} { // connect, read, prove, codes
			d.lifted(operation, n)
		}
	}
	if _, _, pinTries, pukTries := d.cards[0].Codes(); pinTries != 3 || pukTries != 10 {
		t.Errorf("%d and %d tries left, want 3 and 10", pinTries, pukTries)
	}
}

// ends waits for one of some titles, and says which; "" if none comes.
func (d *desk) ends(keys ...string) string {
	d.t.Helper()
	for late := time.Now().Add(40 * time.Second); time.Now().Before(late); time.Sleep(50 * time.Millisecond) {
		for _, key := range keys {
			if d.There(d.texts.T(key), 0) {
				return key
			}
		}
	}
	return ""
}

// lifted does an operation during which the card is lifted at its n-th command, and
// laid down again. Whatever the window says then is so.
func (d *desk) lifted(operation string, n int) {
	d.t.Helper()
	card, from := d.cards[0], len(d.cards[0].Ledger())
	pin, _, _, _ := card.Codes()
	next := secondPIN
	if pin == secondPIN {
		next = thirdPIN
	}
	d.goes(operation)
	card.Fail(n, emulator.Fault{Kind: "drop-before"})
	done := map[string]string{"win.verify": "cli.pin-right", "win.change": "cli.pin-changed", "win.unblock": "win.unblock.done"}[operation]
	switch operation {
	case "win.verify":
		d.typed(pin)
	case "win.change":
		d.typed(pin, next, next)
	case "win.unblock":
		d.typed(puk, next, next)
	}
	worked := d.ends(done, "error.card-removed.what", "error.pin-uncertain.what") == done
	card.ClearFaults()
	sent := map[string]int{}
	for _, e := range card.Ledger()[from:] {
		sent[e.Kind+" "+e.Reference]++
	}
	if sent["verify PIN"] > 1 || sent["verify PUK"] > 1 {
		d.t.Errorf("%s, lifted at command %d: sent %v for one entry", operation, n, sent)
	}
	now, _, _, _ := card.Codes()
	if changed := now == next; operation != "win.verify" && worked && !changed || now != pin && !changed {
		d.t.Errorf("%s, lifted at command %d: PIN %s, was %s, chosen %s; it worked: %v", operation, n, now, pin, next, worked)
	}
	title, _ := d.Try("getactivewindow", "getwindowname")
	told := d.texts.T("error.card-removed.what")
	if sent["verify PIN"]+sent["verify PUK"] > 0 {
		told = d.texts.T("error.pin-uncertain.what")
	}
	if !worked && !strings.HasPrefix(title, told) {
		d.t.Errorf("%s, lifted at command %d: told %q, want %q", operation, n, title, told)
	}
	d.t.Logf("%s, lifted at command %d: %s; sent %v", operation, n, strings.TrimSpace(title), sent)
}

// After a PIN was used, and after it was given up, it is nowhere in memory.
func TestNoPINInMemory(t *testing.T) {
	d := sit(t, i18n.English, "light")
	d.cards[0].Insert()
	d.sees("", "win.welcome")
	d.begins()
	d.Keys(strings.Split(firstPIN, "")...)
	if !d.soon(func() bool { return d.scan(firstPIN) > 0 }) {
		t.Error("the typed PIN is not found: the search is no good")
	}
	d.Keys("Escape")
	d.sees("", "win.welcome")
	d.wiped("after cancelling", firstPIN)
	d.Keys("Return")
	d.sees("", "win.pair")
	d.typed(firstPIN)
	d.sees("", "win.pair.done", "name", d.cards[0].Holder().Name+" "+d.cards[0].Holder().Surname)
	d.wiped("after pairing", firstPIN)
	d.goes("win.change")
	d.typed(firstPIN, secondPIN, secondPIN)
	d.sees("", "cli.pin-changed")
	d.wiped("after the change", firstPIN, secondPIN)
}

// soon says whether something comes to be so.
func (d *desk) soon(so func() bool) bool {
	for late := time.Now().Add(20 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if so() {
			return true
		}
		if time.Now().After(late) {
			return false
		}
	}
}

// wiped wants codes to be nowhere in the memory of the program, once the card was let
// go.
func (d *desk) wiped(when string, codes ...string) {
	d.t.Helper()
	for _, code := range codes {
		if !d.soon(func() bool { return d.scan(code) == 0 }) {
			d.t.Errorf("%s: copies are left, see above", when)
		}
	}
}

// The window answers within 200 ms also while the card, or the service behind the
// readers, does not. A busy computer is slower at everything: three times as long
// as without trouble is no fault of the window.
func TestWindowNeverFreezes(t *testing.T) {
	d := sit(t, i18n.English, "light")
	d.cards[0].Insert()
	d.sees("", "win.welcome")
	d.begins()
	limit := max(200*time.Millisecond, 3*d.slowest())
	for _, trouble := range []struct {
		name  string
		begin func()
	}{
		{"a stalled card", func() {
			d.goes("win.verify")
			d.cards[0].Fail(2, emulator.Fault{Kind: "stall"})
			d.typed(firstPIN)
		}},
		{"a frozen service", d.daemon.Freeze},
		{"no service", d.daemon.Kill},
		{"a service that comes back", d.daemon.Start},
	} {
		trouble.begin()
		got := d.slowest()
		t.Logf("slowest change of screen with %s: %v, limit %v", trouble.name, got, limit)
		if got > limit {
			t.Errorf("%s: %v, more than %v", trouble.name, got, limit)
		}
	}
}

// slowest changes between screens for some seconds, and says how long the slowest
// change took.
func (d *desk) slowest() (slowest time.Duration) {
	for range 10 {
		for _, to := range []struct{ key, title string }{{"ctrl+2", "win.pin"}, {"ctrl+7", "win.guides"}} {
			d.Keys(to.key)
			slowest = max(slowest, d.Wait(d.texts.T(to.title)))
			time.Sleep(100 * time.Millisecond)
		}
	}
	return slowest
}
