package iam

import (
	"slices"
	"strings"
	"time"
)

// OwnersKey is the key of the organization's owner; nil if somebody deleted it.
func (s *IAM) OwnersKey() *Key { return s.keys.Get(s.ownerKey) }

// Keys returns the keys that there are, oldest first.
func (s *IAM) Keys() []*Key { return s.keys.All(nil) }

// Key finds one by its access key; nil is none.
func (s *IAM) Key(accessKey string) *Key { return s.keys.Get(accessKey) }

// EverySecret returns the secret keys that ever were, each with its access key.
func (s *IAM) EverySecret() map[string]string { return s.everSecret }

// Users returns the users, the owner first.
func (s *IAM) Users() []*User { return s.users.All(nil) }

// Applications returns the applications, oldest first.
func (s *IAM) Applications() []*Application { return s.applications.All(nil) }

// Application finds one by id; nil is none.
func (s *IAM) Application(id string) *Application { return s.applications.Get(id) }

// Policies returns the policies, oldest first.
func (s *IAM) Policies() []*Policy { return s.policies.All(nil) }

// ApplicationNamed finds one by name or id; nil is none.
func (s *IAM) ApplicationNamed(name string) *Application {
	for _, a := range s.applications.All(func(a *Application) bool { return a.Name == name || a.ID == name }) {
		return a
	}
	return nil
}

// KeysNamed are the keys of an application, by name or id, or of a user, by
// username or id; the oldest first.
func (s *IAM) KeysNamed(bearer string) []*Key {
	if a := s.ApplicationNamed(bearer); a != nil {
		return s.KeysOf(a.ID)
	}
	for _, u := range s.users.All(func(u *User) bool { return u.Username == bearer || u.ID == bearer }) {
		return s.KeysOf(u.ID)
	}
	return nil
}

// newestKey is the one created last; nil if there is none.
func (s *IAM) newestKey(bearer string) *Key {
	var newest *Key
	for _, key := range s.KeysNamed(bearer) {
		if newest == nil || key.CreatedAt.Time.After(newest.CreatedAt.Time) {
			newest = key
		}
	}
	return newest
}

// KeyNamed is what a reference of a seed leads to: the key that has this access
// key, or the newest of an application or user.
func (s *IAM) KeyNamed(name string) (access, secret string, found bool) {
	key := s.keys.Get(name)
	if key == nil {
		key = s.newestKey(name)
	}
	if key == nil {
		return "", "", false
	}
	return key.AccessKey, key.Secret, true
}

// YoungestIn is when the youngest key was made of those that stand in one of the
// values, by their access key or secret; the zero time if none does.
func (s *IAM) YoungestIn(values []string) time.Time {
	youngest := time.Time{}
	for _, k := range s.keys.All(nil) {
		holds := func(value string) bool {
			return strings.Contains(value, k.Secret) || strings.Contains(value, k.AccessKey)
		}
		if made := k.CreatedAt.Time; slices.ContainsFunc(values, holds) && made.After(youngest) {
			youngest = made
		}
	}
	return youngest
}
