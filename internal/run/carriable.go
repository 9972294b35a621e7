package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/deliver"
	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// carriable returns the keys of an application that consumers may carry: those
// that live, whether their secret can be read or not, and those that are gone.
func (s *rotated) carriable(ctx context.Context, c *credential) (deliver.Credential, error) {
	out := deliver.Credential{ID: c.member.App.ID, Name: c.member.App.Name}
	out.Target, out.NoTarget = s.target(c)
	out.Made = c.rotation != nil
	pairs, err := s.readable(ctx, c)
	if err != nil {
		return out, err
	}
	target := out.Target
	made := c.rotation != nil && c.rotation.Err == nil && !c.rotation.Overtaken
	if target.AccessKey == "" && c.pair != nil && !made && c.back == nil {
		target = *c.pair // consumers are not given it, and may carry it
	}
	for _, k := range c.state.Keys {
		if k.AccessKey == target.AccessKey {
			out.Target.CreatedAt = k.CreatedAt
			continue
		}
		if k.AccessKey == s.cfg.AccessKey || k.Managed {
			continue
		}
		old := scaleway.KeyPair{APIKey: k}
		for _, p := range pairs {
			switch {
			case p.AccessKey != k.AccessKey:
			case old.Secret.Empty():
				old.Secret = p.Secret
			default: // somebody wrote another secret beside its access key
				out.Other = append(out.Other, scaleway.KeyPair{APIKey: k, Secret: p.Secret})
			}
		}
		for _, d := range s.world.memory.ledger.Deleted { // by a run that was killed before it did, or was refused
			if old.Secret.Empty() && d.AccessKey == k.AccessKey {
				old.Secret = d.Secret
			}
		}
		if err := s.proveSecret(ctx, &old); err != nil {
			return out, err
		}
		out.Old = append(out.Old, old)
		if old.Secret.Empty() && s.cfg.HandMadeKeys == config.HandMadeRetire && c.handMade(k) {
			out.Released = append(out.Released, k.AccessKey)
		}
	}
	for _, p := range pairs {
		if p.AccessKey == target.AccessKey && !p.Secret.Equal(target.Secret) {
			out.Other = append(out.Other, p)
		}
	}
	out.Proven = target.AccessKey != "" && !out.Made && (s.world.memory.ledger.Compared.Keys[ledger.KeyOf(target)] || s.works(ctx, c, nil) == nil)
	out.Deleted = s.goneKeys(c, pairs)
	for _, v := range c.state.Versions {
		if mark := rotate.ReadMark(v.Description); mark.CarriedUntil.After(out.Until) {
			out.Until = mark.CarriedUntil
		}
	}
	c.pairs = pairs
	return out, nil
}

// proveSecret takes the secret away that a version has beside a key's access key,
// where the API refuses it: somebody wrote it, and the right one is not known. A
// wrong one would be found in no variable, and the key deleted under its carriers.
func (s *discovered) proveSecret(ctx context.Context, old *scaleway.KeyPair) error {
	expired := !old.ExpiresAt.IsZero() && !s.world.now.Before(old.ExpiresAt)
	if old.Secret.Empty() || expired {
		return nil
	}
	known, err := s.client.Authenticates(ctx, *old)
	if err != nil {
		return fmt.Errorf("whether its superseded keys are what versions say cannot be told: %w", err)
	}
	if !known {
		old.Secret = redact.Secret{}
	}
	return nil
}

// handMade tells whether the rotator neither made a key nor published it.
func (c *credential) handMade(k scaleway.APIKey) bool {
	return !rotate.Minted(k) && !slices.ContainsFunc(c.state.Versions, func(v scaleway.Version) bool { return rotate.VersionKey(v.Description) == k.AccessKey })
}

// readable are the key pairs that the application's enabled versions hold, those
// at another place too, each once.
func (s *discovered) readable(ctx context.Context, c *credential) ([]scaleway.KeyPair, error) {
	var pairs []scaleway.KeyPair
	add := func(p scaleway.KeyPair) {
		if !slices.ContainsFunc(pairs, func(o scaleway.KeyPair) bool { return o.AccessKey == p.AccessKey && o.Secret.Equal(p.Secret) }) {
			pairs = append(pairs, p)
		}
	}
	for _, p := range []*scaleway.KeyPair{c.before, c.pair} {
		if p != nil && (c.rotation == nil || p.AccessKey != c.rotation.New.AccessKey) {
			add(*p)
		}
	}
	published := c.state.Published()
	for _, v := range c.state.Versions {
		if !v.Enabled || rotate.VersionKey(v.Description) == "" || (published != nil && v.Revision == published.Revision && len(pairs) > 0) {
			continue
		}
		if err := s.access(ctx, c.state.Secret, v, add); err != nil {
			return nil, err
		}
	}
	for _, e := range c.placed {
		for _, v := range e.versions {
			if !v.Enabled {
				continue
			}
			if err := s.access(ctx, e.secret, v, add); err != nil {
				return nil, err
			}
		}
	}
	return pairs, s.rightFirst(ctx, pairs)
}

