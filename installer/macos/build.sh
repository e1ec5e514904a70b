#!/bin/sh
# build.sh FOLDER
#
# Builds what the package for macOS holds into FOLDER, each program for both
# processors in one file. It wants a Mac with the command line tools of Xcode, Go,
# and from Homebrew p11-kit and librsvg. Elsewhere it builds the programs that need no SDK
# of Apple's (all but the window and the library), with llvm-lipo.
set -eu

out=${1:?usage: build.sh FOLDER}
cd "$(dirname "$0")/../.."
mkdir -p "$out"
variables=$(go run ./installer/pack ldflags)
parts=$(mktemp -d)
trap 'rm -rf "$parts"' EXIT

set -- cie cie-emulator cie-pkcs11-helper
cgo=0 lipo=llvm-lipo
if [ "$(uname)" = Darwin ]; then
	set -- "$@" cie-gui
	cgo=1 lipo=lipo
	export MACOSX_DEPLOYMENT_TARGET=12.0
fi

for program; do
	for arch in amd64 arm64; do
		apple=$([ $arch = amd64 ] && echo x86_64 || echo arm64)
		GOOS=darwin GOARCH=$arch CGO_ENABLED=$cgo CC="cc -arch $apple" \
			go build -ldflags "-s -w $variables" -o "$parts/$program-$arch" "./cmd/$program"
	done
	"$lipo" -create -output "$out/$program" "$parts/$program-amd64" "$parts/$program-arm64"
done
if [ "$(uname)" = Darwin ]; then
	VERSION=$(go run ./installer/pack version) CFLAGS="-arch x86_64 -arch arm64" cmd/cie-pkcs11/build.sh "$out/libcie-pkcs11.dylib"
	strip -x "$out/libcie-pkcs11.dylib"
fi

mkdir -p "$out/man" "$out/completions"
go run ./internal/cli/gendocs "$out" "$out/man"
for shell in bash zsh fish; do
	CIE_LANG=en go run ./cmd/cie completion "$shell" >"$out/completions/cie.$shell"
done
installer/macos/icon.sh "$out/Cie.icns"
