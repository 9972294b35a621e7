package forecast

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// ledgerName is the secret in which runs remember (internal/run).
const ledgerName = "rotator-ledger"

// snapshot is what there is, by the API's own lists: no payload of Secret Manager, and
// of secret variables nothing but their names.
type snapshot struct {
	at                    time.Time // by the API's clock
	organization, project string
	function              string        // where serverless.yml deploys it: namespace/name
	lifetimeCap           time.Duration // 0: none
	applications          []scaleway.Application
	users                 []scaleway.User
	groups                []scaleway.Group
	policies              []policy
	keys                  []scaleway.APIKey
	secrets               []credential
	remembers             bool // there is a ledger
	namespaces            []scaleway.Namespace
	resources             []scaleway.Resource
	tokens                []scaleway.Token
	tokensUnknown         bool // the API does not list them
	// carried tells by the ID of an environment, and by variable, which access key is
	// in it, or goes with the secret key in it. nil: nobody has said.
	carried map[string]map[string]string
	guessed map[string]map[string]string // the same, by nothing but how variables look
	off     map[string]bool              // containers whose default endpoint a report says to be off, by place
}

type policy struct {
	scaleway.Principal

	rules []scaleway.Grant
}

// credential is a secret named by an application, or the one at its place.
type credential struct {
	scaleway.Secret

	versions []scaleway.Version
}

// read takes a snapshot. It sends nothing but GET, and asks for no payload.
func read(ctx context.Context, c *scaleway.Client, cfg config.Config) (*snapshot, error) {
	s := &snapshot{organization: cfg.OrganizationID, project: cfg.ProjectID}
	for _, part := range []func(context.Context, *scaleway.Client) error{
		s.readIAM,
		func(ctx context.Context, c *scaleway.Client) error { return s.readSecrets(ctx, c, cfg) },
		s.readServerless,
	} {
		if err := part(ctx, c); err != nil {
			return nil, err
		}
	}
	s.at = c.Now()
	return s, nil
}

func (s *snapshot) readIAM(ctx context.Context, c *scaleway.Client) (err error) {
	if s.keys, err = c.APIKeys(ctx); err != nil {
		return err
	}
	if s.applications, err = c.Applications(ctx); err != nil {
		return err
	}
	if s.users, err = c.Users(ctx); err != nil {
		return err
	}
	if s.groups, err = c.Groups(ctx); err != nil {
		return err
	}
	if s.lifetimeCap, err = c.KeyLifetimeCap(ctx); err != nil && !errors.Is(err, scaleway.ErrForbidden) && !errors.Is(err, scaleway.ErrNotFound) {
		return err // of these two a run makes a warning
	}
	principals, err := c.Policies(ctx)
	if err != nil {
		return err
	}
	for _, p := range principals {
		row := policy{Principal: p}
		if p.Unknown || p.ApplicationID+p.GroupID+p.UserID != "" {
			if row.rules, err = c.Rules(ctx, p); err != nil {
				return err
			}
		}
		s.policies = append(s.policies, row)
	}
	return nil
}

// readSecrets finds the credentials: those in the folder, and those that are elsewhere
// of applications for which keys were made.
func (s *snapshot) readSecrets(ctx context.Context, c *scaleway.Client, cfg config.Config) error {
	found, err := c.Secrets(ctx, cfg.SecretRegion, cfg.SecretPath)
	if err != nil {
		return err
	}
	for _, a := range s.applications {
		made := slices.ContainsFunc(s.keys, func(k scaleway.APIKey) bool { return k.ApplicationID == a.ID && rotate.MintedBy(k, s.project) })
		if !made || slices.ContainsFunc(found, func(f scaleway.Secret) bool { return f.Name == a.ID }) {
			continue
		}
		for _, region := range c.SecretRegions() {
			elsewhere, err := c.SecretsNamed(ctx, region, a.ID)
			if err != nil {
				return err
			}
			found = append(found, slices.DeleteFunc(elsewhere, func(f scaleway.Secret) bool { return !f.DeletionRequestedAt.IsZero() })...)
		}
	}
	for _, f := range found {
		s.remembers = s.remembers || f.Name == ledgerName
		if !slices.ContainsFunc(s.applications, func(a scaleway.Application) bool { return a.ID == f.Name }) {
			continue
		}
		versions, err := c.Versions(ctx, f)
		if err != nil {
			return err
		}
		s.secrets = append(s.secrets, credential{f, versions})
	}
	return nil
}

