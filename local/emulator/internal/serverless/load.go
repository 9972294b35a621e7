package serverless

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/strict"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

// Keys are IAM's, as far as seeds name them.
type Keys interface {
	// KeyNamed finds the key that a reference leads to.
	KeyNamed(name string) (access, secret string, found bool)
	// YoungestIn is when the youngest key was made of those that stand in values;
	// the zero time if none does.
	YoungestIn(values []string) time.Time
}

// Load installs a place as it is once everything has come to rest, made in the
// past. Its error begins with the path to the field that is wrong.
func (s *Serverless) Load(place seeds.Place, keys Keys) error {
	known, region := append(slices.Clone(regions), milan), wire.Chosen(place.Region, "fr-par")
	if !slices.Contains(known, region) {
		return strict.NoneOf("region", region, known)
	}
	project, err := s.projects.Named("project", place.Project)
	if err != nil {
		return err
	}
	holds, err := place.Expanded(keys.KeyNamed)
	if err != nil {
		return err
	}
	now := s.base.Clock.Now()
	in := &installer{Serverless: s, keys: keys, project: project, region: region, now: now, since: now.Add(-seedAge)}
	if err := strict.Each("function_namespaces", holds.FunctionNamespaces, in.functions); err != nil {
		return err
	}
	return strict.Each("container_namespaces", holds.ContainerNamespaces, in.containers)
}

// seedAge is how long ago everything in a seed was made; a token that has
// expired may be older.
const seedAge = 60 * 24 * time.Hour

type installer struct {
	*Serverless
	keys            Keys
	project, region string
	now, since      time.Time
}

// settled is the life of something that came to rest at once.
func (in *installer) settled(status, problem string) life {
	return life{created: wire.At(in.since), updated: wire.At(in.since), status: status, problem: problem, served: status == statusReady}
}

// changed makes a life that of something which was last changed so long ago, or, where
// that is not said, when the youngest key in its variables was made, and not before
// its namespace was.
func (in *installer) changed(l *life, age seeds.Age, n *Namespace, env map[string]string, secrets secretEnv) {
	if age > 0 {
		l.updated = wire.At(in.now.Add(-time.Duration(age)))
		if l.created.Time.After(l.updated.Time) {
			l.created = l.updated
		}
		return
	}
	values := slices.Collect(maps.Values(env))
	for _, s := range secrets {
		values = append(values, s.value)
	}
	if made := in.keys.YoungestIn(values); made.After(l.updated.Time) {
		l.updated = wire.At(made)
	}
	if n != nil && n.updated.Time.After(l.updated.Time) {
		l.updated = n.updated
	}
}

func (in *installer) namespace(p *Product, name string, changed seeds.Age, env, secrets map[string]string, tags []string) (*Namespace, error) {
	if !in.projects.Has(in.project) {
		return nil, fmt.Errorf("project: there is no %s", in.project)
	}
	if name == "" {
		return nil, strict.ErrNameRequired
	}
	if p.taken(in.project, name) {
		return nil, fmt.Errorf("name: another namespace of the project's %s is named %s", p.name, name)
	}
	n := &Namespace{
		life: in.settled(statusReady, ""), id: in.base.Mint.UUID(), name: name, project: in.project,
		env: wire.OrEmptyMap(env), secrets: secretEnv{}.replace(secrets, in.base.Mint), tags: wire.OrEmpty(tags),
	}
	in.changed(&n.life, changed, nil, n.env, n.secrets)
	n.slug = slug(name, n.id[:8])
	p.namespaces.Put(n.id, n)
	return n, nil
}

func (in *installer) workload(p *Product, n *Namespace, name, privacy string, env, secrets map[string]string, tags []string) (*Workload, error) {
	switch {
	case name == "":
		return nil, strict.ErrNameRequired
	case len(name) > longestName("Function"):
		return nil, fmt.Errorf("name: want at most %d characters, not the %d of %s", longestName("Function"), len(name), name)
	case p.holds(n, name):
		return nil, fmt.Errorf("name: another of the namespace's %s is named %s", p.name, name)
	case privacy != "" && !slices.Contains(enums["privacy"], privacy):
		return nil, strict.NoneOf("privacy", privacy, enums["privacy"])
	}
	w := &Workload{
		id: in.base.Mint.UUID(), name: name, namespace: n, host: p.hostOf(n, name), privacy: wire.Chosen(privacy, "private"),
		sandbox: "v2", timeout: wire.Seconds(300 * time.Second), env: wire.OrEmptyMap(env), tags: wire.OrEmpty(tags),
		secrets: secretEnv{}.replace(secrets, in.base.Mint), maxScale: 5, httpsOnly: true,
	}
	p.workloads.Put(w.id, w)
	return w, nil
}

