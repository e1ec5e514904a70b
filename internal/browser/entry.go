package browser

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/softwarecie/cie/internal/situation"
)

// ErrContent means that a file is not of the form it should have: it is left as it
// is.
var ErrContent = situation.New("browser-file", "file not understood")

// entries are the modules that a file names: ours, others for the same card, and
// whether p11-kit's proxy is among them.
func entries(kind Kind, content, module string) (own string, rivals []string, proxy bool) {
	switch kind {
	case NSS:
		for _, s := range stanzas(content) {
			library := s.value("library")
			switch {
			case s.ours(module):
				if own == "" || own == module { // a path that is not the module's counts: with both, the card is there twice
					own = library
				}
			case isRival(library):
				rivals = append(rivals, library)
			}
			proxy = proxy || strings.Contains(library, "p11-kit-proxy")
		}
	case P11Kit:
		own = stanza{text: content}.value("module")
	case Policy:
		var p policies
		if json.Unmarshal([]byte(content), &p) == nil {
			for name, path := range p.Policies.SecurityDevices.Add {
				if name == ModuleName {
					own = path
				} else if isRival(path) {
					rivals = append(rivals, path)
				}
			}
		}
	}
	return own, rivals, proxy
}

// policies is what matters to us of policies.json.
type policies struct {
	Policies struct {
		SecurityDevices struct {
			Add map[string]string
		}
	} `json:"policies"`
}

// add is a file's content with our module in it; what else is there stays byte for
// byte.
func add(kind Kind, content, module string) (string, error) {
	if strings.ContainsAny(module, "\r\n\x00\"") {
		return "", fmt.Errorf("%w: path %q", ErrContent, module)
	}
	switch kind {
	case P11Kit:
		return "# " + ModuleName + "\nmodule: " + module + "\ncritical: no\ntrust-policy: no\n", nil
	case Policy:
		return addPolicy(content, module)
	}
	return addStanza(content, module)
}

// remove is a file's content without our module; "" where nothing else was in it.
func remove(kind Kind, content, module string) (string, error) {
	switch kind {
	case P11Kit:
		return "", nil
	case Policy:
		return removePolicy(content, module)
	}
	return removeStanzas(content, module), nil
}

// A stanza of pkcs11.txt: lines "name=value" up to an empty one (NSS,
// lib/util/utilmod.c).
type stanza struct{ text string }

// stanzas cuts a text into stanzas with the empty lines after them; joined they are
// the text.
func stanzas(content string) []stanza {
	var all []stanza
	start, filled, ended := 0, false, false
	for at := 0; at < len(content); {
		end := strings.IndexByte(content[at:], '\n') + 1
		if end == 0 {
			end = len(content) - at
		}
		empty := strings.TrimSpace(content[at:at+end]) == ""
		if !empty && ended {
			all = append(all, stanza{content[start:at]})
			start, ended = at, false
		}
		filled = filled || !empty
		ended = ended || empty && filled
		at += end
	}
	if start < len(content) {
		all = append(all, stanza{content[start:]})
	}
	return all
}

