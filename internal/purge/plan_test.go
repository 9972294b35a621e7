package purge_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/purge"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

var (
	now  = time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC)
	shop = scaleway.Namespace{Product: scaleway.Functions, ID: "shop-id", Name: "shop", Region: "fr-par"}
	// api and hooks are functions of shop; box is a container elsewhere that
	// has ids of theirs.
	api   = scaleway.Resource{Product: scaleway.Functions, ID: "api-id", Name: "api", Region: "fr-par", Namespace: shop}
	hooks = scaleway.Resource{Product: scaleway.Functions, ID: "hooks-id", Name: "hooks", Region: "fr-par", Namespace: shop}
	box   = scaleway.Resource{Product: scaleway.Containers, ID: "api-id", Name: "box", Region: "fr-par", Namespace: scaleway.Namespace{ID: "shop-id"}}
)

// of is a ready token without an end, of a function or container.
func of(r scaleway.Resource) scaleway.Token {
	return scaleway.Token{ID: "t", Status: "ready", Scope: scaleway.Scope{
		Product: r.Product, Region: r.Region, Namespace: r.Namespace, ResourceID: r.ID, Name: r.Name,
	}}
}

// ofAll is one of r's whole namespace.
func ofAll(r scaleway.Resource) scaleway.Token {
	t := of(r)
	t.Scope.ResourceID, t.Scope.Name = "", r.Namespace.Name
	return t
}

func expiring(t scaleway.Token, at time.Time) scaleway.Token {
	t.ExpiresAt = at
	return t
}

func deleting(t scaleway.Token) scaleway.Token {
	t.Status = "deleting"
	return t
}

// locked is evidence of these resources: every one refuses all keys.
func locked(resources ...scaleway.Resource) purge.Evidence {
	seen := purge.Evidence{Grace: week, Next: now.Add(day)}
	for _, r := range resources {
		seen.Doors = append(seen.Doors, purge.Door{Resource: r, Shut: "it refuses every IAM key", Since: old})
	}
	return seen
}

const (
	day  = 24 * time.Hour
	week = 7 * day
)

var old = now.Add(-30 * day)

// opened is a door that a key opens, whose callers have had one since then.
func opened(r scaleway.Resource, since time.Time) purge.Door {
	return purge.Door{Resource: r, Opened: "the key of checkout was let in to " + r.Name, Since: since}
}

