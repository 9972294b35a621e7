package faults_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// summon gives the function the environment with which the platform starts it.
// Where nothing runs any more, or on a key that is dead, a person deploys it.
func (p *player) summon() {
	if !p.begun.carriers {
		return
	}
	own, _ := p.Endpoint("key-rotator")
	access, _ := p.Variable(own.Name, "ROTATOR_ACCESS_KEY")
	if !slices.ContainsFunc(p.ownKeys(), func(k emulator.KeyPair) bool { return k.AccessKey == access }) {
		p.fail(own, false)
		p.redeployOwn()
		time.Sleep(time.Minute)
	}
	p.Restart(p.t)
	p.auditor.RunsOn(p.Cfg.AccessKey)
}

// ownKeys are those of the function's application that live.
func (p *player) ownKeys() []emulator.KeyPair {
	return slices.DeleteFunc(p.Keys("rotator"), func(k emulator.KeyPair) bool { return !k.Expires.IsZero() && !time.Now().Before(k.Expires) })
}

// redeployOwn deploys the function with the key that is published, as make
// deploy does, or with a new one.
func (p *player) redeployOwn() {
	published := p.published("rotator")
	for _, k := range p.ownKeys() {
		if strings.Contains(published, k.AccessKey) {
			p.deployOwn(k)
			return
		}
	}
	made := p.MustCall(http.MethodPost, iamAPI+"/api-keys", map[string]any{
		"application_id": p.Application("rotator"), "default_project_id": p.Project("demo"), "description": "by hand",
	})
	p.deployOwn(emulator.KeyPair{AccessKey: made["access_key"].(string), SecretKey: made["secret_key"].(string)})
}

// deployOwn deploys the function with a key.
func (p *player) deployOwn(k emulator.KeyPair) string {
	own, _ := p.Endpoint("key-rotator")
	return k.AccessKey + " " + p.byHand(http.MethodPatch, pathOf(own), map[string]any{
		"environment_variables":        map[string]any{"ROTATOR_ACCESS_KEY": k.AccessKey},
		"secret_environment_variables": []any{map[string]any{"key": "ROTATOR_SECRET_KEY", "value": k.SecretKey}},
	})
}

func (p *player) fail(e emulator.Endpoint, fails bool) {
	p.FailDeployments(e.ID, fails)
	p.failing[e.ID] = fails
}

// undelivered tells what does not carry the current key in the end, where nothing
// in the report says so, nor that the key which it carries is kept for it.
func (p *player) undelivered(rep *report.Report) []string {
	if !p.begun.carriers {
		return nil
	}
	time.Sleep(time.Minute) // the function itself is not waited for
	var wrong []string
	behind := p.auditor.Behind()
	for _, a := range rep.Applications {
		for _, text := range behind[a.Name] {
			if !slices.Contains([]string{"left alone", "failed", "waiting"}, a.Action) && !said(rep, a, text) && !(p.forgot && p.gone(text)) {
				wrong = append(wrong, a.Name+" was "+a.Action+", and "+text)
			}
		}
	}
	return wrong
}

// gone tells whether what is behind has a key of orders that lives no more.
func (p *player) gone(text string) bool {
	return slices.ContainsFunc(p.seen, func(k emulator.KeyPair) bool {
		return strings.Contains(text, k.AccessKey+", and not") && !slices.Contains(p.Keys("orders"), k)
	})
}

// said tells whether the report has a word for what is behind: a finding about
// what it is, or the key's own line.
func said(rep *report.Report, a report.Application, text string) bool {
	for _, k := range a.Keys {
		if strings.Contains(text, k.AccessKey+", and not") && strings.Contains(k.Note, "kept: ") {
			return true
		}
	}
	return slices.ContainsFunc(rep.Findings, func(f report.Finding) bool {
		_, name, _ := strings.Cut(f.Subject, " ")
		return f.Level != report.Note && strings.Contains(text, "/"+name+" in ")
	})
}

// carrier is a secret variable that may hold a key.
type carrier struct {
	name, path, variable string
	lists                bool           // the API has secret variables as a list
	others               map[string]any // that stand beside it
	plain                map[string]any
}

