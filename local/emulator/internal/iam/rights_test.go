package iam_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// holding is a seed whose application worker holds rules, and whose project
// demo has a secret of one version.
func holding(rules ...emulator.SeedRule) emulator.Seed {
	seed := emulatortest.Staff(emulator.SeedApplication{
		Name: "worker", Keys: []emulator.SeedKey{{Age: emulator.SeedAge(time.Hour)}},
		Policies: []emulator.SeedPolicy{{Name: "worker", Rules: rules}},
	})
	seed.Secrets = []emulator.SeedSecret{{Name: "db", Project: "demo", Versions: []emulator.SeedVersion{{Data: "x"}}}}
	return seed
}

func onProject(project string, sets ...string) emulator.SeedRule {
	return emulator.SeedRule{PermissionSets: sets, Projects: []string{project}}
}

func onOrganization(sets ...string) emulator.SeedRule {
	return emulator.SeedRule{PermissionSets: sets, Organization: true}
}

// The calls whose rights are told apart, by what they do.
func calls(env *emulatortest.Env) map[string]func(secret string) int {
	secrets := env.MustCall("GET", emulatortest.SecretsPath, nil)
	id := emulatortest.Column(secrets, "secrets", "id")[0]
	call := func(method, path string, body any) func(string) int {
		return func(secret string) int { return env.Call(secret, method, path, body).Status }
	}
	billing := env.Application("billing")
	return map[string]func(string) int{
		"list keys":      call("GET", emulatortest.KeysPath, nil),
		"create key":     call("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": billing}),
		"list apps":      call("GET", emulatortest.AppsPath, nil),
		"list policies":  call("GET", emulatortest.PoliciesPath, nil),
		"write policy":   call("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "p", "no_principal": true}),
		"list groups":    call("GET", emulatortest.GroupsPath, nil),
		"write group":    call("POST", emulatortest.GroupsPath, emulatortest.Object{"name": fmt.Sprint(env.Clock().Now().UnixNano())}),
		"read settings":  call("GET", "/iam/v1alpha1/organizations/"+env.Organization()+"/security-settings", nil),
		"list users":     call("GET", "/iam/v1alpha1/users", nil),
		"list projects":  call("GET", "/account/v3/projects", nil),
		"list secrets":   call("GET", emulatortest.SecretsPath, nil),
		"read secret":    call("GET", emulatortest.SecretsPath+"/"+id, nil),
		"access version": call("GET", emulatortest.SecretsPath+"/"+id+"/versions/1/access", nil),
		"create version": call("POST", emulatortest.SecretsPath+"/"+id+"/versions", emulatortest.Object{"data": "eA=="}),
		"write secret":   call("PATCH", emulatortest.SecretsPath+"/"+id, emulatortest.Object{"description": "d"}),
		"write version":  call("PATCH", emulatortest.SecretsPath+"/"+id+"/versions/1", emulatortest.Object{"description": "d"}),
		"delete version": call("DELETE", emulatortest.SecretsPath+"/"+id+"/versions/1", nil),
	}
}

func TestPermissionSetsOpenWhatTheyName(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		rule emulator.SeedRule
		want []string
	}{
		{"IAMReadOnly", onOrganization("IAMReadOnly"), []string{"list keys", "list apps", "list policies", "list groups", "read settings", "list users"}},
		{"IAMApplicationManager", onOrganization("IAMApplicationManager"), []string{"list keys", "create key", "list apps"}},
		{"IAMApplicationReadOnly", onOrganization("IAMApplicationReadOnly"), []string{"list keys", "list apps"}},
		{"IAMPolicyManager", onOrganization("IAMPolicyManager"), []string{"list policies", "write policy"}},
		{"IAMGroupManager", onOrganization("IAMGroupManager"), []string{"list groups", "write group"}},
		{"IAMManager", onOrganization("IAMManager"), []string{
			"list keys", "create key", "list apps", "list policies", "write policy", "list groups", "write group", "read settings", "list users",
		}},
		{"OrganizationReadOnly", onOrganization("OrganizationReadOnly"), []string{"list projects", "read settings"}},
		{"IAM on a project is nothing", onProject("demo", "IAMManager"), nil},
		{"all products are not IAM", onOrganization("AllProductsFullAccess"), []string{
			"list secrets", "read secret", "access version", "create version", "write secret", "write version", "delete version",
		}},
		{"reading all products is not reading secrets", onProject("demo", "AllProductsReadOnly"), []string{"list secrets", "read secret"}},
		{"SecretManagerReadOnly", onProject("demo", "SecretManagerReadOnly"), []string{"list secrets", "read secret"}},
		{"SecretManagerSecretAccess", onProject("demo", "SecretManagerSecretAccess"), []string{"access version"}},
		{"SecretManagerSecretCreate", onProject("demo", "SecretManagerSecretCreate"), []string{"create version"}},
		{"SecretManagerSecretWrite", onProject("demo", "SecretManagerSecretWrite"), []string{"write secret", "write version"}},
		{"SecretManagerSecretDelete", onProject("demo", "SecretManagerSecretDelete"), []string{"delete version"}},
		{"SecretManagerFullAccess", onProject("demo", "SecretManagerFullAccess"), []string{
			"list secrets", "read secret", "access version", "create version", "write secret", "write version", "delete version",
		}},
		{"private access is no access to the API", onProject("demo", "FunctionsPrivateAccess", "ContainersPrivateAccess"), nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			env := emulatortest.Start(t, emulator.Options{}, holding(row.rule))
			worker := env.Keys("worker")[0].SecretKey
			all := calls(env)
			open := map[string]bool{}
			for _, name := range row.want {
				open[name] = true
			}
			for _, name := range slices.Sorted(maps.Keys(all)) { // deleting comes after access
				got := all[name](worker)
				if want := open[name]; want != (got == 200 || got == 204) || !want && got != 403 {
					t.Errorf("%s: %d, allowed: %t", name, got, want)
				}
			}
		})
	}
}

