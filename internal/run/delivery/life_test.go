package delivery_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// named are the variables in which the consumers of these tests have their key:
// the secret alone, under names that say nothing, or the wrong thing.
func named() map[string]string {
	return map[string]string{"courier": "secret_1", "nightly": "ORDERS_SECRET", "packer": "x", "cruncher": "returns"}
}

// plainly is a project with a consumer of each kind that carries the secret of
// KeyA of orders, and beside it secrets that are nobody's key.
func plainly(orders emulator.SeedApplication, secrets ...emulator.SeedSecret) emulator.Seed {
	const secret = "${secret_key:" + runtest.KeyA + "}"
	seed := runtest.Small(orders, secrets...)
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
		Name: "courier", Privacy: "public", SecretEnv: map[string]string{"secret_1": secret, "DB_PASSWORD": "hunter"},
	})
	place.FunctionNamespaces = append(place.FunctionNamespaces, emulator.SeedFunctionNamespace{
		Name: "batch", SecretEnv: map[string]string{"ORDERS_SECRET": secret},
		Functions: []emulator.SeedFunction{{Name: "nightly", Privacy: "public"}},
	})
	place.ContainerNamespaces[0].Containers = append(place.ContainerNamespaces[0].Containers, emulator.SeedContainer{
		Name: "packer", Privacy: "public", SecretEnv: map[string]string{"x": secret},
	})
	place.ContainerNamespaces = append(place.ContainerNamespaces, emulator.SeedContainerNamespace{
		Name: "jobs", SecretEnv: map[string]string{"returns": secret}, Containers: []emulator.SeedContainer{{Name: "cruncher", Privacy: "public"}},
	})
	return seed
}

// rotated is plainly with a key that is due, so that the first run delivers.
func rotated() emulator.Seed {
	return plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 31)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31)))
}

// life is a project with daily runs and consumers that call every four hours.
type life struct {
	*runtest.Rig

	t       *testing.T
	auditor *emulator.Auditor
	last    *report.Report
	refused map[string]int // by consumer: calls that were
}

func live(t *testing.T, seed emulator.Seed, settings ...string) *life {
	t.Helper()
	r := runtest.StartSeed(t, emulator.Options{}, seed, append([]string{"ROTATOR_OWN_KEY=keep"}, settings...)...)
	auditor := r.Audit(emulator.AuditRules{
		Project: r.Project("demo"), Path: "/rotator", Applications: []string{"orders"}, OwnKey: r.Cfg.AccessKey, Grace: r.Cfg.Grace,
	})
	return &life{Rig: r, t: t, auditor: auditor, refused: map[string]int{}}
}

// publishesAt is what a person sets for the function.
func (l *life) publishesAt(region, path string) {
	l.t.Helper()
	l.Cfg.SecretRegion, l.Cfg.SecretPath = region, path
	l.auditor.PublishesAt(region, path)
}

func (l *life) run() {
	l.t.Helper()
	l.last = l.Rig.Run(l.t, run.Request{})
}

// days lets time pass, with a run at the beginning of each day.
func (l *life) days(n int) {
	l.t.Helper()
	for range n {
		l.run()
		for range 6 {
			for name, variable := range named() {
				if status := l.CallAs(name, variable, "checkout"); status != http.StatusOK {
					l.refused[name]++
				}
			}
			l.Clock().Advance(4 * time.Hour)
		}
	}
}

// unbroken fails the test if a consumer's call was refused, or the auditor saw an
// invariant broken.
func (l *life) unbroken() {
	l.t.Helper()
	runtest.Upright(l.t, l.auditor)
	if len(l.refused) > 0 {
		l.t.Errorf("calls were refused: %v\n%s", l.refused, runtest.Text(l.t, l.last))
	}
}

// says fails the test unless a finding of the last report has all the words.
func (l *life) says(words ...string) {
	l.t.Helper()
	for _, f := range l.last.Findings {
		all := f.Subject + " " + f.Text + " " + f.Hint
		missing := false
		for _, w := range words {
			missing = missing || !strings.Contains(all, w)
		}
		if !missing {
			return
		}
	}
	l.t.Errorf("no finding says %q:\n%s", words, runtest.Text(l.t, l.last))
}

// secretOf is the path of the secret of orders in the API, where it is published.
func (l *life) secretOf() string {
	l.t.Helper()
	base := "/secret-manager/v1beta1/regions/" + l.Cfg.SecretRegion + "/secrets"
	rows := l.MustCall(http.MethodGet, base+"?name="+runtest.OrdersID+"&path="+url.QueryEscape(l.Cfg.SecretPath), nil)["secrets"].([]any)
	return base + "/" + rows[0].(map[string]any)["id"].(string)
}

// set gives a consumer's variable a value by hand.
func (l *life) set(name, value string) {
	l.t.Helper()
	e, _ := l.Endpoint(name)
	path := map[string]string{"functions": "/functions/v1beta1/regions/fr-par/functions/", "containers": "/containers/v1/regions/fr-par/containers/"}[e.Product] + e.ID
	l.SetEnvironment(l.t, path, nil, map[string]string{named()[name]: value})
}

// forgetLedger is what a person does who does not know what it is for.
func (l *life) forgetLedger() {
	l.t.Helper()
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	for _, s := range l.MustCall(http.MethodGet, base+"?name=rotator-ledger", nil)["secrets"].([]any) {
		l.MustCall(http.MethodDelete, base+"/"+s.(map[string]any)["id"].(string), nil)
	}
}
