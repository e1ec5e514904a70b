package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// sizes of an icon of macOS, with their types ("Icon Composer" and iconutil(1) write
// the same): some pictures stand for two, as twice the size below.
var iconTypes = []struct {
	kind string
	size int // pixels
}{{"ic11", 32}, {"ic12", 64}, {"ic07", 128}, {"ic13", 256}, {"ic08", 256}, {"ic14", 512}, {"ic09", 512}, {"ic10", 1024}}

// icns puts pictures, SIZE.png of the build folder, into one file as macOS reads it:
// "icns" and the size of all, then for each picture its type, its size with these
// eight bytes, big-endian, and the PNG.
func (r *rel) icns() error {
	var all []byte
	for _, t := range iconTypes {
		picture, err := os.ReadFile(filepath.Join(r.build, fmt.Sprintf("%d.png", t.size)))
		if err != nil {
			return err
		}
		all = append(all, entry(t.kind, picture)...)
	}
	return write(filepath.Join(r.out, "Cie.icns"), entry("icns", all), 0o644)
}

func entry(kind string, content []byte) []byte {
	out := binary.BigEndian.AppendUint32([]byte(kind), uint32(len(content)+8))
	return append(out, content...)
}
