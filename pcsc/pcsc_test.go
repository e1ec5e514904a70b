package pcsc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Times in these tests are those of a synctest bubble: exact, and over at once.

var verify = []byte{0x00, 0x20, 0x00, 0x81}

// once has a call fail the first time only.
func once(code uint32) func(int) error {
	return func(n int) error {
		if n == 0 {
			return &Error{"test", code}
		}
		return nil
	}
}

func always(code uint32) func(int) error {
	return func(int) error { return &Error{"test", code} }
}

// blocked has a call not return before gate is closed.
func blocked(gate chan struct{}) func(int) error {
	return func(int) error { <-gate; return nil }
}

func transmit(c *Card) error {
	_, err := c.Transmit(verify)
	return err
}

// letGo fails the test if anything is still open once all goroutines wait.
func letGo(t *testing.T, f *fake) {
	t.Helper()
	synctest.Wait()
	if open := f.open(); open != [3]int{} {
		t.Errorf("contexts, cards, transactions still open: %v, want none; calls %v", open, f.calls)
	}
}

func TestDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		c := newClient(f)
		f.reply = func(command []byte) []byte {
			if !bytes.Equal(command, verify) {
				t.Errorf("card got %X, want %X", command, verify)
			}
			return []byte{0x63, 0xC2}
		}
		var kept *Card
		err := c.Do(t.Context(), "A", func(card *Card) error {
			kept = card
			if got := fmt.Sprintf("%X", card.ATR()); got != "3B80800101" {
				t.Errorf("ATR = %s, want 3B80800101", got)
			}
			answer, err := card.Transmit(verify)
			if got := fmt.Sprintf("%X", answer); got != "63C2" {
				t.Errorf("Transmit = %s, want 63C2", got)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		letGo(t, f)
		want := []string{"establish", "connect", "begin", "atr", "transmit", "end", "disconnect", "release"}
		if !slices.Equal(f.calls, want) {
			t.Errorf("calls %v, want %v", f.calls, want)
		}
		if _, err := kept.Transmit(verify); err == nil {
			t.Error("a card kept beyond Do still transmits")
		}
	})
}

func TestDoLetsGoOnEveryPath(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		name  string
		f     func(*Card) error
		reset bool
	}{
		{"success", func(*Card) error { return nil }, false},
		{"error", func(*Card) error { return boom }, false},
		{"reset wanted", func(c *Card) error { c.ResetAtEnd(); return nil }, true},
		{"reset wanted, error", func(c *Card) error { c.ResetAtEnd(); return boom }, true},
		{"panic", func(*Card) error { panic(boom) }, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("A")
				panicked := func() (p any) {
					defer func() { p = recover() }()
					_ = newClient(f).Do(t.Context(), "A", tt.f)
					return nil
				}()
				if (panicked != nil) != (tt.name == "panic") {
					t.Errorf("panic %v", panicked)
				}
				letGo(t, f)
				if got := f.count("end with reset") == 1; got != tt.reset {
					t.Errorf("card reset: %v, want %v", got, tt.reset)
				}
			})
		})
	}
}

// A reset that the end of the transaction refuses is done by the disconnection.
func TestResetAnotherWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.set("end with reset", always(0x80100016))
		_ = newClient(f).Do(t.Context(), "A", func(c *Card) error { c.ResetAtEnd(); return nil })
		letGo(t, f)
		if f.count("disconnect with reset") != 1 {
			t.Errorf("calls %v, want a disconnection with reset", f.calls)
		}
	})
}

