package ades

import (
	"errors"
	"testing"
)

// The format is what was asked for, and else what is usual for what is in the file.
func TestFormatOfSignature(t *testing.T) {
	for _, tt := range []struct {
		content string
		how     How
		want    string
	}{
		{"text", How{}, CAdES},
		{"text", How{Format: Auto}, CAdES},
		{"text", How{Format: CAdES}, CAdES},
		{"<r/>", How{}, CAdES},
		{"<r/>", How{Format: XAdES}, XAdES},
		{"text", How{Format: XAdES, Detached: true}, XAdES},
		{"text", How{Format: "other"}, ""},
		{"%PDF-1.7", How{}, PAdES},
		{"%PDF-1.7", How{Format: CAdES}, CAdES},
		{"%PDF-1.7", How{Detached: true}, CAdES},
	} {
		f, err := signing([]byte(tt.content), tt.how)
		if f.name != tt.want || (tt.want == "") != errors.Is(err, ErrNotForFormat) {
			t.Errorf("%q %+v: %q, %v, want %q", tt.content, tt.how, f.name, err, tt.want)
		}
	}
}
