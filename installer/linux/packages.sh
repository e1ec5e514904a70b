#!/bin/sh
# packages.sh FOLDER ARCH...
#
# Makes all packages for Linux and the single file into FOLDER, with bills of materials, a list of
# hashes, and its signature and that of the packages' own lists if $CIE_RELEASE_KEY is there.
set -eu

out=${1:?usage: packages.sh FOLDER ARCH...}
shift
cd "$(dirname "$0")/../.."
mkdir -p "$out"
find "$out" -maxdepth 1 -name 'cie[-_]*' ! -name "*[-_]$(go run ./installer/pack version)[-_]*" -delete # of another version
[ -n "${CIE_RELEASE_KEY-}" ] || echo "packages.sh: CIE_RELEASE_KEY is not set: nothing is signed" >&2
installer/linux/build.sh build "$*"
for arch; do
	formats="deb rpm arch tar single"
	[ "$arch" != 386 ] || formats=deb # Debian's systems can have both libraries
	# shellcheck disable=SC2086 # several
	go run ./installer/pack -arch "$arch" -out "$out" $formats
done
go run ./installer/pack -out "$out" provenance sums