// Codes are those of winscard.h.
func TestCodes(t *testing.T) {
	for _, tt := range []struct {
		call string
		code uint32
		want error
	}{
		{"establish", 0x8010001D, ErrNoService},
		{"establish", 0x8010001E, ErrNoService},
		{"establish", 0x8010006A, ErrDenied},
		{"connect", 0x8010006A, ErrDenied},
		{"connect", 0x80100009, ErrNoReader},
		{"connect", 0x80100017, ErrNoReader},
		{"connect", 0x8010000C, ErrNoCard},
		{"connect", 0x8010000B, ErrBusy},
		{"connect", 0x80100066, ErrNoAnswer},
		{"begin", 0x80100069, ErrRemoved},
		{"begin", 0x80100068, ErrReset},
		{"atr", 0x80100069, ErrRemoved},
		{"transmit", 0x80100013, ErrNoService},
		{"transmit", 0x80100003, ErrRemoved},
		{"transmit", 0x80100016, ErrRemoved},
		{"transmit", 0x80100017, ErrNoReader},
		{"transmit", 0x80100067, ErrRemoved},
		{"transmit", 0x80100068, ErrReset},
		{"transmit", 0x80100069, ErrRemoved},
		{"transmit", 0x8010002F, ErrRemoved},
		{"establish", 0x80100006, nil}, // no memory: none of ours
	} {
		t.Run(fmt.Sprintf("%s %08X", tt.call, tt.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("A")
				f.set(tt.call, always(tt.code))
				err := newClient(f).Do(t.Context(), "A", transmit)
				for _, s := range []error{
					ErrNoService, ErrDenied, ErrNoReader, ErrNoCard, ErrRemoved, ErrReset, ErrBusy, ErrNoAnswer,
				} {
					if got := errors.Is(err, s); got != (s == tt.want) {
						t.Errorf("Do = %v, is %q: %v, want %v", err, s, got, !got)
					}
				}
				if codeOf(err) != tt.code {
					t.Errorf("Do = %v, want code %08X in it", err, tt.code)
				}
				letGo(t, f)
				if n := f.count("transmit"); n > 1 {
					t.Errorf("command sent %d times, want once at most", n)
				}
			})
		})
	}
}

func TestStaleContextIsRenewedOnce(t *testing.T) {
	for _, code := range []uint32{0x8010001D, 0x8010001E, 0x80100013, 0x80100003, 0x80100009} {
		for _, call := range []string{"establish", "connect", "begin"} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("A")
				f.set(call, once(code))
				if err := newClient(f).Do(t.Context(), "A", transmit); err != nil {
					t.Errorf("%s with %08X once: Do = %v, want success", call, code, err)
				}
				letGo(t, f)

				f = newFake("A")
				f.set(call, always(code))
				if err := newClient(f).Do(t.Context(), "A", transmit); codeOf(err) != code {
					t.Errorf("%s with %08X: Do = %v", call, code, err)
				}
				letGo(t, f)
				if n := f.count("establish"); n != 2 {
					t.Errorf("%s with %08X: %d contexts tried, want 2", call, code, n)
				}
			})
		}
	}
}

func TestResetBeforeTheFirstCommand(t *testing.T) {
	for _, call := range []string{"begin", "atr"} {
		for resets, want := range []error{nil, nil, nil, ErrReset} {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("A")
				f.set(call, func(n int) error {
					if n < resets {
						return &Error{"test", 0x80100068}
					}
					return nil
				})
				if err := newClient(f).Do(t.Context(), "A", transmit); !errors.Is(err, want) {
					t.Errorf("%d resets at %s: Do = %v, want %v", resets, call, err, want)
				}
				letGo(t, f)
			})
		}
	}
}

// After a reset in the middle nothing is sent any more, whatever f does.
func TestNothingIsSentAfterALoss(t *testing.T) {
	for name, break_ := range map[string]func(*fake){
		"reset":       func(f *fake) { f.set("transmit", once(0x80100068)) },
		"no answer":   func(f *fake) { f.reply = func([]byte) []byte { return nil } },
		"one byte":    func(f *fake) { f.reply = func([]byte) []byte { return []byte{0x90} } },
		"out of time": func(f *fake) { f.set("transmit", func(int) error { time.Sleep(11 * time.Second); return nil }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFake("A")
				break_(f)
				_ = newClient(f).Do(t.Context(), "A", func(c *Card) error {
					_, first := c.Transmit(verify)
					_, second := c.Transmit(verify)
					if first == nil || !errors.Is(second, first) {
						t.Errorf("Transmit = %v, then %v, want the same error", first, second)
					}
					want := map[string]error{"reset": ErrReset, "out of time": ErrNoAnswer}[name]
					if want == nil {
						want = ErrRemoved
					}
					if !errors.Is(first, want) {
						t.Errorf("Transmit = %v, want %v", first, want)
					}
					return nil
				})
				time.Sleep(time.Minute)
				letGo(t, f)
				if n := f.count("transmit"); n != 1 {
					t.Errorf("%d commands sent, want 1", n)
				}
			})
		})
	}
}

func TestCommandsTooShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		_ = newClient(f).Do(t.Context(), "A", func(c *Card) error {
			for n := range 4 {
				if _, err := c.Transmit(verify[:n]); err == nil {
					t.Errorf("a command of %d bytes is sent", n)
				}
			}
			if _, err := c.Transmit(nil); err == nil {
				t.Error("no command at all is sent")
			}
			return nil
		})
		if f.count("transmit") != 0 {
			t.Error("something reached the card")
		}
	})
}

// A stalled card: an error at the deadline, the other reader works, the stuck call
// is alone and lets go, with a reset, when it returns.
func TestStalledCard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A", "B")
		gate := make(chan struct{})
		f.set("transmit", func(n int) error {
			if n == 0 {
				<-gate
			}
			return nil
		})
		c := newClient(f)
		begin := time.Now()
		err := c.Do(t.Context(), "A", transmit)
		if !errors.Is(err, ErrNoAnswer) || time.Since(begin) != 10*time.Second {
			t.Errorf("Do = %v after %v, want %v after 10s", err, time.Since(begin), ErrNoAnswer)
		}
		if err := c.Do(t.Context(), "B", transmit); err != nil {
			t.Errorf("other reader: %v", err)
		}
		begin = time.Now()
		for range 3 {
			if err := c.Do(t.Context(), "A", transmit); !errors.Is(err, ErrNoAnswer) {
				t.Errorf("again: Do = %v, want %v", err, ErrNoAnswer)
			}
		}
		if time.Since(begin) != time.Minute {
			t.Errorf("3 more attempts took %v, want 1m", time.Since(begin))
		}
		if n := f.count("connect"); n != 2 {
			t.Errorf("%d connections, want 2: the attempts wait before they connect", n)
		}
		close(gate)
		synctest.Wait()
		if f.count("end with reset") != 1 {
			t.Errorf("calls %v, want the card reset when it answers", f.calls)
		}
		if err := c.Do(t.Context(), "A", transmit); err != nil {
			t.Errorf("after the card answered: %v", err)
		}
		letGo(t, f)
	})
}

func TestBusyCard(t *testing.T) {
	for _, call := range []string{"connect", "begin"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("A")
			gate := make(chan struct{})
			f.set(call, blocked(gate))
			begin := time.Now()
			var notices []string
			c := newClient(f, Waiting(func(reader string) {
				notices = append(notices, fmt.Sprint(reader, " ", time.Since(begin)))
			}))
			err := c.Do(t.Context(), "A", transmit)
			if !errors.Is(err, ErrBusy) || time.Since(begin) != 20*time.Second {
				t.Errorf("Do = %v after %v, want %v after 20s", err, time.Since(begin), ErrBusy)
			}
			if !slices.Equal(notices, []string{"A 3s"}) {
				t.Errorf("notices %v, want one after 3s", notices)
			}
			close(gate)
			letGo(t, f)
			if f.count("transmit") != 0 {
				t.Error("a command was sent")
			}
		})
	}
}

func TestSilentService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		gate := make(chan struct{})
		f.set("establish", blocked(gate))
		c := newClient(f, ConnectTimeout(2*time.Second))
		if err := c.Do(t.Context(), "A", transmit); !errors.Is(err, ErrNoService) {
			t.Errorf("Do = %v, want %v", err, ErrNoService)
		}
		begin := time.Now()
		if _, err := c.Readers(t.Context()); !errors.Is(err, ErrNoService) || time.Since(begin) != listLimit {
			t.Errorf("Readers = %v after %v, want %v after %v", err, time.Since(begin), ErrNoService, listLimit)
		}
		close(gate)
		time.Sleep(time.Second)
		letGo(t, f)
	})
}

