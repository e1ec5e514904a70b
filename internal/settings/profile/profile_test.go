package profile

import (
	"encoding/hex"
	"os"
	"reflect"
	"testing"
)

// preferences.plist is XML; preferences.bplist is the same, binary, as Python's
// plistlib writes it.
func TestValues(t *testing.T) { // [143]
	want := map[string]any{
		"pairing.half": false, "pin.linger": "0s", "module.slots": uint64(4), "trust.extra": []string{"/Library/CA", "/opt/ca"},
	}
	for _, file := range []string{"testdata/preferences.plist", "testdata/preferences.bplist"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Values(content)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %#v, %v", file, got, err)
		}
		for n := range content { // broken off: an error or less, and no panic
			_, _ = Values(content[:n])
		}
	}
}

func TestValuesRefuses(t *testing.T) {
	for name, content := range map[string]string{
		"nothing": "", "no list": "x", "a text": "<plist><string>x</string></plist>",
		"a table":      "<plist><dict><key>pairing</key><dict><key>half</key><false/></dict></dict></plist>",
		"a fraction":   "<plist><dict><key>module.slots</key><real>1.5</real></dict></plist>",
		"data":         "<plist><dict><key>language</key><data>AAAA</data></dict></plist>",
		"list of more": "<plist><dict><key>trust.extra</key><array><true/></array></dict></plist>",
	} {
		if got, err := Values([]byte(content)); err == nil && len(got) > 0 {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzValues(f *testing.F) {
	content, err := os.ReadFile("testdata/preferences.bplist")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(content)
	f.Add([]byte("<plist><dict><key>language</key><string>it</string></dict></plist>"))
	f.Fuzz(func(t *testing.T, content []byte) {
		values, err := Values(content)
		if err != nil && values != nil {
			t.Errorf("%s: %v beside %v", hex.EncodeToString(content), values, err)
		}
	})
}
