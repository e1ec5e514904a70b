#!/bin/bash
# deps.sh build|run|test|packages|test-packages|windows
#
# Installs what this computer lacks to build, run, test or make packages, from the packages of
# Debian or Ubuntu; asks for the administrator's password if it needs it. With
# nothing missing it does nothing. On other systems it says what is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin # pcscd and ip, which a normal user's PATH lacks

# The Go release to fetch where the system's is too old to fetch one by itself.
toolchain=go1.26.8

missing=()

command_of() { command -v "$1" >/dev/null || missing+=("$2"); }
library_of() { pkg-config --exists "$1" 2>/dev/null || missing+=("$2"); }
# Ubuntu has browsers as snaps only, which cannot load the library.
on_ubuntu() { grep -q '^ID=ubuntu$' /etc/os-release; }
file_of() { compgen -G "$1" >/dev/null || missing+=("$2"); }

needs_build() {
	command_of go golang-go
	command_of gcc gcc
	file_of /usr/include/stdio.h libc6-dev
	command_of pkg-config pkg-config
	library_of libpcsclite libpcsclite-dev
	library_of p11-kit-1 libp11-kit-dev
	# The window: OpenGL and X11.
	library_of gl libgl-dev
	library_of x11 libx11-dev
	library_of xcursor libxcursor-dev
	library_of xrandr libxrandr-dev
	library_of xinerama libxinerama-dev
	library_of xi libxi-dev
	library_of xxf86vm libxxf86vm-dev
}

needs_run() {
	needs_build
	command_of pcscd pcscd
	file_of '/usr/lib/pcsc/drivers/serial/libifdvpcd*' vsmartcard-vpcd
	command_of openssl openssl
	command_of ip iproute2
	command_of unshare util-linux
	on_ubuntu || command -v firefox >/dev/null || command_of firefox-esr firefox-esr
}

needs_test() {
	needs_run
	command_of opensc-tool opensc
	command_of shellcheck shellcheck
	command_of desktop-file-validate desktop-file-utils
	command_of gio libglib2.0-bin
	file_of /usr/share/mime/packages/freedesktop.org.xml shared-mime-info
	command_of appstreamcli appstream
	command_of rsvg-convert librsvg2-bin
	command_of p11-kit p11-kit
	file_of '/usr/lib/*/pkcs11/p11-kit-client.so' p11-kit-modules
	command_of p11tool gnutls-bin
	command_of certutil libnss3-tools
	on_ubuntu || command_of chromium chromium
	on_ubuntu || command_of firefox-esr firefox-esr
	on_ubuntu || command_of thunderbird thunderbird
	command_of soffice libreoffice-writer
	file_of '/usr/lib/libreoffice/program/libvclplug_gtk3lo.so' libreoffice-gtk3
	command_of xmlsec1 xmlsec1
	command_of pdfsig poppler-utils
	command_of qpdf qpdf
	command_of Xvfb xvfb
	command_of openbox openbox
	command_of xdotool xdotool
	command_of import imagemagick
	file_of '/usr/lib/*/dri/swrast_dri.so' libgl1-mesa-dri # a window without a graphics card
	command_of pgrep procps
	command_of apparmor_parser apparmor
	command_of strace strace
	command_of curl curl
	command_of java default-jre-headless
	command_of sshd openssh-server
	command_of openvpn openvpn
	command_of script bsdutils
	file_of '/usr/lib/python3/dist-packages/PyKCS11' python3-pykcs11
	needs_windows
	needs_32bits
	command_of qemu-i386-static qemu-user-static
	command_of ssh-add openssh-client
	file_of '/usr/lib/*/engines-3/pkcs11.so' libengine-pkcs11-openssl
	needs_packing
	# Debian 12 has no such package.
	grep -q '^VERSION_CODENAME=bookworm$' /etc/os-release ||
		file_of '/usr/lib/*/ossl-modules/pkcs11.so' pkcs11-provider
}