func (in *installer) functions(s seeds.FunctionNamespace) error {
	p := in.productIn("functions", in.region, in.now)
	n, err := in.namespace(p, s.Name, s.Changed, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	n.slug, n.registryID = slug(s.Name, in.base.Mint.Pick(slugAlphabet, slugSuffix)), in.base.Mint.UUID()
	if err := in.tokens(p, n, nil, s.Tokens); err != nil {
		return err
	}
	return strict.Each("functions", s.Functions, func(f seeds.Function) error { return in.function(p, n, f) })
}

func (in *installer) function(p *Product, n *Namespace, s seeds.Function) error {
	w, err := in.workload(p, n, s.Name, s.Privacy, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	status := wire.Chosen(s.Status, statusReady)
	if want := []string{statusReady, statusError, statusCreated}; !slices.Contains(want, status) {
		return strict.NoneOf("status", status, want)
	}
	runtime := wire.Chosen(s.Runtime, "go126")
	if defaultHandler(runtime) == "" {
		return fmt.Errorf("runtime: want one that Scaleway has, such as go126, node22 or python313, not %q", runtime)
	}
	if s.HTTPOption != "" && !slices.Contains(enums["http_option"], s.HTTPOption) {
		return strict.NoneOf("http_option", s.HTTPOption, enums["http_option"])
	}
	if err := s.Answer.Check(); err != nil {
		return err
	}
	w.life = in.settled(status, s.ErrorMessage)
	in.changed(&w.life, s.Changed, n, w.env, w.secrets)
	w.function = &functionSpec{runtime: runtime, handler: defaultHandler(runtime), memory: 256, code: codeBuilds}
	w.httpsOnly = wire.Chosen(s.HTTPOption, "redirected") == "redirected"
	w.behaviour.answer, w.failing = s.Answer, s.Fails
	if status == statusReady {
		w.readyAt = w.created
	}
	w.seeded()
	if err := in.domains(p, w, "domains", s.Domains, in.settled(statusReady, "")); err != nil {
		return err
	}
	if err := in.domains(p, w, "domains_in_error", s.BadDomains, in.settled(statusError, "the name does not point here")); err != nil {
		return err
	}
	for i, k := range s.Crons {
		if k.Schedule == "" {
			return fmt.Errorf("crons[%d].schedule: is required, such as 17 4 * * *", i)
		}
		args := wire.Object(k.Args)
		if args == nil {
			args = wire.Object{}
		}
		row := &cron{life: in.settled(statusReady, ""), id: in.base.Mint.UUID(), name: k.Name, schedule: k.Schedule, args: args, workload: w}
		p.crons.Put(row.id, row)
	}
	return in.tokens(p, n, w, s.Tokens)
}

func (in *installer) containers(s seeds.ContainerNamespace) error {
	p := in.productIn("containers", in.region, in.now)
	n, err := in.namespace(p, s.Name, s.Changed, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	if err := in.tokens(p, n, nil, s.Tokens); err != nil {
		return err
	}
	return strict.Each("containers", s.Containers, func(c seeds.Container) error { return in.container(p, n, c) })
}

func (in *installer) container(p *Product, n *Namespace, s seeds.Container) error {
	w, err := in.workload(p, n, s.Name, s.Privacy, s.Env, s.SecretEnv, s.Tags)
	if err != nil {
		return err
	}
	status := wire.Chosen(s.Status, statusReady)
	if want := []string{statusReady, statusError}; !slices.Contains(want, status) {
		return strict.NoneOf("status", status, want)
	}
	if s.HealthPath != "" && !strings.HasPrefix(s.HealthPath, "/") {
		return fmt.Errorf("health_path: want one that starts with a slash, not %q", s.HealthPath)
	}
	if err := s.Answer.Check(); err != nil {
		return err
	}
	w.life = in.settled(status, s.ErrorMessage)
	in.changed(&w.life, s.Changed, n, w.env, w.secrets)
	w.container = newContainerSpec()
	w.container.image, w.container.pushed = "rg."+in.region+".scw.cloud/example/"+s.Name+":latest", true
	w.container.command, w.container.args = []string{}, []string{}
	wire.Set(&w.httpsOnly, s.HTTPSConnectionsOnly)
	if s.DefaultPublicEndpointEnabled != nil {
		w.container.publicOff, w.container.publicSet = !*s.DefaultPublicEndpointEnabled, true
	}
	if s.HealthPath != "" {
		w.container.liveness.TCP, w.container.liveness.HTTP = nil, &httpProbe{Path: s.HealthPath}
	}
	w.behaviour, w.failing = behaviour{answer: s.Answer, healthPath: s.HealthPath}, s.Fails
	if status == statusReady {
		w.readyAt = w.created
	}
	w.seeded()
	if err := in.domains(p, w, "domains", s.Domains, in.settled(statusReady, "")); err != nil {
		return err
	}
	if err := in.domains(p, w, "domains_in_error", s.BadDomains, in.settled(statusError, "the name does not point here")); err != nil {
		return err
	}
	return in.tokens(p, n, w, s.Tokens)
}

func (in *installer) domains(p *Product, w *Workload, field string, names []string, now life) error {
	for i, name := range names {
		if !hostname(name) {
			return fmt.Errorf("%s[%d]: want a host name such as api.example.com, not %q", field, i, name)
		}
		if in.hostTaken(name, in.now) {
			return fmt.Errorf("%s[%d]: %s leads elsewhere already", field, i, name)
		}
		d := in.newDomain(w, name)
		d.life = now
		p.domains.Put(d.id, d)
	}
	return nil
}

func (in *installer) tokens(p *Product, n *Namespace, w *Workload, rows []seeds.Token) error {
	for i, s := range rows {
		t := &token{life: in.settled(statusReady, ""), id: in.base.Mint.UUID(), description: s.Description, namespace: n, workload: w}
		made := in.since
		if s.ExpiresIn != "" {
			var left seeds.Age
			if err := left.UnmarshalText([]byte(s.ExpiresIn)); err != nil {
				return fmt.Errorf("tokens[%d].expires_in: %w", i, err)
			}
			expires := in.now.Add(time.Duration(left))
			t.expires = wire.Given(&expires)
			if !made.Before(expires) {
				made = expires.Add(-seedAge)
			}
		}
		t.jwt = in.sign(t, made)
		p.tokens.Put(t.id, t)
	}
	return nil
}
