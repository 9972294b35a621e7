package lists_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestTokensBehindARouteThatIsGoneAreNotTakenForNone(t *testing.T) {
	t.Parallel()
	for _, status := range []int{404, 405, 410, 501} {
		r := scalewaytest.Start(t, emulator.Options{Answers: emulator.Answers{TokenRoutes: status}}, emulator.Demo())
		scopes := scopes(t, r)
		for _, s := range scopes {
			if _, err := r.Tokens(t.Context(), s); !errors.Is(err, scaleway.ErrNoRoute) || errors.Is(err, scaleway.ErrNotFound) {
				t.Errorf("%d: tokens of %s: %v", status, s.Name, err)
			}
			err := r.DeleteToken(t.Context(), scaleway.Token{ID: "11111111-1111-4111-8111-111111111111", Scope: s})
			if errors.Is(err, scaleway.ErrNoRoute) == (status == 404) {
				t.Errorf("%d: delete: %v", status, err)
			}
		}
		if len(scopes) != 16 {
			t.Errorf("%d scopes", len(scopes))
		}
	}
}

func TestTokensOfWhatIsGoneAreGone(t *testing.T) {
	t.Parallel()
	c := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 404, Body: `{"message":"Function was not found"}`}}}))
	s := scaleway.Scope{Product: scaleway.Functions, Region: "fr-par", Namespace: scaleway.Namespace{ID: "n"}, ResourceID: "f"}
	if _, err := c.Tokens(t.Context(), s); !errors.Is(err, scaleway.ErrNotFound) || errors.Is(err, scaleway.ErrNoRoute) {
		t.Errorf("error %v", err)
	}
}

func TestTokensAreDeletedByTheirOwnProduct(t *testing.T) {
	t.Parallel()
	for name, answers := range answerKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scalewaytest.Start(t, emulator.Options{Answers: answers}, emulator.Demo())
			for _, s := range scopes(t, r) {
				tokens, err := r.Tokens(t.Context(), s)
				if err != nil {
					t.Fatal(err)
				}
				for _, token := range tokens {
					for range 2 { // the second time it is on its way out
						if err := r.DeleteToken(t.Context(), token); err != nil {
							t.Error(err)
						}
					}
				}
				r.Clock().Advance(time.Minute)
				for _, token := range tokens { // and now it is gone
					if err := r.DeleteToken(t.Context(), token); err != nil {
						t.Error(err)
					}
				}
			}
			left := scalewaytest.Names(r.Env.Tokens(), func(x emulator.Token) string { return x.Description })
			slices.Sort(left)
			if diff := cmp.Diff([]string{"accounting", "all of billing", "auditors"}, left); diff != "" {
				t.Errorf("tokens left (-want +got):\n%s", diff)
			}
		})
	}
}

func TestTokensTellWhatThePurgeNeeds(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{}, emulator.Demo())
	got := map[string][]any{}
	for _, s := range scopes(t, r) {
		tokens, err := r.Tokens(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tokens {
			got[x.Description] = []any{x.Scope == s, x.Status, x.ExpiresAt.IsZero(), x.ExpiresAt.Before(r.Client.Now())}
		}
	}
	never, later, gone := []any{true, "ready", true, true}, []any{true, "ready", false, false}, []any{true, "ready", false, true}
	want := map[string][]any{
		"all of shop, since 2023": never, "from before it was public": never, "all of backend": never,
		"mobile app": later, "warehouse": later, "courier": later, "on call": later, "old CDN": gone, "CMS": gone,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("scope, status, never expires, has expired (-want +got):\n%s", diff)
	}
}

func TestScopeCovers(t *testing.T) {
	t.Parallel()
	api := scaleway.Resource{Product: scaleway.Functions, ID: "f", Namespace: scaleway.Namespace{ID: "n"}}
	rows := []struct {
		name  string
		scope scaleway.Scope
		kind  string
		want  bool
	}{
		{name: "itself", scope: scaleway.Scope{Product: scaleway.Functions, Namespace: scaleway.Namespace{ID: "n"}, ResourceID: "f"}, kind: "function", want: true},
		{name: "its namespace", scope: scaleway.Scope{Product: scaleway.Functions, Namespace: scaleway.Namespace{ID: "n"}}, kind: "namespace", want: true},
		{name: "another function", scope: scaleway.Scope{Product: scaleway.Functions, Namespace: scaleway.Namespace{ID: "n"}, ResourceID: "g"}, kind: "function"},
		{name: "another namespace", scope: scaleway.Scope{Product: scaleway.Functions, Namespace: scaleway.Namespace{ID: "m"}}, kind: "namespace"},
		{name: "the other product", scope: scaleway.Scope{Product: scaleway.Containers, Namespace: scaleway.Namespace{ID: "n"}, ResourceID: "f"}, kind: "container"},
	}
	for _, r := range rows {
		if got := r.scope.Covers(api); got != r.want || r.scope.Kind() != r.kind {
			t.Errorf("%s: covers %t, kind %s", r.name, got, r.scope.Kind())
		}
	}
}

func TestATokenIsOfOneScope(t *testing.T) {
	t.Parallel()
	// What a list would hold that ignores filters and names both ids.
	const tokens = `{"id":"own","namespace_id":"n"},{"id":"both","namespace_id":"n","@_id":"r"},{"id":"its","@_id":"r"},
		{"id":"other","namespace_id":"m"},{"id":"other's","@_id":"q"},{"id":"own","namespace_id":"n"}`
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		body := `{"tokens":[` + strings.ReplaceAll(tokens, "@", p.One()) + `],"total_count":5}`
		c := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200, Body: body}}}))
		for resource, want := range map[string][]string{"": {"own"}, "r": {"both", "its"}} {
			got, err := c.Tokens(t.Context(), scaleway.Scope{Product: p, Region: "fr-par", Namespace: scaleway.Namespace{ID: "n"}, ResourceID: resource})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, scalewaytest.Names(got, func(x scaleway.Token) string { return x.ID })); diff != "" {
				t.Errorf("%s, resource %q (-want +got):\n%s", p, resource, diff)
			}
		}
	}
}
