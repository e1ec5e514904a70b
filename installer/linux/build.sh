#!/bin/sh
# build.sh FOLDER "ARCH…" [PROGRAM…]
#
# Builds what the packages for Linux hold, for processors as Go names them (amd64,
# arm64), each into FOLDER/linux-ARCH; of the programs only those named, if any are. For
# 386 it is the library for 32-bit programs, which uses the helper of the system. This
# computer's own is always built, and first: the others have from it what is the same
# everywhere, and installer/pack measures libraries on it. For the others it takes Debian's
# cross compilers, and the libraries from installer/linux/sysroot.sh.
set -eu

folder=${1:?usage: build.sh FOLDER "ARCH…" [PROGRAM…]}
archs=${2:?usage: build.sh FOLDER "ARCH…" [PROGRAM…]}
shift 2
[ $# -gt 0 ] || set -- cie cie-gui cie-emulator cie-pkcs11-helper
cd "$(dirname "$0")/../.."
native=$(go env GOHOSTARCH)
own=$folder/linux-$native
variables=$(go run ./installer/pack ldflags)
VERSION=$(go run ./installer/pack version)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(go run ./installer/pack date)}
export VERSION SOURCE_DATE_EPOCH

# library ARCH [TRIPLET] builds the library with the compiler of a triplet.
library() {
	CC="${2:+$2-}gcc" cmd/cie-pkcs11/build.sh "$folder/linux-$1/libcie-pkcs11.so"
	"${2:+$2-}strip" --strip-unneeded "$folder/linux-$1/libcie-pkcs11.so"
}

# programs ARCH PROGRAM… builds them, and the head of the single file, which runs before
# anything is known of the system.
programs() {
	out=$folder/linux-$1/
	shift
	for program; do
		go build -buildmode=pie -ldflags "-s -w $variables -extldflags=-Wl,-z,relro,-z,now" -o "$out" "./cmd/$program"
	done
	CGO_ENABLED=0 go build -ldflags "-s -w" -o "$out" ./installer/single
}

# cross ARCH TRIPLET PROGRAM… builds for another processor.
cross() (
	root=$(installer/linux/sysroot.sh "$1")
	arch=$1 triplet=$2
	shift 2
	export GOARCH="$arch" CGO_ENABLED=1 CC="$triplet-gcc --sysroot=$root" CFLAGS="--sysroot=$root"
	export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_LIBDIR="$root/usr/lib/$triplet/pkgconfig:$root/usr/share/pkgconfig"
	programs "$arch" "$@"
	library "$arch" "$triplet"
	cp -r "$own/man" "$own/completions" "$own/icons" "$own/share" "$folder/linux-$arch/"
)

mkdir -p "$own"
programs "$native" "$@"
library "$native"
rm -rf "$own/man" "$own/completions" "$own/icons" "$own/share"
mkdir "$own/man" "$own/completions" "$own/icons"
go run ./internal/cli/gendocs "$own" "$own/man"
go run ./installer/pack -build "$own" actions
for shell in bash zsh fish; do
	CIE_LANG=en "$own/cie" completion "$shell" >"$own/completions/cie.$shell"
done
installer/linux/icons.sh "$own/icons"

for arch in $archs; do
	mkdir -p "$folder/linux-$arch"
	case $arch in
	"$native") ;;
	386) library 386 i686-linux-gnu ;;
	arm64) cross arm64 aarch64-linux-gnu "$@" ;;
	amd64) cross amd64 x86_64-linux-gnu "$@" ;;
	*) echo "build.sh: no cross compiler is known for $arch" >&2 && exit 2 ;;
	esac
done
