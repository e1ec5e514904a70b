#!/bin/bash
# build.sh FOLDER [PROGRAM…]
#
# Builds what the MSI holds, for Windows on amd64, into FOLDER; of the programs only
# those named, if any are. Needs MinGW-w64 and rsvg-convert. The window is drawn
# through OpenGL, whose binding takes minutes to compile: Windows' drivers need not
# have OpenGL ES.
set -euo pipefail

out=${1:?usage: build.sh FOLDER [PROGRAM…]}
shift
[ $# -gt 0 ] || set -- cie cie-gui cie-emulator cie-pkcs11-helper
cd "$(dirname "$0")/../.."
mkdir -p "$out"
version=$(go run ./installer/pack version)
variables=$(go run ./installer/pack ldflags)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(go run ./installer/pack date)}
triplet=x86_64-w64-mingw32
export GOOS=windows GOARCH=amd64 CC=$triplet-gcc SOURCE_DATE_EPOCH
GOFLAGS="-trimpath -buildvcs=false -mod=readonly -tags=no_emoji"
export GOFLAGS

work=$(mktemp -d)
# Go takes resources only from beside the program.
trap 'rm -rf "$work" cmd/*/resources_windows_amd64.syso' EXIT
icons=()
for size in 16 20 24 32 40 48 64 256; do
	icons+=("$work/$size.png")
	rsvg-convert -w $size -h $size -o "$work/$size.png" internal/icon/icon.svg
done

# here runs a program of this project on this computer, which CC does not compile for.
here() { GOOS='' GOARCH='' CGO_ENABLED=0 go run "$@"; }

# resources NAME DESCRIPTION FILE makes the resources of a program or of the library.
resources() {
	here ./installer/windows/resources "$version" "$work" "$1" "$2" "${icons[@]}"
	[ "$1" != cie-gui ] || here ./installer/pack strings >>"$work/$1.rc"
	(cd "$work" && $triplet-windres -c 65001 -O coff "$1.rc" "$1.o") # 65001: UTF-8
	cp "$work/$1.o" "$3"
}

# What Windows shows of a program, in the list of processes and before it may run.
descriptions() {
	case $1 in
	cie) echo "CIE" ;;
	cie-gui) echo "Software CIE" ;;
	cie-emulator) echo "Software CIE, emulated card" ;;
	cie-pkcs11-helper) echo "Software CIE, helper of the PKCS#11 library" ;;
	esac
}

for program; do
	resources "$program" "$(descriptions "$program")" "cmd/$program/resources_windows_amd64.syso"
	linker="-s -w $variables" cgo=0
	[ "$program" != cie-gui ] || { linker+=" -H windowsgui" cgo=1; }
	CGO_ENABLED=$cgo go build -ldflags "$linker" -o "$out/" "./cmd/$program"
	rm "cmd/$program/resources_windows_amd64.syso"
done
resources cie-pkcs11 "Software CIE, PKCS#11 library" "$work/library.o"
VERSION=$version CFLAGS="$work/library.o -Wl,--no-insert-timestamp -s" cmd/cie-pkcs11/build.sh "$out/cie-pkcs11.dll"
cp "$work/cie.ico" "$out/"
