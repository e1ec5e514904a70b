#!/bin/sh
# uninstall.sh
#
# Removes from this Mac what the package has installed, with "sudo". What people have
# (settings, pairings) stays: each says before "cie browser remove --all" and
# "cie forget --all --settings".
set -eu

root=${1-} # of the disk; for tests
if [ -z "$root" ] && [ "$(id -u)" != 0 ]; then
	echo "uninstall.sh: say it with sudo" >&2
	exit 1
fi
app="/Applications/Software CIE.app"
[ "$(readlink "$root/usr/local/bin/cie" || true)" != "$app/Contents/MacOS/cie" ] || rm -f "$root/usr/local/bin/cie"
rm -f "$root"/usr/local/share/man/man1/cie.1 "$root"/usr/local/share/man/man1/cie-*.1
rm -rf "${root}${app}"
[ -n "$root" ] || pkgutil --forget it.softwarecie.Cie
