#!/bin/bash
# test-packages.sh SUITE...
#
# For each suite of Debian: in a clean system, opens the single file as somebody who
# has nothing else, logs in with Chromium after the file is gone, and removes it.
# Then installs the packages with apt from a signed repository, pairs an emulated
# card through pcscd, upgrades, uses the pairing, logs in to a site with Firefox,
# which was told of nothing, and with Chromium, removes, purges, and compares the
# files with those of before.
# Needs root, and Debian's archive.
set -euo pipefail
cd "$(dirname "$0")/../.."
[ $# -gt 0 ] || { echo "usage: test-packages.sh SUITE..." >&2 && exit 2; }
work=$(mktemp -d)
trap 'GNUPGHOME=$work/gnupg gpgconf --kill all; rm -rf --one-file-system "$work"' EXIT

fail() { echo "test-packages: $*" >&2 && exit 1; }

# older makes the packages of an earlier version: the same files, another number.
older() {
	local deb tree version=0.0.0
	for deb in "$1"/*.deb; do
		tree=$work/tree
		rm -rf "$tree"
		dpkg-deb -R "$deb" "$tree"
		sed -i "s/^Version: .*/Version: $version/; s/(= [^)]*)/(= $version)/g" "$tree/DEBIAN/control"
		dpkg-deb -Znone --root-owner-group -b "$tree" "$2" >/dev/null
	done
}

# in_root runs a script inside the clean system, without the machine's processes
# and services.
in_root() { unshare --mount --pid --fork "${@:2}" sh -c 'ip link set lo up; exec "$@"' in_root chroot "$work/$suite" /usr/bin/env -i \
	PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/person DEBIAN_FRONTEND=noninteractive \
	${http_proxy:+http_proxy="$http_proxy"} bash -euo pipefail -c "mount -t proc proc /proc; $1"; }

