package emulator

import (
	"errors"
	"fmt"
	"regexp"
	"time"
)

// Load adds what the seed holds to the emulator. A seed that names its
// organization must be the first thing that the emulator gets. After an error
// the emulator holds part of the seed.
func (e *Emulator) Load(s Seed) error {
	if err := e.loadAccount(s); err != nil {
		return fmt.Errorf("seed: %w", err)
	}
	for _, place := range s.Serverless {
		if err := e.loadPlace(place); err != nil {
			return fmt.Errorf("seed: serverless of project %s: %w", place.Project, err)
		}
	}
	return nil
}

// loader installs the part of a seed that has no region to settle in.
type loader struct {
	*Emulator
	now time.Time
}

func (e *Emulator) loadAccount(s Seed) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := loader{Emulator: e, now: e.clock.Now()}
	if err := l.organization(s); err != nil {
		return err
	}
	for _, p := range s.Projects {
		if err := l.project(p); err != nil {
			return fmt.Errorf("project %s: %w", p.Name, err)
		}
	}
	for _, u := range s.Users {
		if err := l.user(u); err != nil {
			return fmt.Errorf("user %s: %w", u.Username, err)
		}
	}
	for _, a := range s.Applications {
		if err := l.application(a); err != nil {
			return fmt.Errorf("application %s: %w", a.Name, err)
		}
	}
	for _, g := range s.Groups {
		if err := l.group(g); err != nil {
			return fmt.Errorf("group %s: %w", g.Name, err)
		}
	}
	for _, secret := range s.Secrets {
		if err := l.secret(secret); err != nil {
			return fmt.Errorf("secret %s: %w", secret.Name, err)
		}
	}
	return nil
}

func (l loader) since(age SeedAge) stamp {
	if age == 0 {
		age = SeedAge(foundingAge)
	}
	return at(l.now.Add(-time.Duration(age)))
}

func (l loader) idOr(id string) string {
	if id == "" {
		return l.mint.uuid()
	}
	return id
}

func (l loader) organization(s Seed) error {
	if s.OrganizationID != "" && s.OrganizationID != l.iam.organization {
		if len(l.iam.projects.order) > 1 || len(l.iam.applications.order) > 0 {
			return errors.New("organization_id: the emulator holds another organization already")
		}
		l.iam.organization = s.OrganizationID
		l.iam.found(l.Emulator)
	}
	if s.SecuritySettings != nil {
		l.iam.settings.MaxKeyLife = seconds(s.SecuritySettings.MaxAPIKeyExpiration)
	}
	return nil
}

// project adds one, or gives the default project, which is there already, the
// id that the seed wants.
func (l loader) project(p SeedProject) error {
	known := l.iam.projectID(p.Name)
	switch {
	case p.Name == "":
		return errors.New("name is required")
	case p.Name != "default" && known != "":
		return errors.New("another has that name")
	case p.Name == "default" && (p.ID == "" || p.ID == l.iam.defaultProject):
		return nil
	case p.Name == "default":
		l.iam.projects.remove(l.iam.defaultProject)
		l.iam.defaultProject = p.ID
		l.iam.keys.get(l.iam.ownerKey).DefaultProjectID = p.ID
	}
	row := &project{
		ID: l.idOr(p.ID), Name: p.Name, Description: p.Description, OrganizationID: l.iam.organization,
		CreatedAt: l.since(p.Age), UpdatedAt: l.since(p.Age),
	}
	l.iam.projects.put(row.ID, row)
	return nil
}

// projectID finds a project by name or id; "" is none.
func (s *iamState) projectID(name string) string {
	for _, p := range s.projects.all(func(p *project) bool { return p.Name == name || p.ID == name }) {
		return p.ID
	}
	return ""
}

func (l loader) mustProject(name string) (string, error) {
	if id := l.iam.projectID(name); id != "" {
		return id, nil
	}
	return "", fmt.Errorf("no project is named %q", name)
}

func (l loader) user(u SeedUser) error {
	if u.Username == "" {
		return errors.New("username is required")
	}
	if u.Email == "" {
		u.Email = u.Username + "@example.com"
	}
	row := l.iam.addUser(l.Emulator, u.Email, u.Username, l.since(0))
	for i, k := range u.Keys {
		if err := l.key(k, &apiKey{UserID: row.ID}); err != nil {
			return fmt.Errorf("keys[%d]: %w", i, err)
		}
	}
	return l.policies(u.Policies, principal{UserID: row.ID})
}