func (s *snapshot) readServerless(ctx context.Context, c *scaleway.Client) error {
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		for _, region := range c.Regions(p) {
			namespaces, err := c.Namespaces(ctx, p, region)
			if err != nil {
				return err
			}
			if len(namespaces) == 0 {
				continue
			}
			resources, err := c.Resources(ctx, p, region, namespaces)
			if err != nil {
				return err
			}
			if err := s.readDomains(ctx, c, p, region, resources); err != nil {
				return err
			}
			s.namespaces, s.resources = append(s.namespaces, namespaces...), append(s.resources, resources...)
			if err := s.readTokens(ctx, c, p, region, namespaces, resources); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *snapshot) readDomains(ctx context.Context, c *scaleway.Client, p scaleway.Product, region string, resources []scaleway.Resource) (err error) {
	var ofContainers []scaleway.Domain
	if p == scaleway.Containers {
		if ofContainers, err = c.ContainerDomains(ctx, region); err != nil {
			return err
		}
	}
	for i := range resources {
		r := &resources[i]
		if p == scaleway.Functions {
			if r.Domains, err = c.FunctionDomains(ctx, *r); err != nil {
				return err
			}
		}
		for _, d := range ofContainers {
			if d.ResourceID == r.ID {
				r.Domains = append(r.Domains, d)
			}
		}
	}
	return nil
}

func (s *snapshot) readTokens(ctx context.Context, c *scaleway.Client, p scaleway.Product, region string, namespaces []scaleway.Namespace, resources []scaleway.Resource) error {
	if !slices.Contains(c.TokenRegions(p), region) {
		return nil
	}
	var scopes []scaleway.Scope
	for _, n := range namespaces {
		scopes = append(scopes, scaleway.Scope{Product: p, Region: region, Namespace: n, Name: n.Name})
	}
	for _, r := range resources {
		scopes = append(scopes, scaleway.Scope{Product: p, Region: region, Namespace: r.Namespace, ResourceID: r.ID, Name: r.Name})
	}
	for _, scope := range scopes {
		tokens, err := c.Tokens(ctx, scope)
		switch {
		case errors.Is(err, scaleway.ErrNoRoute):
			s.tokensUnknown = true
		case errors.Is(err, scaleway.ErrNotFound): // gone since it was listed
		case err != nil:
			return err
		}
		s.tokens = append(s.tokens, tokens...)
	}
	return nil
}

// learn takes from a report who carries which key. The function that made it had
// compared them; here nobody has the secrets for that.
func (s *snapshot) learn(r *report.Report) {
	s.carried = map[string]map[string]string{}
	for _, c := range r.Consumers {
		variables := map[string]string{}
		for _, v := range c.Variables {
			variables[v.Name] = v.Held
		}
		s.carried[c.ID] = variables
	}
	s.off = map[string]bool{}
	for _, e := range r.Endpoints {
		if e.Product == string(scaleway.Containers) && !e.Custom && e.Result == "disabled" {
			s.off[e.Region+"/"+e.Namespace+"/"+e.Resource] = true
		}
	}
}

// place is where reports say that something is.
func place(r scaleway.Resource) string { return r.Region + "/" + r.Namespace.Name + "/" + r.Name }

// guess takes a secret variable for the other half of the access key that stands in the
// clear beside it, by its name, or since there is no other. It tells how many it took.
func (s *snapshot) guess() (taken int) {
	s.guessed = map[string]map[string]string{}
	for _, e := range s.environments() {
		for name, access := range e.Plain {
			if !slices.ContainsFunc(s.keys, func(k scaleway.APIKey) bool { return k.AccessKey == access }) {
				continue
			}
			if name == config.Prefix+"ACCESS_KEY" {
				continue // the function's own
			}
			half := strings.Replace(name, "ACCESS", "SECRET", 1)
			if len(e.Hashes) == 1 {
				half = slices.Collect(maps.Keys(e.Hashes))[0]
			}
			if _, there := e.Hashes[half]; there {
				taken++
				s.guessed[e.ID] = map[string]string{half: access}
			}
		}
	}
	return taken
}

func (s *snapshot) environments() []scaleway.Environment {
	var all []scaleway.Environment
	for _, n := range s.namespaces {
		all = append(all, *n.Environment)
	}
	for i := range s.resources {
		all = append(all, s.resources[i].Environment)
	}
	return all
}

// own is the function of this project on which runs are played, and its key: the one at
// the place where serverless.yml deploys it, before any other that looks like one, and
// of those one whose key lives. The key is empty where it is none of the organization.
func (s *snapshot) own() (own *scaleway.Resource, key scaleway.APIKey) {
	best := 0
	for i := range s.resources {
		r := &s.resources[i]
		access, there := r.Environment.Plain[config.Prefix+"ACCESS_KEY"]
		about := r.Environment.Plain[config.Prefix+"PROJECT_ID"]
		if !there || r.Product != scaleway.Functions || about != "" && about != s.project {
			continue
		}
		rank, k := 1, scaleway.APIKey{}
		if at := slices.IndexFunc(s.keys, func(k scaleway.APIKey) bool { return k.AccessKey == access }); at >= 0 {
			rank, k = 2, s.keys[at]
		}
		if r.Namespace.Name+"/"+r.Name == s.function {
			rank += 2
		}
		if rank > best {
			best, own, key = rank, r, k
		}
	}
	return own, key
}

// bearer names whose key it is.
func (s *snapshot) bearer(k scaleway.APIKey) string {
	for _, real := range s.keys { // users have other IDs in a play
		if real.AccessKey == k.AccessKey {
			k = real
		}
	}
	for _, a := range s.applications {
		if a.ID == k.ApplicationID {
			return "application " + a.Name
		}
	}
	for _, u := range s.users {
		if u.ID == k.UserID {
			return "user " + u.Name
		}
	}
	if own, _ := s.own(); own == nil && k.ApplicationID != "" {
		return "application " + invented
	}
	return "an unknown bearer"
}

// ParseReport reads a whole report of the function, as JSON.
func ParseReport(text []byte) (*report.Report, error) {
	var r *report.Report
	if err := json.Unmarshal(text, &r); err != nil || r == nil {
		return nil, errors.New("it is no report as JSON")
	}
	if r.ProjectID == "" || r.Consumers == nil || r.Endpoints == nil {
		return nil, errors.New("it is no whole report: who asks for one sends the control secret, as make invoke does")
	}
	return r, nil
}
