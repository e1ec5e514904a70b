#!/bin/bash
# story.sh emulated|real
#
# Walks the main job and shows each command with its answer.
#
# emulated: with an emulated card in the virtual reader of the pcscd that is
#           reachable (scripts/run.sh gives it a private one): pair, verify the PIN,
#           sign and let openssl check it, change the PIN, block it, unblock it,
#           log in to a site with Firefox.
# real:     with the card on your reader and the PIN you type: pair, verify, sign.
#           Nothing on the card changes.
#
# Settings and pairings are in a temporary folder: yours are not touched. The codes
# of the emulated card are test values, which is why they can stand here.
set -euo pipefail
cd "$(dirname "$0")/.."

kind=${1:?usage: story.sh emulated|real}
pin=12345678 new_pin=20304050 newer_pin=97531642 puk=87654321

work=$(mktemp -d "${TMPDIR:-/tmp}/cie-story.XXXXXX")
emulator=
cleanup() {
	[ -z "$emulator" ] || kill "$emulator" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

export XDG_CONFIG_HOME=$work/config XDG_STATE_HOME=$work/state CIE_CONFIG=$work/config.toml
: >"$CIE_CONFIG"

# say ITALIAN ENGLISH
say() {
	case ${CIE_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}} in
	it*) echo "$1" ;;
	*) echo "$2" ;;
	esac
}

step=0
chapter() {
	step=$((step + 1))
	printf '\n%d. ' "$step"
	say "$@"
}

# cie shows a command and runs it.
cie() {
	echo "\$ cie $*"
	build/cie "$@" 2>&1
}

# refused STATUS COMMAND…: the command must end with that exit status.
refused() {
	local wanted=$1 status=0
	shift
	cie "$@" || status=$?
	if [ "$status" != "$wanted" ]; then
		echo "story: exit status $status, expected $wanted" >&2
		exit 1
	fi
}

# sign_and_check [COMMAND OPTION…]: sign a file with the card, and let openssl check
# it with the card's certificate.
sign_and_check() {
	printf 'Entra con CIE\n' >"$work/text"
	cie sign-digest --hash sha256 --in "$work/text" --out "$work/signature" "$@"
	cie cert --pem -o "$work/certificate.pem"
	openssl x509 -in "$work/certificate.pem" -noout -pubkey >"$work/key.pem"
	echo "\$ openssl dgst -sha256 -verify key.pem -signature signature text"
	openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/signature" "$work/text"
}

# browser_login PIN: a site of this computer asks for the certificate, and a real
# Firefox logs in; the page it shows is kept in build/screenshots/login.png.
browser_login() {
	local snap=
	! [[ $(readlink -f "$(command -v firefox || true)") == */snap* ]] || snap=yes
	if ! command -v firefox-esr >/dev/null && { [ -n "$snap" ] || ! command -v firefox >/dev/null; }; then
		say "Qui non c'è un Firefox che possa caricare il modulo (quello in formato snap non può): passo saltato." \
			"There is no Firefox here that can load the module (one packaged as a snap cannot): step left out."
		[ -z "${CI:-}" ]
		return
	fi
	go build -o "$work/firefox-login" ./internal/firefox/firefox-login
	echo "\$ cie demo-site --once"
	build/cie demo-site --once --json --folder "$work" >"$work/site.json" &
	local site=$! url=
	for _ in $(seq 300); do
		url=$(sed -n 's/^ *"required": "\(.*\)",$/\1/p' "$work/site.json")
		[ -z "$url" ] || break
		sleep 0.1
	done
	say "Firefox apre $url e chiede il PIN." "Firefox opens $url and asks for the PIN."
	"$work/firefox-login" --url "$url" --ca "$work/demo-site-ca.pem" --module build/libcie-pkcs11.so \
		--screenshot build/screenshots/login.png <<<"$1"
	wait "$site" # it ends after a login
	sed -n '/"outcome": "ok"/,$ s/^ *"\(holder\|version\|signature\)": "\(.*\)",\{0,1\}$/  \1: \2/p' "$work/site.json"
	say "La pagina dopo l'accesso: build/screenshots/login.png" "The page after the login: build/screenshots/login.png"
}

