package lists_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestOrganizationLists(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{}, crowded())
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
	inGroups := scalewaytest.Names(groups, func(g scaleway.Group) string {
		return strings.Join(scalewaytest.Names(g.ApplicationIDs, func(id string) string { return byID[id] }), ",")
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
	r := scalewaytest.Start(t, emulator.Options{}, seed)
	users, err := r.Users(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups, err := r.Groups(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := []any{scalewaytest.Names(users, func(u scaleway.User) string { return fmt.Sprint(u.Name, " owner:", u.Owner, " ID:", len(u.ID)) })}
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
		if got, err := scalewaytest.Start(t, emulator.Options{}, s).KeyLifetimeCap(t.Context()); got != want || err != nil {
			t.Errorf("%d days: %s, %v", days, got, err)
		}
	}
}
