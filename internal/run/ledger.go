package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/ledger"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// ledgerName is the secret beside the credentials, which are named by UUIDs.
const ledgerName = "rotator-ledger"

// remembered is the ledger as it was read.
type remembered struct {
	secret  scaleway.Secret // ID "": there is none yet
	version uint32          // that was read; 0: none
	ledger  ledger.Ledger
	spoilt  error // what it holds is not a ledger: it is written anew
	unread  error // it may say something, and could not be read: it is left as it is
	written bool  // in this run
	// foretold is the version that this dry run would have written; 0: none.
	foretold uint32
}

func (d *discovery) readLedger(ctx context.Context, secrets []scaleway.Secret) {
	m := &d.world.memory
	m.secret = scaleway.Secret{Name: ledgerName, Path: d.cfg.SecretPath, Region: d.cfg.SecretRegion, Opaque: true, Tags: []string{"rotator"}}
	i := slices.IndexFunc(secrets, func(s scaleway.Secret) bool { return s.Name == ledgerName })
	if i < 0 {
		return
	}
	m.secret = secrets[i]
	m.unread = m.read(ctx, d.client)
	if m.unread != nil {
		d.world.failed(m.unread)
	}
}

func (m *remembered) read(ctx context.Context, client *scaleway.Client) error {
	data, version, err := client.AccessData(ctx, m.secret)
	switch {
	case errors.Is(err, scaleway.ErrNotFound):
		m.version, m.ledger = 0, ledger.Ledger{}
		return nil
	case err != nil:
		return err
	}
	m.version = version
	m.ledger, m.spoilt = ledger.Decode(data)
	return nil
}

// remember writes down what this run found out, once a run, before any key in
// dying is deleted: after that, nobody can have its secret any more.
// kept tells whether it is there, whatever else went wrong.
func (s *searched) remember(ctx context.Context, dying []ledger.Deleted) (kept bool, err error) {
	m := &s.world.memory
	switch {
	case m.written || s.consumers == nil && len(dying)+len(s.buriedKeys) == 0:
		return true, nil
	case m.unread != nil:
		return false, fmt.Errorf("what earlier runs found out is left as it is: %w", m.unread)
	}
	dying = slices.Concat(s.buriedKeys, dying)
	carried := s.carriedUntil()
	news := len(dying) > 0 || !maps.EqualFunc(carried, m.ledger.CarriedUntil, time.Time.Equal)
	next := m.ledger.With(dying, s.client.Now())
	next.CarriedUntil = carried
	if s.consumers != nil && s.world.blind == nil {
		next.Compared = s.consumers.Found.Compared
		if s.narrowed() { // the others' keys were not compared with what has changed
			next.Compared = narrowly(m.ledger.Compared, next.Compared)
		}
		urgent := len(s.req.Revoke)+len(s.req.Rollback) > 0 // does what it is asked for, and no more
		news = news || s.consumers.Learned || !urgent && s.consumers.Found.News(m.ledger.Compared)
	}
	if !news {
		return true, nil
	}
	m.written = true
	if err := s.makeLedger(ctx); err != nil {
		return false, err
	}
	return s.writeLedger(ctx, next, dying, "who carries which key, and the keys that are deleted")
}

// rememberOwn writes down which secret a new own key has, before a function gets
// both: later, only this tells whether it still has the two that belong together.
func (s *discovered) rememberOwn(ctx context.Context, pair scaleway.KeyPair) error {
	m := &s.world.memory
	if m.unread != nil {
		return fmt.Errorf("what earlier runs found out is left as it is: %w", m.unread)
	}
	next := m.ledger
	next.Own = map[string]string{pair.AccessKey: ledger.KeyOf(pair)}
	for _, k := range s.world.keys { // another function's, too: one ledger may be two functions'
		if trace, is := m.ledger.Own[k.AccessKey]; is {
			next.Own[k.AccessKey] = trace
		}
	}
	if err := s.makeLedger(ctx); err != nil {
		return err
	}
	_, err := s.writeLedger(ctx, next, nil, "which secret key belongs to the function's new own key")
	return err
}

// until is what the API and the ledger say together of when an application's keys
// were left.
func (m *remembered) until(state rotate.State) map[string]time.Time {
	known := map[string]time.Time{}
	for _, k := range state.Keys {
		if at, is := m.ledger.CarriedUntil[k.AccessKey]; is {
			known[k.AccessKey] = at
		}
	}
	return later(known, state.ReadUntil)
}

// later merges times by key: the later ones count.
func later(a, b map[string]time.Time) map[string]time.Time {
	out := maps.Clone(a)
	if out == nil {
		out = map[string]time.Time{}
	}
	for key, at := range b {
		if at.After(out[key]) {
			out[key] = at
		}
	}
	return out
}

// carriedUntil is what the ledger is to say: what it said, as long as that can
// matter, and what this run could note nowhere else.
func (s *discovered) carriedUntil() map[string]time.Time {
	out := maps.Clone(s.world.memory.ledger.CarriedUntil)
	maps.DeleteFunc(out, func(_ string, at time.Time) bool { return s.world.now.Sub(at) > ledger.DeletedFor })
	for _, c := range s.world.credentials {
		out = later(out, c.plan.State.ReadUntil)
	}
	return out
}

