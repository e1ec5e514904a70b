// Resources writes what windres makes a program's resources of: icon, version and
// manifest.
//
//	go run ./installer/windows/resources VERSION FOLDER NAME DESCRIPTION PNG...
//
// It writes NAME.rc, NAME.manifest and cie.ico into FOLDER. The pictures, square,
// are those of the icon.
package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "resources:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 5 {
		return errors.New("usage: resources VERSION FOLDER NAME DESCRIPTION PNG, at least one")
	}
	version, folder, name, description := args[0], args[1], args[2], args[3]
	var pictures [][]byte
	for _, file := range args[4:] {
		picture, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		pictures = append(pictures, picture)
	}
	icon, err := iconOf(pictures)
	if err != nil {
		return err
	}
	script, err := scriptOf(version, name, description)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(folder, "cie.ico"), icon, 0o644),              //nolint:gosec // for everybody
		os.WriteFile(filepath.Join(folder, name+".rc"), script, 0o644),           //nolint:gosec // for everybody
		os.WriteFile(filepath.Join(folder, name+".manifest"), manifest(), 0o644), //nolint:gosec // for everybody
	)
}

// iconOf puts pictures of up to 256 pixels into an icon file: a directory, then the
// pictures as PNG, which Windows reads since Vista.
func iconOf(pictures [][]byte) ([]byte, error) {
	type entry struct {
		Width, Height, Colours, Reserved byte
		Planes, Bits                     uint16
		Size, Offset                     uint32
	}
	var head, body bytes.Buffer
	_ = binary.Write(&head, binary.LittleEndian, []uint16{0, 1, uint16(len(pictures))}) //nolint:gosec // a few
	for _, picture := range pictures {
		shape, err := png.DecodeConfig(bytes.NewReader(picture))
		if err != nil {
			return nil, err
		}
		if shape.Width != shape.Height || shape.Width > 256 {
			return nil, fmt.Errorf("a picture of %d × %d", shape.Width, shape.Height)
		}
		side := byte(shape.Width) // 0 for 256
		_ = binary.Write(&head, binary.LittleEndian, entry{
			Width: side, Height: side, Planes: 1, Bits: 32, Size: uint32(len(picture)), //nolint:gosec // see above
			Offset: uint32(6 + 16*len(pictures) + body.Len()), //nolint:gosec // see above
		})
		body.Write(picture)
	}
	return append(head.Bytes(), body.Bytes()...), nil
}

// scriptOf is the script for windres. The version is that of the release, as in
// "1.2.3" or "1.2.3+4.gabcdef0"; what follows the third number is only shown.
func scriptOf(version, name, description string) ([]byte, error) {
	tag, _, _ := strings.Cut(version, "+")
	numbers := strings.Split(tag, ".")
	for _, n := range numbers {
		if _, err := strconv.ParseUint(n, 10, 16); err != nil || len(numbers) != 3 {
			return nil, fmt.Errorf("%q is no version", version)
		}
	}
	kind, file := 1, name+".exe" // VFT_APP
	if name == "cie-pkcs11" {
		kind, file = 2, name+".dll" // VFT_DLL
	}
	text := ""
	if kind == 1 {
		text = fmt.Sprintf("1 ICON \"cie.ico\"\n1 24 \"%s.manifest\"\n", name)
	}
	text += fmt.Sprintf(`1 VERSIONINFO
FILEVERSION %[1]s,0
PRODUCTVERSION %[1]s,0
FILEOS 0x40004
FILETYPE %[2]d
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904B0"
    BEGIN
      VALUE "CompanyName", "Software CIE"
      VALUE "FileDescription", "%[3]s"
      VALUE "FileVersion", "%[4]s"
      VALUE "InternalName", "%[5]s"
      VALUE "LegalCopyright", "The Software CIE authors, BSD-3-Clause"
      VALUE "OriginalFilename", "%[6]s"
      VALUE "ProductName", "Software CIE"
      VALUE "ProductVersion", "%[4]s"
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x409, 1200
  END
END
`, strings.Join(numbers, ","), kind, description, version, name, file)
	return []byte(text), nil
}

// manifest says that no program needs an administrator, that they know Windows 10,
// paths of any length, and screens of any density.
func manifest() []byte {
	return []byte(`<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<assembly xmlns="urn:schemas-microsoft-com:asm.v1" manifestVersion="1.0">
  <trustInfo xmlns="urn:schemas-microsoft-com:asm.v3">
    <security><requestedPrivileges><requestedExecutionLevel level="asInvoker" uiAccess="false"/></requestedPrivileges></security>
  </trustInfo>
  <compatibility xmlns="urn:schemas-microsoft-com:compatibility.v1">
    <application><supportedOS Id="{8e0f7a12-bfb3-4fe8-b9a5-48fd50a15a9a}"/></application>
  </compatibility>
  <application xmlns="urn:schemas-microsoft-com:asm.v3">
    <windowsSettings>
      <dpiAware xmlns="http://schemas.microsoft.com/SMI/2005/WindowsSettings">true/pm</dpiAware>
      <dpiAwareness xmlns="http://schemas.microsoft.com/SMI/2016/WindowsSettings">PerMonitorV2, PerMonitor</dpiAwareness>
      <longPathAware xmlns="http://schemas.microsoft.com/SMI/2016/WindowsSettings">true</longPathAware>
    </windowsSettings>
  </application>
</assembly>
`)
}
