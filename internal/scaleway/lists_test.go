package scaleway_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// crowded is the demo with more in the other project, and in other folders.
func crowded() emulator.Seed {
	s := emulator.Demo()
	s.Secrets = append(slices.Clone(s.Secrets),
		emulator.SeedSecret{Name: "elsewhere", Project: "demo", Path: "/rotator"},
		emulator.SeedSecret{Name: "in-amsterdam", Project: "demo", Region: "nl-ams"})
	s.Serverless = append(slices.Clone(s.Serverless), emulator.SeedPlace{
		Project: "other", Region: "nl-ams", Serverless: emulator.SeedServerless{
			FunctionNamespaces: []emulator.SeedFunctionNamespace{{
				Name: "files", Tokens: []emulator.SeedToken{{Description: "all of files"}},
				Functions: []emulator.SeedFunction{{Name: "upload", Domains: []string{"upload.example.com"}}},
			}},
			ContainerNamespaces: []emulator.SeedContainerNamespace{{
				Name: "pages", Containers: []emulator.SeedContainer{{Name: "wiki", Domains: []string{"wiki.example.com"}}},
			}},
		},
	})
	return s
}

// scopes are all that may have tokens in the project, by name.
func (r rig) scopes(t *testing.T) []scaleway.Scope {
	t.Helper()
	var out []scaleway.Scope
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		for _, region := range r.TokenRegions(p) {
			namespaces, err := r.Namespaces(t.Context(), p, region)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range namespaces {
				out = append(out, scaleway.Scope{Product: p, Region: region, Namespace: n, Name: n.Name})
			}
			resources, err := r.Resources(t.Context(), p, region, namespaces)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range resources {
				out = append(out, scaleway.Scope{Product: p, Region: region, Namespace: x.Namespace, ResourceID: x.ID, Name: x.Name})
			}
		}
	}
	return out
}

// answerKinds are emulators that answer lists each in a way of its own.
var answerKinds = map[string]emulator.Answers{
	"as assumed":                    {},
	"filters are ignored":           {IgnoreFilters: true},
	"namespaces list all tokens":    {NamespaceTokensAll: true},
	"both":                          {IgnoreFilters: true, NamespaceTokensAll: true},
	"a second DELETE is a success":  {SecondDeleteOK: true},
	"a name stays taken for a time": {NameTakenByDeleted: true},
}

