#!/bin/sh
# repo.sh PACKAGES FOLDER
#
# Makes repositories for apt (FOLDER/apt) and dnf (FOLDER/rpm) of the packages,
# their indexes signed by the OpenPGP key that $CIE_REPO_KEY names in GnuPG's
# keyring. The public half is in FOLDER/cie.asc and FOLDER/cie.gpg.
set -eu

packages=${1:?usage: repo.sh PACKAGES FOLDER}
out=${2:?usage: repo.sh PACKAGES FOLDER}
: "${CIE_REPO_KEY:?name the OpenPGP key that signs the index}"
sign() { gpg --batch --yes --local-user "$CIE_REPO_KEY" "$@"; }

rm -rf "$out"
mkdir -p "$out/apt/pool" "$out/rpm"
cp "$packages"/*.deb "$out/apt/pool/"
gpg --batch --export "$CIE_REPO_KEY" >"$out/cie.gpg"
gpg --batch --armor --export "$CIE_REPO_KEY" >"$out/cie.asc"

(
	cd "$out/apt"
	architectures=$(for deb in pool/*.deb; do dpkg-deb --field "$deb" Architecture; done | sort -u)
	for arch in $architectures; do
		folder=dists/stable/main/binary-$arch
		mkdir -p "$folder"
		apt-ftparchive --arch "$arch" packages pool >"$folder/Packages"
		gzip -9nk "$folder/Packages"
	done
	release=$(mktemp)
	apt-ftparchive -o APT::FTPArchive::Release::Origin="Software CIE" -o APT::FTPArchive::Release::Suite=stable \
		-o APT::FTPArchive::Release::Codename=stable -o APT::FTPArchive::Release::Components=main \
		-o APT::FTPArchive::Release::Architectures="$(echo "$architectures" | tr '\n' ' ')" \
		release dists/stable >"$release"
	mv "$release" dists/stable/Release
	chmod 644 dists/stable/Release
	sign --clearsign --output dists/stable/InRelease dists/stable/Release
	sign --armor --detach-sign --output dists/stable/Release.gpg dists/stable/Release
)

for rpm in "$packages"/*.rpm; do
	[ ! -e "$rpm" ] || cp "$rpm" "$out/rpm/"
done
createrepo_c --quiet "$out/rpm"
sign --armor --detach-sign --output "$out/rpm/repodata/repomd.xml.asc" "$out/rpm/repodata/repomd.xml"
