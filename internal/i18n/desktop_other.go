//go:build !windows

package i18n

// desktopLocale is empty: here the environment says it all.
func desktopLocale() string { return "" }
