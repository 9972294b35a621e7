package run_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// named are the variables in which the consumers of these tests have their key:
// the secret alone, under names that say nothing, or the wrong thing.
func named() map[string]string {
	return map[string]string{"courier": "secret_1", "nightly": "ORDERS_SECRET", "packer": "x", "cruncher": "returns"}
}

// plainly is a project with a consumer of each kind that carries the secret of
// keyA of orders, and beside it secrets that are nobody's key.
func plainly(orders emulator.SeedApplication, secrets ...emulator.SeedSecret) emulator.Seed {
	const secret = "${secret_key:" + keyA + "}"
	seed := small(orders, secrets...)
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
	return plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{minted(keyA, 31)}}, credentialOf(holds(keyA, 31)))
}

// life is a project with daily runs and consumers that call every four hours.
type life struct {
	*rig

	t       *testing.T
	auditor *emulator.Auditor
	last    *report.Report
	refused map[string]int // by consumer: calls that were
}

func live(t *testing.T, seed emulator.Seed, settings ...string) *life {
	t.Helper()
	r := startSeed(t, emulator.Options{}, seed, append([]string{"ROTATOR_OWN_KEY=keep"}, settings...)...)
	auditor := r.Audit(emulator.AuditRules{
		Project: r.Project("demo"), Path: "/rotator", Applications: []string{"orders"}, OwnKey: r.cfg.AccessKey, Grace: r.cfg.Grace,
	})
	return &life{rig: r, t: t, auditor: auditor, refused: map[string]int{}}
}

// publishesAt is what a person sets for the function.
func (l *life) publishesAt(region, path string) {
	l.t.Helper()
	l.cfg.SecretRegion, l.cfg.SecretPath = region, path
	l.auditor.PublishesAt(region, path)
}

