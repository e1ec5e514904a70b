package cli

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/softwarecie/cie/applet/emulator"
)

// A mistake on the command line is told as one, with what is wrong, in JSON too.
func TestUsage(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	for args, says := range map[string]string{
		"":                             "command is missing",
		"pin":                          "command is missing",
		"statis":                       "perhaps it is “status”",
		"foo":                          "no command “foo”",
		"pin chnage":                   "perhaps it is “change”",
		"help foo":                     "no command “foo”",
		"status now":                   "“now” is too much",
		"--nope":                       "no option --nope",
		"status -x":                    "no option -x",
		"pair --pin-fd x":              "“x” cannot stand after --pin-fd",
		"pair --pin-fd 999":            "descriptor 999",
		"cert --text --der":            "do not go together: --der, --text",
		"cert --pem --der":             "do not go together: --pem, --der",
		"cert --chain --text":          "do not go together: --chain, --text",
		"sign-digest --digest --file":  "do not go together",
		"sign-digest":                  "--in names the file",
		"sign-digest --hash md5":       "“md5”",
		"demo-site --port 65533":       "0 to 65532",
		"unpair 12":                    "“12” has not",
		"forget":                       "--all",
		"doctor --fix --remove-others": "do not go together",
		"guide nothing":                "“nothing”",
		"login-test --browser links":   "“links” is neither",
		"version --key x":              "go with --verify",
		"browser add":                  "--system",
		"browser recipe nothing":       "“nothing”",
		"browser recipe ssh git":       "“git” is too much",
		"doctor --report cie.zip":      "or say --yes",
	} {
		if r := p.run(args); r.status != exitUsage || r.Code != "CIE-APP-02" || !strings.Contains(r.Message, says) {
			t.Errorf("%q: status %d, %s %q; want %q", args, r.status, r.Code, r.Message, says)
		}
	}
}

// A list is there also when nothing is in it.
func TestEmptyLists(t *testing.T) {
	p := newPerson(t, emulator.Options{})
	if r := p.run("list"); !strings.Contains(r.out, `"cards": []`) {
		t.Error(r.out)
	}
}

// Help is in one language.
func TestHelpIsTranslated(t *testing.T) {
	for _, args := range []string{"--help", "help", "pin", "pin --help", "help pair", "pair -h", "completion", "version --help"} {
		var out bytes.Buffer
		a := App{Out: &out, Err: &out, Getenv: func(name string) string { return map[string]string{"CIE_LANG": "it"}[name] }}
		status := a.Run(context.Background(), strings.Fields(args))
		if text := out.String(); status != 0 || !strings.Contains(text, "Uso:\n") || !strings.Contains(text, "come si usa il comando") {
			t.Errorf("%s: status %d\n%s", args, status, text)
		} else if words := []string{"Usage", "Available", "Flags", "Use \"", "help for", "Generate", "about any", "[flags]"}; containsAny(text, words) {
			t.Errorf("%s: English in it\n%s", args, text)
		}
	}
}

func containsAny(text string, words []string) bool {
	for _, w := range words {
		if strings.Contains(text, w) {
			return true
		}
	}
	return false
}