func (p *player) carriers() (out []carrier) {
	for _, kind := range []string{fnAPI + "/namespaces", conAPI + "/namespaces", fnAPI + "/functions", conAPI + "/containers"} {
		for _, row := range p.list(kind+"?page_size=100&project_id="+p.Project("demo"), kind[strings.LastIndex(kind, "/")+1:]) {
			names := map[string]any{}
			if list, ok := row["secret_environment_variables"].([]any); ok {
				for _, v := range list {
					names[v.(map[string]any)["key"].(string)] = ""
				}
			} else {
				for name := range row["secret_environment_variables"].(map[string]any) {
					names[name] = ""
				}
			}
			for _, name := range slices.Sorted(maps.Keys(names)) {
				if name == "DB_PASSWORD" || name == "ROTATOR_SECRET_KEY" {
					continue
				}
				out = append(out, carrier{
					row["name"].(string), fmt.Sprint(kind, "/", row["id"]), name, strings.HasPrefix(kind, fnAPI), names,
					row["environment_variables"].(map[string]any),
				})
			}
		}
	}
	return out
}

// secrets is the value of a body's secret_environment_variables.
func secrets(lists bool, others map[string]any, name, value string) any {
	if lists {
		return []any{map[string]any{"key": name, "value": value}}
	}
	all := maps.Clone(others)
	if all == nil {
		all = map[string]any{}
	}
	all[name] = value
	return all
}

// set gives a variable another value, and the access key beside it where there
// is one of the same application.
func (p *player) set(c carrier, k emulator.KeyPair) string {
	body := map[string]any{"secret_environment_variables": secrets(c.lists, c.others, c.variable, k.SecretKey)}
	if _, beside := c.plain["ORDERS_ACCESS_KEY"]; beside && slices.Contains(p.Keys("orders"), k) {
		c.plain["ORDERS_ACCESS_KEY"] = k.AccessKey
		body["environment_variables"] = c.plain
	}
	return fmt.Sprint(c.variable, " of ", c.name, " ", p.byHand(http.MethodPatch, c.path, body))
}

// values are what people give to consumers.
var values = []string{"the youngest key of orders", "the second youngest key of orders", "the oldest key of orders", "the key of returns", "made-up words", "a key of orders that is gone"}

func (p *player) value(n int) emulator.KeyPair {
	keys := p.handed("orders")
	slices.Reverse(keys)
	switch n {
	case 2:
		slices.Reverse(keys)
	case 3:
		keys = p.handed("returns")
	case 4:
		keys = nil
	case 5:
		keys = slices.DeleteFunc(slices.Clone(p.seen), func(k emulator.KeyPair) bool {
			return slices.ContainsFunc(p.Keys("orders"), func(l emulator.KeyPair) bool { return l.AccessKey == k.AccessKey })
		})
	}
	if k, ok := pick(keys, n%2); ok {
		return k
	}
	return emulator.KeyPair{SecretKey: "none-of-ours"}
}

// remember keeps the keys that there are, so that people can put them back when
// they are gone.
func (p *player) remember() {
	for _, k := range p.handed("orders") {
		if !slices.ContainsFunc(p.seen, func(s emulator.KeyPair) bool { return s.AccessKey == k.AccessKey }) {
			p.seen = append(p.seen, k)
		}
	}
}

// handed are the keys of an application whose secrets people can have: not those
// of a run that died before it published them.
func (p *player) handed(app string) []emulator.KeyPair {
	var published strings.Builder
	for _, secret := range p.secretsNamed(p.Application(app)) {
		for _, v := range p.versionsOf(secret.path, "enabled", "disabled", "scheduled_for_deletion") {
			fmt.Fprintln(&published, v["description"])
		}
	}
	keys := p.Keys(app)
	for _, row := range p.list(iamAPI+"/api-keys?page_size=100&bearer_id="+p.Application(app), "api_keys") {
		if access := row["access_key"].(string); strings.Contains(row["description"].(string), "[rotator ") && !strings.Contains(published.String(), access) {
			keys = slices.DeleteFunc(keys, func(k emulator.KeyPair) bool { return k.AccessKey == access })
		}
	}
	return keys
}

