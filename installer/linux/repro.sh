#!/bin/bash
# repro.sh FORMAT...
#
# Builds the packages twice, in two clones in different folders, at different
# times and with another umask, and prints the hashes. Fails if they differ. ARCH in
# the environment names another processor than this computer's, for Linux.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || { echo "usage: repro.sh deb|rpm|arch|tar|single|msi..." >&2 && exit 2; }
arch=${ARCH:-$(go env GOARCH)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

build() (
	git clone --quiet "$folder/source" "$1"
	cd "$1"
	umask "$2"
	shift 2
	linux=()
	for format; do
		[ "$format" != msi ] || continue
		linux+=("$format")
	done
	if [ $# -gt ${#linux[@]} ]; then
		installer/windows/build.sh build/windows-amd64
		go run ./installer/pack -build build/windows-amd64 -out packages msi >/dev/null
	fi
	if [ ${#linux[@]} -gt 0 ]; then
		installer/linux/build.sh build "$arch"
		go run ./installer/pack -arch "$arch" -out packages "${linux[@]}" >/dev/null
	fi
	go run ./installer/pack -out packages sums
)

git clone --quiet . "$folder/source" # what is committed meanwhile has no part in it
build "$folder/one" 022 "$@"
build "$folder/another/with a longer name" 027 "$@"
cat "$folder/one/packages/SHA256SUMS"
cmp "$folder/one/packages/SHA256SUMS" "$folder/another/with a longer name/packages/SHA256SUMS"
echo "identical: $(wc -l <"$folder/one/packages/SHA256SUMS") files"
