package delivery_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestLongNobodyIsRefusedForWhatAPersonOrAToolDid(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}}
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
			name: "the secret's path is changed", seed: rotated(), says: []string{"/rotator/" + runtest.OrdersID, "ROTATOR_SECRET_PATH"},
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
			settings: []string{"ROTATOR_CONSUMERS_EXCLUDE=courier"}, says: []string{runtest.KeyA, "secret_1", "revoke"},
			story: func(l *life) {
				l.days(1)
				l.MustCall(http.MethodPost, l.secretOf()+"/versions/1/disable", map[string]any{})
				l.forgetLedger()
				l.days(12)
			},
		},
		{name: "the variables have names that say nothing", seed: rotated(), story: func(l *life) { l.days(12) }},
		{
			name: "consumers carry a key that was made by hand", seed: plainly(person), says: []string{runtest.KeyA, "secret_1", "revoke"},
			story: func(l *life) { l.days(12) },
		},
		{
			name: "and are deployed again meanwhile", seed: plainly(person), says: []string{runtest.KeyA, "secret_1", "revoke"},
			story: func(l *life) {
				l.days(3)
				for name := range named() {
					e, _ := l.Endpoint(name)
					l.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
				}
				l.days(12)
			},
		},
		{
			name: "a version that names the right key and holds another secret", says: []string{"function courier", runtest.KeyA, "it is given no other key", "version 3"},
			seed: plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 31), runtest.Minted(runtest.KeyB, 1)}},
				runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31), runtest.Holds(runtest.KeyB, 1), emulator.SeedVersion{
					Data: `{"access_key":"` + runtest.KeyB + `","secret_key":"11111111-1111-4111-8111-111111111111"}`, Description: "rotator: key " + runtest.KeyB,
				})),
			story: func(l *life) {
				l.days(12)
				if l.last.Outcome != report.Failure || !strings.Contains(runtest.Errors(l.last), "with the secret that version 3") {
					l.t.Errorf("outcome %s: %s", l.last.Outcome, runtest.Errors(l.last))
				}
			},
		},
		{
			name: "a pipeline puts a superseded key back, again and again", seed: rotated(),
			story: func(l *life) {
				old := l.Key(l.t, runtest.KeyA).SecretKey
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
				now := l.Key(l.t, runtest.Current(l.t, l.last)).SecretKey
				for _, n := range l.MustCall(http.MethodGet, "/functions/v1beta1/regions/fr-par/namespaces?name=batch", nil)["namespaces"].([]any) {
					l.SetEnvironment(l.t, "/functions/v1beta1/regions/fr-par/namespaces/"+n.(map[string]any)["id"].(string), nil, map[string]string{"ORDERS_SECRET": now})
				}
				l.days(12)
			},
		},
		{
			name: "a region is left out later", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				l.Cfg.Regions = []string{"nl-ams"}
				l.Cfg.RotateAfter = 24 * time.Hour
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

// A deleted key that is put back is recognized: its consumer gets the current one
// in the next run, and the report says what happened.
func TestLongADeletedKeyThatIsBroughtBackIsRecognized(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"courier", "packer"} {
		for _, months := range []int{0, 4} {
			t.Run(fmt.Sprint(name, " after months: ", months), func(t *testing.T) {
				t.Parallel()
				l := live(t, rotated())
				old := l.Key(t, runtest.KeyA)
				l.days(9)
				if l.Lives(runtest.KeyA) {
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
				l.says(name, runtest.KeyA, "which was deleted on", "something else deploys an old value")
				if status := l.CallAs(name, named()[name], "checkout"); status != http.StatusOK {
					t.Errorf("after a run, it gets %d\n%s", status, runtest.Text(t, l.last))
				}
				if l.run(); strings.Contains(runtest.Text(t, l.last), "an old value") || len(l.last.Changes) > 0 {
					t.Errorf("and the run after that has something to say still:\n%s", runtest.Text(t, l.last))
				}
			})
		}
	}
}

// What a person decides about keys that people made.
func TestLongHandMadeKeysAreRetiredWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}}
	for setting, lives := range map[string]bool{"hold": true, "retire": false} {
		l := live(t, plainly(person), "ROTATOR_HAND_MADE_KEYS="+setting)
		l.days(9)
		if l.Lives(runtest.KeyA) != lives {
			t.Errorf("%s: the key lives: %t", setting, l.Lives(runtest.KeyA))
		}
	}
	// One that the rotator published is held all the same.
	l := live(t, rotated(), "ROTATOR_HAND_MADE_KEYS=retire", "ROTATOR_CONSUMERS_EXCLUDE=courier")
	l.days(1)
	l.MustCall(http.MethodPost, l.secretOf()+"/versions/1/disable", map[string]any{})
	l.forgetLedger()
	if l.days(12); !l.Lives(runtest.KeyA) {
		t.Error("a key that was published is retired, and carried")
	}
	l.unbroken()
}

// A person ends the doubt: by putting the published key where the old one was, or
// by saying that nobody carries it.
func TestLongDoubtEndsByAPersonsHand(t *testing.T) {
	t.Parallel()
	person := emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}}
	seed := plainly(person)
	delete(seed.Serverless[0].FunctionNamespaces[0].Functions[1].SecretEnv, "DB_PASSWORD")
	l := live(t, seed)
	l.days(9)
	if !l.Lives(runtest.KeyA) {
		t.Fatal("the hand-made key is gone")
	}
	now := l.Key(t, runtest.Current(t, l.last)).SecretKey
	l.set("courier", now)
	l.set("packer", now)
	for product, name := range map[string]string{"functions/v1beta1": "batch", "containers/v1": "jobs"} {
		path := "/" + product + "/regions/fr-par/namespaces"
		for _, n := range l.MustCall(http.MethodGet, path+"?name="+name, nil)["namespaces"].([]any) {
			if row := n.(map[string]any); row["name"] == name {
				l.SetEnvironment(t, path+"/"+row["id"].(string), nil, map[string]string{map[string]string{"batch": "ORDERS_SECRET", "jobs": "returns"}[name]: now})
			}
		}
	}
	l.days(9)
	if l.Lives(runtest.KeyA) {
		t.Errorf("everybody has the published key, and the old one lives:\n%s", runtest.Text(t, l.last))
	}
	l.unbroken()

	said := live(t, plainly(person))
	said.days(2)
	if said.Rig.MustRun(t, runtest.Revoke(runtest.KeyA)); said.Lives(runtest.KeyA) {
		t.Error("a person said that nobody carries it, and it lives")
	}
}