func TestRulesReachOnlyTheirProjects(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, holding(onProject("other", "SecretManagerFullAccess")))
	worker := env.Keys("worker")[0].SecretKey
	all := calls(env)
	if got := all["read secret"](worker); got != 403 {
		t.Errorf("read a secret of another project: %d", got)
	}
	listed := env.Call(worker, "GET", emulatortest.SecretsPath, nil)
	emulatortest.WantStatus(t, listed, 200)
	if n := len(emulatortest.Column(listed.Body, "secrets", "id")); n != 0 {
		t.Errorf("listed %d secrets of another project", n)
	}
	emulatortest.WantStatus(t, env.Call(worker, "GET", emulatortest.SecretsPath+"?project_id="+env.Project("demo"), nil), 403)
	emulatortest.WantStatus(t, env.Call(worker, "POST", emulatortest.SecretsPath, emulatortest.Object{"name": "n", "project_id": env.Project("demo")}), 403)
	emulatortest.WantStatus(t, env.Call(worker, "POST", emulatortest.SecretsPath, emulatortest.Object{"name": "n", "project_id": env.Project("other")}), 200)
}

func TestRulesReachThroughGroups(t *testing.T) {
	t.Parallel()
	reading := []emulator.SeedPolicy{{Name: "g", Rules: []emulator.SeedRule{onOrganization("IAMReadOnly")}}}
	for _, row := range []struct {
		name  string
		group emulator.SeedGroup
		want  map[string]int
	}{
		{"named", emulator.SeedGroup{Applications: []string{"worker"}}, map[string]int{"worker": 200, "billing": 403, "theirs": 403, "dana": 403}},
		{"all applications but managed ones", emulator.SeedGroup{AllApplications: true}, map[string]int{"worker": 200, "billing": 200, "theirs": 403, "dana": 403}},
		{"all users", emulator.SeedGroup{AllUsers: true}, map[string]int{"worker": 403, "billing": 403, "theirs": 403, "dana": 200}},
		{"a user", emulator.SeedGroup{Users: []string{"dana"}}, map[string]int{"worker": 403, "dana": 200}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			seed := holding()
			seed.Applications = append(seed.Applications, emulator.SeedApplication{Name: "theirs", Managed: true, Keys: []emulator.SeedKey{{}}})
			seed.Users = []emulator.SeedUser{{Username: "dana", Keys: []emulator.SeedKey{{}}}}
			row.group.Name, row.group.Policies = "g", reading
			seed.Groups = []emulator.SeedGroup{row.group}
			env := emulatortest.Start(t, emulator.Options{}, seed)
			for bearer, want := range row.want {
				if got := env.Call(env.Keys(bearer)[0].SecretKey, "GET", emulatortest.KeysPath, nil); got.Status != want {
					t.Errorf("%s: %d, want %d", bearer, got.Status, want)
				}
			}
		})
	}
}