// value is that of a line, "" if there is none.
func (s stanza) value(name string) string {
	for _, line := range strings.Split(s.text, "\n") {
		for _, sign := range []string{"=", ":"} {
			if key, value, ok := strings.Cut(line, sign); ok && strings.EqualFold(strings.TrimSpace(key), name) {
				return strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
	}
	return ""
}

// ours says whether an entry is that of our module.
func (s stanza) ours(module string) bool {
	return s.value("name") == ModuleName || module != "" && s.value("library") == module
}

// internal is the entry that NSS makes for its own module in a new database
// (modutil of NSS 3.87).
const internal = `library=
name=NSS Internal PKCS #11 Module
parameters=configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags= updatedir='' updateCertPrefix='' updateKeyPrefix='' updateid='' updateTokenDescription='' 
NSS=Flags=internal,critical trustOrder=75 cipherOrder=100 slotParams=(1={slotFlags=[ECC,RSA,DSA,DH,RC2,RC4,DES,RANDOM,SHA1,MD5,MD2,SSL,TLS,AES,Camellia,SEED,SHA256,SHA512] askpw=any timeout=30})

`

// addStanza appends our entry to pkcs11.txt.
func addStanza(content, module string) (string, error) {
	content = removeStanzas(content, module)
	end := ""
	switch {
	case content == "":
	case !strings.HasSuffix(content, "\n"):
		end = "\n\n"
	case !strings.HasSuffix(content, "\n\n"):
		end = "\n"
	}
	return content + end + "library=" + module + "\nname=" + ModuleName + "\n\n", nil
}

// removeStanzas takes our entries out of pkcs11.txt.
func removeStanzas(content, module string) string {
	return without(content, func(s stanza) bool { return s.ours(module) })
}

// removeRivals takes the entries of other modules for the same card out of
// pkcs11.txt.
func removeRivals(content, module string) string {
	return without(content, func(s stanza) bool { return !s.ours(module) && isRival(s.value("library")) })
}

// without is a pkcs11.txt without some of its entries.
func without(content string, unwanted func(stanza) bool) string {
	var left strings.Builder
	for _, s := range stanzas(content) {
		if !unwanted(s) {
			left.WriteString(s.text)
		}
	}
	return left.String()
}

// snippets are the texts that put our module into a policies.json, from the
// innermost object that is there already.
func snippets(module string) (path []string, texts []string) {
	name, _ := json.Marshal(ModuleName)
	file, _ := json.Marshal(module)
	entry := string(name) + ": " + string(file)
	devices := `"Add": {` + entry + `}`
	return []string{"policies", "SecurityDevices", "Add"},
		[]string{`"policies": {"SecurityDevices": {` + devices + `}}`, `"SecurityDevices": {` + devices + `}`, devices, entry}
}

// newPolicies is a policies.json that we make: nobody else's looks like it.
const newPolicies = "{\n  %s\n}\n"

// addPolicy puts our module into policies.json.
func addPolicy(content, module string) (string, error) {
	path, texts := snippets(module)
	if content == "" {
		return fmt.Sprintf(newPolicies, texts[0]), nil
	}
	if own, _, _ := entries(Policy, content, ""); own != "" {
		var err error
		if content, err = removePolicy(content, own); err != nil {
			return "", err
		}
	}
	at, depth, err := innermost(content, path)
	if err != nil {
		return "", err
	}
	text := texts[depth]
	if rest := strings.TrimLeft(content[at:], " \t\r\n"); !strings.HasPrefix(rest, "}") {
		text += ","
	}
	return content[:at] + text + content[at:], nil
}

// removePolicy takes out what addPolicy put in. An entry written otherwise is not
// ours to remove.
func removePolicy(content, module string) (string, error) {
	own, _, _ := entries(Policy, content, "")
	if own == "" {
		return content, nil
	}
	_, texts := snippets(own)
	if content == fmt.Sprintf(newPolicies, texts[0]) {
		return "", nil
	}
	for _, text := range texts {
		for _, with := range []string{text + ",", text} {
			if before, after, ok := strings.Cut(content, with); ok {
				if left := before + after; json.Valid([]byte(left)) {
					return left, nil
				}
			}
		}
	}
	return "", fmt.Errorf("%w: an entry for %s written by hand", ErrContent, module)
}

// innermost finds where the deepest existing object of a path begins, after its
// brace, and how many names of the path lead to it.
func innermost(content string, path []string) (at, depth int, err error) {
	if !json.Valid([]byte(content)) {
		return 0, 0, fmt.Errorf("%w: no JSON", ErrContent)
	}
	d := json.NewDecoder(strings.NewReader(content))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return 0, 0, fmt.Errorf("%w: no object", ErrContent)
	}
	for at = int(d.InputOffset()); depth < len(path); depth++ {
		found, err := enter(d, path[depth])
		if err != nil {
			return 0, 0, err
		}
		if !found {
			break
		}
		at = int(d.InputOffset())
	}
	return at, depth, nil
}

// enter goes to an object that is a member of the one the decoder is in.
func enter(d *json.Decoder, name string) (bool, error) {
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return false, err
		}
		if key == name {
			t, err := d.Token()
			if err == nil && t != json.Delim('{') {
				err = fmt.Errorf("%w: %s is no object", ErrContent, name)
			}
			return err == nil, err
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return false, err
		}
	}
	return false, nil
}
