#!/bin/bash
# test-others.sh
#
# Installs build/packages with rpm, dnf and pacman in empty folders, upgrades,
# verifies and removes them, and looks for what is left. What they need of the system
# is in packages made here that provide those names and hold nothing, so the names are
# resolved, but nothing of ours is run. dnf takes them from the signed repository, and refuses one
# that was changed. Needs root, and build/linux-ARCH that "make packages" leaves.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'GNUPGHOME=$work/gnupg gpgconf --kill all; rm -rf --one-file-system "$work"' EXIT
export GNUPGHOME=$work/gnupg LC_ALL=C
machine=$(uname -m)
names="cie cie-cli cie-gui cie-pkcs11 cie-emulator"

fail() { echo "test-others: $*" >&2 && exit 1; }
refused() { # WHY COMMAND...: the command must fail, and say why
	if "${@:2}" >"$work/said" 2>&1; then cat "$work/said" >&2 && fail "not refused: ${*:2}"; fi
	grep -Eq "$1" "$work/said" || { cat "$work/said" >&2 && fail "refused, but not because of \"$1\""; }
}
# left lists what lies below a root, but for the package managers' own.
left() { (cd "$1" && find . \( -path ./var -o -path ./root -o -path ./etc -o -path ./tmp -o -path ./dev -o -path ./run -o -path ./proc -o -path ./sys \) -prune -o -print | sort); }
nothing_left() { diff "$work/before" <(left "$1") || fail "$2: something is left, or missing"; }
newest() { # ENDING: the newest of each package
	local name file newest
	for name in $names; do
		newest=
		for file in build/packages/"$name"-[0-9]*"$machine$1"; do
			[ -n "$newest" ] && [ "$newest" -nt "$file" ] || newest=$file
		done
		echo "$newest"
	done
}
# folders that packages of Fedora's own system have.
folders() { (cd "$1" && mkdir -p usr/bin usr/lib64 usr/libexec usr/share/{applications,bash-completion/completions,fish/vendor_completions.d,licenses,man/man1,metainfo,zsh/site-functions} \
	usr/share/icons/hicolor/{16x16,22x22,24x24,32x32,48x48,64x64,128x128,256x256,512x512,scalable,symbolic}/apps); }
upgraded() { # COMMAND...: that lists the packages
	"$@" >"$work/said" || fail "not all installed: $(cat "$work/said")"
	! grep -F 0.0.0-1 "$work/said" || fail "not upgraded"
}

mkdir -m 700 "$GNUPGHOME"
gpg --batch --quiet --passphrase '' --quick-generate-key 'Test of packages' ed25519 sign never
CIE_REPO_KEY=$(gpg --list-keys --with-colons | awk -F: '$1 == "fpr" { print $10; exit }')
export CIE_REPO_KEY
mkdir "$work/new" "$work/old"
mapfile -t files < <(newest .rpm; newest .pkg.tar.zst)
cp "${files[@]}" "$work/new/"
for folder in new old; do cp build/packages/cie_*.deb "$work/$folder/"; done # the repository for apt is not looked at here
CIE_VERSION=v0.0.0 go run ./installer/pack -out "$work/old" rpm arch >/dev/null

