package settings

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/softwarecie/cie/internal/wholefile"
)

// Save writes what differs between s and the file, and leaves the rest of the
// file as it is: comments, order, settings that are defaults. A file that is not
// there is made. At any moment the old or the new one is there, whole.
func Save(path string, s Settings) error {
	if err := save(path, s); err != nil {
		return fmt.Errorf("%w: save: %w", ErrSettings, err)
	}
	return nil
}

func save(path string, s Settings) error {
	if path == "" {
		return errors.New("no folder for settings")
	}
	if err := s.check(); err != nil {
		return err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target // the link stays one
	}
	before, err := Load(path)
	if err != nil {
		return err
	}
	content, err := wholefile.Read(path, maxFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	next := edit(content, leaves(before), leaves(s))
	if bytes.Equal(next, content) {
		return nil
	}
	if err := confirm(next, path, s); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return wholefile.Replace(path, next, 0o600)
}

// confirm sees that an edited file says what it should: the edit goes by lines,
// and TOML can be written in ways that this does not understand.
func confirm(content []byte, path string, want Settings) error {
	got, err := parse(content)
	if err == nil {
		got.resolve(filepath.Dir(path))
		if !reflect.DeepEqual(leaves(got), leaves(want)) {
			err = errors.New("the file is not written one setting to a line")
		}
	}
	return err
}

// A leaf is one setting: its table, "" at the top, its name, and its value as
// TOML.
type leaf struct{ table, name, value string }

// leaves lists all settings, in the order of the struct.
func leaves(s Settings) []leaf { return leavesOf("", reflect.ValueOf(s)) }

func leavesOf(table string, v reflect.Value) []leaf {
	var all []leaf
	for i := range v.NumField() {
		name := v.Type().Field(i).Tag.Get("toml")
		field := v.Field(i)
		if _, text := field.Interface().(encoding.TextMarshaler); field.Kind() == reflect.Struct && !text {
			all = append(all, leavesOf(name, field)...)
			continue
		}
		all = append(all, leaf{table, name, value(field.Interface())})
	}
	return all
}

// value writes a value as TOML does behind the equals sign.
func value(v any) string {
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).Encode(map[string]any{"v": v}); err != nil {
		panic(err) // the types are ours
	}
	if out.Len() == 0 {
		return "[]" // a list without anything
	}
	return strings.TrimSpace(strings.TrimPrefix(out.String(), "v = "))
}

// edit changes the lines of the settings that differ.
func edit(content []byte, before, after []leaf) []byte {
	text := string(content)
	for i, l := range after {
		if l != before[i] {
			text = set(text, l)
		}
	}
	return []byte(text)
}

var (
	header     = regexp.MustCompile(`^\s*\[\s*([A-Za-z0-9_-]+)\s*\]\s*(#.*)?$`)
	assignment = regexp.MustCompile(`^(\s*)([A-Za-z0-9_-]+)\s*=\s*("[^"\\]*"|'[^']*'|[^"'#\s\[{][^#]*?|\[[^\]#]*\])(\s*(?:#.*)?)$`)
)

// set changes one setting where it stands, or adds it to its table.
func set(text string, l leaf) string {
	lines := strings.SplitAfter(text, "\n")
	table, after := "", -1 // after: the last line of the table that says something
	found := l.table == ""
	for i, line := range lines {
		text := strings.TrimRight(line, "\r\n")
		if m := header.FindStringSubmatch(text); m != nil {
			table = m[1]
			if table == l.table {
				after, found = i, true
			}
			continue
		}
		m := assignment.FindStringSubmatch(text)
		if m == nil || table != l.table {
			continue
		}
		after = i
		if m[2] == l.name {
			lines[i] = m[1] + l.name + " = " + l.value + m[4] + line[len(text):]
			return strings.Join(lines, "")
		}
	}
	if !found {
		return strings.Join(lines, "") + ending(lines[len(lines)-1]) + gap(text) + "[" + l.table + "]\n" + l.name + " = " + l.value + "\n"
	}
	head, tail := strings.Join(lines[:after+1], ""), strings.Join(lines[after+1:], "")
	if after < 0 {
		tail = gap(tail) + tail
	}
	return head + ending(head) + l.name + " = " + l.value + "\n" + tail
}

// ending is the line end that a text lacks.
func ending(text string) string {
	if text == "" || strings.HasSuffix(text, "\n") {
		return ""
	}
	return "\n"
}

// gap is an empty line beside a text, none beside nothing.
func gap(text string) string {
	if text == "" {
		return ""
	}
	return "\n"
}
