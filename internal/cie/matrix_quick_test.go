//go:build !integration

package cie

const fullMatrix = false