// rightFirst sorts pairs, so that where several have one access key, the one
// that the API knows comes first: somebody wrote the others.
func (s *discovered) rightFirst(ctx context.Context, pairs []scaleway.KeyPair) error {
	for i, p := range pairs {
		for j := i + 1; j < len(pairs); j++ {
			if pairs[j].AccessKey != p.AccessKey {
				continue
			}
			switch known, err := s.client.Authenticates(ctx, pairs[j]); {
			case err != nil:
				return fmt.Errorf("which of the secrets that versions have beside %s is its own cannot be told: %w", p.AccessKey, err)
			case known:
				pairs[i], pairs[j] = pairs[j], pairs[i]
			}
		}
	}
	return nil
}

// access reads one version. What it holds is no key pair, or it cannot be read
// any more: then its key's secret is not known.
func (s *discovered) access(ctx context.Context, secret scaleway.Secret, v scaleway.Version, add func(scaleway.KeyPair)) error {
	pair, err := s.client.Access(ctx, secret, v.Revision)
	switch {
	case errors.Is(err, scaleway.ErrPayload), errors.Is(err, scaleway.ErrRefused), errors.Is(err, scaleway.ErrNotFound):
		return nil
	case err != nil:
		return fmt.Errorf("its superseded keys cannot be read: %w", err)
	}
	if pair.AccessKey == rotate.VersionKey(v.Description) {
		add(pair)
	}
	return nil
}

// goneKeys are the keys of an application that are no more: those that the
// rotator remembers to have deleted, and those that only versions name, or the
// ledger as what an environment carries.
func (s *rotated) goneKeys(c *credential, pairs []scaleway.KeyPair) []ledger.Deleted {
	lives := func(key string) bool {
		return slices.ContainsFunc(c.state.Keys, func(k scaleway.APIKey) bool { return k.AccessKey == key })
	}
	gone := slices.DeleteFunc(s.world.memory.ledger.DeletedOf(c.member.App.ID, s.world.now), func(d ledger.Deleted) bool { return lives(d.AccessKey) })
	for _, d := range s.buriedKeys {
		if d.ApplicationID == c.member.App.ID && !lives(d.AccessKey) {
			gone = append(gone, d)
		}
	}
	add := func(access string, pair scaleway.KeyPair) {
		if access != "" && !lives(access) && access != c.newestMade() && !slices.ContainsFunc(gone, func(d ledger.Deleted) bool { return d.AccessKey == access }) {
			gone = append(gone, ledger.Deleted{ApplicationID: c.member.App.ID, AccessKey: access, Secret: pair.Secret, At: time.Time{}})
		}
	}
	for _, p := range pairs {
		add(p.AccessKey, p)
	}
	for _, access := range c.gave { // a plain variable may name it
		add(access, scaleway.KeyPair{})
	}
	for _, v := range c.state.Versions {
		if !v.Going {
			add(rotate.VersionKey(v.Description), scaleway.KeyPair{})
		}
	}
	owners := s.world.memory.ledger.Compared.Owners
	for _, access := range slices.Sorted(maps.Keys(owners)) { // something carries it, and nothing else may name it
		if owners[access] == c.member.App.ID {
			add(access, scaleway.KeyPair{})
		}
	}
	return gone
}

// newestMade is the access key that this run made, or "".
func (c *credential) newestMade() string {
	if c.rotation == nil {
		return ""
	}
	return c.rotation.New.AccessKey
}

// ids are UUIDs of the project's own, which are no secret keys.
func (w *world) ids(cfg config.Config) map[string]bool {
	out := map[string]bool{cfg.OrganizationID: true, cfg.ProjectID: true}
	for _, k := range w.keys {
		out[k.DefaultProjectID], out[k.ApplicationID], out[k.UserID] = true, true, true
	}
	for _, a := range w.applications {
		out[a.ID] = true
	}
	for _, n := range w.namespaces {
		out[n.ID] = true
	}
	for _, r := range w.resources {
		out[r.ID] = true
	}
	for _, s := range w.secrets {
		out[s.ID] = true
	}
	lower := make(map[string]bool, len(out))
	for id := range out {
		lower[strings.ToLower(id)] = true
	}
	return lower
}
