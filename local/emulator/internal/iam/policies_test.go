package iam_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestPolicyCountsItsRulesFromTheNextReadOn(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	org := env.Organization()
	p := env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{
		"name": "p", "organization_id": org, "application_id": env.Application("billing"), "tags": nil,
		"rules": []emulatortest.Object{
			{"permission_set_names": []string{"FunctionsFullAccess", "ContainersFullAccess"}, "project_ids": []string{env.Project("demo"), env.Project("other")}},
			{"permission_set_names": []string{"IAMReadOnly"}, "condition": "1 == 1", "organization_id": org},
		},
	})
	if p["nb_rules"] != 0.0 || p["nb_scopes"] != 0.0 || p["nb_permission_sets"] != 0.0 {
		t.Errorf("created %v", p)
	}
	for _, principal := range []string{"user_id", "group_id", "no_principal"} {
		if _, there := p[principal]; there {
			t.Errorf("%s is there, beside application_id", principal)
		}
	}
	path := emulatortest.PoliciesPath + "/" + p["id"].(string)
	p = env.MustCall("GET", path, nil)
	if p["nb_rules"] != 2.0 || p["nb_scopes"] != 3.0 || p["nb_permission_sets"] != 3.0 {
		t.Errorf("read %v", p)
	}
	rules := env.MustCall("GET", emulatortest.RulesPath+"?policy_id="+p["id"].(string), nil)
	if diff := cmp.Diff([]string{"projects", "organization"}, emulatortest.Column(rules, "rules", "permission_sets_scope_type")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	first := rules["rules"].([]any)[0].(emulatortest.Object)
	if _, there := first["organization_id"]; there || rules["total_count"] != 2.0 {
		t.Errorf("rules %v", rules)
	}
	if diff := cmp.Diff([]string{"", "1 == 1"}, emulatortest.Column(rules, "rules", "condition")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestRulesAreReplacedUnderNewIDs(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	rule := emulatortest.Object{"permission_set_names": []string{"IAMReadOnly"}, "condition": "", "organization_id": env.Organization()}
	p := env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "p", "no_principal": true, "rules": []emulatortest.Object{rule}})
	id := p["id"].(string)
	before := emulatortest.Column(env.MustCall("GET", emulatortest.RulesPath+"?policy_id="+id, nil), "rules", "id")
	env.Clock().Advance(time.Second)
	set := env.MustCall("PUT", emulatortest.RulesPath, emulatortest.Object{"policy_id": id, "rules": []emulatortest.Object{rule, rule}})
	if _, there := set["total_count"]; there {
		t.Error("PUT answered a total_count")
	}
	after := emulatortest.Column(set, "rules", "id")
	if len(after) != 2 || after[0] == before[0] || after[0] == after[1] {
		t.Errorf("ids %v, were %v", after, before)
	}
	read := env.MustCall("GET", emulatortest.PoliciesPath+"/"+id, nil)
	if read["updated_at"] == p["updated_at"] || read["nb_scopes"] != 1.0 || read["nb_permission_sets"] != 1.0 {
		t.Errorf("read %v", read)
	}
}

func TestPolicyPatchMovesUpdatedAtOnlyForItsTexts(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	p := env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "p", "no_principal": true, "tags": []string{"a"}})
	path := emulatortest.PoliciesPath + "/" + p["id"].(string)
	env.Clock().Advance(time.Second)
	tagged := env.MustCall("PATCH", path, emulatortest.Object{"tags": []string{}})
	moved := env.MustCall("PATCH", path, emulatortest.Object{"application_id": env.Application("billing")})
	if tagged["updated_at"] != p["updated_at"] || moved["updated_at"] != p["updated_at"] {
		t.Errorf("tags or principal moved updated_at: %v, %v", tagged, moved)
	}
	if _, there := moved["no_principal"]; there || moved["application_id"] != env.Application("billing") {
		t.Errorf("principal %v", moved)
	}
	if named := env.MustCall("PATCH", path, emulatortest.Object{"name": "q"}); named["updated_at"] == p["updated_at"] {
		t.Error("a new name did not move updated_at")
	}
}

func TestRefusedPolicies(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	for _, row := range []struct {
		name   string
		body   emulatortest.Object
		status int
		says   string
	}{
		{"no principal named", emulatortest.Object{"name": "p"}, 400, "exactly one"},
		{"two principals", emulatortest.Object{"name": "p", "no_principal": true, "user_id": "u"}, 400, "exactly one"},
		{"no_principal false", emulatortest.Object{"name": "p", "no_principal": false}, 400, "must be set to true when used"},
		{"unknown application", emulatortest.Object{"name": "p", "application_id": "a"}, 404, `"resource":"application"`},
		{"unknown group", emulatortest.Object{"name": "p", "group_id": "g"}, 404, `"resource":"group"`},
		{"no name", emulatortest.Object{"no_principal": true}, 400, "name"},
		{"long name", emulatortest.Object{"name": strings.Repeat("x", 65), "no_principal": true}, 400, "name"},
		{"eleven tags", emulatortest.Object{"name": "p", "no_principal": true, "tags": strings.Split("a b c d e f g h i j k", " ")}, 400, "tags"},
		{"another organization", emulatortest.Object{"name": "p", "no_principal": true, "organization_id": "o"}, 403, "permissions_denied"},
		{"rule without scope", emulatortest.Object{"name": "p", "no_principal": true, "rules": []emulatortest.Object{{"permission_set_names": []string{"IAMReadOnly"}}}}, 400, "project_ids"},
		{"rule on an unknown project", emulatortest.Object{"name": "p", "no_principal": true, "rules": []emulatortest.Object{{"project_ids": []string{"x"}}}}, 404, "project_id"},
	} {
		got := env.Call(env.Secret, "POST", emulatortest.PoliciesPath, row.body)
		if got.Status != row.status || !strings.Contains(got.Text, row.says) {
			t.Errorf("%s: %d %s, want %d and %q", row.name, got.Status, got.Text, row.status, row.says)
		}
	}
	emulatortest.WantStatus(t, env.Call(env.Secret, "GET", emulatortest.RulesPath, nil), 400)
	emulatortest.WantStatus(t, env.Call(env.Secret, "GET", emulatortest.RulesPath+"?policy_id=x", nil), 404)
}

