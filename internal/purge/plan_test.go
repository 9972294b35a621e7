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

func locked(resources ...scaleway.Resource) []purge.Lock {
	var locks []purge.Lock
	for _, r := range resources {
		locks = append(locks, purge.Lock{Resource: r, Why: "it refuses every IAM key"})
	}
	return locks
}

func TestPlan(t *testing.T) {
	t.Parallel()
	const (
		deprecated = "legacy tokens are deprecated in favor of IAM"
		onlyTold   = "legacy tokens are only reported here (ROTATOR_LEGACY_TOKENS)"
		already    = "is being deleted already"
		held       = "its callers would be locked out of function api: it refuses every IAM key"
	)
	past, later := now.Add(-48*time.Hour), now.Add(time.Hour)
	rows := []struct {
		name    string
		token   scaleway.Token
		locks   []purge.Lock
		mode    purge.Mode
		verdict purge.Verdict
		why     string
	}{
		{"a function's", of(api), nil, purge.Delete, purge.ToDelete, deprecated},
		{"a namespace's", ofAll(api), nil, purge.Delete, purge.ToDelete, deprecated},
		{"a container's", of(box), nil, purge.Delete, purge.ToDelete, deprecated},
		{"one that will expire", expiring(of(api), later), nil, purge.Delete, purge.ToDelete, deprecated},
		{"one that has expired", expiring(of(api), past), nil, purge.Delete, purge.ToDelete, "expired on 2026-08-30"},
		{"one that expires now", expiring(of(api), now), nil, purge.Delete, purge.ToDelete, "expired on 2026-09-01"},
		{"one still in creation", func() scaleway.Token { x := of(api); x.Status = "creating"; return x }(), nil, purge.Delete, purge.ToDelete, deprecated},
		{"one in error", func() scaleway.Token { x := of(api); x.Status = "error"; return x }(), nil, purge.Delete, purge.ToDelete, deprecated},

		{"its function is locked", of(api), locked(api), purge.Delete, purge.Held, held},
		{"its function is locked; it will expire", expiring(of(api), later), locked(api), purge.Delete, purge.Held, held},
		{"its function is locked; it has expired", expiring(of(api), past), locked(api), purge.Delete, purge.ToDelete, "expired on 2026-08-30"},
		{"a function of its namespace is locked", ofAll(api), locked(api), purge.Delete, purge.Held, held},
		{"the second lock is its own", of(api), locked(hooks, api), purge.Delete, purge.Held, held},
		{"another function is locked", of(hooks), locked(api), purge.Delete, purge.ToDelete, deprecated},
		{"a container with its ids is locked", of(api), locked(box), purge.Delete, purge.ToDelete, deprecated},
		{"a container with its namespace's id is locked", ofAll(api), locked(box), purge.Delete, purge.ToDelete, deprecated},

		{"without exception", of(api), locked(api), purge.DeleteAll, purge.ToDelete, deprecated},
		{"without exception: a namespace's", ofAll(api), locked(api), purge.DeleteAll, purge.ToDelete, deprecated},
		{"without exception: expired", expiring(of(api), past), locked(api), purge.DeleteAll, purge.ToDelete, "expired on 2026-08-30"},

		{"report", of(api), nil, purge.Report, purge.Reported, onlyTold},
		{"report: a namespace's", ofAll(api), nil, purge.Report, purge.Reported, onlyTold},
		{"report: locked", of(api), locked(api), purge.Report, purge.Reported, onlyTold},
		{"report: expired", expiring(of(api), past), nil, purge.Report, purge.Reported, onlyTold},

		{"on its way out", deleting(of(api)), nil, purge.Delete, purge.Going, already},
		{"on its way out: locked", deleting(of(api)), locked(api), purge.Delete, purge.Going, already},
		{"on its way out: expired", deleting(expiring(of(api), past)), nil, purge.DeleteAll, purge.Going, already},
		{"on its way out: report", deleting(ofAll(api)), nil, purge.Report, purge.Going, already},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			got := purge.Plan([]scaleway.Token{r.token}, r.locks, r.mode, now)
			if diff := cmp.Diff([]purge.Decision{{Token: r.token, Verdict: r.verdict, Why: r.why}}, got); diff != "" {
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
	if got := purge.Plan(nil, nil, purge.Delete, now); len(got) != 0 {
		t.Errorf("out of nothing: %v", got)
	}
}
