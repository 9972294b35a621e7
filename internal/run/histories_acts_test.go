package run_test

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
	base := secAPI(p.cfg.SecretRegion)
	for _, s := range p.list(base+"?page_size=100&path="+url.QueryEscape(p.cfg.SecretPath)+"&project_id="+p.Project("demo"), "secrets") {
		if s["name"] == p.Application(app) && s["path"] == p.cfg.SecretPath {
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

// peopleVerbs are what people do by hand.
func peopleVerbs() []verb { return append(credentialVerbs(), serverlessVerbs()...) }

func credentialVerbs() []verb {
	app := func(n int) string { return applications[n%len(applications)] }
	last := len(applications) - 1
	return []verb{
		{
			weight: 2, n: last,
			say: func(n, _ int) string { return "a person creates a key of " + app(n) },
			do: func(p *player, n, _ int) string {
				return p.byHand(http.MethodPost, iamAPI+"/api-keys", map[string]any{
					"application_id": p.Application(app(n)), "default_project_id": p.Project("demo"), "description": "by hand",
				})
			},
		},
		{
			weight: 3, n: last, m: 3,
			say: func(n, m int) string { return fmt.Sprintf("a person deletes key %d of %s", m, app(n)) },
			do: func(p *player, n, m int) string {
				keys := p.Keys(app(n))
				slices.Reverse(keys) // the youngest first
				k, ok := pick(keys, m)
				if !ok {
					return nothing
				}
				return k.AccessKey + " " + p.byHand(http.MethodDelete, iamAPI+"/api-keys/"+k.AccessKey, nil)
			},
		},
		{
			weight: 4, n: last, m: 2,
			say: func(n, m int) string { return fmt.Sprintf("a person flips version %d of %s", m, app(n)) },
			do: func(p *player, n, m int) string {
				v, ok := pick(p.versions(app(n), standing...), m)
				if !ok {
					return nothing
				}
				flip := map[any]string{"enabled": "disable", "disabled": "enable"}[v["status"]]
				return fmt.Sprint(flip, " ", v["revision"], ", ", v["description"], " ", p.byHand(http.MethodPost, v["path"].(string)+"/"+flip, map[string]any{}))
			},
		},
		{
			weight: 2, n: last, m: 2,
			say: func(n, m int) string {
				return fmt.Sprintf("a person publishes %s for %s", []string{"the oldest key", "the youngest key", "nonsense"}[m], app(n))
			},
			do: func(p *player, n, m int) string {
				return p.publish(app(n), p.foreign(app(n), m), "by hand")
			},
		},
		{
			weight: 3, n: last, m: 3,
			say: func(n, m int) string { return fmt.Sprintf("a person removes version %d of %s", m, app(n)) },
			do: func(p *player, n, m int) string {
				v, ok := pick(p.versions(app(n), standing...), m)
				if !ok {
					return nothing
				}
				return fmt.Sprint(v["revision"], ", ", v["description"], " ", p.byHand(http.MethodDelete, v["path"].(string), nil))
			},
		},
		{
			weight: 3, n: last, m: 3,
			say: func(n, m int) string {
				return fmt.Sprintf("a person restores version %d of those of %s that were removed", m, app(n))
			},
			do: func(p *player, n, m int) string {
				v, ok := pick(p.versions(app(n), "scheduled_for_deletion"), m)
				if !ok {
					return nothing
				}
				return fmt.Sprint(v["revision"], ", ", v["description"], " ", p.byHand(http.MethodPost, v["path"].(string)+"/restore", map[string]any{}))
			},
		},
		{
			weight: 1, n: last, m: 5,
			say: func(n, m int) string { return fmt.Sprintf("a person adds policy %d to %s", m, app(n)) },
			do: func(p *player, n, m int) string {
				g, _ := pick(p.grants(), m)
				return g.name + " " + p.byHand(http.MethodPost, iamAPI+"/policies", map[string]any{
					"name": "by hand", "application_id": p.Application(app(n)), "rules": g.rules,
				})
			},
		},
		{
			weight: 2, n: last, m: 5,
			say: func(n, m int) string { return fmt.Sprintf("a person changes a policy of %s to %d", app(n), m) },
			do: func(p *player, n, m int) string {
				policy, ok := pick(p.policies(app(n)), 0)
				if !ok {
					return nothing
				}
				g, _ := pick(p.grants(), m)
				return g.name + " " + p.byHand(http.MethodPut, iamAPI+"/rules", map[string]any{"policy_id": policy["id"], "rules": g.rules})
			},
		},
		{
			weight: 1, n: last, m: 1,
			say: func(n, m int) string { return fmt.Sprintf("a person deletes policy %d of %s", m, app(n)) },
			do: func(p *player, n, m int) string {
				policy, ok := pick(p.policies(app(n)), m)
				if !ok {
					return nothing
				}
				return p.byHand(http.MethodDelete, iamAPI+"/policies/"+policy["id"].(string), nil)
			},
		},
	}
}

func serverlessVerbs() []verb {
	privacies := []string{"private", "public"}
	return []verb{
		{
			weight: 3, n: 5,
			say: func(n, _ int) string { return fmt.Sprintf("a person makes token %d", n) },
			do:  func(p *player, n, _ int) string { return p.makeToken(n) },
		},
		{
			weight: 1, n: 3,
			say: func(n, _ int) string { return fmt.Sprintf("a person deletes token %d", n) },
			do: func(p *player, n, _ int) string {
				tokens := slices.DeleteFunc(p.Tokens(), func(t emulator.Token) bool { return t.Project != p.Project("demo") })
				token, ok := pick(tokens, n)
				if !ok {
					return nothing
				}
				api := map[string]string{"functions": fnAPI, "containers": conOldAPI}[token.Product]
				return p.byHand(http.MethodDelete, api+"/tokens/"+token.ID, nil)
			},
		},
		{
			weight: 2, n: 1, m: 1,
			say: func(n, m int) string {
				return "a person adds a " + privacies[m] + " " + []string{"function", "container"}[n]
			},
			do: func(p *player, n, m int) string { return p.makePlace(n, privacies[m]) },
		},
		{
			weight: 1, n: 3,
			say: func(n, _ int) string { return fmt.Sprintf("a person deletes function or container %d", n) },
			do: func(p *player, n, _ int) string {
				e, ok := pick(p.places(), n)
				if !ok {
					return nothing
				}
				return e.Name + " " + p.byHand(http.MethodDelete, pathOf(e), nil)
			},
		},
		{
			weight: 2, n: 3,
			say: func(n, _ int) string { return fmt.Sprintf("a person flips the privacy of function or container %d", n) },
			do: func(p *player, n, _ int) string {
				e, ok := pick(p.places(), n)
				if !ok {
					return nothing
				}
				privacy := privacies[0]
				if e.Private {
					privacy = privacies[1]
				}
				return e.Name + " is " + privacy + " " + p.byHand(http.MethodPatch, pathOf(e), map[string]any{"privacy": privacy})
			},
		},
	}
}

// makeToken makes a legacy token of a namespace, or of a function or container.
func (p *player) makeToken(n int) string {
	if n < 2 {
		api, list := fnAPI, fnAPI
		if n == 1 {
			api, list = conOldAPI, conAPI
		}
		space, ok := pick(p.list(list+"/namespaces?project_id="+p.Project("demo"), "namespaces"), 0)
		if !ok {
			return nothing
		}
		return fmt.Sprint("of namespace ", space["name"], " ", p.byHand(http.MethodPost, api+"/tokens", map[string]any{"namespace_id": space["id"]}))
	}
	e, ok := pick(p.places(), n-2)
	if !ok {
		return nothing
	}
	if e.Product == "functions" {
		return "of " + e.Name + " " + p.byHand(http.MethodPost, fnAPI+"/tokens", map[string]any{"function_id": e.ID})
	}
	return "of " + e.Name + " " + p.byHand(http.MethodPost, conOldAPI+"/tokens", map[string]any{"container_id": e.ID})
}

// makePlace adds a function or a container, and deploys it.
func (p *player) makePlace(kind int, privacy string) string {
	api := []string{fnAPI, conAPI}[kind]
	space, ok := pick(p.list(api+"/namespaces?project_id="+p.Project("demo"), "namespaces"), 0)
	if !ok {
		return nothing
	}
	name := fmt.Sprint("new-", len(p.places()))
	if kind == 1 {
		return name + " " + p.byHand(http.MethodPost, conAPI+"/containers", map[string]any{
			"name": name, "namespace_id": space["id"], "image": "rg.fr-par.scw.cloud/by-hand/new:latest", "privacy": privacy,
		})
	}
	answer := p.Call(p.Secret, http.MethodPost, fnAPI+"/functions", map[string]any{
		"name": name, "namespace_id": space["id"], "runtime": "go126", "privacy": privacy,
	})
	if answer.Status != http.StatusOK {
		return fmt.Sprintf("refused with %d", answer.Status)
	}
	return name + " " + p.byHand(http.MethodPost, fmt.Sprint(fnAPI, "/functions/", answer.Body["id"], "/deploy"), map[string]any{})
}