// Cancelling ends any wait at once; what was cut off lets go later.
func TestCancel(t *testing.T) {
	for _, call := range []string{"establish", "connect", "begin", "atr", "transmit"} {
		synctest.Test(t, func(t *testing.T) {
			f := newFake("A")
			gate := make(chan struct{})
			f.set(call, blocked(gate))
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			begin := time.Now()
			err := newClient(f).Do(ctx, "A", transmit)
			if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != 100*time.Millisecond {
				t.Errorf("%s blocked: Do = %v after %v", call, err, time.Since(begin))
			}
			close(gate)
			letGo(t, f)
			if reset := f.count("end with reset") == 1; reset != (call == "transmit") {
				t.Errorf("%s blocked: card reset %v", call, reset)
			}
		})
	}
}

func TestOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		c := newClient(f)
		inside, most := 0, 0
		for range 8 {
			go func() {
				if err := c.Do(t.Context(), "A", func(*Card) error {
					inside++
					most = max(most, inside)
					time.Sleep(time.Second)
					inside--
					return nil
				}); err != nil {
					t.Error(err)
				}
			}()
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if most != 1 {
			t.Errorf("%d at a time, want 1", most)
		}
		letGo(t, f)
	})
}

func TestRefusalIsRemembered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.set("establish", always(0x8010006A))
		c := newClient(f)
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for _, err := range c.Watch(ctx) {
				if err != nil && !errors.Is(err, ErrDenied) {
					t.Errorf("Watch yields %v, want %v", err, ErrDenied)
				}
			}
		}()
		for range 200 {
			if err := c.Do(t.Context(), "A", transmit); !errors.Is(err, ErrDenied) {
				t.Fatalf("Do = %v, want %v", err, ErrDenied)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := f.count("establish"); n > 5 {
			t.Errorf("%d attempts in 20 s, want one in 5 s", n)
		}
		f.set("establish", nil)
		time.Sleep(5 * time.Second)
		if err := c.Do(t.Context(), "A", transmit); err != nil {
			t.Errorf("allowed again: %v", err)
		}
		cancel()
		time.Sleep(time.Second)
		letGo(t, f)
	})
}

// A daemon that is being killed looks like a refusal at first.
func TestDyingServiceIsNoRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		c := newClient(f)
		if err := c.Do(t.Context(), "A", transmit); err != nil {
			t.Fatal(err)
		}
		f.set("establish", func(n int) error {
			if n == 1 {
				return &Error{"test", 0x8010006A}
			}
			return &Error{"test", 0x8010001D}
		})
		if err := c.Do(t.Context(), "A", transmit); !errors.Is(err, ErrNoService) {
			t.Errorf("Do = %v, want %v", err, ErrNoService)
		}
		f.set("establish", nil)
		if err := c.Do(t.Context(), "A", transmit); err != nil {
			t.Errorf("with the service back: Do = %v", err)
		}
		letGo(t, f)
	})
}

func TestNamesThatCannotBe(t *testing.T) {
	f := newFake("A")
	for _, name := range []string{"", "A\x00B"} {
		if err := newClient(f).Do(t.Context(), name, transmit); !errors.Is(err, ErrNoReader) {
			t.Errorf("reader %q: Do = %v, want %v", name, err, ErrNoReader)
		}
	}
	if f.count("establish") != 0 {
		t.Error("the service was asked")
	}
}

func TestReaders(t *testing.T) {
	long := strings.Repeat("Lettore così lungo «è»", 20)
	names := []string{"A", "A", long}
	for i := range 20 {
		names = append(names, fmt.Sprintf("Lettore %02d", i))
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFake(names...)
		f.readers = append(f.readers, state{}) // a reader without a name
		f.readers[3].event = 0x50010 | 0x0080  // empty
		f.readers[4].event = 0x20020 | 0x0200 | 0x0100
		c := newClient(f)
		got, err := c.Readers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(names) {
			t.Fatalf("%d readers, want %d", len(got), len(names))
		}
		for i, r := range got {
			if r.Name != names[i] {
				t.Errorf("reader %d is %q, want %q", i, r.Name, names[i])
			}
		}
		if r := got[3]; r.Present || !r.Exclusive || r.ATR != nil {
			t.Errorf("empty reader %+v", r)
		}
		if r := got[4]; !r.Present || !r.Mute || !r.InUse || r.Exclusive {
			t.Errorf("mute reader %+v", r)
		}
		time.Sleep(time.Second)
		letGo(t, f)
		if f.count("connect") != 0 {
			t.Error("listing readers connects to a card")
		}
	})
}