func (l loader) application(a SeedApplication) error {
	if a.Name == "" {
		return errors.New("name is required")
	}
	if a.Age == 0 {
		for _, k := range a.Keys {
			a.Age = max(a.Age, k.Age)
		}
		a.Age += SeedAge(30 * 24 * time.Hour)
	}
	row := &application{
		ID: l.idOr(a.ID), Name: a.Name, Description: a.Description, CreatedAt: l.since(a.Age), UpdatedAt: l.since(a.Age),
		OrganizationID: l.iam.organization, Editable: !a.Managed, Deletable: !a.Managed, Managed: a.Managed, Tags: orEmpty(a.Tags),
	}
	l.iam.applications.put(row.ID, row)
	for i, k := range a.Keys {
		k.Managed = k.Managed || a.Managed
		if err := l.key(k, &apiKey{ApplicationID: row.ID}); err != nil {
			return fmt.Errorf("keys[%d]: %w", i, err)
		}
	}
	return l.policies(a.Policies, principal{ApplicationID: row.ID})
}

var accessKeys = regexp.MustCompile(`^SCW[A-Z0-9]{17}$`)

// key completes row, which has its bearer.
func (l loader) key(k SeedKey, row *apiKey) error {
	created := at(l.now.Add(-time.Duration(k.Age)))
	row.AccessKey, row.secret, row.Description, row.CreatedAt, row.UpdatedAt = k.AccessKey, l.mint.uuid(), k.Description, created, created
	row.Managed, row.Editable, row.Deletable, row.CreationIP = k.Managed, !k.Managed, !k.Managed, documentationIP
	set(&row.Deletable, k.Deletable)
	if row.AccessKey == "" {
		row.AccessKey = l.mint.accessKey()
	}
	if !accessKeys.MatchString(row.AccessKey) {
		return fmt.Errorf("access_key %q is not SCW and 17 of A-Z and 0-9", row.AccessKey)
	}
	if l.iam.keys.get(row.AccessKey) != nil {
		return fmt.Errorf("access_key %s is taken", row.AccessKey)
	}
	if k.ExpiresIn != 0 {
		row.ExpiresAt = at(l.now.Add(time.Duration(k.ExpiresIn)))
	}
	row.DefaultProjectID = l.iam.defaultProject
	if k.Project != "" {
		id, err := l.mustProject(k.Project)
		if err != nil {
			return err
		}
		row.DefaultProjectID = id
	}
	l.iam.addKey(row)
	return nil
}

func (l loader) policies(policies []SeedPolicy, who principal) error {
	for _, p := range policies {
		row := &policy{
			ID: l.mint.uuid(), Name: p.Name, OrganizationID: l.iam.organization, CreatedAt: l.since(0), UpdatedAt: l.since(0),
			Editable: true, Deletable: true, Tags: []string{}, principal: who, attached: l.since(0).t,
		}
		for i, r := range p.Rules {
			rule, err := l.rule(r)
			if err != nil {
				return fmt.Errorf("policy %s: rules[%d]: %w", p.Name, i, err)
			}
			row.rules = append(row.rules, rule)
		}
		l.iam.policies.put(row.ID, row)
	}
	return nil
}

func (l loader) rule(r SeedRule) (*rule, error) {
	if r.Organization == (len(r.Projects) > 0) {
		return nil, errors.New("either projects or organization must be set")
	}
	row := &rule{
		ID: l.mint.uuid(), PermissionSetNames: r.PermissionSets, ScopeType: scopeType(r.PermissionSets), Condition: r.Condition,
		granted: l.since(0).t,
	}
	if r.Organization {
		row.OrganizationID = l.iam.organization
	}
	for _, name := range r.Projects {
		id, err := l.mustProject(name)
		if err != nil {
			return nil, err
		}
		row.ProjectIDs = append(row.ProjectIDs, id)
	}
	return row, nil
}

func (l loader) group(g SeedGroup) error {
	row := l.iam.addGroup(l.mint.uuid(), g.Name, "", l.since(0))
	row.AllApplications, row.AllUsers = g.AllApplications, g.AllUsers
	for _, name := range g.Applications {
		a := l.iam.applicationNamed(name)
		if a == nil {
			return fmt.Errorf("no application is named %q", name)
		}
		row.join(a.ID, "", l.since(0).t)
	}
	for _, name := range g.Users {
		found := l.iam.users.all(func(u *user) bool { return u.Username == name })
		if len(found) == 0 {
			return fmt.Errorf("no user is named %q", name)
		}
		row.join("", found[0].ID, l.since(0).t)
	}
	return l.policies(g.Policies, principal{GroupID: row.ID})
}