func seen(doors ...purge.Door) purge.Evidence {
	return purge.Evidence{Doors: doors, Grace: week, Next: now.Add(day)}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	const (
		nothing    = "it opens nothing private"
		isOpen     = "the key of checkout was let in to api"
		all        = "ROTATOR_LEGACY_TOKENS=delete-all asks for no evidence"
		onlyTold   = "legacy tokens are only reported here (ROTATOR_LEGACY_TOKENS)"
		already    = "is being deleted already"
		held       = "no IAM key was seen to be let in to function api: it refuses every IAM key"
		unseen     = "no IAM key was seen to be let in to function api"
		nobody     = "no application that callers of function api could use was let in"
		onlySince  = "the callers of function api have had an IAM key only since 2026-09-01"
		notReady   = "function api holds nothing: it is in status error"
		onlyHooks  = "the callers of function hooks have had an IAM key only since 2026-08-31"
		noAnswer   = "no IAM key was seen to be let in to function api: the run's time was over"
		stillShut  = "no IAM key was seen to be let in to function hooks: it refuses every IAM key"
		isOpenBoth = "the key of checkout was let in to api; the key of checkout was let in to hooks"
	)
	past, later := now.Add(-48*time.Hour), now.Add(time.Hour)
	status := func(s string) scaleway.Token { x := of(api); x.Status = s; return x }
	shut := locked(api)
	late := purge.Door{Resource: api, Shut: "the run's time was over", Later: true, Since: old}
	rows := []struct {
		name    string
		token   scaleway.Token
		seen    purge.Evidence
		mode    purge.Mode
		verdict purge.Verdict
		why     string
		from    time.Time
	}{
		{"nothing private", of(api), seen(), purge.Delete, purge.ToDelete, nothing, time.Time{}},
		{"nothing private: a namespace's", ofAll(api), seen(), purge.Delete, purge.ToDelete, nothing, time.Time{}},
		{"nothing private: a container's", of(box), locked(api), purge.Delete, purge.ToDelete, nothing, time.Time{}},

		{"a key opens it", of(api), seen(opened(api, old)), purge.Delete, purge.ToDelete, isOpen, time.Time{}},
		{"a key opens it: a namespace's", ofAll(api), seen(opened(api, old), opened(hooks, old)), purge.Delete, purge.ToDelete, isOpenBoth, time.Time{}},
		{"it will expire", expiring(of(api), later), seen(opened(api, old)), purge.Delete, purge.ToDelete, isOpen, time.Time{}},
		{"it has expired", expiring(of(api), past), shut, purge.Delete, purge.ToDelete, "expired on 2026-08-30", time.Time{}},
		{"it expires now", expiring(of(api), now), shut, purge.Delete, purge.ToDelete, "expired on 2026-09-01", time.Time{}},
		{"still in creation", status("creating"), seen(opened(api, old)), purge.Delete, purge.ToDelete, isOpen, time.Time{}},
		{"in error", status("error"), shut, purge.Delete, purge.Held, held, time.Time{}},

		{"nothing is known of what it opens", of(api), seen(purge.Door{Resource: api}), purge.Delete, purge.Held, unseen, time.Time{}},
		{"its function is locked", of(api), shut, purge.Delete, purge.Held, held, time.Time{}},
		{"its function is locked; it will expire", expiring(of(api), later), shut, purge.Delete, purge.Held, held, time.Time{}},
		{"a function of its namespace is locked", ofAll(api), seen(opened(hooks, old), locked(api).Doors[0]), purge.Delete, purge.Held, held, time.Time{}},
		{"another function is locked", of(hooks), seen(locked(api).Doors[0], opened(hooks, old)), purge.Delete, purge.ToDelete, "the key of checkout was let in to hooks", time.Time{}},
		{"a container with its ids is locked", of(api), locked(box), purge.Delete, purge.ToDelete, nothing, time.Time{}},
		{"a container with its namespace's id is locked", ofAll(api), locked(box), purge.Delete, purge.ToDelete, nothing, time.Time{}},
		{"not ready", of(api), seen(purge.Door{Resource: api, Nothing: "it is in status error"}), purge.Delete, purge.ToDelete, notReady, time.Time{}},
		{"one not ready, one open", ofAll(api), seen(purge.Door{Resource: hooks, Nothing: "it is in status error"}, opened(api, old)), purge.Delete, purge.ToDelete, isOpen, time.Time{}},
		{"one not ready, one locked", ofAll(api), seen(purge.Door{Resource: hooks, Nothing: "it is in status error"}, locked(api).Doors[0]), purge.Delete, purge.Held, held, time.Time{}},

		{"its callers had a whole grace period", of(api), seen(opened(api, now.Add(-week))), purge.Delete, purge.ToDelete, isOpen, time.Time{}},
		{"a moment is missing", of(api), seen(opened(api, now.Add(1-week))), purge.Delete, purge.Held, "the callers of function api have had an IAM key only since 2026-08-25", now.Add(1)},
		{"its callers have a key since this run", of(api), seen(opened(api, now)), purge.Delete, purge.Held, onlySince, now.Add(week)},
		{"nobody but the checker is let in", of(api), seen(opened(api, time.Time{})), purge.Delete, purge.Held, nobody, time.Time{}},
		{"the later day counts", ofAll(api), seen(opened(api, now), opened(hooks, now.Add(-day))), purge.Delete, purge.Held, onlySince, now.Add(week)},
		{"the later day counts, whichever comes first", ofAll(api), seen(opened(hooks, now.Add(-day)), opened(api, now)), purge.Delete, purge.Held, onlySince, now.Add(week)},
		{"a person is more than a day", ofAll(api), seen(opened(api, now), locked(hooks).Doors[0]), purge.Delete, purge.Held, stillShut, time.Time{}},
		{"there was no time to look", of(api), seen(late), purge.Delete, purge.Held, noAnswer, now.Add(day)},
		{"no time for one, the other is young", ofAll(api), seen(late, opened(hooks, now.Add(-day))), purge.Delete, purge.Held, onlyHooks, now.Add(6 * day)},

		{"without exception", of(api), shut, purge.DeleteAll, purge.ToDelete, all, time.Time{}},
		{"without exception: a namespace's", ofAll(api), shut, purge.DeleteAll, purge.ToDelete, all, time.Time{}},
		{"without exception: expired", expiring(of(api), past), shut, purge.DeleteAll, purge.ToDelete, "expired on 2026-08-30", time.Time{}},

		{"report", of(api), seen(), purge.Report, purge.Reported, onlyTold, time.Time{}},
		{"report: a namespace's", ofAll(api), seen(), purge.Report, purge.Reported, onlyTold, time.Time{}},
		{"report: locked", of(api), shut, purge.Report, purge.Reported, onlyTold, time.Time{}},
		{"report: expired", expiring(of(api), past), seen(), purge.Report, purge.Reported, onlyTold, time.Time{}},

		{"on its way out", deleting(of(api)), seen(), purge.Delete, purge.Going, already, time.Time{}},
		{"on its way out: locked", deleting(of(api)), shut, purge.Delete, purge.Going, already, time.Time{}},
		{"on its way out: expired", deleting(expiring(of(api), past)), seen(), purge.DeleteAll, purge.Going, already, time.Time{}},
		{"on its way out: report", deleting(ofAll(api)), seen(), purge.Report, purge.Going, already, time.Time{}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			got := purge.Plan([]scaleway.Token{r.token}, r.seen, r.mode, now)
			if diff := cmp.Diff([]purge.Decision{{Token: r.token, Verdict: r.verdict, Why: r.why, From: r.from}}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlanKeepsTheOrder(t *testing.T) {
	t.Parallel()
	tokens := []scaleway.Token{of(hooks), ofAll(api), of(api), of(box)}
	for i, d := range purge.Plan(tokens, locked(api), purge.Delete, now) {
		if diff := cmp.Diff(tokens[i], d.Token); diff != "" {
			t.Errorf("decision %d (-want +got):\n%s", i, diff)
		}
	}
	if got := purge.Plan(nil, seen(), purge.Delete, now); len(got) != 0 {
		t.Errorf("out of nothing: %v", got)
	}
}
