#!/bin/sh
# build.sh ARCH FOLDER [PROGRAM…]
#
# Builds what the packages for Linux hold, for amd64 or arm64 (Go's names), into
# FOLDER; of the programs only those named, if any are. For 386 it is the library for
# 32-bit programs, which uses the helper of the system. For another architecture than this computer's it
# takes Debian's cross compiler, and the libraries from installer/linux/sysroot.sh.
set -eu

arch=${1:?usage: build.sh ARCH FOLDER [PROGRAM…]}
out=${2:?usage: build.sh ARCH FOLDER [PROGRAM…]}
shift 2
[ $# -gt 0 ] || set -- cie cie-gui cie-emulator cie-pkcs11-helper
cd "$(dirname "$0")/../.."
mkdir -p "$out"
if [ "$arch" = 386 ]; then
	CC=i686-linux-gnu-gcc cmd/cie-pkcs11/build.sh "$out/libcie-pkcs11.so"
	i686-linux-gnu-strip --strip-unneeded "$out/libcie-pkcs11.so"
	exit
fi
variables=$(go run ./installer/pack ldflags)
VERSION=$(go run ./installer/pack version)
export VERSION

native=$(go env GOHOSTARCH)
if [ "$arch" != "$native" ]; then
	case $arch in
	arm64) triplet=aarch64-linux-gnu ;;
	amd64) triplet=x86_64-linux-gnu ;;
	*) echo "build.sh: no cross compiler is known for $arch" >&2 && exit 2 ;;
	esac
	root=$(installer/linux/sysroot.sh "$arch")
	export GOARCH="$arch" CGO_ENABLED=1 CC="$triplet-gcc --sysroot=$root" CFLAGS="--sysroot=$root"
	export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_LIBDIR="$root/usr/lib/$triplet/pkgconfig:$root/usr/share/pkgconfig"
fi

for program; do
	go build -buildmode=pie -ldflags "-s -w $variables -extldflags=-Wl,-z,relro,-z,now" -o "$out/" "./cmd/$program"
done

# The head of the single file: it runs before anything is known of the system.
CGO_ENABLED=0 go build -ldflags "-s -w" -o "$out/" ./installer/single
CC="${triplet:+$triplet-}gcc" cmd/cie-pkcs11/build.sh "$out/libcie-pkcs11.so"
"${triplet:+$triplet-}strip" --strip-unneeded "$out/libcie-pkcs11.so"

# The rest is the same everywhere; the program that writes it must run here.
unset GOARCH CC CGO_ENABLED PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_LIBDIR
cie=$out/cie
if [ "$arch" != "$native" ]; then
	cie=$(mktemp)
	trap 'rm -f "$cie"' EXIT
	go build -o "$cie" ./cmd/cie
fi
mkdir -p "$out/man" "$out/completions" "$out/icons"
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(go run ./installer/pack date)} go run ./internal/cli/gendocs "$out" "$out/man"
for shell in bash zsh fish; do
	CIE_LANG=en "$cie" completion "$shell" >"$out/completions/cie.$shell"
done
installer/linux/icons.sh "$out/icons"
