package emulator

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

// Load adds what the seed holds to the emulator. A seed that names its
// organization must be the first thing that the emulator gets. An error begins
// with the path to the field that is wrong, as ParseSeed's do; the emulator
// then holds part of the seed.
func (e *Emulator) Load(s seeds.Seed) error {
	if err := e.loadAccount(s); err != nil {
		return err
	}
	return strict.Each("serverless", s.Serverless, e.loadPlace)
}

// loader installs the part of a seed that has no region to settle in.
type loader struct {
	*Emulator
	now time.Time
}

func (e *Emulator) loadAccount(s seeds.Seed) error {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	l := loader{Emulator: e, now: e.base.Clock.Now()}
	if err := l.organization(s); err != nil {
		return err
	}
	if err := strict.Each("projects", s.Projects, l.project); err != nil {
		return err
	}
	if err := strict.Each("users", s.Users, l.user); err != nil {
		return err
	}
	if err := strict.Each("applications", s.Applications, l.application); err != nil {
		return err
	}
	if err := strict.Each("groups", s.Groups, l.group); err != nil {
		return err
	}
	return strict.Each("secrets", s.Secrets, l.secret)
}

func (l loader) since(age seeds.Age) wire.Stamp {
	if age == 0 {
		age = seeds.Age(foundingAge)
	}
	return wire.At(l.now.Add(-time.Duration(age)))
}

// idOr is the id that a seed gives, or a new one. known tells whether
// something has that id already.
func (l loader) idOr(id string, known bool) (string, error) {
	switch {
	case id == "":
		return l.base.Mint.UUID(), nil
	case !secretForm.MatchString(id):
		return "", fmt.Errorf("id: want a UUID in lower case, not %q", id)
	case known:
		return "", fmt.Errorf("id: %s is taken", id)
	}
	return id, nil
}

func (l loader) organization(s seeds.Seed) error {
	if s.OrganizationID != "" && !secretForm.MatchString(s.OrganizationID) {
		return fmt.Errorf("organization_id: want a UUID in lower case, not %q", s.OrganizationID)
	}
	if s.OrganizationID != "" && s.OrganizationID != l.base.OrganizationID {
		if l.iam.projects.Len() > 1 || l.iam.applications.Len() > 0 {
			return errors.New("organization_id: the emulator holds another organization already")
		}
		l.base.OrganizationID = s.OrganizationID
		l.iam.found(l.Emulator)
	}
	if s.SecuritySettings != nil {
		l.iam.settings.MaxKeyLife = wire.Seconds(s.SecuritySettings.MaxAPIKeyExpiration)
	}
	return nil
}

// project adds one, or gives the default project, which is there already, the
// id that the seed wants.
func (l loader) project(p seeds.Project) error {
	known := l.iam.projectID(p.Name)
	switch {
	case p.Name == "":
		return strict.ErrNameRequired
	case p.Name != "default" && known != "":
		return fmt.Errorf("name: another project is named %s", p.Name)
	case p.Name == "default" && (p.ID == "" || p.ID == l.iam.defaultProject):
		return nil
	case p.Name == "default":
		l.iam.projects.Remove(l.iam.defaultProject)
		l.iam.defaultProject = p.ID
		l.iam.keys.Get(l.iam.ownerKey).DefaultProjectID = p.ID
	}
	id, err := l.idOr(p.ID, l.iam.projects.Get(p.ID) != nil)
	if err != nil {
		return err
	}
	row := &project{
		ID: id, Name: p.Name, Description: p.Description, OrganizationID: l.base.OrganizationID,
		CreatedAt: l.since(p.Age), UpdatedAt: l.since(p.Age),
	}
	l.iam.projects.Put(row.ID, row)
	return nil
}

// projectID finds a project by name or id; "" is none.
func (s *iamState) projectID(name string) string {
	for _, p := range s.projects.All(func(p *project) bool { return p.Name == name || p.ID == name }) {
		return p.ID
	}
	return ""
}

// mustProject is projectID of what a field names.
func (l loader) mustProject(field, name string) (string, error) {
	if id := l.iam.projectID(name); id != "" {
		return id, nil
	}
	var names []string
	for _, p := range l.iam.projects.All(nil) {
		names = append(names, p.Name)
	}
	return "", strict.NoneOf(field, name, names)
}

func (l loader) user(u seeds.User) error {
	if u.Username == "" {
		return errors.New("username: is required")
	}
	if u.Email == "" {
		u.Email = u.Username + "@example.com"
	}
	row := l.iam.addUser(l.Emulator, u.Email, u.Username, l.since(0))
	if err := strict.Each("keys", u.Keys, func(k seeds.Key) error { return l.key(k, &apiKey{UserID: row.ID}) }); err != nil {
		return err
	}
	return l.policies(u.Policies, principal{UserID: row.ID})
}