// follow collects what Watch yields.
func follow(ctx context.Context, c *Client) (seen *[]string) {
	seen = new([]string)
	go func() {
		for readers, err := range c.Watch(ctx) {
			var words []string
			for _, r := range readers {
				words = append(words, fmt.Sprint(r.Name, "=", r.Present))
			}
			if err != nil {
				words = append(words, err.Error())
			}
			*seen = append(*seen, strings.Join(words, " "))
		}
		*seen = append(*seen, "end")
	}()
	return seen
}

func expect(t *testing.T, seen *[]string, want ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(*seen, want) {
		t.Errorf("Watch yields %q, want %q", *seen, want)
	}
}

func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		c := newClient(f)
		ctx, cancel := context.WithCancel(t.Context())
		seen := follow(ctx, c)
		expect(t, seen, "A=true")
		f.change(func() { f.readers[0].event = 0x20010 })
		expect(t, seen, "A=true", "A=false")
		f.change(func() { f.readers = append(f.readers, state{name: "B", event: 0x10020}) })
		expect(t, seen, "A=true", "A=false", "A=false B=true")
		f.change(func() { f.readers[1].event = 0x30020 }) // another card, the flags as before
		expect(t, seen, "A=true", "A=false", "A=false B=true", "A=false B=true")
		f.change(func() { f.readers = nil })
		expect(t, seen, "A=true", "A=false", "A=false B=true", "A=false B=true", "")
		cancel()
		time.Sleep(time.Second)
		expect(t, seen, "A=true", "A=false", "A=false B=true", "A=false B=true", "", "end")
		letGo(t, f)
	})
}

func TestWatchWithoutPlugAndPlay(t *testing.T) { // macOS
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.noPnP = true
		c := newClient(f)
		seen := follow(t.Context(), c)
		expect(t, seen, "")
		f.change(func() { f.readers = []state{{name: "A", event: 0x10010}} })
		time.Sleep(2 * pollTime)
		expect(t, seen, "", "A=false")
		_ = c.Close()
		expect(t, seen, "", "A=false", "end")
		letGo(t, f)
	})
}

func TestQuietWatchSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A", "B")
		c := newClient(f)
		seen := follow(t.Context(), c)
		time.Sleep(time.Hour)
		expect(t, seen, "A=true B=true")
		if n := f.count("wait"); n > 65 {
			t.Errorf("%d wake-ups in a quiet hour, want one in a minute", n)
		}
		_ = c.Close()
		letGo(t, f)
	})
}

// A service that ends every wait at once, for nothing, does not make us busy.
func TestRestlessService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, do := range []func(int) error{always(0x8010001E), always(0x80100009), always(0x80100001)} {
			f := newFake("A")
			f.set("wait", do)
			c := newClient(f)
			seen := follow(t.Context(), c)
			time.Sleep(time.Minute)
			synctest.Wait()
			if n := f.count("wait"); n > 300 {
				t.Errorf("%d waits in a minute, seen %d", n, len(*seen))
			}
			_ = c.Close()
			letGo(t, f)
		}
	})
}

