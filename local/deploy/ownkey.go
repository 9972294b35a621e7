package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/scaleway/scaleway-sdk-go/validation"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
)

// The function replaces its own key, too, and publishes the new one in the secret that is named by its application. The
// key that a person has in .env is superseded from then on, and dead a grace period later: a deploy takes the current
// one from the secret.

const (
	ownKeySetting = config.Prefix + "OWN_KEY"

	orReplace = "run make deploy ARGS=--replace-key"
	// lookupRights is what the deployer needs to find the current key.
	lookupRights = "IAMReadOnly on the organization, SecretManagerReadOnly and SecretManagerSecretAccess on the project"
)

// ownKey is the key that the function is deployed with.
type ownKey struct {
	current // zero: the environment's as it stands
	note    string
}

// ownKey chooses it: the current one of the function's secret, or else the environment's, unless that would put back
// a key that is not the current one.
func (p program) ownKey(ctx context.Context, s service, env environment, f found, replace bool) (ownKey, error) {
	given, running := s.function.Env[ownAccessKey], f.ownKey()
	if or(s.function.Env[ownKeySetting], env[ownKeySetting]) == config.OwnKeyKeep {
		return ownKey{}, putBack(s, running, given, replace)
	}
	k, err := newKeeper(s, env)
	if err != nil {
		return ownKey{}, err
	}
	now, err := k.current(ctx, given, running)
	if err == nil {
		err = errors.Join(hide(p.stdout, now.Secret.Reveal()), hide(p.stderr, now.Secret.Reveal()))
	}
	switch {
	case err != nil:
		return unknown(s, running, given, replace, err)
	case now.AccessKey == "":
		return ownKey{}, putBack(s, running, given, replace)
	case replace && now.AccessKey != given:
		return ownKey{note: fmt.Sprintf("%s of the environment is deployed as it stands; %s still has %s, and the next run gives the function that one again",
			given, now.from, now.AccessKey)}, nil
	case replace:
		return ownKey{}, nil
	}
	if err := k.belongs(ctx, now, s.function.Name, running); err != nil {
		return ownKey{}, err
	}
	before := given + " of the environment"
	if now.AccessKey == given {
		if now.Secret.Reveal() == s.function.Secret[ownSecretKey] {
			return ownKey{}, nil
		}
		before = "the environment's, whose secret key is another"
	}
	return ownKey{current: now, note: fmt.Sprintf("own key: %s, from %s, in place of %s; to update .env, set %s and %s to what `%s` prints",
		now.AccessKey, now.from, before, ownAccessKey, ownSecretKey, now.command)}, nil
}

// unknown is what comes of a look that has failed: the environment's key, where that is wanted, or where the deployer
// may not look and no other key is there to be put back.
func unknown(s service, running, given string, replace bool, err error) (ownKey, error) {
	forbidden := errors.Is(err, scaleway.ErrForbidden)
	switch said := asDeployer(err); {
	case replace, forbidden && (running == "" || running == given):
		return ownKey{note: fmt.Sprintf("warning: %s of the environment is deployed as it stands; Secret Manager may have a newer key for the function, but it could not be looked up: %s",
			given, said)}, nil
	case forbidden:
		return ownKey{}, fmt.Errorf("%s: function %s runs on %s, and the environment's is %s; which is the current one could not be looked up: %w. Grant the key that deploys %s; or set the current key and its secret; or %s",
			ownAccessKey, s.function.Name, running, given, said, lookupRights, orReplace)
	case errors.Is(err, scaleway.ErrPayload):
		return ownKey{}, fmt.Errorf("the function's own key: %w; disable that version, or %s to deploy the environment's key", said, orReplace)
	default:
		return ownKey{}, fmt.Errorf("look up the function's own key: %w", said)
	}
}

// putBack guards a key that the function has been given since the last deploy: osls would put the older one back.
func putBack(s service, running, given string, replace bool) error {
	if running == "" || running == given || replace {
		return nil
	}
	return fmt.Errorf("%s: function %s runs on %s, and the deploy would put it back to %s; set the current key and its secret, or %s",
		ownAccessKey, s.function.Name, running, given, orReplace)
}

// ownKey is the access key of the deployed function; "": there is none.
func (f found) ownKey() string {
	if f.function == nil {
		return ""
	}
	return f.function.EnvironmentVariables[ownAccessKey]
}

// with is the deployment with a key in the place of the environment's. osls resolves serverless.yml in the same way.
func (p program) with(env environment, key current) (service, environment, error) {
	env = maps.Clone(env)
	env[ownAccessKey], env[ownSecretKey] = key.AccessKey, key.Secret.Reveal()
	s, err := p.service(env)
	if err == nil && (s.function.Env[ownAccessKey] != key.AccessKey || s.function.Secret[ownSecretKey] != key.Secret.Reveal()) {
		err = fmt.Errorf("serverless.yml: want \"${env:%s}\" and \"${env:%s}\": the function's current key comes in these variables", ownAccessKey, ownSecretKey)
	}
	return s, env, err
}

