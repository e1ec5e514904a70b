#!/bin/sh
# packages.sh FOLDER
#
# Builds for Windows on amd64, prints the sizes, and makes the installers into FOLDER,
# with bills of materials, and the list of hashes of all that is there.
set -eu

out=${1:?usage: packages.sh FOLDER}
cd "$(dirname "$0")/../.."
mkdir -p "$out"
find "$out" -maxdepth 1 -name 'cie[-_]*' ! -name "*[-_]$(go run ./installer/pack version)[-_]*" -delete # of another version
built=build/windows-amd64
installer/windows/build.sh "$built"
(cd "$built" && wc -c ./*.exe ./*.dll)
go run ./installer/pack -build "$built" -out "$out" msi
go run ./installer/pack -out "$out" provenance sums
