package rotate

import (
	"fmt"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	// ahead is how far after the API's own clock something may have been made.
	ahead = 5 * time.Minute
	// oldest is how old a key or a version can be: no cloud's are older.
	oldest = 20 * 365 * 24 * time.Hour
)

// Implausible says which date of an application's keys and versions cannot be,
// or nil. Grace is counted from these dates: one that is missing, or lies before
// there were such things, would end it at once.
func (s State) Implausible(now time.Time) error {
	first := now.Add(-oldest)
	cannotBe := func(t, since time.Time) bool { return t.Before(since) || t.After(now.Add(ahead)) }
	since := map[string]time.Time{}
	for _, k := range s.Keys {
		since[k.AccessKey] = k.CreatedAt
		switch {
		case cannotBe(k.CreatedAt, first):
			return fmt.Errorf("key %s cannot be of %s", k.AccessKey, k.CreatedAt.UTC().Format(time.DateOnly))
		case !k.ExpiresAt.IsZero() && k.ExpiresAt.Before(k.CreatedAt):
			return fmt.Errorf("key %s cannot have expired before it was made", k.AccessKey)
		}
	}
	for _, v := range s.Versions {
		if v.Going {
			continue
		}
		from := latest(first, since[VersionKey(v.Description)].Add(-ahead))
		if cannotBe(v.CreatedAt, from) || cannotBe(v.UpdatedAt, v.CreatedAt) {
			return fmt.Errorf("version %d of %s cannot be of %s, changed at %s", v.Revision, s.Secret.FullName(),
				v.CreatedAt.UTC().Format(time.DateOnly), v.UpdatedAt.UTC().Format(time.DateOnly))
		}
	}
	return nil
}

// HasNameless tells whether a key that a rotator made is named by no version.
func (s State) HasNameless() bool {
	return slices.ContainsFunc(s.Keys, func(k scaleway.APIKey) bool { return keyProject(k.Description) != "" && !named(s, k.AccessKey) })
}

// orphanFor is how long a key that nobody can hold is told from one whose
// secret was deleted: until then, that one is still seen (docs/scaleway.md,
// Secrets and versions).
const orphanFor = 7 * 24 * time.Hour

// MayBeOrphan tells whether a key that no version names can be one that was
// never published: the rotator makes the secret first. A key without a secret,
// or older than it, was published elsewhere, or its secret is gone; its readers
// may hold it.
func (s State) MayBeOrphan(k scaleway.APIKey, now time.Time) bool {
	return s.Secret.ID != "" && s.LostAt.IsZero() && now.Sub(k.CreatedAt) < orphanFor &&
		!s.Secret.CreatedAt.After(k.CreatedAt.Add(ahead)) && allOurs(s)
}
