package settings

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// policy is one with these values.
func policy(values map[string]any) Policy {
	return Policy{"the policy", func() (map[string]any, error) { return values, nil }}
}

func TestPolicyWins(t *testing.T) {
	f := files(t, "[log]\nlevel = \"off\"\n[pin]\nlinger = \"1s\"\n", "language = \"de\"\n[pin]\nlinger = \"2s\"\n")
	f.Policy = policy(map[string]any{
		"pin.linger": "0s", "pin.last-try-guard": uint64(1), "pairing.half": uint64(0), "pairing.keyring": true,
		"module.slots": uint64(4), "language": "sl", "trust.extra": []string{"/ca"},
	})
	s, err := f.Load()
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.PIN.Linger.Duration, want.Pairing.Half, want.Pairing.Keyring = 0, false, true
	want.Module.Slots, want.Language, want.Trust.Extra = 4, "sl", []string{"/ca"}
	want.Log.Level = "off" // of the file
	if !reflect.DeepEqual(s, want) {
		t.Errorf("%+v\nwant %+v", s, want)
	}
	all, err := f.Show()
	if err != nil {
		t.Fatal(err)
	}
	managed := 0
	for _, one := range all {
		if one.Origin == ByAdmin {
			managed++
		}
	}
	if managed != 8 {
		t.Errorf("%d settings of the administrator, want 8: %v", managed, all)
	}
	s.PIN.Linger.Duration = time.Second
	if err := f.Save(s); !errors.Is(err, ErrManaged) {
		t.Errorf("saved over a policy: %v", err)
	}
}

// A wrong policy is an error that says where and what, and takes nothing from the
// files.
func TestWrongPolicy(t *testing.T) {
	for want, values := range map[string]map[string]any{
		`"nonsense"`:     {"nonsense": uint64(1)},
		`"pin.nonsense"`: {"pin.nonsense": "x", "pin.linger": "0s"},
		`"pin"`:          {"pin": uint64(1), "pin.linger": "0s"},
		`"a.b.c"`:        {"a.b.c": "text"},
		`"\x00"`:         {"\x00": "text"},
		"pin.linger":     {"pin.linger": "1h"},
		"module.slots":   {"module.slots": uint64(9)},
		"pairing.half":   {"pairing.half": uint64(2)},
		"language":       {"language": uint64(1)},
		"trust.extra":    {"trust.extra": "text"},
		"whole paths":    {"trust.extra": []string{"beside"}},
		"window.theme":   {"window.theme": []string{"dark"}},
	} {
		f := files(t, "[log]\nlevel = \"off\"\n", "language = \"de\"\n")
		f.Policy = policy(values)
		s, err := f.Load()
		if !errors.Is(err, ErrSettings) || !strings.Contains(err.Error(), "the policy: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", values, err)
		}
		if s.Language != "de" || s.Log.Level != "off" || s.PIN != Default().PIN {
			t.Errorf("%v: %+v", values, s)
		}
		if err := f.Save(s); !errors.Is(err, ErrSettings) {
			t.Errorf("%v: saved, %v", values, err)
		}
	}
}

func TestUnreadablePolicy(t *testing.T) {
	broken := errors.New("broken")
	f := files(t, "", "language = \"de\"\n")
	f.Policy = Policy{"the policy", func() (map[string]any, error) { return nil, broken }}
	if s, err := f.Load(); !errors.Is(err, broken) || !errors.Is(err, ErrSettings) || s.Language != "de" {
		t.Errorf("%v, language %q", err, s.Language)
	}
}
