package emulator

import "time"

// KeyPair is an API key with the secret that only its creation showed. The
// emulator knows it; tests and the runner need it.
type KeyPair struct {
	AccessKey string
	SecretKey string
	Created   time.Time
	Expires   time.Time // zero: never
	Project   string    // the id of its default project
}

// Owner returns the key of the organization's owner, who may do everything.
func (e *Emulator) Owner() (accessKey, secretKey string) {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	key := e.iam.keys.Get(e.iam.ownerKey)
	if key == nil {
		return "", "" // somebody deleted it
	}
	return key.AccessKey, key.secret
}

// Organization returns the organization's id.
func (e *Emulator) Organization() string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.base.OrganizationID
}

// Project returns the id of the project of that name; "" if there is none.
func (e *Emulator) Project(name string) string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	return e.iam.projectID(name)
}

// ProjectNames returns the names of all projects: default first, then as the
// seed has them.
func (e *Emulator) ProjectNames() []string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	names := []string{"default"}
	for _, p := range e.iam.projects.All(func(p *project) bool { return p.ID != e.iam.defaultProject }) {
		names = append(names, p.Name)
	}
	return names
}

// Application returns the id of the application of that name; "" if there is
// none.
func (e *Emulator) Application(name string) string {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	if a := e.iam.applicationNamed(name); a != nil {
		return a.ID
	}
	return ""
}

// Keys returns the keys of an application, by name or id, or of a user, by
// username or id; the oldest first.
func (e *Emulator) Keys(bearer string) []KeyPair {
	e.base.Mu.Lock()
	defer e.base.Mu.Unlock()
	pairs := []KeyPair{}
	for _, key := range e.iam.keysNamed(bearer) {
		pairs = append(pairs, KeyPair{
			AccessKey: key.AccessKey, SecretKey: key.secret, Created: key.CreatedAt.Time, Expires: key.ExpiresAt.Time,
			Project: key.DefaultProjectID,
		})
	}
	return pairs
}

func (s *iamState) applicationNamed(name string) *application {
	for _, a := range s.applications.All(func(a *application) bool { return a.Name == name || a.ID == name }) {
		return a
	}
	return nil
}

func (s *iamState) keysNamed(bearer string) []*apiKey {
	if a := s.applicationNamed(bearer); a != nil {
		return s.keysOf(a.ID)
	}
	for _, u := range s.users.All(func(u *user) bool { return u.Username == bearer || u.ID == bearer }) {
		return s.keysOf(u.ID)
	}
	return nil
}

// newestKey is the one created last; nil if there is none.
func (s *iamState) newestKey(bearer string) *apiKey {
	var newest *apiKey
	for _, key := range s.keysNamed(bearer) {
		if newest == nil || key.CreatedAt.Time.After(newest.CreatedAt.Time) {
			newest = key
		}
	}
	return newest
}
