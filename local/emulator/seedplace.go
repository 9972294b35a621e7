package emulator

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

func (l loader) secret(s seeds.Secret) error {
	project, err := l.mustProject("project", s.Project)
	if err != nil {
		return err
	}
	region, kind := wire.Chosen(s.Region, "fr-par"), wire.Chosen(s.Type, "opaque")
	switch {
	case s.Name == "":
		return strict.ErrNameRequired
	case strings.Contains(s.Name, "/"):
		return fmt.Errorf("name: want one without a slash, not %q; folders go in path", s.Name)
	case !slices.Contains(secretRegions, region):
		return strict.NoneOf("region", region, secretRegions)
	case !slices.Contains(secretTypes, kind):
		return strict.NoneOf("type", kind, secretTypes)
	case s.Path != "" && !strings.HasPrefix(s.Path, "/"):
		return fmt.Errorf("path: want one that starts with a slash, not %q", s.Path)
	case len(l.secretsIn(region).rows.All(func(other *secret) bool {
		return other.ProjectID == project && other.Name == s.Name && other.Path == cleanPath(s.Path)
	})) > 0:
		return fmt.Errorf("name: another secret of the project is named %s in %s", s.Name, cleanPath(s.Path))
	}
	if s.Age == 0 {
		for _, v := range s.Versions {
			s.Age = max(s.Age, v.Age)
		}
	}
	created := wire.At(l.now.Add(-time.Duration(s.Age)))
	row := &secret{
		ID: l.base.Mint.UUID(), ProjectID: project, Name: s.Name, Status: "ready", CreatedAt: created, UpdatedAt: created,
		Tags: wire.OrEmpty(s.Tags), Description: s.Description, Type: kind, Protected: s.Protected,
		Path: cleanPath(s.Path), UsedBy: []string{}, Region: region,
	}
	for i, v := range s.Versions {
		data, err := seeds.Expand(v.Data, l.keyOf)
		if err != nil {
			return fmt.Errorf("versions[%d].data: %w", i, err)
		}
		if v.Random > 0 {
			data = base64.RawURLEncoding.EncodeToString(l.base.Mint.Bytes(v.Random))[:v.Random]
		}
		when := wire.At(l.now.Add(-time.Duration(v.Age)))
		version := &version{
			Revision: i + 1, SecretID: row.ID, Status: versionEnabled, CreatedAt: when, UpdatedAt: when,
			Description: v.Description, Latest: i == len(s.Versions)-1, Region: row.Region, data: []byte(data),
		}
		if v.Disabled {
			version.Status = versionDisabled
		}
		row.versions = append(row.versions, version)
	}
	row.VersionCount = len(row.versions)
	l.secretsIn(row.Region).rows.Put(row.ID, row)
	return nil
}

// keyOf is what a seed's references to keys lead to.
func (e *Emulator) keyOf(name string) (access, secret string, found bool) {
	key := e.iam.keys.Get(name)
	if key == nil {
		key = e.iam.newestKey(name)
	}
	if key == nil {
		return "", "", false
	}
	return key.AccessKey, key.secret, true
}

func (e *Emulator) loadPlace(p seeds.Place) error {
	regions := append(slices.Clone(serverlessRegions), milan)
	if region := wire.Chosen(p.Region, "fr-par"); !slices.Contains(regions, region) {
		return strict.NoneOf("region", region, regions)
	}
	e.base.Mu.Lock()
	id, err := loader{Emulator: e}.mustProject("project", p.Project)
	place := p.Serverless
	if err == nil {
		place, err = place.Expanded(e.keyOf)
	}
	e.base.Mu.Unlock()
	if err != nil {
		return err
	}
	return e.loadServerless(id, p.Region, place)
}
