#!/bin/sh
# sysroot.sh ARCH
#
# Prints a folder with the headers and libraries of Debian 12 for another
# architecture, to compile against; nothing in it is run. Made at the first call.
set -eu

arch=${1:?usage: sysroot.sh ARCH}
root=${XDG_CACHE_HOME:-$HOME/.cache}/softwarecie/sysroot-bookworm-$arch
if [ ! -e "$root/complete" ]; then
	rm -rf "$root"
	packages=libc6-dev,libpcsclite-dev,libp11-kit-dev,libgl-dev,libx11-dev,libxcursor-dev,libxrandr-dev,libxinerama-dev,libxi-dev,libxxf86vm-dev
	mmdebstrap --variant=extract --architectures="$arch" --quiet --include="$packages" bookworm "$root" \
		http://deb.debian.org/debian >&2
	touch "$root/complete"
fi
echo "$root"
