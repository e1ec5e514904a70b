#!/bin/bash
# run.sh
#
# Shows the main job (see story.sh): with a CIE that lies on a reader of this
# computer if the person agrees, else with an emulated one in a private pcscd that
# nobody else sees and that ends with this script.
set -euo pipefail
cd "$(dirname "$0")/.."

italian() { [[ ${CIE_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}} == it* ]]; }

# real_card says whether a CIE lies on a reader.
real_card() { build/cie status --json 2>/dev/null | grep -Eq '"pan": *"[0-9A-F]{12}"'; }

# agreed asks the person; without one the answer is no.
agreed() {
	[ -t 0 ] || return 1
	local question="A CIE lies on your reader. Use it? Its PIN will be asked and nothing on it changes. [y/N] " answer
	if italian; then
		question="Sul lettore c'è una CIE. Vuoi usarla? Ti chiederà il PIN e sulla carta non cambia nulla. [s/N] "
	fi
	read -r -p "$question" answer
	[[ $answer == [sSyY]* ]]
}

if real_card && agreed; then
	exec scripts/story.sh real
fi
exec internal/rig/private-pcscd.sh scripts/story.sh emulated