func TestPolicyListHonoursItsFilters(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "b", "no_principal": true, "tags": []string{"team-red"}})
	env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "a", "application_id": env.Application("billing")})
	for query, want := range map[string][]string{
		"":                        {"a", "b"},
		"order_by=created_at_asc": {"b", "a"},
		"no_principal=true":       {"b"},
		"no_principal=false":      {"a"},
		"tag=red":                 {"b"},
		"policy_name=a":           {"a"},
		"application_ids=" + env.Application("billing"): {"a"},
		"user_ids=x": {},
	} {
		got := emulatortest.Column(env.MustCall("GET", emulatortest.PoliciesPath+"?"+query, nil), "policies", "name")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", query, diff)
		}
	}
}

func TestGroups(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	g := env.MustCall("POST", emulatortest.GroupsPath, emulatortest.Object{"name": "callers", "description": "d", "tags": []string{"x"}})
	path := emulatortest.GroupsPath + "/" + g["id"].(string)
	for _, field := range []string{"all_users", "all_applications", "managed"} {
		if g[field] != false {
			t.Errorf("%s is %v", field, g[field])
		}
	}
	taken := env.Call(env.Secret, "POST", emulatortest.GroupsPath, emulatortest.Object{"name": "callers"})
	emulatortest.WantStatus(t, taken, 409)
	if taken.Body["type"] != "already_exists" {
		t.Errorf("taken: %s", taken.Text)
	}
	billing := env.Application("billing")
	env.MustCall("POST", path+"/add-member", emulatortest.Object{"application_id": billing})
	g = env.MustCall("POST", path+"/add-member", emulatortest.Object{"application_id": billing})
	if diff := cmp.Diff([]any{billing}, g["application_ids"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if found := env.MustCall("GET", emulatortest.GroupsPath+"?application_ids="+billing, nil); found["total_count"] != 1.0 {
		t.Errorf("found %v", found)
	}
	emulatortest.WantStatus(t, env.Call(env.Secret, "POST", path+"/add-member", emulatortest.Object{}), 400)
	emulatortest.WantStatus(t, env.Call(env.Secret, "POST", path+"/add-member", emulatortest.Object{"user_id": "nobody"}), 404)
	g = env.MustCall("POST", path+"/remove-member", emulatortest.Object{"application_id": billing})
	if diff := cmp.Diff([]any{}, g["application_ids"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	g = env.MustCall("PUT", path+"/members", emulatortest.Object{"application_ids": []string{billing}, "user_ids": []string{}})
	if diff := cmp.Diff([]any{billing}, g["application_ids"]); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	p := env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "p", "group_id": g["id"]})
	emulatortest.WantStatus(t, env.Call(env.Secret, "DELETE", path, nil), 204)
	emulatortest.WantStatus(t, env.Call(env.Secret, "GET", path, nil), 404)
	if p = env.MustCall("GET", emulatortest.PoliciesPath+"/"+p["id"].(string), nil); p["no_principal"] != true {
		t.Errorf("its policy: %v", p)
	}
}

func TestDeletedProjectsLeaveTheRules(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	demo, other := env.Project("demo"), env.Project("other")
	p := env.MustCall("POST", emulatortest.PoliciesPath, emulatortest.Object{"name": "p", "no_principal": true, "rules": []emulatortest.Object{
		{"permission_set_names": []string{"VPCReadOnly"}, "project_ids": []string{demo, other}},
		{"permission_set_names": []string{"VPCReadOnly"}, "project_ids": []string{other}},
		{"permission_set_names": []string{}},
	}})
	env.MustCall("DELETE", emulatortest.ProjectsPath+"/"+other, nil)
	rules := env.MustCall("GET", emulatortest.RulesPath+"?policy_id="+p["id"].(string), nil)
	want := []string{"projects", "unknown_scope_type", "unknown_scope_type"}
	if diff := cmp.Diff(want, emulatortest.Column(rules, "rules", "permission_sets_scope_type")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, there := rules["rules"].([]any)[1].(emulatortest.Object)["project_ids"]; there {
		t.Errorf("rules %v", rules)
	}
}

func TestMalformedKeysAreDenied(t *testing.T) {
	t.Parallel()
	env := emulatortest.StartStaff(t, emulator.Options{})
	for secret, want := range map[string]string{
		"": "invalid_argument", "header.claims.signature": "invalid_argument", "00000000-0000-4000-8000-000000000000": "not_found",
	} {
		got := env.Call(secret, "GET", emulatortest.KeysPath, nil)
		if got.Status != 401 || got.Body["reason"] != want {
			t.Errorf("%q: %d %s, want reason %s", secret, got.Status, got.Text, want)
		}
	}
}
