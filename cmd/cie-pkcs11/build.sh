#!/bin/sh
# build.sh OUT
#
# Compiles the PKCS#11 library: a shared object with $CC (cc), a dylib on macOS, or a
# DLL where $CC is a MinGW compiler. $CFLAGS is added, and $HELPER is where the helper is looked
# for when it is not beside the library. $VERSION is that of the release, such as 1.2.3. The header is that of p11-kit (Debian:
# libp11-kit-dev).
set -eu

out=${1:?usage: build.sh OUT}
compiler=${CC:-cc}
folder=$(dirname "$0")

set -- -std=gnu11 -O2 -Wall -Wextra -Werror -fvisibility=hidden -fstack-protector-strong
version=${VERSION-}
minor=${version#*.}
[ -z "$version" ] || set -- "$@" "-DLIBRARY_VERSION=${version%%.*}, ${minor%%.*}"
[ -z "${HELPER-}" ] || set -- "$@" "-DHELPER_PATH=\"$HELPER\""

case $compiler in
*mingw*)
	headers=$(mktemp -d)
	trap 'rm -rf "$headers"' EXIT
	cp -r /usr/include/p11-kit-1/p11-kit "$headers" # without the rest of the system's headers
	set -- "$@" -shared -static -I "$headers" -o "$out" "$folder"/cie-pkcs11.c "$folder"/link.c "$folder"/message.c \
		"$folder"/system_windows.c
	;;
*)
	hardening="-Wl,--version-script=$folder/exports.map -Wl,-z,relro,-z,now,-z,noexecstack,-z,defs"
	[ "$(uname)" != Darwin ] || hardening="-Wl,-exported_symbol,_C_*"
	# shellcheck disable=SC2046,SC2086 # several options
	set -- "$@" -fPIC -shared -D_FORTIFY_SOURCE=2 -pthread $(pkg-config --cflags p11-kit-1) -o "$out" \
		"$folder"/cie-pkcs11.c "$folder"/link.c "$folder"/message.c "$folder"/system_posix.c $hardening
	;;
esac
# shellcheck disable=SC2086 # several options
"$compiler" "$@" ${CFLAGS-}
