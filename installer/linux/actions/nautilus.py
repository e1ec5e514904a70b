# An action of Software CIE in the menu of GNOME's Files (nautilus-python 1.2 to 4).
# Text and command are those of the desktop file.
from gi.repository import Gio, GObject, Nautilus

TYPES = [{{range .Types}}"{{.}}", {{end}}]


class SoftwareCIE_{{.Name}}(GObject.GObject, Nautilus.MenuProvider):
    def get_file_items(self, *args):
        files = args[-1]  # before version 4 a window comes first
        if any(f.is_directory() or f.get_uri_scheme() != "file" for f in files):
            return []
        if TYPES and not all(any(f.is_mime_type(t) for t in TYPES) for f in files):
            return []
        try:
            program = Gio.DesktopAppInfo.new("it.softwarecie.Cie.{{.Name}}.desktop")
        except TypeError:  # not installed
            return []
        item = Nautilus.MenuItem(
            name="SoftwareCIE::{{.Name}}", label=program.get_name(), icon="it.softwarecie.Cie"
        )
        documents = [f.get_location() for f in files]
        item.connect("activate", lambda _: program.launch(documents, None))
        return [item]
