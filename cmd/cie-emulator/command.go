package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/softwarecie/cie/applet/emulator"
)

// settings are the flags.
type settings struct {
	host       string
	ports      []uint
	profiles   []string
	seeds      []string
	pin, puk   string
	tries      int
	pukTries   int
	state      string
	log        string
	control    string
	dump       string
	latencyMS  uint
	byteUS     uint
	cryptoMS   uint
	assignment []string
}

// A runError is anything but a mistake in the flags.
type runError struct{ error }

func (e *runError) Unwrap() error { return e.error }

const long = `Emulated Italian identity cards (CIE 3.0) in virtual smart card readers.

Each card connects to the port of a vpcd reader of the PC/SC daemon (package
vsmartcard-vpcd; its two slots wait on 35963 and 35964) and comes back by itself
when the daemon is restarted. SIGINT and SIGTERM take the cards out and end.

Keys, names and codes are test values: seed by seed the same on every machine,
and they protect nothing. PIN and PUK are printed at the start, and the log and
the state file show them in the clear.`

const examples = `  # One card, PIN 12345678, PUK 87654321, in the first slot
  cie-emulator

  # Two different cards, in both slots, with a log of every APDU
  cie-emulator --port 35963,35964 --profile gemalto,itj4d --log apdu.log

  # One PIN try left, counters kept from run to run, slow like a real card
  cie-emulator --tries 1 --state card.json --latency-ms 25 --byte-us 100 --crypto-ms 250

  # A card that mirrors the status word outside secure messaging
  cie-emulator --set mirror-status=true --set end-of-file=6b00

  # Its certificates: the folder makes the card a test card for the client
  cie-emulator --dump trust

  # Take the card out, break the MAC of the tenth answer from now
  cie-emulator --control /tmp/cie.sock &
  echo '{"do":"remove"}' | nc -UN /tmp/cie.sock
  echo '{"do":"fault","after":9,"fault":{"kind":"wrong-mac"}}' | nc -UN /tmp/cie.sock`

func newCommand() *cobra.Command {
	var s settings
	c := &cobra.Command{
		Use: "cie-emulator", Short: "Emulated Italian identity cards for the PC/SC daemon's virtual reader",
		Long:    long + "\n\nProfiles: " + strings.Join(profileNames(), " ") + ".\nSwitches for --set, with their value in an ordinary card:\n" + switchList(),
		Example: examples, Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c.Context(), c.OutOrStdout()) },
	}
	f := c.Flags()
	f.SortFlags = false
	f.StringVar(&s.host, "host", "127.0.0.1", "host of the PC/SC daemon")
	f.UintSliceVar(&s.ports, "port", []uint{35963}, "port of the virtual reader; repeat, or separate by commas, for several cards")
	f.StringSliceVar(&s.profiles, "profile", []string{""}, "kind of chip, one for all cards or one for each (default itj4d)")
	f.StringSliceVar(&s.seeds, "seed", []string{""}, "who the card is, one for the first card or one for each; none is the card of the published vectors")
	f.StringVar(&s.pin, "pin", "12345678", "PIN, 8 digits; a test value, never that of a real card")
	f.StringVar(&s.puk, "puk", "87654321", "PUK, 8 digits; a test value")
	f.IntVar(&s.tries, "tries", 3, "PIN tries left, 0 to 3")
	f.IntVar(&s.pukTries, "puk-tries", 10, "PUK tries left, 0 to 10")
	f.StringVar(&s.state, "state", "", "file that keeps codes and tries, and wins over the four flags above; FILE.2, FILE.3 … for further cards")
	f.StringVar(&s.log, "log", "", "file for every APDU, protected ones also in the clear: it shows codes and session keys")
	f.StringVar(&s.control, "control", "", "Unix socket that takes requests, one JSON object a line")
	f.UintVar(&s.latencyMS, "latency-ms", 0, "milliseconds that each command takes")
	f.UintVar(&s.byteUS, "byte-us", 0, "microseconds that each byte takes, in either direction")
	f.UintVar(&s.cryptoMS, "crypto-ms", 0, "milliseconds that each RSA or Diffie-Hellman operation takes")
	f.StringArrayVar(&s.assignment, "set", nil, "set a switch of all cards, as name=value; repeat for more")
	f.StringVar(&s.dump, "dump", "", "write the certificates of the first card and of the authorities above it into a folder, as PEM, and end")
	return c
}

func profileNames() []string {
	var names []string
	for _, p := range emulator.Profiles() {
		names = append(names, p.Name)
	}
	return names
}

// switchList shows every switch with its value in an ordinary card.
func switchList() string {
	fields, err := switches(emulator.Behaviour{})
	if err != nil {
		return ""
	}
	var lines []string
	for name, value := range fields {
		lines = append(lines, fmt.Sprintf("  %s=%s", name, value))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// switches gives the switches of a behaviour by their names.
func switches(b emulator.Behaviour) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	return fields, json.Unmarshal(text, &fields)
}

// assign applies assignments name=value to a behaviour.
func assign(b *emulator.Behaviour, assignments []string) error {
	for _, a := range assignments {
		name, value, ok := strings.Cut(a, "=")
		if !ok {
			return fmt.Errorf("--set %s: want name=value", a)
		}
		if err := assignOne(b, name, value); err != nil {
			return fmt.Errorf("--set %s: %w", a, err)
		}
	}
	return nil
}

func assignOne(b *emulator.Behaviour, name, value string) error {
	fields, err := switches(*b)
	if err != nil {
		return err
	}
	now, ok := fields[name]
	if !ok {
		return errors.New("no such switch")
	}
	text := []byte(value)
	if len(now) > 0 && now[0] == '"' {
		if text, err = json.Marshal(value); err != nil {
			return err
		}
	}
	if !json.Valid(text) {
		return fmt.Errorf("want a value like %s", now)
	}
	object, err := json.Marshal(map[string]json.RawMessage{name: text})
	if err != nil {
		return err
	}
	return json.Unmarshal(object, b)
}
