#!/bin/bash
# icons.sh FOLDER
#
# Puts the program's icon into FOLDER/hicolor (Icon Theme Specification 0.13): as
# drawn, and in the sizes that desktops without SVG look for. Needs rsvg-convert.
set -euo pipefail
drawings=$(cd "$(dirname "$0")/../../internal/icon" && pwd)
theme=$1/hicolor
id=it.softwarecie.Cie

install -Dm644 "$drawings/icon.svg" "$theme/scalable/apps/$id.svg"
install -Dm644 "$drawings/symbolic.svg" "$theme/symbolic/apps/$id-symbolic.svg"
for size in 16 22 24 32 48 64 128 256 512; do
	mkdir -p "$theme/${size}x$size/apps"
	rsvg-convert -w "$size" -h "$size" -o "$theme/${size}x$size/apps/$id.png" "$drawings/icon.svg"
done
