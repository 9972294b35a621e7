package emulator

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

// KeyNamed is what a reference of a seed leads to: the key that has this access
// key, or the newest of an application or user.
func (s *iamState) KeyNamed(name string) (access, secret string, found bool) {
	key := s.keys.Get(name)
	if key == nil {
		key = s.newestKey(name)
	}
	if key == nil {
		return "", "", false
	}
	return key.AccessKey, key.secret, true
}