// narrowed tells whether keys of some applications were not part of the search,
// since the request does not mean them.
func (s *discovered) narrowed() bool {
	return slices.ContainsFunc(s.world.credentials, func(c *credential) bool { return !s.wanted(c) })
}

// narrowly is what is known once some keys were compared with everything, and the
// others were not.
func narrowly(before, found ledger.Compared) ledger.Compared {
	out := found
	out.Keys, out.Owners, out.Without = maps.Clone(found.Keys), maps.Clone(before.Owners), map[ledger.Print][]string{}
	if out.Owners == nil {
		out.Owners = map[string]string{}
	}
	maps.Copy(out.Owners, found.Owners)
	var others []string
	for key := range before.Keys {
		if !found.Keys[key] {
			out.Keys[key] = true
			access, _, _ := strings.Cut(key, ".")
			others = append(others, access)
		}
	}
	for print := range found.Environments {
		without := slices.Clone(found.Without[print])
		if _, known := before.Environments[print]; known {
			without = append(without, before.Without[print]...)
		} else {
			without = append(without, others...)
		}
		if len(without) > 0 {
			slices.Sort(without)
			out.Without[print] = slices.Compact(without)
		}
	}
	out.Environments = maps.Clone(found.Environments)
	for print, uses := range before.Environments { // that are not there any more: whose key they have left, a whole run notes
		if _, there := found.Environments[print]; there {
			continue
		}
		theirs := maps.Clone(uses)
		maps.DeleteFunc(theirs, func(_, use string) bool {
			access, _, _ := strings.Cut(use, "/")
			return !slices.Contains(others, access)
		})
		if len(theirs) > 0 {
			out.Environments[print] = theirs
		}
	}
	return out
}

func (s *discovered) makeLedger(ctx context.Context) error {
	m := &s.world.memory
	if m.secret.ID != "" || m.foretold > 0 {
		return nil
	}
	change := report.Change{Kind: "create_secret", Object: m.secret.FullName(), Reason: "for what this run found out, and the next ones need"}
	return s.journal.Do(ctx, change, func(ctx context.Context) error {
		made, err := s.client.CreateSecret(ctx, m.secret, "what the rotator remembers: keys that it deleted, and who carried which")
		if err == nil {
			m.secret = made
			return nil
		}
		if errors.Is(err, scaleway.ErrRefused) { // another run made it meanwhile
			secrets, listErr := s.client.Secrets(ctx, m.secret.Region, m.secret.Path)
			if i := slices.IndexFunc(secrets, func(s scaleway.Secret) bool { return s.Name == ledgerName }); listErr == nil && i >= 0 {
				m.secret = secrets[i]
				return nil
			}
		}
		return err
	})
}

func (s *discovered) writeLedger(ctx context.Context, next ledger.Ledger, dying []ledger.Deleted, why string) (kept bool, err error) {
	m := &s.world.memory
	var older []scaleway.Version
	last := m.foretold
	switch {
	case m.foretold > 0:
		older = []scaleway.Version{{Revision: m.foretold}}
	case m.secret.ID != "":
		versions, err := s.client.Versions(ctx, m.secret)
		if err != nil {
			return false, err
		}
		for _, v := range versions {
			last = max(last, v.Revision)
		}
		older = slices.DeleteFunc(versions, func(v scaleway.Version) bool { return v.Going })
	}
	if len(older) > 0 && older[0].Enabled && older[0].Revision != m.version {
		// Another run wrote meanwhile: the keys that it deleted are not forgotten.
		theirs := *m
		if err := theirs.read(ctx, s.client); err != nil {
			return false, err
		}
		compared, carried, own, last := next.Compared, next.CarriedUntil, maps.Clone(theirs.ledger.Own), next.Last
		if own == nil {
			own = map[string]string{}
		}
		maps.Copy(own, next.Own)
		next = theirs.ledger.With(slices.Concat(next.Deleted, dying), s.client.Now())
		next.Compared, next.Own, next.Last = compared, own, last
		next.CarriedUntil = later(theirs.ledger.CarriedUntil, carried)
	}
	change := report.Change{Kind: "remember", Object: m.secret.FullName(), Reason: why}
	err = s.journal.Do(ctx, change, func(ctx context.Context) error {
		data, _ := next.Encode()
		version, err := s.client.PublishData(ctx, m.secret, data, next.Description())
		if err == nil {
			m.ledger, m.version = next, version.Revision
		}
		return err
	})
	if err != nil {
		return false, err
	}
	if s.req.DryRun {
		m.foretold = last + 1
	}
	var errs []error
	for _, v := range older {
		change := report.Change{Kind: "delete_version", Object: fmt.Sprintf("version %d of %s", v.Revision, m.secret.FullName()), Reason: "a newer one is there"}
		errs = append(errs, s.journal.Do(ctx, change, func(ctx context.Context) error { return s.client.DeleteVersion(ctx, m.secret, v.Revision) }))
	}
	return true, errors.Join(errs...)
}