// consumerVerbs are what people do to what carries keys.
func consumerVerbs() []verb {
	kinds := []string{"function", "container", "function namespace", "container namespace"}
	anywhere := func(p *player) []emulator.Endpoint {
		own, _ := p.Endpoint("key-rotator")
		return append(p.places(), own)
	}
	all, asks := faults(), asks()
	deliveries := []ask{asks[len(asks)-1], asks[1], asks[3], asks[2]}
	return []verb{
		{
			weight: 14, n: 11, m: 2*len(deliveries) - 1,
			say: func(n, m int) string {
				return fmt.Sprintf("%s %s change %d", deliveries[m/2].name, all[m%2].name, n+1)
			},
			do: func(p *player, n, m int) string {
				return p.came(p.oneRun(deliveries[m/2], &saboteur{fault: all[m%2], k: n + 1, changes: true}))
			},
		},
		{
			weight: 6, n: 7, m: len(values) - 1,
			say: func(n, m int) string { return fmt.Sprintf("a person sets variable %d to %s", n, values[m]) },
			do: func(p *player, n, m int) string {
				c, ok := pick(p.carriers(), n)
				if !ok {
					return nothing
				}
				k := p.value(m)
				return k.AccessKey + " in " + p.set(c, k)
			},
		},
		{
			weight: 2, n: 7,
			say: func(n, _ int) string { return fmt.Sprintf("a person redeploys function or container %d", n) },
			do: func(p *player, n, _ int) string {
				e, _ := pick(anywhere(p), n)
				how := map[string]string{"functions": "/deploy", "containers": "/redeploy"}[e.Product]
				return e.Name + " " + p.byHand(http.MethodPost, pathOf(e)+how, map[string]any{})
			},
		},
		{
			weight: 4, n: 7,
			say: func(n, _ int) string {
				return fmt.Sprintf("from now on, function or container %d cannot be deployed, or can again", n)
			},
			do: func(p *player, n, _ int) string {
				e, _ := pick(anywhere(p), n)
				p.fail(e, !p.failing[e.ID])
				return fmt.Sprintf("%s fails: %t", e.Name, p.failing[e.ID])
			},
		},
		{
			weight: 2, n: len(kinds) - 1, m: len(values) - 1,
			say: func(n, m int) string { return fmt.Sprintf("a person makes a %s with %s", kinds[n], values[m]) },
			do:  func(p *player, n, m int) string { return p.makeConsumer(n, p.value(m)) },
		},
		{
			weight: 1, n: 4,
			say: func(n, _ int) string { return fmt.Sprintf("a person deletes namespace %d", n) },
			do: func(p *player, n, _ int) string {
				api, list := fnAPI, p.list(fnAPI+"/namespaces?page_size=100&project_id="+p.Project("demo"), "namespaces")
				if n%2 == 1 {
					api, list = conAPI, p.list(conAPI+"/namespaces?page_size=100&project_id="+p.Project("demo"), "namespaces")
				}
				list = slices.DeleteFunc(list, func(row map[string]any) bool { return row["name"] == "ops" })
				row, ok := pick(list, n/2)
				if !ok {
					return nothing
				}
				return fmt.Sprint(row["name"], " ", p.byHand(http.MethodDelete, fmt.Sprint(api, "/namespaces/", row["id"]), nil))
			},
		},
		{
			weight: 2, n: 2,
			say: func(n, _ int) string { return fmt.Sprintf("a person deploys the function with its key %d", n) },
			do: func(p *player, n, _ int) string {
				k, ok := pick(p.ownKeys(), n)
				if !ok {
					return nothing
				}
				return p.deployOwn(k)
			},
		},
	}
}

// makeConsumer adds what carries a key, and deploys it where it can be.
func (p *player) makeConsumer(kind int, k emulator.KeyPair) string {
	api, plural := []string{fnAPI, conAPI}[kind%2], []string{"functions", "containers", "namespaces", "namespaces"}[kind]
	spaces := p.list(api+"/namespaces?page_size=100&project_id="+p.Project("demo"), "namespaces")
	body := map[string]any{
		"name": fmt.Sprint("new-", len(p.places())+len(spaces)), "secret_environment_variables": secrets(kind%2 == 0, nil, oddNames[(kind+len(spaces))%len(oddNames)], k.SecretKey),
	}
	if kind >= 2 {
		body["project_id"] = p.Project("demo")
	} else {
		space, ok := pick(spaces, len(p.places()))
		if !ok {
			return nothing
		}
		body["namespace_id"] = space["id"]
	}
	switch kind {
	case 0:
		body["runtime"] = "go126"
	case 1:
		body["image"] = "rg.fr-par.scw.cloud/by-hand/new:latest"
	}
	answer := p.Call(p.Secret, http.MethodPost, api+"/"+plural, body)
	if answer.Status != http.StatusOK {
		return fmt.Sprintf("refused with %d", answer.Status)
	}
	made := fmt.Sprint(body["name"], " with ", k.AccessKey)
	if id, ok := answer.Body["id"].(string); ok && kind == 0 {
		p.InstallCode(id, true)
		return made + " " + p.byHand(http.MethodPost, api+"/functions/"+id+"/deploy", map[string]any{})
	}
	return made
}