# A package of rpm that provides all that ours need of a system.
{
	printf 'Name: stand-in\nVersion: 1\nRelease: 1\nSummary: Stands for a system\nLicense: none\nBuildArch: noarch\n'
	rpm -qp --requires "$work"/new/*.rpm "$work"/old/*.rpm | grep -vE '^(cie|rpmlib)|^rtld' | sort -u | sed 's/^/Provides: /'
	printf 'Provides: rtld(GNU_HASH)\n%%description\nNothing.\n%%files\n'
} >"$work/stand-in.spec"
rpmbuild --quiet -bb --define "_topdir $work/top" --define "_rpmdir $work" --define "_rpmfilename stand-in.rpm" "$work/stand-in.spec"

rpmlint --config installer/linux/rpmlint.toml "$work"/new/*.rpm >"$work/lint" || { cat "$work/lint" >&2 && fail "rpmlint"; }
echo "rpmlint: $(grep -o '[0-9]* errors, [0-9]* warnings' "$work/lint")"

root=$work/rpm
# Debian's rpm warns that it is not Debian's way.
in_rpm() { rpm --root "$root" "$@" 2> >(grep -v '^rpm: ' >&2); }
mkdir -p "$root"
folders "$root"
in_rpm --initdb
refused 'is needed by' in_rpm -i "$work"/old/*.rpm
in_rpm -i "$work/stand-in.rpm"
left "$root" >"$work/before"
in_rpm -i "$work"/old/*.rpm
in_rpm -U "$work"/new/*.rpm
# shellcheck disable=SC2086 # several
upgraded in_rpm -q $names
# shellcheck disable=SC2086
in_rpm -V $names || fail "rpm -V finds something changed"
echo x >>"$root/usr/bin/cie"
refused 'S.5.*/usr/bin/cie' in_rpm -V cie-cli
# shellcheck disable=SC2046,SC2086
count=$(in_rpm -ql $names | sort -u | wc -l)
# shellcheck disable=SC2086
in_rpm -e $names
nothing_left "$root" rpm
echo "rpm: installed, upgraded, verified, erased; nothing left of $count files"

root=$work/dnf
installer/linux/repo.sh "$work/old" "$work/repo-old"
installer/linux/repo.sh "$work/new" "$work/repo-new"
mkdir -p "$root" "$work/repos" "$work/log"
folders "$root"
cat >"$work/repos/cie.repo" <<REPO
[cie]
name=Software CIE
baseurl=file://$work/repo/rpm
gpgkey=file://$work/repo/cie.asc
repo_gpgcheck=1
gpgcheck=0
metadata_expire=0
skip_if_unavailable=0
REPO
in_dnf() { dnf --quiet --assumeyes --installroot "$root" --releasever 1 --setopt=reposdir="$work/repos" --setopt=cachedir="$work/cache" \
	--setopt=install_weak_deps=False --setopt=logdir="$work/log" "$@"; }
ln -s "$work/repo-old" "$work/repo"
refused 'nothing provides pcsc-lite' in_dnf install cie
in_dnf install "$work/stand-in.rpm" >/dev/null
left "$root" >"$work/before"
in_dnf install cie cie-emulator >/dev/null
ln -sfn "$work/repo-new" "$work/repo"
cp -r "$work/repo-new" "$work/repo-bad"
ln -sfn "$work/repo-bad" "$work/repo"
echo "<!-- changed -->" >>"$work/repo-bad/rpm/repodata/repomd.xml"
refused 'GPG|signature' in_dnf --refresh upgrade
cp "$work/repo-new/rpm/repodata/repomd.xml" "$work/repo-bad/rpm/repodata/"
printf x >>"$(ls "$work"/repo-bad/rpm/cie-cli-*.rpm)"
refused 'checksum|Downloading successful, but|size' in_dnf --refresh upgrade cie-cli
echo "dnf: a changed index and a changed package are refused"
ln -sfn "$work/repo-new" "$work/repo"
in_dnf --refresh upgrade >/dev/null
# shellcheck disable=SC2086
upgraded in_rpm -q $names
# shellcheck disable=SC2086
in_rpm -V $names || fail "rpm -V finds something changed"
# shellcheck disable=SC2086
in_dnf remove $names >/dev/null
nothing_left "$root" dnf
echo "dnf: installed from the signed repository, upgraded, removed; nothing left"

# The same for pacman.
root=$work/pacman
mkdir -p "$root/var/lib/pacman" "$root/var/cache/pacman/pkg" "$work/stand-in"
printf '[options]\nArchitecture = auto\nSigLevel = Never\nLocalFileSigLevel = Never\n' >"$work/pacman.conf"
in_pacman() { pacman --noconfirm --config "$work/pacman.conf" --root "$root" --dbpath "$root/var/lib/pacman" --cachedir "$work/cache" --logfile "$work/log.pacman" --hookdir "$work/hooks" "$@"; }
{
	printf 'pkgname = stand-in\npkgver = 1-1\npkgdesc = Stands for a system\nbuilddate = 1\npackager = none\nsize = 0\narch = any\n'
	for file in "$work"/new/*.pkg.tar.zst; do bsdtar -xOf "$file" .PKGINFO; done | sed -n 's/^depend = /provides = /p' | grep -v '= cie' | sort -u
} >"$work/stand-in/.PKGINFO"
bsdtar -cf "$work/stand-in.pkg.tar.zst" --zstd -C "$work/stand-in" .PKGINFO
refused 'unable to satisfy dependency' in_pacman -U "$work"/old/*.pkg.tar.zst
in_pacman -U "$work/stand-in.pkg.tar.zst" >/dev/null
left "$root" >"$work/before"
in_pacman -U "$work"/old/*.pkg.tar.zst >/dev/null
in_pacman -U "$work"/new/*.pkg.tar.zst >"$work/said" 2>&1
# shellcheck disable=SC2086
upgraded in_pacman -Q $names
# shellcheck disable=SC2086
in_pacman -Qkk $names >"$work/said" 2>&1 || { cat "$work/said" >&2 && fail "pacman -Qkk finds something changed"; }
count=$(sed -n 's/.*: \([0-9]*\) total files.*/\1/p' "$work/said" | awk '{ n += $1 } END { print n }')
echo x >>"$root/usr/bin/cie"
refused '/usr/bin/cie .*mismatch' in_pacman -Qkk cie-cli
# shellcheck disable=SC2086
in_pacman -R $names >/dev/null
nothing_left "$root" pacman
echo "pacman: installed, upgraded, verified, removed; nothing left of $count files and folders"
