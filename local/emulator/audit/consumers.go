package audit

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/serverless"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/traffic"
)

// consumers is what an auditor knows of the keys that functions, containers
// and their namespaces carry in their variables.
type consumers struct {
	parts     map[string]keyPart  // by value: every secret and access key that ever was
	read      map[string]int      // by secret: how many of its versions are in parts
	ran       map[carry]time.Time // when a revision last ran with the key's secret
	variables map[variable]string // of the project, as the API held them after the last request
	// left is what a person took out of a variable: that code does not need the key
	// any more. It says nothing of others that ran with the same key, and nothing
	// any more once the client itself takes the key away there.
	left map[carry]bool
	// lost is what carried a key when that died by itself, since no run came, by a
	// person's hand or by a person's word: it is broken by that, and not by the
	// client, until the client gives it another.
	lost map[carry]bool
	// unread are the access keys that died, and not by the client, while no version
	// showed their secrets: who is given one later is past finding.
	unread map[string]bool
}

// carry is a key at the place that carries it.
type carry struct{ place, access string }

// keyPart is one half of an API key.
type keyPart struct {
	application, access string
	secret              bool
}

// variable is an environment variable of what stands at a place.
type variable struct {
	place, name string
	secret      bool
}

func newConsumers() consumers {
	return consumers{parts: map[string]keyPart{}, read: map[string]int{}, ran: map[carry]time.Time{}, left: map[carry]bool{}, lost: map[carry]bool{}, unread: map[string]bool{}}
}

// learnConsumers notes the keys that there are, and which ones run.
func (a *Auditor) learnConsumers(now time.Time) {
	k := &a.consumers
	for _, key := range a.iam.Keys() {
		k.parts[key.Secret] = keyPart{key.ApplicationID, key.AccessKey, true}
		k.parts[key.AccessKey] = keyPart{key.ApplicationID, key.AccessKey, false}
	}
	// Keys that died before anybody watched are known by what is left of them. Of
	// others, a version may say what is not so.
	for _, s := range a.credentials() {
		for _, v := range s.Versions[min(k.read[s.ID], len(s.Versions)):] {
			pair := pairOf(v)
			_, known := k.parts[pair.SecretKey]
			_, seen := k.parts[pair.AccessKey]
			if pair.SecretKey != "" && !known && !seen {
				k.parts[pair.SecretKey] = keyPart{s.Name, pair.AccessKey, true}
			}
		}
		k.read[s.ID] = len(s.Versions)
	}
	for _, p := range a.serverless.Products(now) {
		for _, w := range p.Workloads(a.rules.Project) {
			if lines, until := w.RanWith(); lines != nil {
				k.note(p.Place(w), lines, until)
			}
			k.note(p.Place(w), w.RunsWith(), now)
		}
	}
}

// note says that a revision ran at that time, with an environment.
func (k *consumers) note(place string, env []string, when time.Time) {
	for _, line := range env {
		_, value, _ := strings.Cut(line, "=")
		part := k.part(value)
		if at := (carry{place, part.access}); part.secret && k.ran[at].Before(when) {
			k.ran[at] = when
		}
	}
}

// Behind tells, by the name of the application, what holds or runs with a key
// other than the one that the readers of its secret get, whoever can know that.
// What is made to fail may run with an old one.
func (a *Auditor) Behind() map[string][]string {
	a.base.Mu.Lock()
	defer a.base.Mu.Unlock()
	now := a.base.Clock.Now()
	variables, out := a.environments(now), map[string][]string{}
	newest := map[string]string{} // by application
	for _, s := range a.present() {
		newest[s.Name] = newestPair(s).AccessKey
	}
	note := func(value, place, how string) {
		part := a.consumers.part(value)
		if current := newest[part.application]; part.access != "" && !a.consumers.lost[carry{place, part.access}] && !a.consumers.unread[part.access] && current != "" && part.access != current {
			name := a.iam.Application(part.application).Name
			out[name] = append(out[name], place+how+" "+part.access+", and not "+current)
		}
	}
	for v, value := range variables {
		beside := func() bool { // a secret key of the same application
			for other, secret := range variables {
				if other.place == v.place && other.secret && a.consumers.part(secret).application == a.consumers.part(value).application {
					return true
				}
			}
			return false
		}
		if v.secret || beside() {
			note(value, v.place, " holds in "+v.name)
		}
	}
	for _, p := range a.serverless.Products(now) {
		for _, w := range p.Workloads(a.rules.Project) {
			if !w.Fails() {
				for _, line := range w.RunsWith() {
					_, value, _ := strings.Cut(line, "=")
					// What a person has taken out of the variables is not the client's to
					// put there: the next deployment runs without any.
					if part := a.consumers.part(value); part.secret && a.holdsOf(w, part.application) {
						note(value, p.Place(w), " runs with")
					}
				}
			}
		}
	}
	for _, texts := range out {
		slices.Sort(texts)
	}
	return out
}

