package browser

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// A Registrar registers one module with the programs of a computer, as the command
// line and the window do.
type Registrar struct {
	Machine Machine
	Module  string // path
	Missing error  // why there is no module; nil: there is
}

// Installed is the Registrar of this user for the module at a path; "": for that
// of this program.
func Installed(module string) (r Registrar, err error) {
	if r.Machine, err = Here(); err != nil {
		return r, err
	}
	if module != "" {
		r.Module, err = filepath.Abs(module)
		return r, err
	}
	program, err := os.Executable()
	if err != nil {
		return r, err
	}
	if real, err := filepath.EvalSymlinks(program); err == nil {
		program = real // macOS names the link by which it was started
	}
	r.Module, r.Missing = r.Machine.FindModule(program)
	return r, nil
}

// Places are all there are, with the state of the module in them.
func (r Registrar) Places() []Place { return r.Machine.Find(r.Module) }

// Programs are those that are not changed by us.
func (r Registrar) Programs() []Program { return r.Machine.Programs(r.Module) }

// Own are the places of the user, which need no administrator.
func (r Registrar) Own() []Place {
	return slices.DeleteFunc(r.Places(), func(p Place) bool { return p.System })
}

// PlanAdd says what registering in some places would change.
func (r Registrar) PlanAdd(places []Place) ([]Change, error) {
	if r.Missing != nil {
		return nil, r.Missing
	}
	return r.Machine.PlanAdd(places, r.Module)
}

// PlanRemove says what unregistering would change.
func (r Registrar) PlanRemove(places []Place) ([]Change, error) {
	return r.Machine.PlanRemove(places, r.Module)
}

// Change plans and makes changes. Where one place fails the others are changed all
// the same; the changes made are returned.
func (r Registrar) Change(places []Place, plan func(Registrar, []Place) ([]Change, error)) ([]Change, error) {
	changes, failed := plan(r, places)
	made, err := r.Machine.Apply(changes)
	return made, errors.Join(failed, err)
}

// Offer says in which places of the user the module is missing and what registering
// it there would change, to offer it to somebody who did not ask: nothing where
// there is no module.
func (r Registrar) Offer() ([]Place, []Change, error) {
	if r.Missing != nil {
		return nil, nil, nil
	}
	places := r.Own()
	changes, err := r.PlanAdd(places)
	return touched(places, changes), changes, err
}

// touched are the places that changes are about.
func touched(places []Place, changes []Change) []Place {
	return slices.DeleteFunc(slices.Clone(places), func(p Place) bool {
		return !slices.ContainsFunc(changes, func(c Change) bool { return c.Place == p.ID })
	})
}

// Running are the places whose program runs while its file is changed: it sees
// the change when it is started again, and may write its file anew before.
func Running(places []Place, changes []Change) []Place {
	return slices.DeleteFunc(touched(places, changes), func(p Place) bool { return !p.Running })
}

// Products are the names of the programs of some places, each once.
func Products(places []Place) []string {
	var all []string
	for _, p := range places {
		if !slices.Contains(all, p.Product) {
			all = append(all, p.Product)
		}
	}
	return all
}

// CanUndo says whether a change is kept that Undo takes back.
func (m Machine) CanUndo() bool { return len(m.kept()) > 0 }
