package forecast

import (
	"maps"
	"slices"
	"strings"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// places are what the project holds, by region.
func (w *sower) places() []emulator.SeedPlace {
	byRegion := map[string]*emulator.SeedPlace{}
	for _, n := range w.namespaces {
		place := byRegion[n.Region]
		if place == nil {
			place = &emulator.SeedPlace{Project: w.projectName(w.project), Region: n.Region}
			byRegion[n.Region] = place
		}
		env, secret := w.variables(*n.Environment)
		changed := w.age(n.Environment.UpdatedAt)
		if n.Product == scaleway.Functions {
			row := emulator.SeedFunctionNamespace{Name: n.Name, Env: env, SecretEnv: secret, Changed: changed, Tokens: w.tokensOf(n.ID, "")}
			for _, r := range w.in(n) {
				row.Functions = append(row.Functions, w.function(r))
			}
			place.FunctionNamespaces = append(place.FunctionNamespaces, row)
			continue
		}
		row := emulator.SeedContainerNamespace{Name: n.Name, Env: env, SecretEnv: secret, Changed: changed, Tokens: w.tokensOf(n.ID, "")}
		for _, r := range w.in(n) {
			row.Containers = append(row.Containers, w.container(r))
		}
		place.ContainerNamespaces = append(place.ContainerNamespaces, row)
	}
	var places []emulator.SeedPlace
	for _, region := range slices.Sorted(maps.Keys(byRegion)) {
		places = append(places, *byRegion[region])
	}
	return places
}

func (w *sower) in(n scaleway.Namespace) []scaleway.Resource {
	return slices.DeleteFunc(slices.Clone(w.resources), func(r scaleway.Resource) bool { return r.Namespace.ID != n.ID || r.Product != n.Product })
}

func privacy(r scaleway.Resource) string {
	if r.Private {
		return "private"
	}
	return "public"
}

// status is one in which a seed can have things: what is under way will have come to rest.
func (w *sower) status(r scaleway.Resource, of ...string) string {
	if slices.Contains(of, r.Status) {
		return r.Status
	}
	w.unplayed = append(w.unplayed, r.Environment.String()+" is in status "+r.Status+": it is played as if it were ready")
	return "ready"
}

func (w *sower) function(r scaleway.Resource) emulator.SeedFunction {
	row := emulator.SeedFunction{
		Name: r.Name, Privacy: privacy(r), Status: w.status(r, "ready", "error", "created"), ErrorMessage: r.Environment.Problem,
		Changed: w.age(r.Environment.UpdatedAt), Tokens: w.tokensOf(r.Namespace.ID, r.ID),
	}
	row.Env, row.SecretEnv = w.variables(r.Environment)
	row.Domains, row.BadDomains = domains(r)
	if r.PlainHTTP {
		row.HTTPOption = "enabled"
	}
	return row
}

func (w *sower) container(r scaleway.Resource) emulator.SeedContainer {
	secure := !r.PlainHTTP
	row := emulator.SeedContainer{
		Name: r.Name, Privacy: privacy(r), Status: w.status(r, "ready", "error"), ErrorMessage: r.Environment.Problem,
		Changed: w.age(r.Environment.UpdatedAt), HealthPath: r.HealthPath, Tokens: w.tokensOf(r.Namespace.ID, r.ID),
		HTTPSConnectionsOnly: &secure,
	}
	if on := !w.off[place(r)]; !on { // old answers say of every container that it may be
		row.DefaultPublicEndpointEnabled = &on
	}
	row.Env, row.SecretEnv = w.variables(r.Environment)
	row.Domains, row.BadDomains = domains(r)
	return row
}

func domains(r scaleway.Resource) (ready, bad []string) {
	for _, d := range r.Domains {
		if d.Ready {
			ready = append(ready, d.Host)
		} else {
			bad = append(bad, d.Host)
		}
	}
	return ready, bad
}

func (w *sower) tokensOf(namespace, resource string) []emulator.SeedToken {
	var tokens []emulator.SeedToken
	for _, t := range w.tokens {
		if t.Scope.Namespace.ID != namespace || t.Scope.ResourceID != resource {
			continue
		}
		row := emulator.SeedToken{Description: t.Description}
		if !t.ExpiresAt.IsZero() {
			row.ExpiresIn = emulator.SeedAge(t.ExpiresAt.Sub(w.at)).String()
		}
		tokens = append(tokens, row)
	}
	return tokens
}

// variables are those of an environment: the plain ones as they are, of the secret ones
// the names, with the secret of the key that is said to be in them, or with one that is
// nobody's.
func (w *sower) variables(e scaleway.Environment) (plain, secret map[string]string) {
	plain, secret = maps.Clone(e.Plain), map[string]string{}
	for name, value := range plain {
		plain[name] = strings.ReplaceAll(value, "${", "$ {") // a reference, to a seed
	}
	own, key := w.own()
	carried := w.carried
	if carried == nil {
		carried = w.guessed
	}
	for name := range e.Hashes {
		access := carried[e.ID][name]
		if own != nil && own.ID == e.ID && name == config.Prefix+"SECRET_KEY" {
			access = key.AccessKey
		}
		secret[name] = "a secret that nobody knows here"
		if slices.ContainsFunc(w.keys, func(k scaleway.APIKey) bool { return k.AccessKey == access }) {
			secret[name] = "${secret_key:" + access + "}"
		}
	}
	return plain, secret
}