// keeper finds the function's own key, as the deployer.
type keeper struct {
	api            *scaleway.Client
	folder, region string
}

func newKeeper(s service, env environment) (keeper, error) {
	api, err := scaleway.New(scaleway.Options{
		APIURL: apiURL(env), AccessKey: deployerAccessKey, SecretKey: redact.New(env[deployerKey]),
		OrganizationID: s.function.Env["ROTATOR_ORGANIZATION_ID"], ProjectID: env[deployerProject],
		Clock: clock.Real(), Concurrency: 1, RequestsPerSecond: 20,
	})
	return keeper{api: api, folder: s.function.Env["ROTATOR_SECRET_PATH"], region: s.function.Env["ROTATOR_SECRET_REGION"]}, err
}

// current is what Secret Manager has for the function. Its zero value is nothing.
type current struct {
	scaleway.KeyPair

	application string
	from        string // the version and the secret, as a person would look them up
	command     string // that shows the version
}

// current looks for the secret of the application that has one of the keys: the first that is still there.
func (k keeper) current(ctx context.Context, keys ...string) (current, error) {
	application, err := k.application(ctx, keys)
	if err != nil || application == "" {
		return current{}, err
	}
	secrets, err := k.api.Secrets(ctx, k.region, k.folder)
	if err != nil {
		return current{}, err
	}
	secrets = slices.DeleteFunc(secrets, func(s scaleway.Secret) bool { return s.Name != application })
	if len(secrets) == 0 {
		return current{}, nil
	}
	secret := secrets[len(secrets)-1] // the newest, as a run takes it
	versions, err := k.api.Versions(ctx, secret)
	if err != nil || !slices.ContainsFunc(versions, func(v scaleway.Version) bool { return v.Enabled }) {
		return current{}, err
	}
	pair, revision, err := k.api.AccessLatest(ctx, secret)
	if err != nil {
		return current{}, err
	}
	from := fmt.Sprintf("version %d of secret %s in %s", revision, secret.FullName(), secret.Region)
	if !validation.IsAccessKey(pair.AccessKey) || !validation.IsSecretKey(pair.Secret.Reveal()) {
		return current{}, fmt.Errorf("%s: a malformed key (not shown): %w", from, scaleway.ErrPayload)
	}
	return current{
		KeyPair: pair, application: application, from: from,
		command: fmt.Sprintf("scw secret version access %s revision=latest_enabled region=%s raw=true", secret.ID, secret.Region),
	}, nil
}

// application is whose the first of the keys is that is still there; "" is nobody's, or a person's.
func (k keeper) application(ctx context.Context, keys []string) (string, error) {
	for _, accessKey := range keys {
		if accessKey == "" {
			continue
		}
		key, err := k.api.HasKey(ctx, accessKey)
		if err != nil {
			return "", err
		}
		if key != nil {
			return key.ApplicationID, nil
		}
	}
	return "", nil
}

// belongs wants the current key to be the application's, and the key that the function runs on, too: one of another
// application is no older one of this.
func (k keeper) belongs(ctx context.Context, now current, function, running string) error {
	owner, err := k.application(ctx, []string{now.AccessKey})
	if err != nil {
		return fmt.Errorf("look up the function's own key: %w", asDeployer(err))
	}
	if owner != now.application {
		return fmt.Errorf("%s: %s is not a live key of application %s; %s", now.from, now.AccessKey, now.application, now.mend())
	}
	if owner, err = k.application(ctx, []string{running}); err != nil {
		return fmt.Errorf("look up the function's own key: %w", asDeployer(err))
	}
	if owner != "" && owner != now.application {
		return fmt.Errorf("%s: function %s runs on %s, a key of another application than the environment's, %s; set a key of that one, or %s",
			ownAccessKey, function, running, now.application, orReplace)
	}
	return nil
}

// mend says what to do where the published key is not one.
func (c current) mend() string {
	return "set a key of that application that works, and " + orReplace + ": the next run then replaces the published one"
}

// asDeployer words an error for who deploys: what internal/scaleway advises is for the function.
func asDeployer(err error) error {
	said, ok := errors.AsType[*scaleway.Error](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, scaleway.ErrForbidden):
		return fmt.Errorf("%s: the key that deploys (%s) needs the permission set %s", said.Act, deployerKey, said.Needs)
	default:
		return fmt.Errorf("%s: %w", said.Act, said.Cause)
	}
}

// dead says what to do about a key that does not work.
func (k ownKey) dead(err error, folder string) error {
	if k.AccessKey != "" {
		return fmt.Errorf("%s holds %s, which does not work: %w; %s", k.from, k.AccessKey, err, k.mend())
	}
	err = fmt.Errorf("%w; want the current one (one that the function has made is in Secret Manager, in %s, by the name of its application's ID)", err, folder)
	if k.note != "" {
		err = fmt.Errorf("%w\n%s", err, k.note)
	}
	return err
}