func TestWatchSurvivesTheService(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		f.set("establish", always(0x8010001D))
		c := newClient(f)
		seen := follow(t.Context(), c)
		const gone = "test: PC/SC error 8010001D"
		time.Sleep(time.Minute)
		expect(t, seen, gone)
		for range 2 { // said each time it goes, once
			f.set("establish", nil)
			time.Sleep(2 * time.Second)
			f.set("establish", always(0x8010001D))
			f.set("wait", always(0x8010001D))
			f.change(func() {})
			f.change(func() { f.readers[0].event += 0x10000 })
			time.Sleep(10 * time.Second)
			f.set("wait", nil)
		}
		synctest.Wait()
		var told []string
		for _, s := range *seen {
			if len(told) == 0 || told[len(told)-1] != s {
				told = append(told, s)
			}
		}
		if want := []string{gone, "A=true", gone, "A=true", gone}; !slices.Equal(told, want) {
			t.Errorf("Watch yields %q, want %q", told, want)
		}
		f.set("establish", nil)
		if readers, err := c.Readers(t.Context()); err != nil || len(readers) != 1 {
			t.Errorf("Readers = %v, %v, want one at once", readers, err)
		}
		_ = c.Close()
		letGo(t, f)
	})
}

func TestOneWatcherForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		c := newClient(f)
		first, second := follow(t.Context(), c), follow(t.Context(), c)
		expect(t, first, "A=true")
		expect(t, second, "A=true")
		for range 5 {
			if _, err := c.Readers(t.Context()); err != nil {
				t.Error(err)
			}
		}
		if n := f.count("establish"); n != 1 {
			t.Errorf("%d contexts for watching, want 1", n)
		}
		_ = c.Close()
		expect(t, first, "A=true", "end")
		expect(t, second, "A=true", "end")
		letGo(t, f)
	})
}

func TestClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake("A")
		c := newClient(f)
		err := c.Do(t.Context(), "A", func(card *Card) error {
			_ = c.Close()
			synctest.Wait()
			return transmit(card)
		})
		if !errors.Is(err, ErrClosed) {
			t.Errorf("Do = %v, want %v", err, ErrClosed)
		}
		if err := c.Do(t.Context(), "A", transmit); !errors.Is(err, ErrClosed) {
			t.Errorf("Do after Close = %v, want %v", err, ErrClosed)
		}
		if _, err := c.Readers(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("Readers after Close = %v, want %v", err, ErrClosed)
		}
		for _, err := range c.Watch(t.Context()) {
			t.Errorf("Watch after Close yields something, error %v", err)
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		letGo(t, f)
	})
}

// FuzzStates holds what is told of readers to what the service says of them, for any
// names, flags and ATRs. The rule, slowly: a reader the service does not know is not
// told of; all others are, in order, with an ATR only where there is a card.
func FuzzStates(f *testing.F) {
	f.Add("A\nB\n\nA", uint32(0x10022), uint32(0x20004), []byte{0x3B, 0x80})
	f.Add("Lettore «è»", uint32(0x0210), uint32(0), []byte(nil))
	f.Fuzz(func(t *testing.T, list string, one, other uint32, atr []byte) {
		names := strings.Split(list, "\n")
		states, err := look(&scripted{[]uint32{one, other}, atr}, names)
		if err != nil {
			t.Fatal(err)
		}
		got := describe(states)
		n, i := 0, 0
		for _, name := range names {
			if name == "" {
				continue
			}
			event := []uint32{one, other}[n%2]
			n++
			if event&0x0004 != 0 {
				continue
			}
			if i >= len(got) || got[i].Name != name {
				t.Fatalf("reader %d of %q is missing in %+v", i, list, got)
			}
			present := event&0x0020 != 0
			if got[i].Present != present || got[i].ATR != nil && !present || present && !bytes.Equal(got[i].ATR, atr) {
				t.Errorf("event %08X told as %+v", event, got[i])
			}
			i++
		}
		if i != len(got) || len(counters(states)) != n {
			t.Errorf("%d readers told, want %d", len(got), i)
		}
	})
}

// scripted answers a Wait with events in turn.
type scripted struct {
	events []uint32
	atr    []byte
}

func (s *scripted) Wait(states []state, _ time.Duration) error {
	for i := range states {
		states[i].event, states[i].atr = s.events[i%len(s.events)], s.atr
	}
	return nil
}
func (*scripted) Readers() ([]string, error)         { return nil, nil }
func (*scripted) Cancel() error                      { return nil }
func (*scripted) Release() error                     { return nil }
func (*scripted) Connect(string) (connection, error) { return nil, nil }
