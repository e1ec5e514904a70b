#!/bin/sh
# bundle.sh BUILD ROOT
#
# Lays out below ROOT what the package for macOS installs, out of what build.sh has
# built into BUILD: the application, and links to its command line.
set -eu

build=${1:?usage: bundle.sh BUILD ROOT}
root=${2:?usage: bundle.sh BUILD ROOT}
here=$(cd "$(dirname "$0")" && pwd)
version=${VERSION:-$(cd "$here/../.." && go run ./installer/pack version)}
tag=${version%%+*} # versions of bundles are numbers
app="$root/Applications/Software CIE.app/Contents"

mkdir -p "$app/MacOS" "$app/Resources" "$root/usr/local/bin" "$root/usr/local/share/man/man1"
# The library finds its helper beside it.
for program in cie cie-gui cie-pkcs11-helper libcie-pkcs11.dylib; do
	install -m 755 "$build/$program" "$app/MacOS/$program"
done
sed -e "s/@VERSION@/$tag/" -e "s/@BUILD@/$tag/" "$here/Info.plist" >"$app/Info.plist"
install -m 644 "$build/Cie.icns" "$app/Resources/Cie.icns"
install -m 644 "$here/../../LICENSE" "$app/Resources/LICENSE.txt"
install -m 755 "$here/uninstall.sh" "$app/Resources/uninstall.sh"
mkdir -p "$app/Resources/completions"
install -m 644 "$build"/completions/* "$app/Resources/completions/"

ln -sf "/Applications/Software CIE.app/Contents/MacOS/cie" "$root/usr/local/bin/cie"
install -m 644 "$build"/man/*.1 "$root/usr/local/share/man/man1/"