// A fresh key, and a fresh right, are refused now and then until the lag is
// over; never after.
func TestFreshKeysAndRightsFlicker(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]emulator.Options{
		"key":   {KeyLag: time.Minute},
		"right": {GrantLag: time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := holding(onOrganization("IAMReadOnly"))
			env := emulatortest.Start(t, o, seed)
			id := env.Application("worker")
			secret := env.Keys("worker")[0].SecretKey
			if name == "key" {
				secret = env.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": id})["secret_key"].(string)
			} else {
				p := emulatortest.Column(env.MustCall("GET", emulatortest.PoliciesPath+"?application_ids="+id, nil), "policies", "id")[0]
				env.MustCall("PUT", emulatortest.RulesPath, emulatortest.Object{"policy_id": p, "rules": []emulatortest.Object{
					{"permission_set_names": []string{"IAMManager"}, "organization_id": env.Organization()},
				}})
			}
			seen, returned := map[int]int{}, false
			accepted := false
			for range 61 { // the key's creation is rounded up, to less than a microsecond later
				got := env.Call(secret, "GET", emulatortest.KeysPath, nil).Status
				seen[got]++
				returned = returned || accepted && got == 403
				accepted = accepted || got == 200
				env.Clock().Advance(time.Second)
			}
			if seen[200] == 0 || seen[403] == 0 || !returned || len(seen) != 2 {
				t.Errorf("answers %v; refused again after an acceptance: %t", seen, returned)
			}
			for range 60 {
				emulatortest.WantStatus(t, env.Call(secret, "GET", emulatortest.KeysPath, nil), 200)
				env.Clock().Advance(time.Second)
			}
		})
	}
}

func TestLeavingAGroupTakesItsRightsAway(t *testing.T) {
	t.Parallel()
	seed := holding()
	seed.Groups = []emulator.SeedGroup{{
		Name: "readers", Applications: []string{"worker"},
		Policies: []emulator.SeedPolicy{{Name: "readers", Rules: []emulator.SeedRule{onOrganization("IAMReadOnly")}}},
	}}
	env := emulatortest.Start(t, emulator.Options{}, seed)
	worker := env.Keys("worker")[0].SecretKey
	emulatortest.WantStatus(t, env.Call(worker, "GET", emulatortest.KeysPath, nil), 200)
	path := emulatortest.GroupsPath + "/" + emulatortest.Column(env.MustCall("GET", emulatortest.GroupsPath, nil), "groups", "id")[0]
	member := emulatortest.Object{"application_id": env.Application("worker")}
	env.MustCall("POST", path+"/remove-member", member)
	emulatortest.WantStatus(t, env.Call(worker, "GET", emulatortest.KeysPath, nil), 403)
	env.MustCall("POST", path+"/add-member", member)
	emulatortest.WantStatus(t, env.Call(worker, "GET", emulatortest.KeysPath, nil), 200)
}

// A deleted key is gone at once from what the API shows, and for DeadLag still
// lets its bearer in.
func TestDeletedKeysLingerInCaches(t *testing.T) {
	t.Parallel()
	for _, lag := range []time.Duration{0, 40 * time.Second} {
		t.Run(lag.String(), func(t *testing.T) {
			t.Parallel()
			seed := holding(onOrganization("IAMReadOnly", "FunctionsPrivateAccess"))
			seed.Serverless = []emulator.SeedPlace{{Project: "default", Serverless: emulator.SeedServerless{
				FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "shop", Functions: []emulator.SeedFunction{{Name: "checkout"}}}},
			}}}
			env := emulatortest.Start(t, emulator.Options{DeadLag: lag}, seed)
			end, _ := env.Endpoint("checkout")
			key := env.Keys("worker")[0]
			enter := func() int {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+end.Host+"/", nil)
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("X-Auth-Token", key.SecretKey)
				res, err := env.HTTP.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				return res.StatusCode
			}
			if got := enter(); got != http.StatusOK {
				t.Fatalf("the living key: %d", got)
			}
			env.MustCall(http.MethodDelete, emulatortest.KeysPath+"/"+key.AccessKey, nil)
			for second := range 60 {
				api, gateway := http.StatusUnauthorized, http.StatusForbidden
				if time.Duration(second)*time.Second < lag {
					api, gateway = http.StatusOK, http.StatusOK
				}
				emulatortest.WantStatus(t, env.Call(key.SecretKey, "GET", emulatortest.KeysPath, nil), api)
				if got := enter(); got != gateway {
					t.Errorf("%d s after its deletion it gets %d at the gateway, want %d", second, got, gateway)
				}
				emulatortest.WantStatus(t, env.Call(env.Secret, "GET", emulatortest.KeysPath+"/"+key.AccessKey, nil), http.StatusNotFound)
				env.Clock().Advance(time.Second)
			}
		})
	}
}
