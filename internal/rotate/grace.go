package rotate

import (
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// allOurs tells whether the rotator wrote every version. Where it did not, or
// somebody changed a description, a key that no version names may be held by
// that one: it is not taken for an orphan.
func allOurs(s State) bool {
	return !slices.ContainsFunc(s.Versions, func(v scaleway.Version) bool { return VersionKey(v.Description) == "" })
}

// supersededAt tells since when nobody should use a key: it stopped being the
// published one, and the last consumer known to carry it got another.
func supersededAt(s State, k scaleway.APIKey) time.Time {
	return latest(unpublishedAt(s, k), s.carriedUntil(k.AccessKey))
}

// ReadUntil tells by access key until when the readers of a secret got it, and
// consumers carried it, where that is over. versions are newest first.
func ReadUntil(versions []scaleway.Version) map[string]time.Time {
	out := map[string]time.Time{}
	for i, v := range versions {
		mark := ReadMark(v.Description)
		if end := endOf(versions, i); mark.AccessKey != "" && end.Before(forever()) {
			out[mark.AccessKey] = latest(out[mark.AccessKey], latest(end, mark.CarriedUntil))
		}
	}
	return out
}

// carriedUntil is when the last consumer known to carry a key has left it.
// Zero: none did.
func (s State) carriedUntil(accessKey string) time.Time {
	until := s.ReadUntil[accessKey]
	for _, v := range s.Versions {
		if mark := ReadMark(v.Description); mark.AccessKey == accessKey {
			until = latest(until, mark.CarriedUntil)
		}
	}
	return until
}

// unpublishedAt tells when a key stopped being the published one. A key that was
// never published counts from the secret's first version or its own creation,
// whichever is later. A version that the rotator did not write may have held any
// key.
func unpublishedAt(s State, k scaleway.APIKey) time.Time {
	at, own := k.CreatedAt, false
	for i, v := range s.Versions { // newest first
		key := VersionKey(v.Description)
		if key == "" || key == k.AccessKey && !own {
			at = latest(at, endOf(s.Versions, i))
		}
		own = own || key == k.AccessKey
	}
	if own {
		return at
	}
	since := s.Versions[len(s.Versions)-1].CreatedAt
	if keyProject(k.Description) != "" && !allOurs(s) {
		since = s.Versions[0].CreatedAt // its own version may be the one whose description was changed
	}
	return latest(latest(at, since), s.LostAt) // what was deleted may have held it
}

// forever is later than any time here.
func forever() time.Time { return time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC) }

// endOf tells since when, at the latest, the version at index i is not the newest
// enabled one: since a later one is enabled, or since it was disabled or deleted
// itself. Only what is enabled now says since when it has been without a break; a
// later version that is not may have given the place back in between, more than
// once.
func endOf(versions []scaleway.Version, i int) time.Time {
	end := forever()
	if v := versions[i]; !v.Enabled {
		end = latest(v.CreatedAt, latest(v.UpdatedAt, v.GoingSince))
	}
	for _, later := range versions[:i] {
		if since := latest(later.CreatedAt, later.UpdatedAt); later.Enabled && since.Before(end) {
			end = since
		}
	}
	return end
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// stale returns the versions that hold keys which are gone. The newest enabled
// version is never among them, and none whose grace is not over, unless the
// rotator deleted its key: a list of keys that came back short must not cost a
// secret.
func stale(s State, p Policy, now time.Time) []scaleway.Version {
	var out []scaleway.Version
	newest := s.Published()
	for i, v := range s.Versions {
		key := VersionKey(v.Description)
		if key == "" || v.Going || (newest != nil && v.Revision == newest.Revision) {
			continue
		}
		gone := !slices.ContainsFunc(s.Keys, func(k scaleway.APIKey) bool { return k.AccessKey == key })
		if gone && (slices.Contains(s.Deleted, key) || p.graceOver(endOf(s.Versions, i), now)) {
			out = append(out, v)
		}
	}
	return out
}
