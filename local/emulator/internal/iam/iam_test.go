package iam_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestSecretKeyShowsOnlyInTheAnswerToItsCreation(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	api := iam.NewAPI(env.SDK(env.AccessKey, env.Secret))
	expires := env.Clock().Now().Add(time.Hour).In(time.FixedZone("", 7200)).Truncate(time.Second)
	key, err := api.CreateAPIKey(&iam.CreateAPIKeyRequest{ApplicationID: new(env.Application("billing")), Description: "new", ExpiresAt: &expires})
	if err != nil {
		t.Fatal(err)
	}
	if key.SecretKey == nil || !strings.HasPrefix(key.Srn, "srn://iam.scw.eu/api-keys/SCW") || key.DefaultProjectID != env.Organization() {
		t.Errorf("created %+v", key)
	}
	read, err := api.GetAPIKey(&iam.GetAPIKeyRequest{AccessKey: key.AccessKey})
	if err != nil {
		t.Fatal(err)
	}
	if read.SecretKey != nil || !read.ExpiresAt.Equal(expires) {
		t.Errorf("read %+v", read)
	}
	body := env.MustCall("GET", emulatortest.KeysPath+"/"+key.AccessKey, nil)
	if want := expires.UTC().Format("2006-01-02T15:04:05Z"); body["expires_at"] != want {
		t.Errorf("expires_at %v, want %s: in UTC, with the digits it was sent with", body["expires_at"], want)
	}
	env.Clock().Advance(time.Second)
	changed := env.MustCall("PATCH", emulatortest.KeysPath+"/"+key.AccessKey, emulatortest.Object{"description": "newer"})
	if value, there := changed["secret_key"]; !there || value != nil || changed["updated_at"] == changed["created_at"] {
		t.Errorf("changed %v", changed)
	}
	pairs := env.Keys("billing")
	if len(pairs) != 2 || pairs[1].SecretKey != *key.SecretKey {
		t.Errorf("the emulator knows %v", len(pairs))
	}
}

