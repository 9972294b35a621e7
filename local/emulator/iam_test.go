package emulator_test

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

const (
	keysPath     = "/iam/v1alpha1/api-keys"
	appsPath     = "/iam/v1alpha1/applications"
	policiesPath = "/iam/v1alpha1/policies"
	rulesPath    = "/iam/v1alpha1/rules"
	groupsPath   = "/iam/v1alpha1/groups"
)

// staff is a seed with one application, billing, that has one key.
func staff(more ...emulator.SeedApplication) emulator.Seed {
	billing := emulator.SeedApplication{Name: "billing", Keys: []emulator.SeedKey{{Description: "billing", Age: emulator.SeedAge(200 * 24 * time.Hour)}}}
	return emulator.Seed{
		Projects:     []emulator.SeedProject{{Name: "demo"}, {Name: "other"}},
		Applications: append([]emulator.SeedApplication{billing}, more...),
	}
}

// start runs an emulator with staff.
func start(t *testing.T, o emulator.Options) *emulatortest.Env {
	t.Helper()
	return emulatortest.Start(t, o, staff())
}

// wantStatus fails the test unless the answer has that status.
func wantStatus(t *testing.T, got emulatortest.Answer, want int) {
	t.Helper()
	if got.Status != want {
		t.Fatalf("status %d, want %d: %s", got.Status, want, got.Text)
	}
}

// column is one field of every element of a list.
func column(body map[string]any, list, field string) []string {
	out := []string{}
	rows, _ := body[list].([]any)
	for _, row := range rows {
		fields, _ := row.(map[string]any)
		out = append(out, fmt.Sprint(fields[field]))
	}
	return out
}

func TestSecretKeyShowsOnlyInTheAnswerToItsCreation(t *testing.T) {
	t.Parallel()
	env := start(t, emulator.Options{})
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
	body := env.MustCall("GET", keysPath+"/"+key.AccessKey, nil)
	if want := expires.UTC().Format("2006-01-02T15:04:05Z"); body["expires_at"] != want {
		t.Errorf("expires_at %v, want %s: in UTC, with the digits it was sent with", body["expires_at"], want)
	}
	env.Clock().Advance(time.Second)
	changed := env.MustCall("PATCH", keysPath+"/"+key.AccessKey, object{"description": "newer"})
	if value, there := changed["secret_key"]; !there || value != nil || changed["updated_at"] == changed["created_at"] {
		t.Errorf("changed %v", changed)
	}
	pairs := env.Keys("billing")
	if len(pairs) != 2 || pairs[1].SecretKey != *key.SecretKey {
		t.Errorf("the emulator knows %v", len(pairs))
	}
}

type object = map[string]any

