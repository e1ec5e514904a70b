// Package linux holds tests only: they judge the desktop file, the metainfo and
// the icons that the packages for Linux install.
package linux