func TestKeyListHonoursItsFilters(t *testing.T) {
	t.Parallel()
	day := emulator.SeedAge(24 * time.Hour)
	seed := emulatortest.Staff(emulator.SeedApplication{Name: "shop", Keys: []emulator.SeedKey{
		{AccessKey: "SCWSHOPAAAAAAAAAAAAA", Description: "a", Age: 3 * day},
		{AccessKey: "SCWSHOPBBBBBBBBBBBBB", Description: "b", Age: 2 * day, ExpiresIn: -day},
		{AccessKey: "SCWSHOPCCCCCCCCCCCCC", Description: "c", Age: 9 * day, Managed: true, ExpiresIn: day},
	}})
	seed.Users = []emulator.SeedUser{{Username: "dana", Keys: []emulator.SeedKey{{AccessKey: "SCWDANAAAAAAAAAAAAAA", Age: day}}}}
	env := emulatortest.Start(t, emulator.Options{}, seed)
	shop := "bearer_id=" + env.Application("shop")
	for _, row := range []struct {
		name, query string
		want        []string
	}{
		{"oldest first, expired ones too", shop, []string{"c", "a", "b"}},
		{"newest first", shop + "&order_by=created_at_desc", []string{"b", "a", "c"}},
		{"living", shop + "&expired=false", []string{"c", "a"}},
		{"expired", shop + "&expired=true", []string{"b"}},
		{"not editable", shop + "&editable=false", []string{"c"}},
		{"description", shop + "&description=a", []string{"a"}},
		{"several access keys", "access_keys=SCWSHOPAAAAAAAAAAAAA&access_keys=SCWSHOPBBBBBBBBBBBBB", []string{"a", "b"}},
		{"deprecated access_key", "access_key=SCWSHOPBBBBBBBBBBBBB", []string{"b"}},
		{"deprecated application_id", "application_id=" + env.Application("shop"), []string{"c", "a", "b"}},
		{"bearer type not given", shop + "&bearer_type=unknown_bearer_type", []string{"c", "a", "b"}},
		{"bearer type user", shop + "&bearer_type=user", []string{}},
		{"second page", shop + "&page=2&page_size=2", []string{"b"}},
		{"beyond the last page", shop + "&page=9", []string{}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			got := emulatortest.Column(env.MustCall("GET", emulatortest.KeysPath+"?"+row.query, nil), "api_keys", "description")
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	users := env.MustCall("GET", emulatortest.KeysPath+"?bearer_type=user&order_by=access_key_asc", nil)
	if got := users["total_count"]; got != 2.0 { // the owner's and dana's
		t.Errorf("%v keys of users, want 2", got)
	}
	emulatortest.WantStatus(t, env.Call(env.Secret, "GET", emulatortest.KeysPath+"?page_size=101", nil), 400)
	emulatortest.WantStatus(t, env.Call(env.Secret, "GET", emulatortest.KeysPath+"?page=0", nil), 400)
}

func TestIgnoredFiltersAreIgnored(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{Answers: emulator.Answers{IgnoreFilters: true}})
	got := env.MustCall("GET", emulatortest.KeysPath+"?bearer_id=nobody", nil)
	if got["total_count"] != 2.0 {
		t.Errorf("%v keys, want both", got["total_count"])
	}
}

func TestIAMListsGiveTwentyByDefault(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	for i := range 24 {
		env.MustCall("POST", emulatortest.AppsPath, emulatortest.Object{"name": fmt.Sprintf("app-%02d", i)})
	}
	for page, want := range map[string]int{"": 20, "?page=2": 5, "?page_size=100": 25} {
		got := env.MustCall("GET", emulatortest.AppsPath+page, nil)
		if n := len(emulatortest.Column(got, "applications", "id")); n != want || got["total_count"] != 25.0 {
			t.Errorf("%q: %d of %v, want %d of 25", page, n, got["total_count"], want)
		}
	}
	all, err := iam.NewAPI(env.SDK(env.AccessKey, env.Secret)).ListApplications(&iam.ListApplicationsRequest{}, scw.WithAllPages())
	if err != nil || len(all.Applications) != 25 {
		t.Errorf("all pages: %v, %v", all, err)
	}
}

func TestApplicationsAndTheirKeyCount(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	app := env.MustCall("POST", emulatortest.AppsPath, emulatortest.Object{"name": "web", "description": "d", "tags": nil})
	path := emulatortest.AppsPath + "/" + app["id"].(string)
	if diff := cmp.Diff([]any{}, app["tags"]); diff != "" || app["nb_api_keys"] != 0.0 {
		t.Errorf("created %v", app)
	}
	env.Clock().Advance(time.Second)
	key := env.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": app["id"]})
	read := env.MustCall("GET", path, nil)
	if read["nb_api_keys"] != 1.0 || read["updated_at"] != app["updated_at"] {
		t.Errorf("after a key: %v", read)
	}
	renamed := env.MustCall("PATCH", path, emulatortest.Object{"name": "web2"})
	if renamed["name"] != "web2" || renamed["description"] != "d" || renamed["updated_at"] == app["updated_at"] {
		t.Errorf("renamed: %v", renamed)
	}
	env.MustCall("DELETE", emulatortest.KeysPath+"/"+key["access_key"].(string), nil)
	if read := env.MustCall("GET", path, nil); read["nb_api_keys"] != 0.0 {
		t.Errorf("after the key went: %v", read)
	}
}

func TestDeletingAnApplicationTakesItsKeysAlong(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	id := env.Application("billing")
	policy := env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "p", "application_id": id, "rules": []emulatortest.Object{}})
	group := env.MustCall("POST", emulatortest.GroupsPath, emulatortest.Object{"name": "g"})
	env.MustCall("POST", emulatortest.GroupsPath+"/"+group["id"].(string)+"/add-member", emulatortest.Object{"application_id": id})
	pair := env.Keys("billing")[0]
	emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", emulatortest.AppsPath+"/"+id, nil), 204)
	gone := env.Call(env.Secret, "GET", emulatortest.KeysPath+"/"+pair.AccessKey, nil)
	emulatortest.WantStatus(t, gone, 404)
	if diff := cmp.Diff(emulatortest.Object{"message": "resource is not found", "resource": "access_key", "resource_id": pair.AccessKey, "type": "not_found"}, gone.Body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	emulatortest.WantStatus(t, env.Call(pair.SecretKey, "GET", emulatortest.KeysPath, nil), 401)
	if p := env.MustCall("GET", emulatortest.PoliciesPath+"/"+policy["id"].(string), nil); p["no_principal"] != true || p["application_id"] != nil {
		t.Errorf("its policy: %v", p)
	}
	if g := env.MustCall("GET", emulatortest.GroupsPath+"/"+group["id"].(string), nil); len(g["application_ids"].([]any)) != 0 {
		t.Errorf("its group: %v", g)
	}
}