func (l *life) run() {
	l.t.Helper()
	l.last = l.rig.run(l.t, run.Request{})
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
	upright(l.t, l.auditor)
	if len(l.refused) > 0 {
		l.t.Errorf("calls were refused: %v\n%s", l.refused, text(l.t, l.last))
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
	l.t.Errorf("no finding says %q:\n%s", words, text(l.t, l.last))
}

// secretOf is the path of the secret of orders in the API, where it is published.
func (l *life) secretOf() string {
	l.t.Helper()
	base := "/secret-manager/v1beta1/regions/" + l.cfg.SecretRegion + "/secrets"
	rows := l.MustCall(http.MethodGet, base+"?name="+ordersID+"&path="+url.QueryEscape(l.cfg.SecretPath), nil)["secrets"].([]any)
	return base + "/" + rows[0].(map[string]any)["id"].(string)
}

// set gives a consumer's variable a value by hand.
func (l *life) set(name, value string) {
	l.t.Helper()
	e, _ := l.Endpoint(name)
	path := map[string]string{"functions": "/functions/v1beta1/regions/fr-par/functions/", "containers": "/containers/v1/regions/fr-par/containers/"}[e.Product] + e.ID
	l.setEnvironment(l.t, path, nil, map[string]string{named()[name]: value})
}

func TestLongNobodyIsRefusedForWhatAPersonOrAToolDid(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: keyA, Age: age(40), Project: "demo"}}}
	for _, row := range []struct {
		name     string
		seed     emulator.Seed
		settings []string
		story    func(l *life)
		says     []string // in the end
	}{
		{
			name: "the newest version is disabled by hand after a delivery", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				l.MustCall(http.MethodPost, l.secretOf()+"/versions/2/disable", map[string]any{})
				l.days(12)
			},
		},
		{
			name: "it is deleted instead", seed: rotated(),
			story: func(l *life) {
				l.days(2)
				l.MustCall(http.MethodDelete, l.secretOf()+"/versions/2", nil)
				l.days(12)
			},
		},
		{
			name: "it is disabled, and the ledger lost", seed: rotated(), says: []string{"secret_1 of function courier", "revoke"},
			story: func(l *life) {
				l.days(1)
				l.MustCall(http.MethodPost, l.secretOf()+"/versions/2/disable", map[string]any{})
				l.forgetLedger()
				l.days(12)
			},
		},
		{
			name: "the secret's path is changed", seed: rotated(), says: []string{"/rotator/" + ordersID, "ROTATOR_SECRET_PATH"},
			story: func(l *life) {
				l.days(1)
				l.publishesAt("fr-par", "/elsewhere")
				l.days(12)
			},
		},
		{
			name: "its region is", seed: rotated(), says: []string{"in fr-par", "ROTATOR_SECRET_REGION"},
			story: func(l *life) {
				l.days(1)
				l.publishesAt("nl-ams", "/rotator")
				l.days(12)
			},
		},
		{
			name: "the path is changed, and back", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				l.publishesAt("fr-par", "/elsewhere")
				l.days(3)
				l.publishesAt("fr-par", "/rotator")
				l.days(12)
			},
		},
		{
			name: "the secret is deleted by mistake", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				l.MustCall(http.MethodDelete, l.secretOf(), nil)
				l.days(12)
			},
		},
		{
			name: "the secret and the ledger are", seed: rotated(), says: []string{"its secret is gone", "was published"},
			story: func(l *life) {
				l.days(1)
				l.forgetLedger()
				l.MustCall(http.MethodDelete, l.secretOf(), nil)
				l.days(12)
			},
		},
		{
			name: "a consumer is excluded, and its old version disabled by hand", seed: rotated(),
			settings: []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, says: []string{"function courier", "excluded"},
			story: func(l *life) {
				l.days(1)
				l.MustCall(http.MethodPost, l.secretOf()+"/versions/1/disable", map[string]any{})
				l.days(12)
			},
		},
		{
			name: "and the ledger lost, too", seed: rotated(),
			settings: []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, says: []string{keyA, "secret_1", "revoke"},
			story: func(l *life) {
				l.days(1)
				l.MustCall(http.MethodPost, l.secretOf()+"/versions/1/disable", map[string]any{})
				l.forgetLedger()
				l.days(12)
			},
		},
		{name: "the variables have names that say nothing", seed: rotated(), story: func(l *life) { l.days(12) }},
		{
			name: "consumers carry a key that was made by hand", seed: plainly(person), says: []string{keyA, "secret_1", "revoke"},
			story: func(l *life) { l.days(12) },
		},
		{
			name: "and are deployed again meanwhile", seed: plainly(person), says: []string{keyA, "secret_1", "revoke"},
			story: func(l *life) {
				l.days(3)
				for name := range named() {
					e, _ := l.Endpoint(name)
					l.MustCall(http.MethodPost, deployment(e), map[string]any{})
				}
				l.days(12)
			},
		},
		{
			name: "a version that names the right key and holds another secret", says: []string{"function courier", keyA, "it is given no other key", "version 3"},
			seed: plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{minted(keyA, 31), minted(keyB, 1)}},
				credentialOf(holds(keyA, 31), holds(keyB, 1), emulator.SeedVersion{
					Data: `{"access_key":"` + keyB + `","secret_key":"11111111-1111-4111-8111-111111111111"}`, Description: "rotator: key " + keyB,
				})),
			story: func(l *life) {
				l.days(12)
				if l.last.Outcome != report.Failure || !strings.Contains(errs(l.last), "with the secret that version 3") {
					l.t.Errorf("outcome %s: %s", l.last.Outcome, errs(l.last))
				}
			},
		},
		{
			name: "a pipeline puts a superseded key back, again and again", seed: rotated(),
			story: func(l *life) {
				old := l.key(l.t, keyA).SecretKey
				for range 6 {
					l.days(1)
					l.set("courier", old)
				}
				l.days(12)
			},
		},
		{
			name: "a namespace is given another key by hand, and what is in it not deployed", seed: rotated(),
			settings: []string{"ROTATOR_CONSUMERS=report"},
			story: func(l *life) {
				l.days(1)
				now := l.key(l.t, current(l.t, l.last)).SecretKey
				for _, n := range l.MustCall(http.MethodGet, "/functions/v1beta1/regions/fr-par/namespaces?name=batch", nil)["namespaces"].([]any) {
					l.setEnvironment(l.t, "/functions/v1beta1/regions/fr-par/namespaces/"+n.(map[string]any)["id"].(string), nil, map[string]string{"ORDERS_SECRET": now})
				}
				l.days(12)
			},
		},
		{
			name: "a region is left out later", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				l.cfg.Regions = []string{"nl-ams"}
				l.cfg.RotateAfter = 24 * time.Hour
				l.days(12)
			},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := live(t, row.seed, row.settings...)
			row.story(l)
			l.unbroken()
			if len(row.says) > 0 {
				l.says(row.says...)
			}
		})
	}
}

