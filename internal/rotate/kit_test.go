package rotate_test

import (
	"fmt"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

const (
	day     = 24 * time.Hour
	project = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102"
	other   = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f103"
)

var now = time.Date(2026, time.November, 24, 12, 0, 0, 0, time.UTC)

func policy(changes ...func(*rotate.Policy)) rotate.Policy {
	p := rotate.Policy{Project: project, RotateAfter: 30 * day, Grace: 7 * day, Lifetime: 90 * day}
	for _, change := range changes {
		change(&p)
	}
	return p
}

// access makes an access key of a letter.
func access(letter string) string { return "SCW" + strings.Repeat(letter, 17) }

type keyOption func(*scaleway.APIKey)

// key is one of a person's, of that age; ours makes it the rotator's.
func key(letter string, age time.Duration, options ...keyOption) scaleway.APIKey {
	k := scaleway.APIKey{AccessKey: access(letter), ApplicationID: "app", CreatedAt: now.Add(-age), Deletable: true}
	for _, o := range options {
		o(&k)
	}
	return k
}

func ours(k *scaleway.APIKey) { k.Description = "[rotator " + project + "]" }

func theirs(k *scaleway.APIKey) { k.Description = "[rotator " + other + "]" }

func managed(k *scaleway.APIKey) { k.Managed = true }

func undeletable(k *scaleway.APIKey) { k.Deletable = false }

func expires(in time.Duration) keyOption {
	return func(k *scaleway.APIKey) { k.ExpiresAt = now.Add(in) }
}

type versionOption func(*scaleway.Version)

// version is one of the rotator's that holds a key, of that age.
func version(revision uint32, letter string, age time.Duration, options ...versionOption) scaleway.Version {
	v := scaleway.Version{
		Revision: revision, Enabled: true, Description: "rotator: key " + access(letter),
		CreatedAt: now.Add(-age), UpdatedAt: now.Add(-age),
	}
	for _, o := range options {
		o(&v)
	}
	return v
}

func disabled(ago time.Duration) versionOption {
	return func(v *scaleway.Version) { v.Enabled, v.UpdatedAt = false, now.Add(-ago) }
}

func going(v *scaleway.Version) { v.Enabled, v.Going = false, true }

func deleted(ago time.Duration) versionOption {
	return func(v *scaleway.Version) { v.Enabled, v.Going, v.GoingSince = false, true, now.Add(-ago) }
}

func enabledAgain(ago time.Duration) versionOption {
	return func(v *scaleway.Version) { v.UpdatedAt = now.Add(-ago) }
}

func foreign(v *scaleway.Version) { v.Description = "by hand" }

func state(keys []scaleway.APIKey, versions ...scaleway.Version) rotate.State {
	s := rotate.State{Application: scaleway.Application{ID: "app", Name: "orders"}, Keys: keys, Versions: versions}
	if len(versions) > 0 {
		s.Secret = scaleway.Secret{ID: "secret", Name: "app", Path: "/rotator", Region: "fr-par"}
	}
	return s
}

// say writes a plan down in words, to compare.
func say(p rotate.Plan) []string {
	var out []string
	switch {
	case p.LeftAlone != "":
		out = append(out, "left alone: "+p.LeftAlone)
	case p.Blocked != "":
		out = append(out, "blocked: "+p.Blocked)
	case p.Rotate:
		out = append(out, "rotate: "+p.Why)
	}
	for _, k := range p.Keys {
		line := k.Key.AccessKey[3:4] + " " + string(k.State)
		switch {
		case k.Retire:
			line += ", goes now"
		case !k.RetireAt.IsZero():
			line += ", goes in " + k.RetireAt.Sub(now).String()
		}
		if k.Revoke {
			line += ", revoked"
		}
		out = append(out, line)
	}
	for _, v := range p.Stale {
		out = append(out, fmt.Sprintf("version %d is stale", v.Revision))
	}
	return out
}