// ranWithin tells how long ago something last ran with a key, if that is within
// the grace, and no person took the key from it. A client knows the end of that to
// the second only (A79).
func (a *Auditor) ranWithin(access string, now time.Time) (ago time.Duration, within bool) {
	for at, last := range a.consumers.ran {
		since := now.Sub(last)
		if at.access == access && !a.consumers.left[at] && since < a.rules.Grace-time.Second && (!within || since < ago) {
			ago, within = since, true
		}
	}
	return ago, within
}

// carrier tells what of the project carries a secret, as the API has it or as
// it runs; "" if nothing does.
func (a *Auditor) carrier(secret string, now time.Time) string {
	found := []string{}
	for place, hows := range a.carriers(secret, now) {
		for _, how := range hows {
			found = append(found, place+how)
		}
	}
	slices.Sort(found)
	return strings.Join(found, ", which ")
}

// carriers are the places that carry a secret, each with how.
func (a *Auditor) carriers(secret string, now time.Time) map[string][]string {
	found := map[string][]string{}
	for v, value := range a.environments(now) {
		if within(value, secret) {
			found[v.place] = append(found[v.place], " holds in "+v.name)
		}
	}
	for _, p := range a.serverless.Products(now) {
		for _, w := range p.Workloads(a.rules.Project) {
			for how, env := range map[string][]string{" runs with": w.RunsWith(), " is being deployed with": w.DeploysWith()} {
				if slices.ContainsFunc(env, func(line string) bool { return runsWith(line, secret) }) {
					found[p.Place(w)] = append(found[p.Place(w)], how)
				}
			}
		}
	}
	return found
}

// holdsOf tells whether the variables of w, or of its namespace, hold a key of an
// application.
func (a *Auditor) holdsOf(w *serverless.Workload, application string) bool {
	return slices.ContainsFunc(w.Environment(), func(line string) bool {
		_, value, _ := strings.Cut(line, "=")
		return a.consumers.part(value).application == application
	})
}

// environments are the variables that the API holds in the project.
func (a *Auditor) environments(now time.Time) map[variable]string {
	out := map[variable]string{}
	add := func(place string, env, secrets map[string]string) {
		for name, value := range env {
			out[variable{place, name, false}] = value
		}
		for name, value := range secrets {
			out[variable{place, name, true}] = value
		}
	}
	for _, p := range a.serverless.Products(now) {
		for _, n := range p.Namespaces(a.rules.Project) {
			env, secrets := n.Variables()
			add(p.NamespacePlace(n), env, secrets)
		}
		for _, w := range p.Workloads(a.rules.Project) {
			env, secrets := w.Variables()
			add(p.Place(w), env, secrets)
		}
	}
	return out
}

// compareEnvironments judges what has become of the project's variables. I4:
// none comes, goes or changes, but that a key's half may be replaced by that
// of another key of the same application, if it lives.
func (a *Auditor) compareEnvironments(r *traffic.Request, now time.Time) {
	before, after := a.consumers.variables, a.environments(now)
	a.consumers.variables = after
	all := maps.Clone(before)
	maps.Copy(all, after)
	var wrong []string
	for v := range all {
		was, wasThere := before[v]
		is, isThere := after[v]
		if part := a.consumers.part(was); part.secret && was != is {
			a.taken(v.place, part.access, now)
		}
		switch {
		case !wasThere:
			wrong = append(wrong, v.name+" of "+v.place+" is new")
		case !isThere:
			wrong = append(wrong, v.name+" of "+v.place+" is gone")
		case was != is && !a.mayBecome(was, is, now):
			wrong = append(wrong, v.name+" of "+v.place+" has changed, and not to a living key of the same application")
		}
	}
	slices.Sort(wrong)
	for _, text := range wrong {
		a.violate(r, "I4: the variable "+text)
	}
}

func (a *Auditor) mayBecome(was, is string, now time.Time) bool {
	from, to := a.consumers.part(was), a.consumers.part(is)
	key := a.iam.Key(to.access)
	return from.access != "" && to.access != "" && from.secret == to.secret && a.consumers.around(was, from) == a.consumers.around(is, to) && from.application == to.application &&
		a.rotates(to.application) && key != nil && !key.Expired(now)
}
