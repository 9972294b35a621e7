package stories_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func (l *tale) makeFunction(name, namespace string, plain, secret map[string]string) {
	l.t.Helper()
	var s []any
	for k, v := range secret {
		s = append(s, map[string]any{"key": k, "value": v})
	}
	row := l.MustCall(http.MethodPost, "/functions/v1beta1/regions/fr-par/functions", map[string]any{
		"name": name, "namespace_id": namespace, "runtime": "go126", "privacy": "public", "environment_variables": plain, "secret_environment_variables": s,
	})
	id := row["id"].(string)
	l.InstallCode(id, true)
	l.MustCall(http.MethodPost, fnPath+id+"/deploy", map[string]any{})
	l.Clock().Advance(10 * time.Minute)
	if l.Running(id) == nil {
		l.t.Fatalf("%s does not run", name)
	}
}

// regrant takes a permission set from the function's policy.
func (l *tale) regrant(less string) {
	l.t.Helper()
	for _, p := range l.MustCall(http.MethodGet, "/iam/v1alpha1/policies?organization_id="+l.Organization()+"&page_size=100", nil)["policies"].([]any) {
		if row := p.(map[string]any); row["name"] == "rotator" {
			var rules []any
			for _, rule := range emulator.RotatorRules("demo") {
				sets := slices.Clone(rule.PermissionSets)
				if i := slices.Index(sets, "SecretManagerFullAccess"); i >= 0 {
					sets = append(sets[:i], "SecretManagerReadOnly", "SecretManagerSecretAccess", "SecretManagerSecretCreate", "SecretManagerSecretWrite", "SecretManagerSecretDelete")
				}
				sets = slices.DeleteFunc(sets, func(s string) bool { return s == less })
				if len(sets) == 0 {
					continue
				}
				out := map[string]any{"permission_set_names": sets}
				if rule.Organization {
					out["organization_id"] = l.Organization()
				} else {
					out["project_ids"] = []string{runtest.DemoProject}
				}
				rules = append(rules, out)
			}
			l.MustCall(http.MethodPut, "/iam/v1alpha1/rules", map[string]any{"policy_id": row["id"], "rules": rules})
			return
		}
	}
	l.t.Fatal("no policy rotator")
}

func (l *tale) nsPut(product, name string, secrets map[string]string) {
	l.t.Helper()
	path := "/" + product + "/regions/fr-par/namespaces"
	for _, n := range l.MustCall(http.MethodGet, path+"?page_size=100", nil)["namespaces"].([]any) {
		if row := n.(map[string]any); row["name"] == name {
			l.SetEnvironment(l.t, path+"/"+row["id"].(string), nil, secrets)
		}
	}
}

func (l *tale) cap(d time.Duration) {
	l.t.Helper()
	l.MustCall(http.MethodPatch, "/iam/v1alpha1/organizations/"+l.Organization()+"/security-settings", map[string]any{"max_api_key_expiration_duration": fmt.Sprintf("%.0fs", d.Seconds())})
}

func (l *tale) secretPath(app string) string {
	l.t.Helper()
	base := "/secret-manager/v1beta1/regions/fr-par/secrets"
	id := l.Application(app)
	rows := l.MustCall(http.MethodGet, base+"?name="+id+"&project_id="+runtest.DemoProject, nil)["secrets"].([]any)
	return base + "/" + rows[0].(map[string]any)["id"].(string)
}

func (l *tale) version(app, accessKey, secret, description string) {
	l.t.Helper()
	l.MustCall(http.MethodPost, l.secretPath(app)+"/versions", map[string]any{
		"description": description, "data": base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"access_key":%q,"secret_key":%q}`, accessKey, secret)),
	})
}

func (l *tale) makeApplication(name string) string {
	l.t.Helper()
	id := l.MustCall(http.MethodPost, "/iam/v1alpha1/applications", map[string]any{"name": name, "organization_id": l.Organization(), "description": ""})["id"].(string)
	l.MustCall(http.MethodPost, "/iam/v1alpha1/policies", map[string]any{
		"name": name + "-new", "organization_id": l.Organization(), "application_id": id,
		"rules": []any{map[string]any{"permission_set_names": []string{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, "project_ids": []string{runtest.DemoProject}}},
	})
	return id
}

func (l *tale) namespaceID(name string) string {
	l.t.Helper()
	for _, n := range l.MustCall(http.MethodGet, "/functions/v1beta1/regions/fr-par/namespaces?page_size=100", nil)["namespaces"].([]any) {
		if row := n.(map[string]any); row["name"] == name {
			return row["id"].(string)
		}
	}
	l.t.Fatalf("no namespace %s", name)
	return ""
}

func (l *tale) deleteFunction(name string) {
	l.t.Helper()
	e, _ := l.Endpoint(name)
	l.MustCall(http.MethodDelete, fnPath+e.ID, nil)
	l.Clock().Advance(time.Hour)
}