# with_card does so with a pcscd and an emulated card of its own, and no network; what
# is set before it is the second argument.
with_card() { in_root "${2-}
$begin
$1
$end" --net; }

# files of the system that a package could leave behind; not what apt, dpkg and a
# person's own home write.
files() { in_root "find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run -o -path /person -o -path /repo -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/log \) -prune -o -print" | sort; }

# shellcheck disable=SC2016 # it is for the other shell
begin='
# There is no session here that polkit could ask about.
pcscd --foreground $(pcscd --help | grep -o -- --disable-polkit) >/tmp/pcscd.log 2>&1 & daemon=$!
cie-emulator >/tmp/card.log 2>&1 & card=$!
for try in $(seq 100); do cie status --json | grep -q "\"pan\"" && break; sleep 0.1; done
'
# shellcheck disable=SC2016
end='
kill $card $daemon
wait || true
'
# site is one for a login; it ends after it.
# shellcheck disable=SC2016
site='
rm -rf /person/site /person/site.json
mkdir -p /person/site
cie demo-site --once --folder /person/site --json >/person/site.json & site=$!
for try in $(seq 100); do [ -s /person/site.json ] && break; sleep 0.1; done
url=$(sed -n "s/.*\"required\": *\"\([^\"]*\)\".*/\1/p" /person/site.json | head -1)
'
# shellcheck disable=SC2016
login="$site"'
echo 5678 | /person/firefox-login -url "$url" -ca "$(ls /person/site/*.pem)" -screenshot /person/login.png
wait $site
grep -q "\"outcome\": *\"ok\"" /person/site.json
'
# A display, and somebody at its keyboard. Chromium chooses the certificate by a
# policy, and asks for the PIN in a window.
# shellcheck disable=SC2016
display='
export DISPLAY=:7 LIBGL_ALWAYS_SOFTWARE=1
Xvfb $DISPLAY -screen 0 1280x900x24 -nolisten tcp >/tmp/display.log 2>&1 & display=$!
for try in $(seq 100); do xdotool getmouselocation >/dev/null 2>&1 && break; sleep 0.1; done
openbox >/tmp/openbox.log 2>&1 & manager=$!
await_window() { for try in $(seq 300); do window=$(xdotool search --onlyvisible --name "$1" 2>/dev/null | head -1) && [ -n "$window" ] && return; sleep 0.2; done; echo "no window: $1" >&2; return 1; }
'
# shellcheck disable=SC2016
chromium="$display$site"'
database=$(cie browser list --json | sed -n "s/.*\"\([^\"]*nssdb\)\/pkcs11.txt\".*/\1/p" | head -1)
cie browser add chromium
certutil -A -n site -t C,, -i "$(ls /person/site/*.pem)" -d "sql:$database"
chromium --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --lang=en --user-data-dir="$(mktemp -d)" "$url" >/tmp/chromium.log 2>&1 & chromium=$!
await_window "Unlock Security Device"
sleep 1
xdotool windowfocus --sync "$window" type 5678
xdotool key Return
wait $site
grep -q "\"outcome\": *\"ok\"" /person/site.json
kill $chromium $manager
wait $chromium $manager || true
kill $display
'

# single_file is what a person without an administrator does: /person/bin/cie is the
# file, and there is nothing else of ours but the emulated card.
single_file() {
	local before alone='export PATH=/person/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/person/alone'
	mkdir -p "$work/$suite/person/bin" "$work/$suite/person/alone/.config/cie"
	cp build/packages/cie-*-"$(uname -m)".run "$work/$suite/person/bin/cie"
	cp "build/linux-$(go env GOARCH)/cie-emulator" "$work/$suite/person/bin/"
	before=$(in_root "$alone; cie version 2>&1 || true")
	[[ $before == *libpcsclite*CIE-INS-03* ]] || fail "$suite: without a service the single file says: $before"
	install_debian
	in_root "$alone; cie-emulator --dump /person/trust >/dev/null"
	printf '[trust]\nextra = ["/person/trust"]\n' >"$work/$suite/person/alone/.config/cie/config.toml"
	with_card "echo 12345678 | cie pair --pin-stdin --json
$display
cie >/tmp/gui.log 2>&1 & gui=\$!
await_window 'CIE'
import -window root /person/window.png
kill \$gui \$manager \$display
wait \$gui \$manager \$display || true" "$alone"
	echo "$suite: the single file opens its window and pairs"
	with_card "ln -sf /person/alone/.local/share/cie/cie /person/bin/cie
$chromium" "$alone"
	echo "$suite: logged in with Chromium after the file was gone"
	cp build/packages/cie-*-"$(uname -m)".run "$work/$suite/person/bin/cie.run"
	in_root "$alone; cie.run --remove >/dev/null; ! find /person/alone/.local/share /person/alone/.pki -iname '*cie*' 2>/dev/null | grep ."
	rm -r "$work/$suite/person/bin"
	echo "$suite: the single file removed itself"
}

# install_debian installs what the packages and the tests need from Debian.
install_debian() {
	in_root "apt-get update -q >/dev/null; apt-get install -yq --no-install-recommends libgl1 libx11-6 libccid pcscd vsmartcard-vpcd firefox-esr chromium libnss3-tools xvfb openbox xdotool imagemagick libgl1-mesa-dri >/dev/null 2>&1; apt-get clean"
	mkdir -p "$work/$suite/etc/chromium/policies/managed"
	echo '{"AutoSelectCertificateForUrls": ["{\"pattern\": \"https://*\", \"filter\": {}}"]}' >"$work/$suite/etc/chromium/policies/managed/test.json"
}

export GNUPGHOME=$work/gnupg
mkdir -m 700 "$GNUPGHOME" "$work/old"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Test of packages' ed25519 sign never
CIE_REPO_KEY=$(gpg --list-keys --with-colons | awk -F: '$1 == "fpr" { print $10; exit }')
export CIE_REPO_KEY
ls build/packages/*.deb >/dev/null || fail "make packages first"
CGO_ENABLED=0 go build -o "$work/firefox-login" ./internal/firefox/firefox-login
older build/packages "$work/old"
installer/linux/repo.sh "$work/old" "$work/repo-old"
installer/linux/repo.sh build/packages "$work/repo-new"

try_suite() {
	suite=$1
	mmdebstrap --variant=minbase --quiet --include=ca-certificates "$suite" "$work/$suite"
	cp /etc/resolv.conf "$work/$suite/etc/resolv.conf"
	cp /etc/apt/apt.conf.d/*proxy* "$work/$suite/etc/apt/apt.conf.d/" 2>/dev/null || true
	single_file
	mkdir "$work/$suite/repo"
	cp -r "$work/repo-old/." "$work/$suite/repo/"
	# What the packages need from Debian is there already: left is to be what is ours.
	echo "deb [signed-by=/repo/cie.gpg] file:/repo/apt stable main" >"$work/$suite/etc/apt/sources.list.d/cie.list"
	files >"$work/before"

	in_root "apt-get update -q >/dev/null; apt-get install -yq cie cie-emulator >/dev/null; dpkg --verify cie-cli cie-pkcs11 cie-gui cie-emulator"
	echo "$suite: installed $(in_root "dpkg-query -W -f '\${Package} \${Version} \${Installed-Size} KiB, ' 'cie*'")"
	mkdir -p "$work/$suite/person/.config/cie"
	cp "$work/firefox-login" "$work/$suite/person/"
	in_root "cie version; cie-emulator --dump /person/trust >/dev/null"
	printf '[trust]\nextra = ["/person/trust"]\n' >"$work/$suite/person/.config/cie/config.toml"
	with_card "echo 12345678 | cie pair --pin-stdin --json"
	echo "$suite: paired"

	rm -r "$work/$suite/repo"
	cp -r "$work/repo-new/." "$work/$suite/repo/"
	in_root "apt-get update -q >/dev/null; apt-get install -yq --only-upgrade cie cie-cli cie-pkcs11 cie-gui cie-emulator >/dev/null"
	echo "$suite: upgraded to $(in_root "dpkg-query -W -f '\${Version}' cie-cli")"
	with_card "echo 5678 | cie pin verify --pin-stdin --json"
	echo "$suite: the last 4 digits are enough after the upgrade"
	with_card "$login"
	echo "$suite: logged in with Firefox"
	with_card "$chromium"
	echo "$suite: logged in with Chromium"

	in_root "apt-get remove -yq cie cie-cli cie-pkcs11 cie-gui cie-emulator >/dev/null; apt-get purge -yq cie cie-cli cie-pkcs11 cie-gui cie-emulator >/dev/null; find /person -path '*cie*' -type f | grep -q ." ||
		fail "$suite: the person's pairing is gone after a purge"
	files >"$work/after"
	diff "$work/before" "$work/after" || fail "$suite: something is left, or missing"
	echo "$suite: nothing left of $(wc -l <"$work/before") files compared"
}

# A package that was changed on the way is refused.
tampered() {
	printf x >>"$work/$suite/repo/apt/pool/$(cd "$work/repo-new/apt/pool" && echo cie-cli_*.deb)"
	if in_root "apt-get install -yq cie-cli >/dev/null 2>&1"; then
		fail "$suite: a tampered package was installed"
	fi
	echo "$suite: a tampered package is refused"
}

for suite; do
	try_suite "$suite"
	tampered
	rm -rf --one-file-system "${work:?}/$suite"
done
