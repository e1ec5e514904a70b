package firefox

import (
	"bufio"
	"strings"
	"testing"
)

func reading(s string) *marionette {
	return &marionette{in: bufio.NewReader(strings.NewReader(s))}
}

func TestReadMessage(t *testing.T) {
	if got, err := reading("5:[1,2]").read(); err != nil || string(got) != "[1,2]" {
		t.Errorf("read = %q, %v", got, err)
	}
	for _, bad := range []string{"", "5", "x:", "-1:", "6:[1,2]", "99999999999999999999:"} {
		if got, err := reading(bad).read(); err == nil {
			t.Errorf("read(%q) = %q", bad, got)
		}
	}
}

func TestUnpack(t *testing.T) {
	var v struct{ Value int }
	if err := unpack([]byte(`[1,7,null,{"value":3}]`), 7, &v); err != nil || v.Value != 3 {
		t.Errorf("unpack = %+v, %v", v, err)
	}
	for _, bad := range []string{`{}`, `[1,8,null,{}]`, `[1,7,{"error":"e","message":"m"},null]`, `[1,7]`, `null`} {
		if err := unpack([]byte(bad), 7, &v); err == nil {
			t.Errorf("unpack(%s) succeeded", bad)
		}
	}
}