func TestSecondDeleteFollowsA03(t *testing.T) {
	t.Parallel()
	for _, ok := range []bool{false, true} {
		env := emulatortest.StartStaff(t, emulator.Options{Answers: emulator.Answers{SecondDeleteOK: ok}})
		path := emulatortest.KeysPath + "/" + env.Keys("billing")[0].AccessKey
		env.MustCall("DELETE", path, nil)
		want := http.StatusNotFound
		if ok {
			want = http.StatusNoContent
		}
		emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", path, nil), want)
		emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", emulatortest.KeysPath+"/SCWNEVERAAAAAAAAAAAA", nil), 404)
	}
}

func TestManagedKeysCannotBeTouched(t *testing.T) {
	t.Parallel()
	seed := emulatortest.Staff(
		emulator.SeedApplication{Name: "theirs", Managed: true, Keys: []emulator.SeedKey{{}}},
		emulator.SeedApplication{Name: "kept", Keys: []emulator.SeedKey{{Deletable: new(false)}}},
	)
	env := emulatortest.Start(t, emulator.Options{}, seed)
	theirs := emulatortest.KeysPath + "/" + env.Keys("theirs")[0].AccessKey
	if key := env.MustCall("GET", theirs, nil); key["managed"] != true || key["editable"] != false || key["deletable"] != false {
		t.Errorf("%v", key)
	}
	emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", theirs, nil), 403)
	emulatortest.WantStatus(t, env.Call(env.Secret, "PATCH", theirs, emulatortest.Object{"description": "x"}), 403)
	emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", emulatortest.KeysPath+"/"+env.Keys("kept")[0].AccessKey, nil), 403)
	emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", emulatortest.AppsPath+"/"+env.Application("theirs"), nil), 403)
	emulatortest.WantStatus(t, env.Call(env.Secret, "POST", emulatortest.KeysPath, emulatortest.Object{"application_id": env.Application("theirs")}), 403)
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}})
	billing := env.Application("billing")
	for _, row := range []struct {
		name   string
		body   any
		status int
		says   string
	}{
		{"no bearer", emulatortest.Object{}, 400, "exactly one of"},
		{"two bearers", emulatortest.Object{"application_id": billing, "user_id": billing}, 400, "exactly one of"},
		{"unknown application", emulatortest.Object{"application_id": "nobody"}, 404, `"resource":"application"`},
		{"unknown user", emulatortest.Object{"user_id": "nobody"}, 404, `"resource":"user"`},
		{"unknown project", emulatortest.Object{"application_id": billing, "default_project_id": "nowhere"}, 404, `"project_id"`},
		{"long description", emulatortest.Object{"application_id": billing, "description": strings.Repeat("é", 201)}, 400, "description"},
		{"already over", emulatortest.Object{"application_id": billing, "expires_at": "2020-01-01T00:00:00Z"}, 400, "expires_at"},
		{"not JSON", "{", 400, "JSON"},
		{"200 characters will do", emulatortest.Object{"application_id": billing, "description": strings.Repeat("é", 200)}, 200, "SCW"},
		{"over the quota", emulatortest.Object{"application_id": billing}, 403, "quotas_exceeded"},
	} {
		got := env.Call(env.Secret, "POST", emulatortest.KeysPath, row.body)
		if got.Status != row.status || !strings.Contains(got.Text, row.says) {
			t.Errorf("%s: %d %s, want %d and %q", row.name, got.Status, got.Text, row.status, row.says)
		}
	}
}

func TestOrganizationLimitsItsKeys(t *testing.T) {
	t.Parallel()
	reporting := emulator.SeedApplication{Name: "reporting"}
	have := len(emulatortest.Start(t, emulator.Options{}, emulatortest.Staff(reporting)).MustCall("GET", emulatortest.KeysPath+"?page_size=100", nil)["api_keys"].([]any))
	env := emulatortest.Start(t, emulator.Options{Quotas: emulator.Quotas{KeysPerOrganization: have + 1}}, emulatortest.Staff(reporting))
	create := func(application string) emulatortest.Answer {
		return env.Call(env.Secret, "POST", emulatortest.KeysPath, emulatortest.Object{"application_id": env.Application(application)})
	}
	last := create("billing")
	emulatortest.WantStatus(t, last, 200)
	refused := create("reporting")
	emulatortest.WantStatus(t, refused, 403)
	if says := fmt.Sprintf(`"quota":%d`, have+1); refused.Body["type"] != "quotas_exceeded" || !strings.Contains(refused.Text, says) {
		t.Errorf("refused with %s, want %s", refused.Text, says)
	}
	env.MustCall("DELETE", emulatortest.KeysPath+"/"+last.Body["access_key"].(string), nil)
	emulatortest.WantStatus(t, create("reporting"), 200)
}

