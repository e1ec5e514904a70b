// Package docs has the pages of the documentation that programs show.
package docs

import _ "embed"

//go:embed recipes.md
var recipes string

// Recipes is the page with the commands for other programs, as Markdown: a heading of
// the second level for each program, and its commands in fences.
func Recipes() string { return recipes }