func TestKeyListHonoursItsFilters(t *testing.T) {
	t.Parallel()
	day := emulator.SeedAge(24 * time.Hour)
	seed := staff(emulator.SeedApplication{Name: "shop", Keys: []emulator.SeedKey{
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
			got := column(env.MustCall("GET", keysPath+"?"+row.query, nil), "api_keys", "description")
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	users := env.MustCall("GET", keysPath+"?bearer_type=user&order_by=access_key_asc", nil)
	if got := users["total_count"]; got != 2.0 { // the owner's and dana's
		t.Errorf("%v keys of users, want 2", got)
	}
	wantStatus(t, env.Call(env.Secret, "GET", keysPath+"?page_size=101", nil), 400)
	wantStatus(t, env.Call(env.Secret, "GET", keysPath+"?page=0", nil), 400)
}

func TestIgnoredFiltersAreIgnored(t *testing.T) {
	t.Parallel()
	env := start(t, emulator.Options{Answers: emulator.Answers{IgnoreFilters: true}})
	got := env.MustCall("GET", keysPath+"?bearer_id=nobody", nil)
	if got["total_count"] != 2.0 {
		t.Errorf("%v keys, want both", got["total_count"])
	}
}

func TestIAMListsGiveTwentyByDefault(t *testing.T) {
	t.Parallel()
	env := start(t, emulator.Options{})
	for i := range 24 {
		env.MustCall("POST", appsPath, object{"name": fmt.Sprintf("app-%02d", i)})
	}
	for page, want := range map[string]int{"": 20, "?page=2": 5, "?page_size=100": 25} {
		got := env.MustCall("GET", appsPath+page, nil)
		if n := len(column(got, "applications", "id")); n != want || got["total_count"] != 25.0 {
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
	env := start(t, emulator.Options{})
	app := env.MustCall("POST", appsPath, object{"name": "web", "description": "d", "tags": nil})
	path := appsPath + "/" + app["id"].(string)
	if diff := cmp.Diff([]any{}, app["tags"]); diff != "" || app["nb_api_keys"] != 0.0 {
		t.Errorf("created %v", app)
	}
	env.Clock().Advance(time.Second)
	key := env.MustCall("POST", keysPath, object{"application_id": app["id"]})
	read := env.MustCall("GET", path, nil)
	if read["nb_api_keys"] != 1.0 || read["updated_at"] != app["updated_at"] {
		t.Errorf("after a key: %v", read)
	}
	renamed := env.MustCall("PATCH", path, object{"name": "web2"})
	if renamed["name"] != "web2" || renamed["description"] != "d" || renamed["updated_at"] == app["updated_at"] {
		t.Errorf("renamed: %v", renamed)
	}
	env.MustCall("DELETE", keysPath+"/"+key["access_key"].(string), nil)
	if read := env.MustCall("GET", path, nil); read["nb_api_keys"] != 0.0 {
		t.Errorf("after the key went: %v", read)
	}
}

func TestDeletingAnApplicationTakesItsKeysAlong(t *testing.T) {
	t.Parallel()
	env := start(t, emulator.Options{})
	id := env.Application("billing")
	policy := env.MustCall("POST", policiesPath, object{"name": "p", "application_id": id, "rules": []object{}})
	group := env.MustCall("POST", groupsPath, object{"name": "g"})
	env.MustCall("POST", groupsPath+"/"+group["id"].(string)+"/add-member", object{"application_id": id})
	pair := env.Keys("billing")[0]
	wantStatus(t, env.Call(env.Secret, "DELETE", appsPath+"/"+id, nil), 204)
	gone := env.Call(env.Secret, "GET", keysPath+"/"+pair.AccessKey, nil)
	wantStatus(t, gone, 404)
	if diff := cmp.Diff(object{"message": "resource is not found", "resource": "access_key", "resource_id": pair.AccessKey, "type": "not_found"}, gone.Body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	wantStatus(t, env.Call(pair.SecretKey, "GET", keysPath, nil), 401)
	if p := env.MustCall("GET", policiesPath+"/"+policy["id"].(string), nil); p["no_principal"] != true || p["application_id"] != nil {
		t.Errorf("its policy: %v", p)
	}
	if g := env.MustCall("GET", groupsPath+"/"+group["id"].(string), nil); len(g["application_ids"].([]any)) != 0 {
		t.Errorf("its group: %v", g)
	}
}

func TestSecondDeleteFollowsA03(t *testing.T) {
	t.Parallel()
	for _, ok := range []bool{false, true} {
		env := start(t, emulator.Options{Answers: emulator.Answers{SecondDeleteOK: ok}})
		path := keysPath + "/" + env.Keys("billing")[0].AccessKey
		env.MustCall("DELETE", path, nil)
		want := http.StatusNotFound
		if ok {
			want = http.StatusNoContent
		}
		wantStatus(t, env.Call(env.Secret, "DELETE", path, nil), want)
		wantStatus(t, env.Call(env.Secret, "DELETE", keysPath+"/SCWNEVERAAAAAAAAAAAA", nil), 404)
	}
}

func TestManagedKeysCannotBeTouched(t *testing.T) {
	t.Parallel()
	seed := staff(
		emulator.SeedApplication{Name: "theirs", Managed: true, Keys: []emulator.SeedKey{{}}},
		emulator.SeedApplication{Name: "kept", Keys: []emulator.SeedKey{{Deletable: new(false)}}},
	)
	env := emulatortest.Start(t, emulator.Options{}, seed)
	theirs := keysPath + "/" + env.Keys("theirs")[0].AccessKey
	if key := env.MustCall("GET", theirs, nil); key["managed"] != true || key["editable"] != false || key["deletable"] != false {
		t.Errorf("%v", key)
	}
	wantStatus(t, env.Call(env.Secret, "DELETE", theirs, nil), 403)
	wantStatus(t, env.Call(env.Secret, "PATCH", theirs, object{"description": "x"}), 403)
	wantStatus(t, env.Call(env.Secret, "DELETE", keysPath+"/"+env.Keys("kept")[0].AccessKey, nil), 403)
	wantStatus(t, env.Call(env.Secret, "DELETE", appsPath+"/"+env.Application("theirs"), nil), 403)
	wantStatus(t, env.Call(env.Secret, "POST", keysPath, object{"application_id": env.Application("theirs")}), 403)
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	env := start(t, emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}})
	billing := env.Application("billing")
	for _, row := range []struct {
		name   string
		body   any
		status int
		says   string
	}{
		{"no bearer", object{}, 400, "exactly one of"},
		{"two bearers", object{"application_id": billing, "user_id": billing}, 400, "exactly one of"},
		{"unknown application", object{"application_id": "nobody"}, 404, `"resource":"application"`},
		{"unknown user", object{"user_id": "nobody"}, 404, `"resource":"user"`},
		{"unknown project", object{"application_id": billing, "default_project_id": "nowhere"}, 404, `"project_id"`},
		{"long description", object{"application_id": billing, "description": strings.Repeat("é", 201)}, 400, "description"},
		{"already over", object{"application_id": billing, "expires_at": "2020-01-01T00:00:00Z"}, 400, "expires_at"},
		{"not JSON", "{", 400, "JSON"},
		{"200 characters will do", object{"application_id": billing, "description": strings.Repeat("é", 200)}, 200, "SCW"},
		{"over the quota", object{"application_id": billing}, 403, "quotas_exceeded"},
	} {
		got := env.Call(env.Secret, "POST", keysPath, row.body)
		if got.Status != row.status || !strings.Contains(got.Text, row.says) {
			t.Errorf("%s: %d %s, want %d and %q", row.name, got.Status, got.Text, row.status, row.says)
		}
	}
}

func TestOrganizationLimitsItsKeys(t *testing.T) {
	t.Parallel()
	reporting := emulator.SeedApplication{Name: "reporting"}
	have := len(emulatortest.Start(t, emulator.Options{}, staff(reporting)).MustCall("GET", keysPath+"?page_size=100", nil)["api_keys"].([]any))
	env := emulatortest.Start(t, emulator.Options{Quotas: emulator.Quotas{KeysPerOrganization: have + 1}}, staff(reporting))
	create := func(application string) emulatortest.Answer {
		return env.Call(env.Secret, "POST", keysPath, object{"application_id": env.Application(application)})
	}
	last := create("billing")
	wantStatus(t, last, 200)
	refused := create("reporting")
	wantStatus(t, refused, 403)
	if says := fmt.Sprintf(`"quota":%d`, have+1); refused.Body["type"] != "quotas_exceeded" || !strings.Contains(refused.Text, says) {
		t.Errorf("refused with %s, want %s", refused.Text, says)
	}
	env.MustCall("DELETE", keysPath+"/"+last.Body["access_key"].(string), nil)
	wantStatus(t, create("reporting"), 200)
}

func TestOrganizationCapsTheLifeOfKeys(t *testing.T) {
	t.Parallel()
	env := start(t, emulator.Options{})
	path := "/iam/v1alpha1/organizations/" + env.Organization() + "/security-settings"
	if got := env.MustCall("GET", path, nil); got["max_api_key_expiration_duration"] != "0s" || len(got) != 5 {
		t.Errorf("at first %v", got)
	}
	got := env.MustCall("PATCH", path, object{"max_api_key_expiration_duration": "3600.000000000s"})
	if got["max_api_key_expiration_duration"] != "3600s" || got["login_attempts_before_locked"] == 0.0 {
		t.Errorf("capped %v", got)
	}
	create := func(in time.Duration) emulatortest.Answer {
		return env.Call(env.Secret, "POST", keysPath, object{
			"application_id": env.Application("billing"), "expires_at": env.Clock().Now().Add(in).Format(time.RFC3339Nano),
		})
	}
	wantStatus(t, create(time.Hour), 200)
	refused := create(time.Hour + time.Second)
	wantStatus(t, refused, 400)
	if refused.Body["type"] != "invalid_arguments" || !strings.Contains(refused.Text, `"argument_name":"expires_at"`) {
		t.Errorf("refused with %s", refused.Text)
	}
	wantStatus(t, env.Call(env.Secret, "POST", keysPath, object{"application_id": env.Application("billing")}), 400)
	wantStatus(t, env.Call(env.Secret, "PATCH", path, object{"max_api_key_expiration_duration": "soon"}), 400)
	wantStatus(t, env.Call(env.Secret, "GET", "/iam/v1alpha1/organizations/another/security-settings", nil), 403)
}

func TestExpiredKeyIsDeniedAndStaysListed(t *testing.T) {
	t.Parallel()
	seed := staff(emulator.SeedApplication{
		Name: "auditor", Keys: []emulator.SeedKey{{ExpiresIn: emulator.SeedAge(time.Hour)}},
		Policies: []emulator.SeedPolicy{{Rules: []emulator.SeedRule{{PermissionSets: []string{"IAMReadOnly"}, Organization: true}}}},
	})
	env := emulatortest.Start(t, emulator.Options{}, seed)
	pair := env.Keys("auditor")[0]
	wantStatus(t, env.Call(pair.SecretKey, "GET", keysPath, nil), 200)
	env.Clock().Advance(time.Hour)
	denied := env.Call(pair.SecretKey, "GET", keysPath, nil)
	wantStatus(t, denied, 401)
	want := object{"message": "authentication is denied", "method": "api_key", "reason": "expired", "type": "denied_authentication"}
	if diff := cmp.Diff(want, denied.Body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	env.MustCall("GET", keysPath+"/"+pair.AccessKey, nil)
}
