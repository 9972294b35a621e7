package audit

import (
	"slices"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/iam"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/secrets"
)

// spot is where credentials are published.
type spot struct {
	region string // "": any
	path   string
}

func (p spot) has(s *secrets.Secret) bool {
	return s.Path == p.path && (p.region == "" || s.Region == p.region)
}

// PublishesAt says where the client publishes from now on, as a person has it.
// Whoever reads a credential where it was published before goes on to: what is
// there is not the client's to change, nor are the keys its to delete.
func (a *Auditor) PublishesAt(region, path string) {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	a.spots = append(a.spots, spot{region, path})
	now := a.base.Clock.Now()
	a.learn(now, func(*iam.Key) bool { return false })
	a.forgive(now, a.rules.Applications...) // it may have been left there long ago
	a.rest(now)
}

// spot is where the client publishes.
func (a *Auditor) spot() spot { return a.spots[len(a.spots)-1] }

// credentials are the secrets that hold keys, where they are published and where
// they were.
func (a *Auditor) credentials() []*secrets.Secret {
	return slices.DeleteFunc(a.secrets.All(), func(s *secrets.Secret) bool {
		return s.ProjectID != a.rules.Project || !slices.ContainsFunc(a.spots, func(p spot) bool { return p.has(s) }) ||
			!s.DeletionRequestedAt.Time.IsZero() || !a.publishes(s.Name) ||
			slices.Contains(a.rules.Broken, a.iam.Application(s.Name).Name)
	})
}

// present are the credentials where they are published now.
func (a *Auditor) present() []*secrets.Secret {
	return slices.DeleteFunc(a.credentials(), func(s *secrets.Secret) bool { return !a.spot().has(s) })
}

// isPresent tells whether a key is what readers get where credentials are
// published now.
func (a *Auditor) isPresent(access string) bool {
	return slices.ContainsFunc(a.present(), func(s *secrets.Secret) bool { return newestPair(s).AccessKey == access })
}
