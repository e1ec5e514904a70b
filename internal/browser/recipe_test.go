package browser

import (
	"strings"
	"testing"
)

// Every program that is told of has its recipe, which names the module where it is and
// can be pasted into a shell.
func TestRecipes(t *testing.T) {
	m := Machine{OS: "linux", Root: t.TempDir(), Home: t.TempDir(), Getenv: func(string) string { return "" }}
	const module = "/opt/it's here/libcie-pkcs11.so"
	r := Registrar{Machine: m, Module: module}
	for _, p := range []Program{m.openSSH(module), m.openSSL(module), m.java(module), m.libreOffice(module), m.okular(module)} {
		recipe, ok := r.Recipe(p.Recipe)
		if !ok || len(recipe.Commands) < 20 || strings.Contains(recipe.Commands, "```") {
			t.Errorf("%s: %+v", p.Product, recipe)
		}
	}
	ssh, _ := r.Recipe("SSH")
	if first, _, _ := strings.Cut(ssh.Commands, "\n"); first != `MODULE='/opt/it'\''s here/libcie-pkcs11.so'` || !strings.Contains(ssh.Commands, `ssh-keygen -D "$MODULE"`) {
		t.Errorf("%q", ssh.Commands)
	}
	vpn, _ := r.Recipe("openvpn")
	if strings.Contains(vpn.Commands, packaged) || !strings.Contains(vpn.Commands, "pkcs11-providers "+module+"\n") {
		t.Errorf("%q", vpn.Commands)
	}
	if _, ok := r.Recipe("thunderbird"); ok {
		t.Error("a recipe without commands")
	}
	ids := map[string]bool{}
	for _, x := range r.Recipes() {
		if ids[x.ID] {
			t.Errorf("two are called %s", x.ID)
		}
		ids[x.ID] = true
	}
	if len(ids) < 9 {
		t.Errorf("%v", ids)
	}
}

// Their commands are for Linux.
func TestRecipesAreForLinux(t *testing.T) {
	if all := (Registrar{Machine: Machine{OS: "windows"}}).Recipes(); all != nil {
		t.Errorf("%v", all)
	}
}
