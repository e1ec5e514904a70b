package browser

import (
	"slices"
	"strings"

	"github.com/softwarecie/cie/docs"
)

// A Recipe is how a program that is set up by hand comes to use the card.
type Recipe struct {
	ID       string // for a person to type
	Name     string // heading in docs/recipes.md, as in Program
	Commands string // for a shell, and lines for configurations
}

// packaged is where the page has the module: in Debian's package.
const packaged = "/usr/lib/x86_64-linux-gnu/pkcs11/libcie-pkcs11.so"

// Recipes are those of docs/recipes.md with commands, which are for Linux. They name
// the module where it is.
func (r Registrar) Recipes() []Recipe {
	if r.Machine.OS != "linux" {
		return nil
	}
	var all []Recipe
	for _, section := range strings.Split(docs.Recipes(), "\n## ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		if commands := fenced(text); commands != "" {
			id := strings.ToLower(strings.Trim(strings.Fields(name)[0], ":"))
			all = append(all, Recipe{id, name, r.filled(commands)})
		}
	}
	return all
}

// fenced is what stands in the fences of a section, with a line between two.
func fenced(text string) string {
	var blocks []string
	for i, part := range strings.Split(text, "```") {
		if i%2 == 1 {
			_, block, _ := strings.Cut(part, "\n") // without the language
			blocks = append(blocks, block)
		}
	}
	return strings.Join(blocks, "\n")
}

// filled says where the module is.
func (r Registrar) filled(commands string) string {
	if r.Module == "" {
		return commands
	}
	commands = strings.ReplaceAll(commands, packaged, r.Module)
	if strings.Contains(commands, "$MODULE") {
		commands = "MODULE=" + shellWord(r.Module) + "\n" + commands
	}
	return commands
}

// Recipe is the one with an ID or a name.
func (r Registrar) Recipe(name string) (Recipe, bool) {
	all := r.Recipes()
	i := slices.IndexFunc(all, func(x Recipe) bool { return x.ID == strings.ToLower(name) || x.Name == name })
	if i < 0 {
		return Recipe{}, false
	}
	return all[i], true
}