func TestOrganizationCapsTheLifeOfKeys(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	path := "/iam/v1alpha1/organizations/" + env.Organization() + "/security-settings"
	if got := env.MustCall("GET", path, nil); got["max_api_key_expiration_duration"] != "0s" || len(got) != 5 {
		t.Errorf("at first %v", got)
	}
	got := env.MustCall("PATCH", path, emulatortest.Object{"max_api_key_expiration_duration": "3600.000000000s"})
	if got["max_api_key_expiration_duration"] != "3600s" || got["login_attempts_before_locked"] == 0.0 {
		t.Errorf("capped %v", got)
	}
	create := func(in time.Duration) emulatortest.Answer {
		return env.Call(env.Secret, "POST", emulatortest.KeysPath, emulatortest.Object{
			"application_id": env.Application("billing"), "expires_at": env.Clock().Now().Add(in).Format(time.RFC3339Nano),
		})
	}
	emulatortest.WantStatus(t, create(time.Hour), 200)
	refused := create(time.Hour + time.Second)
	emulatortest.WantStatus(t, refused, 400)
	if refused.Body["type"] != "invalid_arguments" || !strings.Contains(refused.Text, `"argument_name":"expires_at"`) {
		t.Errorf("refused with %s", refused.Text)
	}
	emulatortest.WantStatus(t, env.Call(env.Secret, "POST", emulatortest.KeysPath, emulatortest.Object{"application_id": env.Application("billing")}), 400)
	emulatortest.WantStatus(t, env.Call(env.Secret, "PATCH", path, emulatortest.Object{"max_api_key_expiration_duration": "soon"}), 400)
	emulatortest.WantStatus(t, env.Call(env.Secret, "GET", "/iam/v1alpha1/organizations/another/security-settings", nil), 403)
}

func TestExpiredKeyIsDeniedAndStaysListed(t *testing.T) {
	t.Parallel()
	seed := emulatortest.Staff(emulator.SeedApplication{
		Name: "auditor", Keys: []emulator.SeedKey{{ExpiresIn: emulator.SeedAge(time.Hour)}},
		Policies: []emulator.SeedPolicy{{Rules: []emulator.SeedRule{{PermissionSets: []string{"IAMReadOnly"}, Organization: true}}}},
	})
	env := emulatortest.Start(t, emulator.Options{}, seed)
	pair := env.Keys("auditor")[0]
	emulatortest.WantStatus(t, env.Call(pair.SecretKey, "GET", emulatortest.KeysPath, nil), 200)
	env.Clock().Advance(time.Hour)
	denied := env.Call(pair.SecretKey, "GET", emulatortest.KeysPath, nil)
	emulatortest.WantStatus(t, denied, 401)
	want := emulatortest.Object{"message": "authentication is denied", "method": "api_key", "reason": "expired", "type": "denied_authentication"}
	if diff := cmp.Diff(want, denied.Body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	env.MustCall("GET", emulatortest.KeysPath+"/"+pair.AccessKey, nil)
}

// Clients of the whole API ask for the permission sets: those that calls here need
// are there, each with the kind of its scope.
func TestPermissionSetsAreListed(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	rows := env.MustCall("GET", "/iam/v1alpha1/permission-sets?page_size=100&organization_id="+env.Organization(), nil)["permission_sets"].([]any)
	kinds := map[string]string{}
	for _, row := range rows {
		set := row.(map[string]any)
		kinds[set["name"].(string)] = set["scope_type"].(string)
	}
	if len(rows) < 20 || kinds["FunctionsPrivateAccess"] != "projects" || kinds["IAMApplicationManager"] != "organization" {
		t.Errorf("%d sets: %v", len(rows), kinds)
	}
	if triggers := env.MustCall("GET", "/containers/v1/regions/fr-par/triggers", nil)["triggers"].([]any); len(triggers) != 0 {
		t.Errorf("triggers: %v", triggers)
	}
}
