package emulator

import (
	"fmt"
	"slices"
	"time"
)

// loadServerless installs s in a project as it is once everything has come to
// rest, made in the past; region "" means fr-par. It takes e.mu, and its error
// names what is wrong in s.
func (e *Emulator) loadServerless(project, region string, s SeedServerless) error {
	if region == "" {
		region = "fr-par"
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	in := &installer{Emulator: e, project: project, region: region, now: e.clock.Now(), since: e.clock.Now().Add(-seedAge)}
	for _, n := range s.FunctionNamespaces {
		if err := in.functions(n); err != nil {
			return fmt.Errorf("function namespace %q: %w", n.Name, err)
		}
	}
	for _, n := range s.ContainerNamespaces {
		if err := in.containers(n); err != nil {
			return fmt.Errorf("container namespace %q: %w", n.Name, err)
		}
	}
	return nil
}

// seedAge is how long ago everything in a seed was made; a token that has
// expired may be older.
const seedAge = 60 * 24 * time.Hour

type installer struct {
	*Emulator
	project, region string
	now, since      time.Time
}

// settled is the life of something that came to rest at once.
func (in *installer) settled(status, problem string) life {
	return life{created: at(in.since), updated: at(in.since), status: status, problem: problem, served: status == statusReady}
}

func (in *installer) namespace(p *product, name string, env, secrets map[string]string, tags []string) (*namespace, error) {
	if in.iam.projects.get(in.project) == nil {
		return nil, fmt.Errorf("no project %s", in.project)
	}
	if name == "" || p.taken(in.project, name) {
		return nil, fmt.Errorf("name is missing or taken")
	}
	n := &namespace{
		life: in.settled(statusReady, ""), id: in.mint.uuid(), name: name, project: in.project,
		env: plain(env), secrets: secretEnv{}.replace(secrets, in.mint), tags: orEmpty(tags),
	}
	n.slug = slug(name, n.id[:8])
	p.namespaces.put(n.id, n)
	return n, nil
}

func (in *installer) workload(p *product, n *namespace, name, privacy string, env, secrets map[string]string, tags []string) (*workload, error) {
	if err := nameOf("Function", name); err != nil || p.holds(n, name) {
		return nil, fmt.Errorf("name is missing, too long or taken")
	}
	if privacy != "" && !slices.Contains(enums["privacy"], privacy) {
		return nil, fmt.Errorf("privacy %q is neither private nor public", privacy)
	}
	w := &workload{
		id: in.mint.uuid(), name: name, namespace: n, host: p.hostOf(n, name), privacy: chosen(privacy, "private"),
		sandbox: "v2", timeout: seconds(300 * time.Second), env: plain(env), tags: orEmpty(tags),
		secrets: secretEnv{}.replace(secrets, in.mint), maxScale: 5, httpsOnly: true,
	}
	p.workloads.put(w.id, w)
	return w, nil
}

func (in *installer) functions(s SeedFunctionNamespace) error {
	p := in.productIn("functions", in.region, in.now)
	n, err := in.namespace(p, s.Name, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	n.slug, n.registryID = slug(s.Name, in.mint.pick(slugAlphabet, slugSuffix)), in.mint.uuid()
	if err := in.tokens(p, n, nil, s.Tokens); err != nil {
		return err
	}
	for _, f := range s.Functions {
		if err := in.function(p, n, f); err != nil {
			return fmt.Errorf("function %q: %w", f.Name, err)
		}
	}
	return nil
}

func (in *installer) function(p *product, n *namespace, s SeedFunction) error {
	w, err := in.workload(p, n, s.Name, s.Privacy, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	status := chosen(s.Status, statusReady)
	if !slices.Contains([]string{statusReady, statusError, statusCreated}, status) {
		return fmt.Errorf("status %q is none of ready, error and created", status)
	}
	runtime := chosen(s.Runtime, "go126")
	if defaultHandler(runtime) == "" {
		return fmt.Errorf("runtime %q is unknown", runtime)
	}
	w.life = in.settled(status, s.ErrorMessage)
	w.function = &functionSpec{runtime: runtime, handler: defaultHandler(runtime), memory: 256, code: codeBuilds}
	w.httpsOnly = chosen(s.HTTPOption, "redirected") == "redirected"
	w.behaviour.answer = s.Answer
	if status == statusReady {
		w.readyAt = at(in.since)
	}
	for _, name := range s.Domains {
		in.domain(p, w, name)
	}
	for _, k := range s.Crons {
		args := object(k.Args)
		if args == nil {
			args = object{}
		}
		row := &cron{life: in.settled(statusReady, ""), id: in.mint.uuid(), name: k.Name, schedule: k.Schedule, args: args, workload: w}
		p.crons.put(row.id, row)
	}
	return in.tokens(p, n, w, s.Tokens)
}

func (in *installer) containers(s SeedContainerNamespace) error {
	p := in.productIn("containers", in.region, in.now)
	n, err := in.namespace(p, s.Name, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	if err := in.tokens(p, n, nil, s.Tokens); err != nil {
		return err
	}
	for _, s := range s.Containers {
		if err := in.container(p, n, s); err != nil {
			return fmt.Errorf("container %q: %w", s.Name, err)
		}
	}
	return nil
}

func (in *installer) container(p *product, n *namespace, s SeedContainer) error {
	w, err := in.workload(p, n, s.Name, s.Privacy, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	status := chosen(s.Status, statusReady)
	if status != statusReady && status != statusError {
		return fmt.Errorf("status %q is neither ready nor error", status)
	}
	w.life = in.settled(status, s.ErrorMessage)
	w.container = newContainerSpec()
	w.container.image, w.container.pushed = "rg."+in.region+".scw.cloud/example/"+s.Name+":latest", true
	w.container.command, w.container.args = []string{}, []string{}
	set(&w.httpsOnly, s.HTTPSConnectionsOnly)
	if s.DefaultPublicEndpointEnabled != nil {
		w.container.publicOff, w.container.publicSet = !*s.DefaultPublicEndpointEnabled, true
	}
	if s.HealthPath != "" {
		w.container.liveness.TCP, w.container.liveness.HTTP = nil, &httpProbe{Path: s.HealthPath}
	}
	w.behaviour = behaviour{answer: s.Answer, healthPath: s.HealthPath}
	if status == statusReady {
		w.readyAt = at(in.since)
	}
	for _, name := range s.Domains {
		in.domain(p, w, name)
	}
	return in.tokens(p, n, w, s.Tokens)
}

func (in *installer) domain(p *product, w *workload, name string) {
	d := in.newDomain(w, name)
	d.life = in.settled(statusReady, "")
	p.domains.put(d.id, d)
}

func (in *installer) tokens(p *product, n *namespace, w *workload, seeds []SeedToken) error {
	for _, s := range seeds {
		t := &token{life: in.settled(statusReady, ""), id: in.mint.uuid(), description: s.Description, namespace: n, workload: w}
		made := in.since
		if s.ExpiresIn != "" {
			var left SeedAge
			if err := left.UnmarshalText([]byte(s.ExpiresIn)); err != nil {
				return fmt.Errorf("token %q: expires_in: %w", s.Description, err)
			}
			expires := in.now.Add(time.Duration(left))
			t.expires = given(&expires)
			if !made.Before(expires) {
				made = expires.Add(-seedAge)
			}
		}
		t.jwt = in.sign(t, made)
		p.tokens.put(t.id, t)
	}
	return nil
}
