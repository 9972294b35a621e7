package iam

import (
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/permission"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// loader takes a seed's part of IAM.
type loader struct {
	*IAM
	in api.Seeding
}

// Load takes a seed's settings, users, applications and groups.
func (s *IAM) Load(in api.Seeding, seed seeds.Seed) error {
	l := loader{s, in}
	if seed.SecuritySettings != nil {
		s.settings.MaxKeyLife = wire.Seconds(seed.SecuritySettings.MaxAPIKeyExpiration)
	}
	if err := strict.Each("users", seed.Users, l.user); err != nil {
		return err
	}
	if err := strict.Each("applications", seed.Applications, l.application); err != nil {
		return err
	}
	return strict.Each("groups", seed.Groups, l.group)
}

// IsEmpty tells whether there is no application.
func (s *IAM) IsEmpty() bool { return s.applications.Len() == 0 }

// OwnersProject makes a project the default one of the owner's key.
func (s *IAM) OwnersProject(id string) { s.keys.Get(s.ownerKey).DefaultProjectID = id }

func (l loader) user(u seeds.User) error {
	if u.Username == "" {
		return errors.New("username: is required")
	}
	if u.Email == "" {
		u.Email = u.Username + "@example.com"
	}
	row := l.addUser(u.Email, u.Username, l.in.Since(0))
	if err := strict.Each("keys", u.Keys, func(k seeds.Key) error { return l.key(k, &Key{UserID: row.ID}) }); err != nil {
		return err
	}
	return l.policiesOf(u.Policies, principal{UserID: row.ID})
}

func (l loader) application(a seeds.Application) error {
	if a.Name == "" {
		return strict.ErrNameRequired
	}
	id, err := l.in.IDOr(a.ID, l.applications.Get(a.ID) != nil)
	if err != nil {
		return err
	}
	if a.Age == 0 {
		for _, k := range a.Keys {
			a.Age = max(a.Age, k.Age)
		}
		a.Age += seeds.Age(30 * 24 * time.Hour)
	}
	row := &Application{
		ID: id, Name: a.Name, Description: a.Description, CreatedAt: l.in.Since(time.Duration(a.Age)), UpdatedAt: l.in.Since(time.Duration(a.Age)),
		OrganizationID: l.in.OrganizationID, Editable: !a.Managed, Deletable: !a.Managed, Managed: a.Managed, Tags: wire.OrEmpty(a.Tags),
	}
	l.applications.Put(row.ID, row)
	err = strict.Each("keys", a.Keys, func(k seeds.Key) error {
		k.Managed = k.Managed || a.Managed
		return l.key(k, &Key{ApplicationID: row.ID})
	})
	if err != nil {
		return err
	}
	return l.policiesOf(a.Policies, principal{ApplicationID: row.ID})
}

var accessKeys = regexp.MustCompile(`^SCW[A-Z0-9]{17}$`)

// key completes row, which has its bearer.
func (l loader) key(k seeds.Key, row *Key) error {
	created := wire.At(l.in.Now.Add(-time.Duration(k.Age)))
	row.AccessKey, row.Secret, row.Description, row.CreatedAt, row.UpdatedAt = k.AccessKey, l.in.Mint.UUID(), k.Description, created, created
	row.Managed, row.Editable, row.Deletable, row.CreationIP = k.Managed, !k.Managed, !k.Managed, api.DocumentationIP
	wire.Set(&row.Deletable, k.Deletable)
	if row.AccessKey == "" {
		row.AccessKey = l.in.Mint.AccessKey()
	}
	if !accessKeys.MatchString(row.AccessKey) {
		return fmt.Errorf("access_key: want SCW and 17 of A-Z and 0-9, not %q", row.AccessKey)
	}
	if l.keys.Get(row.AccessKey) != nil {
		return fmt.Errorf("access_key: %s is taken", row.AccessKey)
	}
	if k.ExpiresIn != 0 {
		row.ExpiresAt = wire.At(l.in.Now.Add(time.Duration(k.ExpiresIn)))
	}
	row.DefaultProjectID = l.projects.Default()
	if k.Project != "" {
		id, err := l.projects.Named("project", k.Project)
		if err != nil {
			return err
		}
		row.DefaultProjectID = id
	}
	l.addKey(row)
	return nil
}

func (l loader) policiesOf(policies []seeds.Policy, who principal) error {
	return strict.Each("policies", policies, func(p seeds.Policy) error {
		row := &Policy{
			ID: l.in.Mint.UUID(), Name: p.Name, OrganizationID: l.in.OrganizationID, CreatedAt: l.in.Since(0), UpdatedAt: l.in.Since(0),
			Editable: true, Deletable: true, Tags: []string{}, principal: who, attached: l.in.Since(0).Time,
		}
		l.policies.Put(row.ID, row)
		return strict.Each("rules", p.Rules, func(r seeds.Rule) error {
			rule, err := l.rule(r)
			row.Rules = append(row.Rules, rule)
			return err
		})
	})
}

func (l loader) rule(r seeds.Rule) (*rule, error) {
	if r.Organization == (len(r.Projects) > 0) {
		return nil, errors.New("projects: want either project names here or organization: true")
	}
	row := &rule{
		ID: l.in.Mint.UUID(), PermissionSetNames: r.PermissionSets, ScopeType: permission.ScopeType(r.PermissionSets), Condition: r.Condition,
		granted: l.in.Since(0).Time,
	}
	if r.Organization {
		row.OrganizationID = l.in.OrganizationID
	}
	for i, name := range r.Projects {
		id, err := l.projects.Named(fmt.Sprintf("projects[%d]", i), name)
		if err != nil {
			return nil, err
		}
		row.ProjectIDs = append(row.ProjectIDs, id)
	}
	return row, nil
}

func (l loader) group(g seeds.Group) error {
	switch {
	case g.Name == "":
		return strict.ErrNameRequired
	case len(l.groups.All(func(other *group) bool { return other.Name == g.Name })) > 0:
		return fmt.Errorf("name: another group is named %s", g.Name)
	}
	row := l.addGroup(l.in.Mint.UUID(), g.Name, "", l.in.Since(0))
	row.AllApplications, row.AllUsers = g.AllApplications, g.AllUsers
	for i, name := range g.Applications {
		a := l.ApplicationNamed(name)
		if a == nil {
			return fmt.Errorf("applications[%d]: no application is named %q", i, name)
		}
		row.join(a.ID, "", l.in.Since(0).Time)
	}
	for i, name := range g.Users {
		found := l.users.All(func(u *User) bool { return u.Username == name })
		if len(found) == 0 {
			return fmt.Errorf("users[%d]: no user is named %q", i, name)
		}
		row.join("", found[0].ID, l.in.Since(0).Time)
	}
	return l.policiesOf(g.Policies, principal{GroupID: row.ID})
}
