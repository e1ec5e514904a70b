#!/bin/sh
# package.sh FOLDER
#
# Builds, signs and has notarised the package for macOS, on a Mac, into FOLDER.
#
#   CIE_APPLE_APPLICATION  "Developer ID Application: …", in the keychain
#   CIE_APPLE_INSTALLER    "Developer ID Installer: …", in the keychain
#   CIE_APPLE_NOTARY       name of what "notarytool store-credentials" has stored
#
# Without them the package is not signed, and macOS refuses to open it.
set -eu

out=${1:?usage: package.sh FOLDER}
[ "$(uname)" = Darwin ] || { echo "package.sh: this needs a Mac" >&2 && exit 2; }
cd "$(dirname "$0")/../.."
version=$(go run ./installer/pack version)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out" "$work/resources"

installer/macos/build.sh "$work/build"
VERSION=$version installer/macos/bundle.sh "$work/build" "$work/root"
app="$work/root/Applications/Software CIE.app"

# From the inside out: the signature of the application covers those of the rest.
if [ -n "${CIE_APPLE_APPLICATION-}" ]; then
	for program in libcie-pkcs11.dylib cie-pkcs11-helper cie; do
		codesign --force --timestamp --options runtime --sign "$CIE_APPLE_APPLICATION" \
			--identifier "it.softwarecie.Cie.$program" --entitlements installer/macos/entitlements.plist "$app/Contents/MacOS/$program"
	done
	codesign --force --timestamp --options runtime --sign "$CIE_APPLE_APPLICATION" \
		--entitlements installer/macos/entitlements.plist "$app"
	codesign --verify --strict --deep --verbose=2 "$app"
fi

# numbers only, as Installer compares them
tag=${version%%+*}
sed "s/@VERSION@/$tag/" installer/macos/distribution.xml >"$work/distribution.xml"
cp LICENSE "$work/resources/LICENSE.txt"
pkgbuild --root "$work/root" --component-plist installer/macos/components.plist --ownership recommended \
	--identifier it.softwarecie.Cie --version "$tag" --install-location / "$work/cie.pkg"
set -- --distribution "$work/distribution.xml" --package-path "$work" --resources "$work/resources"
[ -z "${CIE_APPLE_INSTALLER-}" ] || set -- "$@" --sign "$CIE_APPLE_INSTALLER" --timestamp
package="$out/Software-CIE-$version.pkg"
productbuild "$@" "$package"

if [ -n "${CIE_APPLE_NOTARY-}" ]; then
	xcrun notarytool submit "$package" --keychain-profile "$CIE_APPLE_NOTARY" --wait
	xcrun stapler staple "$package"
	spctl --assess --type install --verbose=2 "$package"
fi
