package i18n

import "golang.org/x/sys/windows"

// desktopLocale is the first language the person chose for Windows.
func desktopLocale() string {
	names, err := windows.GetUserPreferredUILanguages(windows.MUI_LANGUAGE_NAME)
	if err != nil || len(names) == 0 {
		return ""
	}
	return names[0]
}
