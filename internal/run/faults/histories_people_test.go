package faults_test

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

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