# wait_for_card waits until a CIE is seen, 30 s at most.
wait_for_card() {
	for _ in $(seq 150); do
		build/cie status --json 2>/dev/null | grep -Eq '"pan": *"[0-9A-F]{12}"' && return
		sleep 0.2
	done
	say "Nessuna carta trovata." "No card found." >&2
	build/cie status >&2 || true
	exit 1
}

start_emulator() {
	build/cie-emulator --dump "$work/trust" >/dev/null
	printf '[trust]\nextra = ["%s"]\n' "$work/trust" >"$CIE_CONFIG"
	build/cie-emulator --pin "$pin" --puk "$puk" >"$work/emulator.log" &
	emulator=$!
}

emulated() {
	say "Carta emulata: PIN $pin, PUK $puk. Sono valori di prova." \
		"Emulated card: PIN $pin, PUK $puk. They are test values."
	start_emulator
	wait_for_card

	chapter "Che carta è?" "Which card is it?"
	cie status

	chapter "Abbinare la carta: una volta sola, con tutte le 8 cifre." "Pair the card: once, with all 8 digits."
	cie pair --pin-fd 3 3<<<"$pin"

	chapter "Verificare il PIN: adesso bastano le ultime 4 cifre." "Verify the PIN: now the last 4 digits are enough."
	cie pin verify --pin-fd 3 3<<<"${pin:4}"

	chapter "Firmare; la firma la controlla openssl." "Sign; openssl checks the signature."
	sign_and_check --pin-fd 3 3<<<"${pin:4}"

	chapter "Cambiare il PIN in $new_pin." "Change the PIN to $new_pin."
	cie pin change --pin-fd 3 --new-pin-fd 4 3<<<"$pin" 4<<<"$new_pin"

	chapter "Sbagliare il PIN: il programma si ferma prima dell'ultimo tentativo…" "Wrong PINs: the program stops before the last try…"
	refused 6 pin verify --pin-fd 3 3<<<"$pin"
	refused 6 pin verify --pin-fd 3 3<<<"$pin"
	refused 11 pin verify --pin-fd 3 3<<<"$pin"
	say "… e lo usa solo se glielo si dice. Ora il PIN è bloccato." "… and uses it only when told to. Now the PIN is blocked."
	refused 7 pin verify --accept-last-try --pin-fd 3 3<<<"$pin"

	chapter "Sbloccare il PIN con il PUK, e sceglierne uno nuovo: $newer_pin." "Unblock the PIN with the PUK, and choose a new one: $newer_pin."
	cie pin unblock --puk-fd 3 --new-pin-fd 4 3<<<"$puk" 4<<<"$newer_pin"

	chapter "Tutto funziona di nuovo." "Everything works again."
	sign_and_check --pin-fd 3 3<<<"${newer_pin:4}"

	chapter "Entrare in un sito con Firefox: come per i servizi pubblici, livello 3." "Log in to a site with Firefox, as to public services, level 3."
	browser_login "${newer_pin:4}"

	chapter "Scollegare la carta da questo computer." "Unpair the card from this computer."
	cie unpair --all </dev/null # nobody is asked
}

real() {
	say "La tua carta: servono il PIN (8 cifre) per abbinarla, poi le ultime 4. Sulla carta non cambia nulla." \
		"Your card: the PIN (8 digits) is needed to pair it, then the last 4. Nothing on the card changes."

	chapter "Che carta è?" "Which card is it?"
	cie status

	chapter "Abbinare la carta." "Pair the card."
	cie pair

	chapter "Firmare; la firma la controlla openssl." "Sign; openssl checks the signature."
	sign_and_check

	chapter "L'abbinamento era di prova: dimenticato." "The pairing was a trial: forgotten."
	cie unpair --all </dev/null # nobody is asked
	say "Per cambiare o sbloccare il PIN: build/cie pin change, build/cie pin unblock." \
		"To change or unblock the PIN: build/cie pin change, build/cie pin unblock."
}

case $kind in
emulated) emulated ;;
real) real ;;
*) echo "usage: story.sh emulated|real" >&2 && exit 2 ;;
esac
echo
say "Fatto: ogni passo è andato come doveva." "Done: every step went as it should."
