#!/bin/sh
# icon.sh FILE
#
# Draws the program's icon in all sizes of macOS into one file. Needs rsvg-convert.
set -eu

out=${1:?usage: icon.sh FILE}
cd "$(dirname "$0")/../.."
sizes=$(mktemp -d)
trap 'rm -rf "$sizes"' EXIT
for size in 32 64 128 256 512 1024; do
	rsvg-convert -w "$size" -h "$size" -o "$sizes/$size.png" internal/icon/icon.svg
done
go run ./installer/pack -build "$sizes" -out "$(dirname "$out")" icns
