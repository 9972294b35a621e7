package purge_test

import (
	"context"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/purge"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// rig is the demo in an emulator, and an applier for its project.
type rig struct {
	*emulatortest.Env
	*purge.Applier

	tokens    []scaleway.Token
	resources map[string]scaleway.Resource // by name
}

func start(t *testing.T, o emulator.Options, dry bool) *rig {
	t.Helper()
	env := emulatortest.Start(t, o, emulator.Demo())
	c := clock.Clock{Now: env.Clock().Now, Sleep: env.Clock().Sleep, After: env.Clock().After}
	client, err := scaleway.New(scaleway.Options{
		APIURL: emulatortest.API, AccessKey: env.AccessKey, SecretKey: redact.New(env.Secret), OrganizationID: env.Organization(),
		ProjectID: env.Project("demo"), Transport: env.RoundTripper(), Clock: c, Concurrency: 8, RequestsPerSecond: 10000,
	})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{Env: env, resources: map[string]scaleway.Resource{}}
	r.Applier = &purge.Applier{
		Client: client, Clock: c, Mode: purge.Delete,
		Journal: report.NewJournal(dry, slog.New(slog.DiscardHandler), scaleway.ErrUnknown),
	}
	for _, p := range []scaleway.Product{scaleway.Functions, scaleway.Containers} {
		for _, region := range []string{"fr-par", "nl-ams"} {
			r.find(t, p, region)
		}
	}
	env.ForgetHistory()
	return r
}

func (r *rig) find(t *testing.T, p scaleway.Product, region string) {
	t.Helper()
	namespaces, err := r.Client.Namespaces(t.Context(), p, region)
	if err != nil {
		t.Fatal(err)
	}
	resources, err := r.Client.Resources(t.Context(), p, region, namespaces)
	if err != nil {
		t.Fatal(err)
	}
	var scopes []scaleway.Scope
	for _, n := range namespaces {
		scopes = append(scopes, scaleway.Scope{Product: p, Region: region, Namespace: n, Name: n.Name})
	}
	for _, x := range resources {
		r.resources[x.Name] = x
		scopes = append(scopes, scaleway.Scope{Product: p, Region: region, Namespace: x.Namespace, ResourceID: x.ID, Name: x.Name})
	}
	for _, s := range scopes {
		tokens, err := r.Client.Tokens(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		r.tokens = append(r.tokens, tokens...)
	}
}

// apply plans for the tokens of these scopes, by name; without one, for all.
func (r *rig) apply(ctx context.Context, scopes ...string) (map[string]purge.Verdict, error) {
	tokens := r.tokens
	if len(scopes) > 0 {
		tokens = slices.DeleteFunc(slices.Clone(tokens), func(x scaleway.Token) bool { return !slices.Contains(scopes, x.Scope.Name) })
	}
	decisions, err := r.Apply(ctx, purge.Plan(tokens, r.Seen, r.Mode, r.Client.Now()))
	verdicts := map[string]purge.Verdict{}
	for _, d := range decisions {
		verdicts[d.Token.Description] = d.Verdict
	}
	return verdicts, err
}

// sent counts the requests since the start by method and kind of path.
func (r *rig) sent() map[string]int {
	out := map[string]int{}
	for _, q := range r.History() {
		kind := "other"
		switch {
		case strings.HasSuffix(q.Path, "/tokens"):
			kind = "list"
		case strings.Contains(q.Path, "/tokens/"):
			kind = "token"
		}
		out[q.Method+" "+kind]++
	}
	return out
}

// deletedElsewhere deletes a function's token without the applier.
func (r *rig) deletedElsewhere(description string) {
	i := slices.IndexFunc(r.tokens, func(x scaleway.Token) bool { return x.Description == description })
	r.MustCall(http.MethodDelete, "/functions/v1beta1/regions/fr-par/tokens/"+r.tokens[i].ID, nil)
	r.ForgetHistory()
	r.tokens[i].Status = "deleting" // as a list would now say
}

// there are the tokens that the project still has, by description.
func (r *rig) there() []string {
	out := []string{}
	for _, x := range r.Env.Tokens() {
		if x.Project == r.Project("demo") {
			out = append(out, x.Description)
		}
	}
	slices.Sort(out)
	return out
}

// every is a map with one verdict for all tokens of the demo project, but for
// those that are given.
func every(v purge.Verdict, but map[string]purge.Verdict) map[string]purge.Verdict {
	out := map[string]purge.Verdict{}
	for _, name := range []string{
		"all of shop, since 2023", "mobile app", "from before it was public", "warehouse", "all of backend", "courier", "old CDN", "CMS", "on call",
	} {
		out[name] = v
	}
	maps.Copy(out, but)
	return out
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}
