package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/duration"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/rotate"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/setup"
)

// The function replaces its own key, in its own variables and nowhere else. So the key of the first deployment, made
// there or in the environment or .env, is for that one. Every later one leaves the two variables as they are on the platform: the plain one is read
// there and sent unchanged, the secret one is not sent at all.

const (
	// keptAccess and keptSecret stand where a deployment keeps the function's key. deploy/osls-mend.js takes the secret
	// one out, and lets no request leave that holds it.
	keptAccess = "SCWKEPT0000000000000"
	keptSecret = "00000000-0000-0000-0000-000000000000"
	// keepSetting tells deploy/osls-mend.js which secret variable to leave alone.
	keepSetting = "ROTATOR_DEPLOY_KEEPS"

	useNewKey = "make deploy ARGS=--new-key"
)

// withOwnKey is the environment with something for serverless.yml where it has no own key: a deployment that is not
// the first needs none.
func (env environment) withOwnKey() environment {
	if env[ownAccessKey] != "" || env[ownSecretKey] != "" {
		return env
	}
	env = maps.Clone(env)
	env[ownAccessKey], env[ownSecretKey] = keptAccess, keptSecret
	return env
}

// ownKey puts the key into the environment with which the function is deployed: what it has, a new one, or at first
// the environment's, or else one of the application that make setup has made.
func (p Deployer) ownKey(ctx context.Context, s service, env environment, r *remote, f found, o Options) (environment, error) {
	env = maps.Clone(env)
	running := f.ownKey()
	switch {
	case o.NewKey:
		made, err := p.newKey(ctx, s, env, running, o)
		if err != nil {
			return nil, err
		}
		env[ownAccessKey], env[ownSecretKey] = made.AccessKey, made.Secret.Reveal()
	case running != "" && f.hasSecret():
		if given := env[ownAccessKey]; given != keptAccess && given != running {
			p.say("own key: the function keeps %s; %s of the environment is not deployed (%s gives it another)", running, given, useNewKey)
		}
		env[ownAccessKey], env[ownSecretKey], env[keepSetting] = running, keptSecret, ownSecretKey
	case env[ownSecretKey] == keptSecret && running == "":
		made, err := p.firstKey(ctx, s, env, r, o)
		if err != nil {
			return nil, err
		}
		env[ownAccessKey], env[ownSecretKey] = made.AccessKey, made.Secret.Reveal()
	case env[ownSecretKey] == keptSecret:
		return nil, fmt.Errorf("the function has no secret key, and %s, %s are not set, neither in the environment nor in .env: %s gives it a key", ownAccessKey, ownSecretKey, useNewKey)
	default:
		if err := r.keyWorks(ctx, env[ownAccessKey]); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// firstKey makes a key of the application that make setup has made. Those that a
// deployment made before, and that no function has, go first: nobody else has ever
// had their secrets.
func (p Deployer) firstKey(ctx context.Context, s service, env environment, r *remote, o Options) (scaleway.KeyPair, error) {
	api, err := iamAsDeployer(s, env)
	if err != nil {
		return scaleway.KeyPair{}, err
	}
	application, err := described(ctx, api, env[deployerProject])
	if err != nil {
		return scaleway.KeyPair{}, err
	}
	if application == "" {
		return scaleway.KeyPair{}, fmt.Errorf("%s, %s: not set, neither in the environment nor in .env, and no application is described %q, for which a key could be made: run make setup first",
			ownAccessKey, ownSecretKey, setup.Description(setup.Function, env[deployerProject]))
	}
	keys, err := api.ApplicationKeys(ctx, application)
	if err != nil {
		return scaleway.KeyPair{}, fmt.Errorf("look for keys of an earlier attempt: %w", asDeployer(err))
	}
	keys = slices.DeleteFunc(keys, func(k scaleway.APIKey) bool { return !rotate.MintedBy(k, env[deployerProject]) })
	if len(keys) > 0 {
		carried, err := r.carried(ctx)
		if err != nil {
			return scaleway.KeyPair{}, err
		}
		for _, k := range keys {
			if carried[k.AccessKey] {
				return scaleway.KeyPair{}, fmt.Errorf("a function of this project in another region or namespace runs on %s, of the application that this one would have: delete that function first", k.AccessKey)
			}
		}
		for _, k := range keys {
			if o.DryRun {
				p.say("own key: would delete %s, which an earlier deployment made and no function has", k.AccessKey)
				continue
			}
			if err := api.DeleteKey(ctx, k.AccessKey); err != nil {
				return scaleway.KeyPair{}, fmt.Errorf("delete a key of an earlier attempt: %w", asDeployer(err))
			}
			p.say("own key: deleted %s, which an earlier deployment made and no function has", k.AccessKey)
		}
	}
	o.Application = application
	return p.newKey(ctx, s, env, "", o)
}

// described is the ID of the application that make setup has made; "": there is none.
func described(ctx context.Context, api *scaleway.Client, project string) (string, error) {
	all, err := api.Applications(ctx)
	if err != nil {
		return "", fmt.Errorf("look for the function's application: %w", asDeployer(err))
	}
	id := ""
	for _, a := range all {
		if a.Description != setup.Description(setup.Function, project) {
			continue
		}
		if id != "" {
			return "", fmt.Errorf("applications %s and %s are both described %q: make setup says what to do", id, a.ID, a.Description)
		}
		id = a.ID
	}
	return id, nil
}

// iamAsDeployer reads and changes keys with the deployer's rights.
func iamAsDeployer(s service, env environment) (*scaleway.Client, error) {
	return scaleway.New(scaleway.Options{
		APIURL: apiURL(env), AccessKey: deployerAccessKey, SecretKey: redact.New(env[deployerKey]),
		OrganizationID: s.Function.Env["ROTATOR_ORGANIZATION_ID"], ProjectID: env[deployerProject],
		Clock: clock.Real(), Concurrency: 1, RequestsPerSecond: 20,
	})
}

// newKey makes a key of the function's application, with the deployer's rights.
func (p Deployer) newKey(ctx context.Context, s service, env environment, running string, o Options) (scaleway.KeyPair, error) {
	application := o.Application
	lifetime, ok := duration.Parse(s.Function.Env["ROTATOR_KEY_LIFETIME"])
	if !ok {
		return scaleway.KeyPair{}, errors.New("ROTATOR_KEY_LIFETIME: want a duration such as 90d")
	}
	api, err := iamAsDeployer(s, env)
	if err != nil {
		return scaleway.KeyPair{}, err
	}
	for _, key := range []string{running, env[ownAccessKey]} {
		if application != "" || key == "" || key == keptAccess {
			continue
		}
		known, err := api.HasKey(ctx, key)
		if err != nil {
			return scaleway.KeyPair{}, fmt.Errorf("look up the function's application: %w", asDeployer(err))
		}
		if known != nil {
			application = known.ApplicationID
		}
	}
	if application == "" {
		if application, err = described(ctx, api, env[deployerProject]); err != nil {
			return scaleway.KeyPair{}, err
		}
	}
	if application == "" {
		return scaleway.KeyPair{}, fmt.Errorf("the function's application cannot be told: the key %s is gone; name it: make deploy ARGS='--new-key --application=ID'",
			or(running, "of the function"))
	}
	if o.DryRun {
		p.say("own key: would make one for application %s", application)
		return scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: keptAccess}, Secret: redact.New(keptSecret)}, nil
	}
	made, err := api.CreateKey(ctx, scaleway.NewKey{
		ApplicationID: application, DefaultProjectID: env[deployerProject],
		Description: rotate.Marked("key rotator", env[deployerProject]),
		ExpiresAt:   api.Now().Add(lifetime).Truncate(time.Second),
	})
	if err != nil {
		return scaleway.KeyPair{}, fmt.Errorf("make a new key: %w", asDeployer(err))
	}
	p.say("own key: made %s for application %s, which expires on %s", made.AccessKey, application, made.ExpiresAt.UTC().Format(time.DateOnly))
	return made, errors.Join(hide(p.Stdout, made.Secret.Reveal()), hide(p.Stderr, made.Secret.Reveal()))
}

// ownKey is the access key of the deployed function; "": there is none.
func (f found) ownKey() string {
	if f.function == nil {
		return ""
	}
	return f.function.EnvironmentVariables[ownAccessKey]
}

// hasSecret tells whether the deployed function has a secret key to keep.
func (f found) hasSecret() bool { return f.function != nil && ownHash(f.function) != "" }

// ownHash is the hash of the function's secret key, as the API shows it.
func ownHash(f *functions.Function) string {
	for _, s := range f.SecretEnvironmentVariables {
		if s != nil && s.Key == ownSecretKey {
			return s.HashedValue
		}
	}
	return ""
}

// kept wants the function's key to be what it was before a deployment that keeps it. A key that the function has given
// itself meanwhile is another, access key and all.
func (f found) kept(now *functions.Function) error {
	if now.EnvironmentVariables[ownAccessKey] == f.ownKey() && ownHash(now) != ownHash(f.function) {
		return fmt.Errorf("%s: the deployment has set it, and should have kept it; give the function a new key: %s", ownSecretKey, useNewKey)
	}
	return nil
}
