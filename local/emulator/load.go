package emulator

import (
	"errors"
	"fmt"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
)

// Load adds what the seed holds to the emulator. A seed that names its
// organization must be the first thing that the emulator gets. An error begins
// with the path to the field that is wrong, as ParseSeed's do; the emulator
// then holds part of the seed.
func (e *Emulator) Load(s Seed) error {
	if err := e.loadAccount(s); err != nil {
		return err
	}
	return strict.Each("serverless", s.Serverless, e.loadPlace)
}

func (e *Emulator) loadAccount(s Seed) error {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	in := api.Seeding{Base: e.base, Now: e.base.Clock.Now()}
	if err := e.loadOrganization(s.OrganizationID); err != nil {
		return err
	}
	before := e.account.Default()
	err := e.account.Load(in, s)
	if now := e.account.Default(); now != before {
		e.iam.OwnersProject(now)
	}
	if err != nil {
		return err
	}
	if err := e.iam.Load(in, s); err != nil {
		return err
	}
	return e.secrets.Load(in, e.iam.KeyNamed, s)
}

// loadOrganization founds the organization anew, under the id that a seed wants.
func (e *Emulator) loadOrganization(id string) error {
	switch {
	case id == "":
		return nil
	case !wire.IsUUID(id):
		return fmt.Errorf("organization_id: want a UUID in lower case, not %q", id)
	case id == e.base.OrganizationID:
		return nil
	case len(e.account.IDs()) > 1 || !e.iam.IsEmpty():
		return errors.New("organization_id: the emulator holds another organization already")
	}
	e.found(id)
	return nil
}

// found makes what every organization has.
func (e *Emulator) found(id string) {
	e.base.OrganizationID = id
	since := wire.At(e.base.Clock.Now().Add(-api.FoundingAge))
	e.account.Found(since)
	e.iam.Found(since)
}

func (e *Emulator) loadPlace(p SeedPlace) error {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.serverless.Load(p, e.iam)
}
