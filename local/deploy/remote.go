package deploy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	functions "github.com/scaleway/scaleway-sdk-go/api/function/v1beta1"
	iam "github.com/scaleway/scaleway-sdk-go/api/iam/v1alpha1"
	"github.com/scaleway/scaleway-sdk-go/scw"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/setup"
)

// deployerAccessKey stands for one: the SDK wants it, but sends the secret key only.
const deployerAccessKey = "SCWDEPLOYER000000000"

// remote is what the API has of the deployment.
type remote struct {
	api     *functions.API
	iam     *iam.API // as the function, not as the deployer
	project string
	poll    time.Duration
}

// InClear tells whether a key would go to an address for everybody to read: over
// anything but https, except to this machine.
func InClear(address string) bool {
	u, err := url.Parse(address)
	return err != nil || u.Scheme != "https" && u.Hostname() != "127.0.0.1" && u.Hostname() != "localhost"
}

func newRemote(ctx context.Context, s service, env environment, poll time.Duration) (*remote, error) {
	base := apiURL(env)
	if InClear(base) {
		return nil, fmt.Errorf("SCW_API_URL: %q: want https: the key would travel in clear", base)
	}
	client := func(accessKey, secretKey string) (*scw.Client, error) {
		return scw.NewClient(
			scw.WithAPIURL(base), scw.WithAuth(accessKey, secretKey), scw.WithDefaultRegion(scw.Region(s.Region)),
			scw.WithHTTPClient(&http.Client{Transport: setup.Interruptible(ctx, nil), Timeout: 30 * time.Second}),
		)
	}
	deployer, err := client(deployerAccessKey, env[deployerKey])
	if err != nil {
		return nil, err
	}
	own, err := client(s.Function.Env[ownAccessKey], s.Function.Secret[ownSecretKey])
	if err != nil {
		return nil, err
	}
	return &remote{api: functions.NewAPI(deployer), iam: iam.NewAPI(own), project: env[deployerProject], poll: poll}, nil
}

// namespaces are the project's own: the API has been seen to ignore a filter.
func (r *remote) namespaces(ctx context.Context) ([]*functions.Namespace, error) {
	list, err := r.api.ListNamespaces(&functions.ListNamespacesRequest{ProjectID: &r.project}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, fmt.Errorf("list the project's namespaces: %w", asDeployer(err))
	}
	return slices.DeleteFunc(list.Namespaces, func(n *functions.Namespace) bool { return n.ProjectID != r.project }), nil
}

func (r *remote) functions(ctx context.Context, namespace string) ([]*functions.Function, error) {
	list, err := r.api.ListFunctions(&functions.ListFunctionsRequest{NamespaceID: namespace}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, fmt.Errorf("list the functions of namespace %s: %w", namespace, asDeployer(err))
	}
	return slices.DeleteFunc(list.Functions, func(f *functions.Function) bool { return f.NamespaceID != namespace }), nil
}

// ready waits until the namespace, if there is one, is no longer being worked on: the plugin crashes on one that is.
func (r *remote) ready(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	for {
		all, err := r.namespaces(ctx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(n *functions.Namespace) bool { return n.Name == name })
		if at < 0 || all[at].Status == functions.NamespaceStatusReady {
			return nil
		}
		if status := all[at].Status; status == functions.NamespaceStatusError || status == functions.NamespaceStatusLocked {
			return fmt.Errorf("namespace %s is in status %s; look at it in the console", name, status)
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("namespace %s is still in status %s: %w", name, all[at].Status, ctx.Err())
		case <-time.After(r.poll):
		}
	}
}

// found is the deployed function, and what a deploy would do to it and leave beside it.
type found struct {
	function *functions.Function // nil before the first deploy
	strays   []string            // other functions that would go on beside this one
	lost     []string            // what was set by hand and would be removed
}

func (r *remote) look(ctx context.Context, s service) (found, error) {
	var f found
	namespaces, err := r.namespaces(ctx)
	if err != nil {
		return f, err
	}
	for _, namespace := range namespaces {
		list, err := r.functions(ctx, namespace.ID)
		if err != nil {
			return f, err
		}
		for _, function := range list {
			_, rotator := function.EnvironmentVariables["ROTATOR_PROJECT_ID"]
			switch {
			case namespace.Name == s.Name && function.Name == s.Function.Name:
				f.function = function
			case namespace.Name == s.Name || rotator:
				f.strays = append(f.strays, namespace.Name+"/"+function.Name)
			}
		}
	}
	if f.function != nil {
		f.lost, err = r.lost(ctx, s.Function, f.function)
	}
	return f, err
}

