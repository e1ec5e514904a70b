package browser

import "strings"

// A mozilla is a program with profiles. Folders are those with profiles.ini,
// below the home folder.
type mozilla struct {
	id, product string
	linux       []string // below $HOME
	config      string   // below $XDG_CONFIG_HOME: where newer versions keep them
	windows     string   // below %APPDATA%
	mac         string   // below ~/Library
	policies    []string // folders of policies.json on Linux
	programs    []string // folders on Windows (below Program Files) and macOS
}

// edition names a program by a profile: Firefox Developer Edition keeps its profiles
// among those of Firefox, under names of its own.
func (p mozilla) edition(profile string) string {
	if p.id == "firefox" && strings.HasPrefix(profile, "dev-edition-") {
		return p.product + " Developer Edition"
	}
	return p.product
}

// mozillas are the Mozilla programs. Tor Browser is left alone on purpose: a card
// with a name on it has no place there.
func mozillas() []mozilla {
	return []mozilla{
		{
			id: "firefox", product: "Firefox",
			linux: []string{
				".mozilla/firefox", "snap/firefox/common/.mozilla/firefox",
				".var/app/org.mozilla.firefox/.mozilla/firefox", ".var/app/org.mozilla.firefox/config/mozilla/firefox",
			},
			config: "mozilla/firefox", windows: "Mozilla/Firefox", mac: "Application Support/Firefox",
			policies: []string{"/etc/firefox"}, // ESR reads the same
			programs: []string{"Mozilla Firefox", "/Applications/Firefox.app/Contents/Resources"},
		},
		{
			id: "thunderbird", product: "Thunderbird",
			linux:   []string{".thunderbird", "snap/thunderbird/common/.thunderbird", ".var/app/org.mozilla.Thunderbird/.thunderbird", ".var/app/org.mozilla.thunderbird/.thunderbird"},
			config:  "thunderbird",
			windows: "Thunderbird", mac: "Thunderbird", policies: []string{"/etc/thunderbird"},
			programs: []string{"Mozilla Thunderbird", "/Applications/Thunderbird.app/Contents/Resources"},
		},
		{
			id: "librewolf", product: "LibreWolf",
			linux: []string{
				".librewolf", ".var/app/io.gitlab.librewolf-community/.librewolf",
			},
			config: "librewolf/librewolf", windows: "librewolf", mac: "Application Support/librewolf", policies: []string{"/etc/librewolf"},
		},
		{
			id: "waterfox", product: "Waterfox", linux: []string{".waterfox", ".var/app/net.waterfox.waterfox/.waterfox"},
			windows: "Waterfox", mac: "Application Support/Waterfox",
		},
	}
}

// A chromium is a program of the Chromium family on Linux, where they read an NSS
// database. On Windows and macOS they know no PKCS#11.
type chromium struct {
	product  string
	config   string   // folder below $XDG_CONFIG_HOME, with "Last Version" and the lock
	commands []string // in /usr/bin
	snap     string
	flatpak  string
}

func chromiums() []chromium {
	return []chromium{
		{"Chromium", "chromium", []string{"chromium", "chromium-browser"}, "chromium", "org.chromium.Chromium"},
		{"Chrome", "google-chrome", []string{"google-chrome", "google-chrome-stable"}, "", "com.google.Chrome"},
		{"Brave", "BraveSoftware/Brave-Browser", []string{"brave-browser"}, "brave", "com.brave.Browser"},
		{"Edge", "microsoft-edge", []string{"microsoft-edge", "microsoft-edge-stable"}, "", "com.microsoft.Edge"},
		{"Vivaldi", "vivaldi", []string{"vivaldi", "vivaldi-stable"}, "vivaldi", "com.vivaldi.Vivaldi"},
		{"Opera", "opera", []string{"opera"}, "opera", "com.opera.Opera"},
	}
}