// forgetLedger is what a person does who does not know what it is for.
func (l *life) forgetLedger() {
	l.t.Helper()
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	for _, s := range l.MustCall(http.MethodGet, base+"?name=rotator-ledger", nil)["secrets"].([]any) {
		l.MustCall(http.MethodDelete, base+"/"+s.(map[string]any)["id"].(string), nil)
	}
}

// A deleted key that is put back is recognized: its consumer gets the current one
// in the next run, and the report says what happened.
func TestLongADeletedKeyThatIsBroughtBackIsRecognized(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"courier", "packer"} {
		for _, months := range []int{0, 4} {
			t.Run(fmt.Sprint(name, " after months: ", months), func(t *testing.T) {
				t.Parallel()
				l := live(t, rotated())
				old := l.key(t, keyA)
				l.days(9)
				if l.lives(keyA) {
					t.Fatal("the old key was not retired")
				}
				for range months * 15 {
					l.run()
					l.Clock().Advance(48 * time.Hour)
				}
				l.set(name, old.SecretKey)
				if status := l.CallAs(name, named()[name], "checkout"); status != http.StatusForbidden {
					t.Fatalf("a deleted key gets %d", status)
				}
				l.run()
				l.says(name, keyA, "which was deleted on", "something else deploys an old value")
				if status := l.CallAs(name, named()[name], "checkout"); status != http.StatusOK {
					t.Errorf("after a run, it gets %d\n%s", status, text(t, l.last))
				}
				if l.run(); strings.Contains(text(t, l.last), "an old value") || len(l.last.Changes) > 0 {
					t.Errorf("and the run after that has something to say still:\n%s", text(t, l.last))
				}
			})
		}
	}
}

// What a person decides about keys that people made.
func TestHandMadeKeysAreRetiredWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: keyA, Age: age(40), Project: "demo"}}}
	for setting, lives := range map[string]bool{"hold": true, "retire": false} {
		l := live(t, plainly(person), "ROTATOR_HAND_MADE_KEYS="+setting)
		l.days(9)
		if l.lives(keyA) != lives {
			t.Errorf("%s: the key lives: %t", setting, l.lives(keyA))
		}
	}
	// One that the rotator published is held all the same.
	l := live(t, rotated(), "ROTATOR_HAND_MADE_KEYS=retire", "ROTATOR_CONSUMERS_EXCLUDE=courier")
	l.days(1)
	l.MustCall(http.MethodPost, l.secretOf()+"/versions/1/disable", map[string]any{})
	l.forgetLedger()
	if l.days(12); !l.lives(keyA) {
		t.Error("a key that was published is retired, and carried")
	}
	l.unbroken()
}

// A person ends the doubt: by putting the published key where the old one was, or
// by saying that nobody carries it.
func TestDoubtEndsByAPersonsHand(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: keyA, Age: age(40), Project: "demo"}}}
	seed := plainly(person)
	delete(seed.Serverless[0].FunctionNamespaces[0].Functions[1].SecretEnv, "DB_PASSWORD")
	l := live(t, seed)
	l.days(9)
	if !l.lives(keyA) {
		t.Fatal("the hand-made key is gone")
	}
	now := l.key(t, current(t, l.last)).SecretKey
	l.set("courier", now)
	l.set("packer", now)
	for product, name := range map[string]string{"functions/v1beta1": "batch", "containers/v1": "jobs"} {
		path := "/" + product + "/regions/fr-par/namespaces"
		for _, n := range l.MustCall(http.MethodGet, path+"?name="+name, nil)["namespaces"].([]any) {
			if row := n.(map[string]any); row["name"] == name {
				l.setEnvironment(t, path+"/"+row["id"].(string), nil, map[string]string{map[string]string{"batch": "ORDERS_SECRET", "jobs": "returns"}[name]: now})
			}
		}
	}
	l.days(9)
	if l.lives(keyA) {
		t.Errorf("everybody has the published key, and the old one lives:\n%s", text(t, l.last))
	}
	l.unbroken()

	said := live(t, plainly(person))
	said.days(2)
	if said.rig.mustRun(t, revoke(keyA)); said.lives(keyA) {
		t.Error("a person said that nobody carries it, and it lives")
	}
}
