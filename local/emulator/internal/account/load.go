package account

import (
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// Load takes a seed's projects.
func (a *Account) Load(in api.Seeding, s seeds.Seed) error {
	return strict.Each("projects", s.Projects, func(p seeds.Project) error { return a.load(in, p) })
}

// load adds one, or gives the default project, which is there already, the id
// that the seed wants.
func (a *Account) load(in api.Seeding, p seeds.Project) error {
	known := a.ID(p.Name)
	switch {
	case p.Name == "":
		return strict.ErrNameRequired
	case p.Name != "default" && known != "":
		return fmt.Errorf("name: another project is named %s", p.Name)
	case p.Name == "default" && (p.ID == "" || p.ID == a.defaultProject):
		return nil
	case p.Name == "default":
		a.projects.Remove(a.defaultProject)
		a.defaultProject = p.ID
	}
	id, err := in.IDOr(p.ID, a.Has(p.ID))
	if err != nil {
		return err
	}
	since := in.Since(time.Duration(p.Age))
	a.projects.Put(id, &project{
		ID: id, Name: p.Name, Description: p.Description, OrganizationID: a.base.OrganizationID, CreatedAt: since, UpdatedAt: since,
	})
	return nil
}
