package secrets

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// Load takes a seed's secrets. keyOf finds the keys that they refer to.
func (m *Secrets) Load(in api.Seeding, keyOf seeds.KeyOf, s seeds.Seed) error {
	return strict.Each("secrets", s.Secrets, func(s seeds.Secret) error { return m.load(in, keyOf, s) })
}

func (m *Secrets) load(in api.Seeding, keyOf seeds.KeyOf, s seeds.Secret) error {
	project, err := m.projects.Named("project", s.Project)
	if err != nil {
		return err
	}
	region, kind := wire.Chosen(s.Region, "fr-par"), wire.Chosen(s.Type, "opaque")
	switch {
	case s.Name == "":
		return strict.ErrNameRequired
	case strings.Contains(s.Name, "/"):
		return fmt.Errorf("name: want one without a slash, not %q; folders go in path", s.Name)
	case !slices.Contains(regions, region):
		return strict.NoneOf("region", region, regions)
	case !slices.Contains(types, kind):
		return strict.NoneOf("type", kind, types)
	case s.Path != "" && !strings.HasPrefix(s.Path, "/"):
		return fmt.Errorf("path: want one that starts with a slash, not %q", s.Path)
	case len(m.secretsIn(region).rows.All(func(other *Secret) bool {
		return other.ProjectID == project && other.Name == s.Name && other.Path == cleanPath(s.Path)
	})) > 0:
		return fmt.Errorf("name: another secret of the project is named %s in %s", s.Name, cleanPath(s.Path))
	}
	if s.Age == 0 {
		for _, v := range s.Versions {
			s.Age = max(s.Age, v.Age)
		}
	}
	created := wire.At(in.Now.Add(-time.Duration(s.Age)))
	row := &Secret{
		ID: in.Mint.UUID(), ProjectID: project, Name: s.Name, Status: "ready", CreatedAt: created, UpdatedAt: created,
		Tags: wire.OrEmpty(s.Tags), Description: s.Description, Type: kind, Protected: s.Protected,
		Path: cleanPath(s.Path), UsedBy: []string{}, Region: region,
	}
	for i, v := range s.Versions {
		data, err := seeds.Expand(v.Data, keyOf)
		if err != nil {
			return fmt.Errorf("versions[%d].data: %w", i, err)
		}
		if v.Random > 0 {
			data = base64.RawURLEncoding.EncodeToString(in.Mint.Bytes(v.Random))[:v.Random]
		}
		when := wire.At(in.Now.Add(-time.Duration(v.Age)))
		version := &Version{
			Revision: i + 1, SecretID: row.ID, Status: VersionEnabled, CreatedAt: when, UpdatedAt: when,
			Description: v.Description, Latest: i == len(s.Versions)-1, Region: row.Region, Data: []byte(data),
		}
		if v.Changed > 0 {
			version.UpdatedAt = wire.At(in.Now.Add(-time.Duration(v.Changed)))
		}
		if v.Disabled {
			version.Status = VersionDisabled
		}
		row.Versions = append(row.Versions, version)
	}
	row.VersionCount = len(row.Versions)
	m.secretsIn(row.Region).rows.Put(row.ID, row)
	return nil
}
