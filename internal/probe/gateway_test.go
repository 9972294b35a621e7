package probe_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// demo are the private functions and containers of the demo's project.
func demo(env *emulatortest.Env) []scaleway.Resource {
	health := map[string]string{"orders-api": "/healthz"}
	var out []scaleway.Resource
	for _, e := range env.Endpoints() {
		if e.Project != env.Project("demo") || !e.Private {
			continue
		}
		r := scaleway.Resource{
			Product: scaleway.Product(e.Product), ID: e.ID, Name: e.Name, Region: e.Region, Host: e.Host, Private: true,
			Ready: e.Status == "ready", HealthPath: health[e.Name], HostMayBeOff: e.Name == "admin-panel",
		}
		for _, d := range e.Domains {
			r.Domains = append(r.Domains, scaleway.Domain{Host: d, ResourceID: e.ID, Ready: true})
		}
		out = append(out, r)
	}
	return out
}

// credential is the newest key of an application, said to call both products.
func credential(env *emulatortest.Env, application string) probe.Key {
	pairs := env.Keys(application)
	k := keyOf(application, "")
	k.Pair.Secret = redact.New(pairs[len(pairs)-1].SecretKey)
	k.Products = []scaleway.Product{scaleway.Functions, scaleway.Containers}
	return k
}

func TestTheDemoProjectBehindItsGateway(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name    string
		options emulator.Options
		key     string
		working probe.Result // of what is in order
		broken  probe.Result // of what is in status error
	}{
		{"a credential", emulator.Options{}, "checkout", probe.OK, probe.Unclear},
		{"a credential, by a group", emulator.Options{}, "storefront", probe.OK, probe.Unclear},
		{"refusals are 401", emulator.Options{Answers: emulator.Answers{RefusalStatus: 401, RefusalBody: "unauthorized"}}, "checkout", probe.OK, probe.Unclear},
		{"a key for another project", emulator.Options{}, "invoicing", probe.Locked, probe.Locked},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			env := emulatortest.Start(t, r.options, emulator.Demo())
			resources := demo(env)
			own := func(r scaleway.Resource) bool { return r.Name == "key-rotator" }
			c := clock.Clock{Now: env.Clock().Now, Sleep: env.Clock().Sleep, After: env.Clock().After}
			p := probe.New(options(env.RoundTripper(), func(o *probe.Options) { o.Clock = c }))
			got := map[string]probe.Result{}
			for _, row := range p.Check(t.Context(), slices.Values(probe.Endpoints(resources, "/favicon.ico", own)), []probe.Key{credential(env, r.key)}) {
				name := row.Endpoint.Resource.Name
				if row.Endpoint.Custom {
					name = row.Endpoint.Host
				}
				got[name] = row.Result
			}
			want := map[string]probe.Result{
				"checkout-api": r.working, "nightly-report": r.working,
				// These applications may call functions alone.
				"orders-api": probe.Locked, "search-indexer": probe.Locked,
				"image-resizer": r.working, "images.shop.example.com": r.working, "admin.shop.example.com": probe.Locked,
				"partner-feed": r.working, "stock-sync": r.broken, "key-rotator": probe.Own, "admin-panel": probe.Disabled,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, resource := range resources {
				if n := env.Invocations(resource.ID); resource.Product == scaleway.Functions && n != 0 {
					t.Errorf("the code of %s ran %d times", resource.Name, n)
				}
			}
		})
	}
}

func TestTheApplicationsOwnRefusalIsNoAcceptance(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	// Probed elsewhere, the handler answers: partner-feed refuses all by itself.
	p := probe.New(options(env.RoundTripper()))
	feed, _ := env.Endpoint("partner-feed")
	e := at(feed.Host, func(e *probe.Endpoint) { e.URL = "https://" + feed.Host + "/feed" })
	row := one(t, p, e, credential(env, "checkout"))
	if row.Result != probe.Unclear || row.Keys[0].Answer.String() != `403, server envoy, "partners only"` {
		t.Errorf("result %s, key %s", row.Result, row.Keys[0].Answer)
	}
	if n := env.Invocations(feed.ID); n != 1 {
		t.Errorf("its code ran %d times", n)
	}
}

func TestAFreshKeyOnAGatewayThatLags(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{KeyLag: time.Minute}, emulator.Demo())
	made := env.MustCall("POST", "/iam/v1alpha1/api-keys", map[string]any{"application_id": env.Application("checkout")})
	k := fresh(credential(env, "checkout"))
	if !k.Pair.Secret.Equal(redact.New(made["secret_key"].(string))) {
		t.Fatal("the newest key is not the one just made")
	}
	feed, _ := env.Endpoint("checkout-api")
	c := clock.Clock{Now: env.Clock().Now, Sleep: env.Clock().Sleep, After: env.Clock().After}
	p := probe.New(options(env.RoundTripper(), func(o *probe.Options) { o.Clock, o.Patience = c, 2*time.Minute }))
	if row := one(t, p, at(feed.Host), k); row.Result != probe.OK {
		t.Errorf("result %s (%s)", row.Result, row.Detail)
	}
}