needs_packing() {
	command_of git git
	command_of rsvg-convert librsvg2-bin
	command_of dpkg-shlibdeps dpkg-dev
	command_of lintian lintian
	command_of rpmbuild rpm
	command_of bsdtar libarchive-tools
	command_of zstd zstd
}

# To build the library for 32-bit programs: the compiler only recommends its headers.
needs_32bits() {
	command_of i686-linux-gnu-gcc gcc-i686-linux-gnu
	file_of /usr/i686-linux-gnu/include/stdio.h libc6-dev-i386-cross
}

# To build for Windows, and try it.
needs_windows() {
	needs_build
	command_of x86_64-w64-mingw32-gcc gcc-mingw-w64-x86-64
	command_of rsvg-convert librsvg2-bin
	command_of wixl wixl
	command_of msibuild msitools
	command_of wine wine
	command_of Xvfb xvfb
	command_of openbox openbox
	command_of xdotool xdotool
	command_of import imagemagick
	file_of '/usr/lib/*/dri/swrast_dri.so' libgl1-mesa-dri
}

needs_packages() {
	needs_build
	needs_packing
	command_of apt-ftparchive apt-utils
	command_of createrepo_c createrepo-c
	command_of gpg gpg
	command_of openssl openssl
	command_of mmdebstrap mmdebstrap
	file_of /usr/bin/aarch64-linux-gnu-gcc gcc-aarch64-linux-gnu
	needs_32bits
}

# To install the packages in clean systems and empty folders.
needs_test-packages() {
	needs_packages
	command_of rpmlint rpmlint
	command_of dnf dnf
	command_of pacman pacman-package-manager
}

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		echo "deps: run this as root: $*" >&2
		return 1
	fi
}

install_missing() {
	[ ${#missing[@]} -gt 0 ] || return 0
	if ! command -v apt-get >/dev/null; then
		echo "deps: please install what these Debian packages hold: ${missing[*]}" >&2
		return 1
	fi
	echo "deps: installing ${missing[*]}"
	as_root env DEBIAN_FRONTEND=noninteractive sh -c \
		'apt-get update -q && apt-get install -yq --no-install-recommends "$@"' sh "${missing[@]}"
}

# wanted_go is the language version of go.mod, such as 1.26.0.
wanted_go() { awk '$1 == "go" { print $2 }' go.mod; }

# Since 1.21 Go fetches the release that go.mod asks for by itself. An older one
# can at least fetch it as what it is, a module, with its checksum verified.
fetch_go() {
	local version
	version=$(GOTOOLCHAIN=local go version) # the system's own
	[ "$version" \< "go version go1.21" ] || return 0
	local cache=${XDG_CACHE_HOME:-$HOME/.cache}/softwarecie
	[ ! -x "$cache/go/bin/go" ] || return 0
	echo "deps: $version is too old, fetching $toolchain"
	local module folder
	module=golang.org/toolchain@v0.0.1-$toolchain.$(go env GOOS)-$(go env GOARCH)
	folder=$(cd / && GO111MODULE=on go mod download -json "$module" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
	if [ -z "$folder" ]; then
		echo "deps: cannot fetch it; install Go $(wanted_go) or newer from https://go.dev/dl" >&2
		return 1
	fi
	chmod -R u+w "$folder"
	find "$folder/bin" "$folder/pkg/tool" -type f -exec chmod +x {} +
	mkdir -p "$cache"
	ln -sfn "$folder" "$cache/go"
}

case ${1-} in
build | run | test | packages | test-packages | windows) ;;
*) echo "usage: deps.sh build|run|test|packages|test-packages|windows" >&2 && exit 2 ;;
esac

if [ "$(uname)" = Linux ]; then
	"needs_$1"
	install_missing
fi
if ! command -v go >/dev/null; then
	echo "deps: please install Go $(wanted_go) or newer from https://go.dev/dl" >&2
	exit 1
fi
fetch_go