// carried are the access keys on which functions of the project run, wherever they are.
func (r *remote) carried(ctx context.Context) (map[string]bool, error) {
	keys := map[string]bool{}
	for _, region := range r.api.Regions() {
		namespaces, err := r.api.ListNamespaces(&functions.ListNamespacesRequest{Region: region, ProjectID: &r.project}, scw.WithContext(ctx), scw.WithAllPages())
		if err != nil {
			return nil, fmt.Errorf("list the project's namespaces in %s: %w", region, asDeployer(err))
		}
		for _, n := range namespaces.Namespaces {
			list, err := r.api.ListFunctions(&functions.ListFunctionsRequest{Region: region, NamespaceID: n.ID}, scw.WithContext(ctx), scw.WithAllPages())
			if err != nil {
				return nil, fmt.Errorf("list the functions of namespace %s: %w", n.ID, asDeployer(err))
			}
			for _, f := range list.Functions {
				keys[f.EnvironmentVariables[ownAccessKey]] = true
			}
		}
	}
	return keys, nil
}

func (r *remote) lost(ctx context.Context, want function, have *functions.Function) ([]string, error) {
	var lost []string
	list, err := r.api.ListDomains(&functions.ListDomainsRequest{FunctionID: have.ID}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, fmt.Errorf("list the domains of function %s: %w", have.Name, asDeployer(err))
	}
	for _, domain := range list.Domains {
		if domain.FunctionID == have.ID && !slices.Contains(want.Domains, domain.Hostname) {
			lost = append(lost, "custom domain "+domain.Hostname)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(have.EnvironmentVariables)) {
		if _, kept := want.Env[name]; !kept {
			lost = append(lost, "variable "+name)
		}
	}
	for _, secret := range have.SecretEnvironmentVariables {
		if _, kept := want.Secret[secret.Key]; !kept {
			lost = append(lost, "secret "+secret.Key)
		}
	}
	return lost, nil
}

// keyWorks tells whether the API knows the function's own key. That it may not read keys is for the run to report.
func (r *remote) keyWorks(ctx context.Context, accessKey string) error {
	_, err := r.iam.GetAPIKey(&iam.GetAPIKeyRequest{AccessKey: accessKey}, scw.WithContext(ctx))
	var denied *scw.DeniedAuthenticationError
	var missing *scw.ResourceNotFoundError
	switch {
	case errors.As(err, &denied):
		return fmt.Errorf("%s: the API does not accept this key (%s)", ownSecretKey, denied.Reason)
	case errors.As(err, &missing):
		return fmt.Errorf("%s: the API accepts %s, but knows no key %s: they are not a pair", ownAccessKey, ownSecretKey, accessKey)
	}
	return nil
}

// verify wants the deployed function to be what serverless.yml says, with its one cron: making the cron is the step
// that the plugin gets wrong.
func (r *remote) verify(ctx context.Context, s service) (*functions.Function, error) {
	f, err := r.look(ctx, s)
	if err != nil {
		return nil, err
	}
	if f.function == nil {
		return nil, fmt.Errorf("function %s/%s is not there", s.Name, s.Function.Name)
	}
	list, err := r.api.ListCrons(&functions.ListCronsRequest{FunctionID: f.function.ID}, scw.WithContext(ctx), scw.WithAllPages())
	if err != nil {
		return nil, fmt.Errorf("list the crons of function %s: %w", f.function.Name, asDeployer(err))
	}
	var schedules []string
	for _, cron := range list.Crons {
		// The one before it may still be listed for some seconds.
		if cron.FunctionID == f.function.ID && cron.Status != functions.CronStatusDeleting {
			schedules = append(schedules, fmt.Sprintf("%q", cron.Schedule))
		}
	}
	var problems []error
	for _, is := range []struct{ what, have, want string }{
		{"status", f.function.Status.String(), "ready"},
		{"privacy", f.function.Privacy.String(), s.Function.Privacy},
		{"http_option", f.function.HTTPOption.String(), s.Function.HTTP},
		{"crons", strings.Join(schedules, " and "), fmt.Sprintf("%q", s.Function.Events[0].Schedule.Rate)},
	} {
		if is.have != is.want {
			problems = append(problems, fmt.Errorf("%s of %s: is %s, want %s", is.what, f.function.Name, or(is.have, "none"), is.want))
		}
	}
	return f.function, errors.Join(problems...)
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// asDeployer words an error for who deploys: what happened, and what to do. What internal/scaleway advises is for the
// function.
func asDeployer(err error) error {
	if said, ok := errors.AsType[*scaleway.Error](err); ok {
		return fmt.Errorf("%s: %w", said.Act, worded(said.Cause, said.Needs))
	}
	return worded(err, "FunctionsFullAccess")
}

func worded(err error, needs string) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted; run the same again, and it goes on from here")
	}
	if denied, is := errors.AsType[*scw.DeniedAuthenticationError](err); is {
		return fmt.Errorf("the API does not accept the key that deploys (%s): %s", deployerKey, denied.Reason)
	}
	if _, is := errors.AsType[*scw.PermissionsDeniedError](err); is {
		return fmt.Errorf("the key that deploys (%s) needs the permission set %s", deployerKey, needs)
	}
	if transport, is := errors.AsType[*url.Error](err); is {
		return fmt.Errorf("the API gives no answer (%w); run the same again", transport.Err)
	}
	return err
}
