//go:build integration

package cie

import (
	"context"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/softwarecie/cie/applet/emulator"
	"github.com/softwarecie/cie/internal/rig"
	"github.com/softwarecie/cie/pcsc"
)

func TestMain(m *testing.M) {
	if os.Getenv(memoryVariable) != "" {
		memoryChild()
		return
	}
	rig.Main(m)
}

// virtualReaders are the two of vpcd, and where their cards connect.
var virtualReaders = map[string]string{"Virtual PCD 00 00": "127.0.0.1:35963", "Virtual PCD 00 01": "127.0.0.1:35964"}

// A telling is one story to be gone through with a card in a reader.
type telling struct {
	name string
	card emulator.Options
}

// TestStoryThroughPCSCD goes through the whole story on each profile and with
// each switch, through the real PC/SC daemon and its virtual readers, two at a
// time.
func TestStoryThroughPCSCD(t *testing.T) {
	rig.Need(t, "pcscd")
	rig.StartPCSCD(t)
	client := pcsc.New()
	defer client.Close()
	tellings := make(chan telling, 100)
	for _, p := range emulator.Profiles() {
		tellings <- telling{"profile " + p.Name, emulator.Options{Profile: p.Name}}
	}
	for _, name := range slices.Sorted(maps.Keys(switches)) {
		b := switches[name]
		tellings <- telling{"switch " + name, emulator.Options{Behaviour: &b}}
	}
	close(tellings)
	total := len(tellings)
	var wait sync.WaitGroup
	var mu sync.Mutex // t.Run is told in one order
	passed := 0
	for reader, address := range virtualReaders {
		wait.Add(1)
		go func() {
			defer wait.Done()
			for s := range tellings {
				ok := t.Run(s.name, func(t *testing.T) { tell(t, client, reader, address, s.card) })
				mu.Lock()
				if ok {
					passed++
				}
				mu.Unlock()
			}
		}()
	}
	wait.Wait()
	t.Logf("%d of %d stories through pcscd", passed, total)
}

// tell lays a card on a reader, goes through the story, and takes it away.
func tell(t *testing.T, client *pcsc.Client, reader, address string, o emulator.Options) {
	card := newCard(t, o)
	running, stop := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = emulator.Run(running, address, card)
	}()
	defer func() {
		stop()
		<-ended
		await(t, client, reader, false)
	}()
	await(t, client, reader, true)
	h := newHolder(t, card)
	h.Cards = OnPCSC(client)
	h.Linger = 300 * time.Millisecond
	story(t, card, h, Target{Reader: reader})
}

// await waits until a card is seen on a reader, or seen gone.
func await(t *testing.T, client *pcsc.Client, reader string, present bool) {
	t.Helper()
	patient, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for readers, err := range client.Watch(patient) {
		if err != nil {
			continue
		}
		for _, r := range readers {
			if r.Name == reader && r.Present == present && (!present || len(r.ATR) > 0) {
				return
			}
		}
	}
	t.Fatalf("%s: card present: not %v within 10 s", reader, present)
}
