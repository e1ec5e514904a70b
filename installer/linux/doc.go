// Package linux holds tests only: they judge the desktop file, the metainfo, the
// icons and the profiles for AppArmor that the packages for Linux install.
package linux
