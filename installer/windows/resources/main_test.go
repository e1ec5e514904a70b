package main

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"image"
	"image/png"
	"io"
	"strings"
	"testing"
)

// The directory of an icon file points at its pictures.
func TestIcon(t *testing.T) {
	var pictures [][]byte
	for _, side := range []int{16, 256} {
		var out bytes.Buffer
		if err := png.Encode(&out, image.NewNRGBA(image.Rect(0, 0, side, side))); err != nil {
			t.Fatal(err)
		}
		pictures = append(pictures, out.Bytes())
	}
	icon, err := iconOf(pictures)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(icon[:6], []byte{0, 0, 1, 0, 2, 0}) || icon[6] != 16 || icon[22] != 0 {
		t.Errorf("directory % x", icon[:38])
	}
	for i, picture := range pictures {
		entry := icon[6+16*i:]
		size, at := binary.LittleEndian.Uint32(entry[8:]), binary.LittleEndian.Uint32(entry[12:])
		if !bytes.Equal(icon[at:at+size], picture) {
			t.Errorf("picture %d is not at %d", i, at)
		}
	}
	var wide bytes.Buffer
	if err := png.Encode(&wide, image.NewNRGBA(image.Rect(0, 0, 512, 512))); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range [][]byte{nil, []byte("GIF89a"), wide.Bytes()} {
		if _, err := iconOf([][]byte{wrong}); err == nil {
			t.Errorf("an icon of %.8q", wrong)
		}
	}
}

func TestVersionResource(t *testing.T) {
	script, err := scriptOf("1.2.3+4.gabcdef0", "cie-gui", "Software CIE")
	for _, want := range []string{"FILEVERSION 1,2,3,0\n", `"FileVersion", "1.2.3+4.gabcdef0"`, `"OriginalFilename", "cie-gui.exe"`, "FILETYPE 1\n", `1 24 "cie-gui.manifest"`} {
		if err != nil || !strings.Contains(string(script), want) {
			t.Errorf("%v: no %q in\n%s", err, want, script)
		}
	}
	script, err = scriptOf("1.2.3", "cie-pkcs11", "library")
	if err != nil || !strings.Contains(string(script), "FILETYPE 2\n") || strings.Contains(string(script), "ICON") {
		t.Errorf("%v:\n%s", err, script)
	}
	for _, wrong := range []string{"", "1.2", "1.2.3.4", "devel", "1.2.99999"} {
		if _, err := scriptOf(wrong, "cie", "CIE"); err == nil {
			t.Errorf("%q is a version", wrong)
		}
	}
}

func TestManifestIsXML(t *testing.T) {
	decoder := xml.NewDecoder(bytes.NewReader(manifest()))
	for {
		_, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