func (l loader) application(a seeds.Application) error {
	if a.Name == "" {
		return strict.ErrNameRequired
	}
	id, err := l.idOr(a.ID, l.iam.applications.Get(a.ID) != nil)
	if err != nil {
		return err
	}
	if a.Age == 0 {
		for _, k := range a.Keys {
			a.Age = max(a.Age, k.Age)
		}
		a.Age += seeds.Age(30 * 24 * time.Hour)
	}
	row := &application{
		ID: id, Name: a.Name, Description: a.Description, CreatedAt: l.since(a.Age), UpdatedAt: l.since(a.Age),
		OrganizationID: l.base.OrganizationID, Editable: !a.Managed, Deletable: !a.Managed, Managed: a.Managed, Tags: wire.OrEmpty(a.Tags),
	}
	l.iam.applications.Put(row.ID, row)
	err = strict.Each("keys", a.Keys, func(k seeds.Key) error {
		k.Managed = k.Managed || a.Managed
		return l.key(k, &apiKey{ApplicationID: row.ID})
	})
	if err != nil {
		return err
	}
	return l.policies(a.Policies, principal{ApplicationID: row.ID})
}

var accessKeys = regexp.MustCompile(`^SCW[A-Z0-9]{17}$`)

// key completes row, which has its bearer.
func (l loader) key(k seeds.Key, row *apiKey) error {
	created := wire.At(l.now.Add(-time.Duration(k.Age)))
	row.AccessKey, row.secret, row.Description, row.CreatedAt, row.UpdatedAt = k.AccessKey, l.base.Mint.UUID(), k.Description, created, created
	row.Managed, row.Editable, row.Deletable, row.CreationIP = k.Managed, !k.Managed, !k.Managed, api.DocumentationIP
	wire.Set(&row.Deletable, k.Deletable)
	if row.AccessKey == "" {
		row.AccessKey = l.base.Mint.AccessKey()
	}
	if !accessKeys.MatchString(row.AccessKey) {
		return fmt.Errorf("access_key: want SCW and 17 of A-Z and 0-9, not %q", row.AccessKey)
	}
	if l.iam.keys.Get(row.AccessKey) != nil {
		return fmt.Errorf("access_key: %s is taken", row.AccessKey)
	}
	if k.ExpiresIn != 0 {
		row.ExpiresAt = wire.At(l.now.Add(time.Duration(k.ExpiresIn)))
	}
	row.DefaultProjectID = l.iam.defaultProject
	if k.Project != "" {
		id, err := l.mustProject("project", k.Project)
		if err != nil {
			return err
		}
		row.DefaultProjectID = id
	}
	l.iam.addKey(row)
	return nil
}

func (l loader) policies(policies []seeds.Policy, who principal) error {
	return strict.Each("policies", policies, func(p seeds.Policy) error {
		row := &policy{
			ID: l.base.Mint.UUID(), Name: p.Name, OrganizationID: l.base.OrganizationID, CreatedAt: l.since(0), UpdatedAt: l.since(0),
			Editable: true, Deletable: true, Tags: []string{}, principal: who, attached: l.since(0).Time,
		}
		l.iam.policies.Put(row.ID, row)
		return strict.Each("rules", p.Rules, func(r seeds.Rule) error {
			rule, err := l.rule(r)
			row.rules = append(row.rules, rule)
			return err
		})
	})
}

func (l loader) rule(r seeds.Rule) (*rule, error) {
	if r.Organization == (len(r.Projects) > 0) {
		return nil, errors.New("projects: want either project names here or organization: true")
	}
	row := &rule{
		ID: l.base.Mint.UUID(), PermissionSetNames: r.PermissionSets, ScopeType: permission.ScopeType(r.PermissionSets), Condition: r.Condition,
		granted: l.since(0).Time,
	}
	if r.Organization {
		row.OrganizationID = l.base.OrganizationID
	}
	for i, name := range r.Projects {
		id, err := l.mustProject(fmt.Sprintf("projects[%d]", i), name)
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
	case len(l.iam.groups.All(func(other *group) bool { return other.Name == g.Name })) > 0:
		return fmt.Errorf("name: another group is named %s", g.Name)
	}
	row := l.iam.addGroup(l.base.Mint.UUID(), g.Name, "", l.since(0))
	row.AllApplications, row.AllUsers = g.AllApplications, g.AllUsers
	for i, name := range g.Applications {
		a := l.iam.applicationNamed(name)
		if a == nil {
			return fmt.Errorf("applications[%d]: no application is named %q", i, name)
		}
		row.join(a.ID, "", l.since(0).Time)
	}
	for i, name := range g.Users {
		found := l.iam.users.All(func(u *user) bool { return u.Username == name })
		if len(found) == 0 {
			return fmt.Errorf("users[%d]: no user is named %q", i, name)
		}
		row.join("", found[0].ID, l.since(0).Time)
	}
	return l.policies(g.Policies, principal{GroupID: row.ID})
}
