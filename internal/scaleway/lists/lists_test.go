// Package lists_test is about what is listed: all of it, once, and nothing else.
package lists_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestListsShowTheProjectAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, answers := range answerKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scalewaytest.Start(t, emulator.Options{Answers: answers}, crowded())
			got := map[string][]string{}
			note := func(kind string, found []string, err error) {
				if err != nil {
					t.Errorf("%s: %v", kind, err)
				}
				slices.Sort(found)
				got[kind] = append(got[kind], found...)
			}
			for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
				for _, region := range []string{"fr-par", "nl-ams", "pl-waw"} {
					namespaces, err := r.Namespaces(t.Context(), p, region)
					note(string(p)+" namespaces", scalewaytest.Names(namespaces, func(n scaleway.Namespace) string { return n.Region + " " + n.Name }), err)
					resources, err := r.Resources(t.Context(), p, region, namespaces)
					note(string(p), scalewaytest.Names(resources, func(x scaleway.Resource) string { return x.Namespace.Name + "/" + x.Name }), err)
					if p == scaleway.Functions {
						for _, x := range resources {
							domains, err := r.FunctionDomains(t.Context(), x)
							note("function domains", scalewaytest.Names(domains, func(d scaleway.Domain) string { return d.Host }), err)
						}
						continue
					}
					domains, err := r.ContainerDomains(t.Context(), region)
					domains = slices.DeleteFunc(domains, func(d scaleway.Domain) bool {
						return !slices.ContainsFunc(resources, func(x scaleway.Resource) bool { return x.ID == d.ResourceID })
					})
					note("container domains", scalewaytest.Names(domains, func(d scaleway.Domain) string { return d.Host }), err)
				}
			}
			for _, s := range scopes(t, r) {
				tokens, err := r.Tokens(t.Context(), s)
				note("tokens", scalewaytest.Names(tokens, func(x scaleway.Token) string { return s.Kind() + " " + x.Scope.Name + ": " + x.Description }), err)
			}
			slices.Sort(got["tokens"])
			for _, at := range []string{"fr-par /", "fr-par /rotator", "nl-ams /", "pl-waw /"} {
				region, path, _ := strings.Cut(at, " ")
				secrets, err := r.Secrets(t.Context(), region, path)
				note("secrets", scalewaytest.Names(secrets, func(s scaleway.Secret) string { return s.Region + " " + s.FullName() }), err)
			}
			want := map[string][]string{
				"functions namespaces":  {"fr-par ops", "fr-par shop", "nl-ams media"},
				"containers namespaces": {"fr-par backend", "nl-ams web"},
				"functions": {
					"ops/key-rotator", "ops/nightly-report", "shop/checkout-api", "shop/stock-sync", "shop/webhooks",
					"media/image-resizer", "media/partner-feed",
				},
				"containers":        {"backend/orders-api", "backend/search-indexer", "web/admin-panel", "web/landing-page"},
				"function domains":  {"images.shop.example.com"},
				"container domains": {"admin.shop.example.com"},
				"tokens": {
					"container admin-panel: on call", "container orders-api: courier", "function checkout-api: mobile app",
					"function image-resizer: CMS", "function stock-sync: warehouse", "function webhooks: from before it was public",
					"namespace backend: all of backend", "namespace media: old CDN", "namespace shop: all of shop, since 2023",
				},
				"secrets": {"fr-par /shop-db-password", "fr-par /rotator/0a6c1e2d-7f43-4b19-9c58-3d2e8b90f104", "fr-par /rotator/elsewhere", "nl-ams /in-amsterdam"},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestResourcesSayWhatTheCheckNeeds(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{}, crowded())
	got := map[string][]any{}
	for _, s := range scopes(t, r) {
		if s.ResourceID != "" {
			continue
		}
		resources, err := r.Resources(t.Context(), s.Product, s.Region, []scaleway.Namespace{s.Namespace})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range resources {
			e, _ := r.Endpoint(x.Name)
			got[x.Name] = []any{x.Private, x.Ready, x.HostMayBeOff, x.PlainHTTP, x.HealthPath, x.Host == e.Host, x.ID == e.ID, x.Region == e.Region}
		}
	}
	function := []any{true, true, false, false, "", true, true, true}
	// Of every container old answers say that its default endpoint is off.
	container := func(private bool, health string) []any {
		return []any{private, true, true, false, health, true, true, true}
	}
	want := map[string][]any{
		"key-rotator": function, "nightly-report": function, "checkout-api": function, "image-resizer": function, "partner-feed": function,
		"webhooks":       {false, true, false, false, "", true, true, true},
		"stock-sync":     {true, false, false, false, "", true, true, true},
		"search-indexer": container(true, ""), "orders-api": container(true, "/healthz"),
		"admin-panel": container(true, ""), "landing-page": container(false, ""),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("private, ready, off, plain, health, host, id, region (-want +got):\n%s", diff)
	}
}