func TestListsShowTheProjectAndNothingElse(t *testing.T) {
	t.Parallel()
	for name, answers := range answerKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, emulator.Options{Answers: answers}, crowded())
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
					note(string(p)+" namespaces", names(namespaces, func(n scaleway.Namespace) string { return n.Region + " " + n.Name }), err)
					resources, err := r.Resources(t.Context(), p, region, namespaces)
					note(string(p), names(resources, func(x scaleway.Resource) string { return x.Namespace.Name + "/" + x.Name }), err)
					if p == scaleway.Functions {
						for _, x := range resources {
							domains, err := r.FunctionDomains(t.Context(), x)
							note("function domains", names(domains, func(d scaleway.Domain) string { return d.Host }), err)
						}
						continue
					}
					domains, err := r.ContainerDomains(t.Context(), region)
					domains = slices.DeleteFunc(domains, func(d scaleway.Domain) bool {
						return !slices.ContainsFunc(resources, func(x scaleway.Resource) bool { return x.ID == d.ResourceID })
					})
					note("container domains", names(domains, func(d scaleway.Domain) string { return d.Host }), err)
				}
			}
			for _, s := range r.scopes(t) {
				tokens, err := r.Tokens(t.Context(), s)
				note("tokens", names(tokens, func(x scaleway.Token) string { return s.Kind() + " " + x.Scope.Name + ": " + x.Description }), err)
			}
			slices.Sort(got["tokens"])
			for _, at := range []string{"fr-par /", "fr-par /rotator", "nl-ams /", "pl-waw /"} {
				region, path, _ := strings.Cut(at, " ")
				secrets, err := r.Secrets(t.Context(), region, path)
				note("secrets", names(secrets, func(s scaleway.Secret) string { return s.Region + " " + s.FullName() }), err)
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
	r := start(t, emulator.Options{}, crowded())
	got := map[string][]any{}
	for _, s := range r.scopes(t) {
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

func TestOrganizationLists(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, crowded())
	apps, err := r.Applications(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	byID := map[string]string{}
	managed := []string{}
	for _, a := range apps {
		byID[a.ID] = a.Name
		if a.Managed {
			managed = append(managed, a.Name)
		}
	}
	all, err := r.APIKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	bearers := map[string]int{}
	for _, k := range all {
		if (k.ApplicationID == "") == (k.UserID == "") {
			t.Errorf("key %s is of %q and %q", k.AccessKey, k.ApplicationID, k.UserID)
		}
		bearers[byID[k.ApplicationID]]++
		if k.Managed != (byID[k.ApplicationID] == "scaleway-scheduler") || k.Deletable == k.Managed {
			t.Errorf("key %s: managed %t, deletable %t", k.AccessKey, k.Managed, k.Deletable)
		}
	}
	groups, err := r.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	inGroups := names(groups, func(g scaleway.Group) string {
		return strings.Join(names(g.ApplicationIDs, func(id string) string { return byID[id] }), ",")
	})
	policies, err := r.Policies(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	grants := map[string][]string{}
	for _, p := range policies {
		rules, err := r.Rules(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range rules {
			grants[p.PolicyName] = append(grants[p.PolicyName], fmt.Sprint(
				byID[p.ApplicationID], " group:", p.GroupID != "", " ", g.PermissionSets, " org:", g.Organization,
				" demo:", g.Reaches(r.Project("demo")), " other:", g.Reaches(r.Project("other"))))
		}
	}
	want := []any{
		[]string{"scaleway-scheduler"},
		map[string]int{"": 2, "rotator": 1, "checkout": 1, "storefront": 2, "partner-gateway": 1, "scaleway-scheduler": 1, "invoicing": 1},
		[]string{"storefront"},
		[]string{"checkout group:false [FunctionsPrivateAccess] org:false demo:true other:false"},
		[]string{" group:true [FunctionsPrivateAccess] org:false demo:true other:false"},
		[]string{"partner-gateway group:false [FunctionsPrivateAccess ContainersPrivateAccess] org:false demo:true other:true"},
		[]string{
			"rotator group:false [IAMReadOnly IAMApplicationManager] org:true demo:true other:true",
			"rotator group:false [FunctionsFullAccess ContainersFullAccess SecretManagerFullAccess] org:false demo:true other:false",
		},
	}
	got := []any{managed, bearers, inGroups, grants["checkout-callers"], grants["shop-callers"], grants["partner-gateway-callers"], grants["rotator"]}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestUsers(t *testing.T) {
	t.Parallel()
	seed := emulator.Demo()
	seed.Groups = append(seed.Groups, emulator.SeedGroup{Name: "people", Users: []string{"dana"}}, emulator.SeedGroup{Name: "all", AllUsers: true})
	r := start(t, emulator.Options{}, seed)
	users, err := r.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := r.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := []any{names(users, func(u scaleway.User) string { return fmt.Sprint(u.Name, " owner:", u.Owner, " ID:", len(u.ID)) })}
	for _, g := range groups {
		got = append(got, fmt.Sprint(len(g.ApplicationIDs), " ", slices.Equal(g.UserIDs, []string{users[1].ID}), " ", g.AllUsers))
	}
	want := []any{[]string{"owner owner:true ID:36", "dana owner:false ID:36"}, "1 false false", "0 true false", "0 false true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestKeyLifetimeCap(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]time.Duration{0: 0, 90: 90 * 24 * time.Hour} {
		s := emulator.Demo()
		s.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: emulator.SeedAge(time.Duration(days) * 24 * time.Hour)}
		if got, err := start(t, emulator.Options{}, s).KeyLifetimeCap(t.Context()); got != want || err != nil {
			t.Errorf("%d days: %s, %v", days, got, err)
		}
	}
}

func TestEachHundredItemsCostACall(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 99, 100, 101, 200, 250} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			t.Parallel()
			seed := emulator.Seed{Projects: []emulator.SeedProject{{Name: "demo"}}}
			for i := range n {
				seed.Applications = append(seed.Applications, emulator.SeedApplication{Name: fmt.Sprintf("app-%03d", i)})
			}
			r := start(t, emulator.Options{}, seed)
			apps, err := r.Applications(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := names(apps, func(a scaleway.Application) string { return a.Name }); len(got) != n || !slices.IsSorted(got) || len(slices.Compact(got)) != n {
				t.Errorf("%d applications: %v", len(got), got)
			}
			want := n/100 + 1 // whether a full page is the last, only the next one tells
			if sent, _ := r.Calls(); int(sent) != want || len(r.History()) != want {
				t.Errorf("%d calls, %d requests, want %d", sent, len(r.History()), want)
			}
		})
	}
}

func TestItemsThatMovedBetweenPagesComeOnce(t *testing.T) {
	t.Parallel()
	// 150 keys; while they are read, five of the first page go to the second.
	far := transport(func(r *http.Request) (*http.Response, error) {
		page := r.URL.Query().Get("page")
		first, last := 0, 100
		if page == "2" {
			first, last = 95, 150
		}
		var rows []string
		for i := first; i < last; i++ {
			rows = append(rows, fmt.Sprintf(`{"access_key":"SCW%017d","application_id":"a"}`, i))
		}
		return answer{status: 200, body: `{"api_keys":[` + strings.Join(rows, ",") + `],"total_count":150}`}.to(r)
	})
	got, err := newClient(t, options(far)).APIKeys(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := names(got, func(k scaleway.APIKey) string { return k.AccessKey })
	want := make([]string, 150)
	for i := range want {
		want[i] = fmt.Sprintf("SCW%017d", i)
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestManyGoroutinesShareAClient(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, crowded())
	own := r.Keys("checkout")[0]
	pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: own.AccessKey}, Secret: redactOf(own.SecretKey)}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for _, c := range []func() error{
				func() error { _, err := r.APIKeys(t.Context()); return err },
				func() error { _, err := r.Applications(t.Context()); return err },
				func() error { _, err := r.Policies(t.Context()); return err },
				func() error { _, err := r.Groups(t.Context()); return err },
				func() error { _, err := r.Users(t.Context()); return err },
				func() error { _, err := r.KeyLifetimeCap(t.Context()); return err },
				func() error { _, err := r.Secrets(t.Context(), "fr-par", "/"); return err },
				func() error { _, err := r.Namespaces(t.Context(), scaleway.Functions, "fr-par"); return err },
				func() error { _, err := r.Namespaces(t.Context(), scaleway.Containers, "fr-par"); return err },
				func() error { _, err := r.ContainerDomains(t.Context(), "nl-ams"); return err },
				func() error {
					if ok, err := r.Authenticates(t.Context(), pair); !ok || err != nil {
						return fmt.Errorf("authenticates: %t, %w", ok, err)
					}
					return nil
				},
			} {
				all.Go(func() {
					if err := c(); err != nil {
						t.Error(err)
					}
					_ = r.Client.Now()
					_, _ = r.ClockOffset()
					_, _ = r.Calls()
				})
			}
		})
	}
	all.Wait()
	if sent, retried := r.Calls(); sent != 88 || retried != 0 {
		t.Errorf("%d sent, %d retried", sent, retried)
	}
}
