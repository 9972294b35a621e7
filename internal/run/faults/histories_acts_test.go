package faults_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

const (
	fnAPI     = "/functions/v1beta1/regions/fr-par"
	conAPI    = "/containers/v1/regions/fr-par"
	conOldAPI = "/containers/v1beta1/regions/fr-par"
	iamAPI    = "/iam/v1alpha1"
)

const nothing = "there is none"

// byHand is a person's call of the API, with the owner's key.
func (p *player) byHand(method, path string, body any) string {
	answer := p.Call(p.Secret, method, path, body)
	if answer.Status >= http.StatusInternalServerError {
		p.wrong = append(p.wrong, fmt.Sprintf("the emulator answered %d to %s %s: %s", answer.Status, method, path, answer.Text))
	}
	if answer.Status >= http.StatusBadRequest {
		return fmt.Sprintf("refused with %d", answer.Status)
	}
	return ""
}

// list reads a list of the API, as a person sees it.
func (p *player) list(path, plural string) []map[string]any {
	var out []map[string]any
	rows, _ := p.MustCall(http.MethodGet, path, nil)[plural].([]any)
	for _, row := range rows {
		out = append(out, row.(map[string]any))
	}
	return out
}

// pick is the thing at an index, counted around; ok is false where there is none.
func pick[T any](things []T, i int) (thing T, ok bool) {
	if len(things) == 0 {
		return thing, false
	}
	return things[i%len(things)], true
}

// secAPI is the path of the secrets of a region.
func secAPI(region string) string { return "/secret-manager/v1beta1/regions/" + region + "/secrets" }

// secret is the path of an application's secret where it is published now, or "".
func (p *player) secret(app string) string {
	base := secAPI(p.Cfg.SecretRegion)
	for _, s := range p.list(base+"?page_size=100&path="+url.QueryEscape(p.Cfg.SecretPath)+"&project_id="+p.Project("demo"), "secrets") {
		if s["name"] == p.Application(app) && s["path"] == p.Cfg.SecretPath {
			return fmt.Sprint(base, "/", s["id"])
		}
	}
	return ""
}

// standing is what a version can be that is not on its way out.
var standing = []string{"enabled", "disabled"}

// versions are those in one of these statuses, newest first, each with its path.
func (p *player) versions(app string, statuses ...string) []map[string]any {
	if secret := p.secret(app); secret != "" {
		return p.versionsOf(secret, statuses...)
	}
	return nil
}

func (p *player) versionsOf(secret string, statuses ...string) (out []map[string]any) {
	for _, v := range p.list(secret+"/versions?page_size=100", "versions") {
		if slices.Contains(statuses, v["status"].(string)) {
			v["path"] = fmt.Sprint(secret, "/versions/", v["revision"])
			out = append(out, v)
		}
	}
	return out
}

// published is the version that readers of an application's secret get, or "".
func (p *player) published(app string) string {
	for _, v := range p.versions(app, "enabled") {
		return fmt.Sprint(v["revision"], " ", v["description"])
	}
	return ""
}

// policies are an application's.
func (p *player) policies(app string) (out []map[string]any) {
	for _, policy := range p.list(iamAPI+"/policies?page_size=100", "policies") {
		if policy["application_id"] == p.Application(app) {
			out = append(out, policy)
		}
	}
	return out
}

// grants are what people give an application.
func (p *player) grants() []struct {
	name  string
	rules []any
} {
	rule := func(scope string, of any, sets ...string) any {
		return map[string]any{"permission_set_names": sets, scope: of}
	}
	demo, both := []string{p.Project("demo")}, []string{p.Project("demo"), p.Project("other")}
	const functions, containers = "FunctionsPrivateAccess", "ContainersPrivateAccess"
	return []struct {
		name  string
		rules []any
	}{
		{"private access", []any{rule("project_ids", demo, functions, containers)}},
		{"functions only", []any{rule("project_ids", demo, functions)}},
		{"nothing", []any{}},
		{"everything beside", []any{rule("project_ids", demo, functions, containers, "AllProductsFullAccess")}},
		{"two projects", []any{rule("project_ids", both, functions, containers)}},
		{"the organization", []any{rule("organization_id", p.Organization(), functions)}},
	}
}

// inScope tells by what the API says whether an application's keys are the
// rotator's to change.
func (p *player) inScope(app string) bool {
	private, elsewhere := false, false
	for _, policy := range p.policies(app) {
		for _, rule := range p.list(iamAPI+"/rules?policy_id="+policy["id"].(string), "rules") {
			projects, _ := rule["project_ids"].([]any)
			elsewhere = elsewhere || rule["organization_id"] != nil || slices.ContainsFunc(projects, func(id any) bool { return id != p.Project("demo") })
			for _, set := range rule["permission_set_names"].([]any) {
				private = private || strings.HasSuffix(set.(string), "PrivateAccess") && slices.Contains(projects, any(p.Project("demo")))
			}
		}
	}
	return private && !elsewhere
}

// somebodyElses tells whether the newest version, or the one that readers get, is
// not the rotator's.
func somebodyElses(versions []map[string]any) bool {
	for _, v := range versions {
		if v["description"] == "by hand" {
			return true
		}
		if v["status"] == "enabled" {
			return false
		}
	}
	return false
}

// untouchable writes down the credentials that are not the rotator's to change.
func (p *player) untouchable() string {
	var out strings.Builder
	for _, app := range applications {
		versions := p.versions(app, standing...)
		if p.inScope(app) && !somebodyElses(versions) {
			continue
		}
		for _, k := range p.Keys(app) {
			fmt.Fprintln(&out, app, k.AccessKey)
		}
		for _, v := range versions {
			fmt.Fprintln(&out, app, v["revision"], v["status"], v["description"])
		}
	}
	return out.String()
}

// places are the functions and containers of the project, but for the function
// itself.
func (p *player) places() []emulator.Endpoint {
	return slices.DeleteFunc(p.Endpoints(), func(e emulator.Endpoint) bool { return e.Project != p.Project("demo") || e.Name == "key-rotator" })
}

func pathOf(e emulator.Endpoint) string {
	if e.Product == "functions" {
		return fnAPI + "/functions/" + e.ID
	}
	return conAPI + "/containers/" + e.ID
}

// foreign are the payloads that people publish.
func (p *player) foreign(app string, how int) string {
	pair := func(access, secret string) string {
		return fmt.Sprintf(`{"access_key":%q,"secret_key":%q}`, access, secret)
	}
	keys := p.Keys(app)
	switch {
	case how == 0 && len(keys) > 0:
		return pair(keys[0].AccessKey, keys[0].SecretKey)
	case how == 1 && len(keys) > 0:
		k := keys[len(keys)-1]
		return pair(k.AccessKey, k.SecretKey)
	default:
		return pair("SCWNOBODYS0000000000", "11111111-2222-4333-8444-555555555555")
	}
}

// publish writes a version by hand.
func (p *player) publish(app, data, description string) string {
	secret := p.secret(app)
	if secret == "" {
		return nothing
	}
	return p.byHand(http.MethodPost, secret+"/versions", map[string]any{
		"data": base64.StdEncoding.EncodeToString([]byte(data)), "description": description,
	})
}
