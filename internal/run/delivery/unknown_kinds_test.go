package delivery_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// publishWrong writes a version of the secret of orders by hand that says, as the
// rotator's do, which key it holds, and holds another secret.
func (l *life) publishWrong(accessKey string) {
	l.t.Helper()
	l.describe("rotator: key "+accessKey, accessKey, wrongSecret)
}

// describe writes one that says something else.
func (l *life) describe(description, accessKey, secret string) {
	l.t.Helper()
	l.MustCall(http.MethodPost, l.secretOf()+"/versions", map[string]any{
		"description": description,
		"data":        base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"access_key":%q,"secret_key":%q}`, accessKey, secret)),
	})
}

// version does something to a version of the secret of orders by hand.
func (l *life) version(n int, method, what string) {
	l.t.Helper()
	l.MustCall(method, fmt.Sprint(l.secretOf(), "/versions/", n, what), map[string]any{})
}

// setNamespace gives the variable of a namespace a value by hand.
func (l *life) setNamespace(product, name, variable, value string) {
	l.t.Helper()
	path := "/" + product + "/regions/fr-par/namespaces"
	for _, n := range l.MustCall(http.MethodGet, path+"?page_size=100", nil)["namespaces"].([]any) {
		if row := n.(map[string]any); row["name"] == name {
			l.SetEnvironment(l.t, path+"/"+row["id"].(string), nil, map[string]string{variable: value})
		}
	}
}

// redeploy deploys a consumer again, as it is.
func (l *life) redeploy(name string) {
	l.t.Helper()
	e, _ := l.Endpoint(name)
	l.MustCall(http.MethodPost, runtest.Deployment(e), map[string]any{})
}

// openly is a project in which a hand-made key stands in a plain variable.
func openly() emulator.Seed {
	seed := plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}})
	courier := &seed.Serverless[0].FunctionNamespaces[0].Functions[1]
	courier.Env = map[string]string{"secret_1": courier.SecretEnv["secret_1"]}
	delete(courier.SecretEnv, "secret_1")
	return seed
}

const wrongSecret = "11111111-1111-4111-8111-111111111111"

// readElsewhere is a key that readers at another place got for eleven days, until
// something was done to it there.
func readElsewhere(end func(l *life)) func(l *life) {
	return func(l *life) {
		l.publishesAt("fr-par", "/elsewhere")
		l.days(1)
		l.publishesAt("fr-par", "/rotator")
		l.days(10)
		l.publishesAt("fr-par", "/elsewhere")
		end(l)
		l.publishesAt("fr-par", "/rotator")
		l.days(12)
	}
}

// More inputs of the kinds of TestLongNobodyIsRefusedForWhatAPersonOrAToolDid: things
// that come back, that happen to containers and namespaces, and that are known
// wrongly, which is worse than not at all. The auditor judges every request.
func TestLongNobodyIsRefusedForMoreOfTheSameKind(t *testing.T) {
	t.Parallel()
	const disable, enable, restore = "/disable", "/enable", "/restore"
	two := func(versions ...emulator.SeedVersion) emulator.Seed {
		return plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 31), runtest.Minted(runtest.KeyB, 1)}}, runtest.CredentialOf(versions...))
	}
	lie := emulator.SeedVersion{Data: `{"access_key":"` + runtest.KeyA + `","secret_key":"` + wrongSecret + `"}`, Description: "rotator: key " + runtest.KeyA, Age: runtest.Age(2)}
	unread := runtest.Holds(runtest.KeyA, 31)
	unread.Disabled = true
	for _, row := range []struct {
		name     string
		seed     emulator.Seed
		settings []string
		story    func(l *life)
		says     []string // in the end
	}{
		{
			name: "the newest version is deleted, and restored some days later", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				l.version(2, http.MethodDelete, "")
				l.days(3)
				l.version(2, http.MethodPost, restore)
				l.days(12)
			},
		},
		{
			name: "both versions are disabled, the ledger lost, and one enabled again", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				l.version(1, http.MethodPost, disable)
				l.version(2, http.MethodPost, disable)
				l.forgetLedger()
				l.days(3)
				l.version(1, http.MethodPost, enable)
				l.days(12)
			},
		},
		{
			name: "the secret is deleted, and restored the next day", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				path := l.secretOf()
				l.MustCall(http.MethodDelete, path, nil)
				l.days(1)
				l.Call(l.Secret, http.MethodPost, path+restore, map[string]any{}) // the name may be taken
				l.days(12)
			},
		},
		{
			name: "the secret is restored before a run has come", seed: rotated(),
			story: func(l *life) {
				l.days(1)
				path := l.secretOf()
				l.MustCall(http.MethodDelete, path, nil)
				l.MustCall(http.MethodPost, path+restore, map[string]any{})
				l.days(12)
			},
		},
		{
			name: "the region is changed, and what is left in the old one disabled", seed: rotated(), says: []string{"revoke"},
			story: func(l *life) {
				l.days(1)
				l.version(2, http.MethodPost, disable)
				l.publishesAt("nl-ams", "/rotator")
				l.days(12)
			},
		},
		{
			name: "the path is changed, what is published there deleted, and the path changed back", seed: rotated(),
			says: []string{"secret_1 of function courier", "revoke"},
			story: func(l *life) {
				l.publishesAt("fr-par", "/elsewhere")
				l.run()
				l.version(1, http.MethodDelete, "")
				l.publishesAt("fr-par", "/rotator")
				l.Clock().Advance(70 * time.Minute) // as old as an orphan
				l.days(12)
			},
		},
		{
			name: "a secret at another place, which was read there, is deleted as the finding says", seed: rotated(),
			story: readElsewhere(func(l *life) { l.MustCall(http.MethodDelete, l.secretOf(), nil) }),
		},
		{
			name: "somebody writes at the place before, and its readers get a superseded key", seed: rotated(), says: []string{"/elsewhere/" + runtest.OrdersID},
			story: func(l *life) {
				l.days(1)
				l.publishesAt("fr-par", "/elsewhere")
				l.days(1)
				k := l.Key(l.t, runtest.KeyA)
				l.describe("by hand", k.AccessKey, k.SecretKey)
				l.publishesAt("fr-par", "/rotator")
				if l.days(12); !l.Lives(runtest.KeyA) {
					l.t.Errorf("%s is gone", runtest.KeyA)
				}
			},
		},
		{
			name: "its version is deleted", seed: rotated(),
			story: readElsewhere(func(l *life) { l.version(1, http.MethodDelete, "") }),
		},
		{
			name: "its version is disabled", seed: rotated(),
			story: readElsewhere(func(l *life) { l.version(1, http.MethodPost, disable) }),
		},
		{
			name: "a container is excluded, its old version deleted, and the ledger lost", seed: rotated(),
			settings: []string{"ROTATOR_CONSUMERS_EXCLUDE=packer"}, says: []string{runtest.KeyA, "x of container packer", "revoke"},
			story: func(l *life) {
				l.days(1)
				l.version(1, http.MethodDelete, "")
				l.forgetLedger()
				l.days(12)
			},
		},
		{
			name: "a namespace is excluded, its old version deleted, and its container deployed again", seed: rotated(),
			settings: []string{"ROTATOR_CONSUMERS_EXCLUDE=jobs"}, says: []string{"jobs"},
			story: func(l *life) {
				l.days(1)
				l.version(1, http.MethodDelete, "")
				l.days(3)
				l.redeploy("cruncher")
				l.days(12)
			},
		},
		{
			name: "a hand-made key stands in a plain variable", seed: openly(), says: []string{runtest.KeyA, "secret_1 of function courier", "revoke"},
			story: func(l *life) { l.days(12) },
		},
		{
			name: "a pipeline puts a superseded key back that nobody can read any more", seed: rotated(), says: []string{runtest.KeyA, "secret_1 of function courier", "revoke"},
			story: func(l *life) {
				old := l.Key(l.t, runtest.KeyA).SecretKey
				l.days(2)
				l.version(1, http.MethodPost, disable)
				l.set("courier", old)
				l.days(12)
			},
		},
		{
			name: "and into a namespace", seed: rotated(), says: []string{runtest.KeyA, "returns of container namespace jobs", "revoke"},
			story: func(l *life) {
				old := l.Key(l.t, runtest.KeyA).SecretKey
				l.days(2)
				l.version(1, http.MethodDelete, "")
				l.setNamespace("containers/v1", "jobs", "returns", old)
				l.redeploy("cruncher")
				l.days(12)
			},
		},
		{
			name: "a version holds another secret beside a superseded key, and the right one is disabled",
			seed: two(unread, lie, runtest.Holds(runtest.KeyB, 1)), says: []string{runtest.KeyA, "secret_1 of function courier", "revoke"},
			story: func(l *life) { l.days(12) },
		},
		{
			name: "such a version is written after a delivery, the right one disabled, and the key put back", seed: rotated(), says: []string{runtest.KeyA, "x of container packer", "revoke"},
			story: func(l *life) {
				old := l.Key(l.t, runtest.KeyA).SecretKey
				l.publishWrong(runtest.KeyA)
				l.version(1, http.MethodPost, disable)
				l.days(1)
				l.set("packer", old)
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

// Who carries a key the ledger knows, though a person removed the version that
// holds it: it is delivered over, and the key has its grace from then on.
func TestAKeyThatWasDeliveredOverHasItsGraceThoughNoVersionNamesIt(t *testing.T) {
	t.Parallel()
	seed := plainly(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyB, 32), runtest.Minted(runtest.KeyA, 15)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyB, 32), runtest.Holds(runtest.KeyA, 15)))
	l := live(t, seed)
	l.days(1)
	l.publishWrong(runtest.KeyB)          // since then, KeyA is not the published one
	l.Clock().Advance(8 * 24 * time.Hour) // and no run comes
	l.version(2, http.MethodDelete, "")
	l.run()
	delivered := l.Clock().Now()
	for l.Lives(runtest.KeyA) && l.Clock().Now().Sub(delivered) < 20*24*time.Hour {
		l.days(1)
	}
	if lasted := l.Clock().Now().Sub(delivered); l.Lives(runtest.KeyA) || lasted < 7*24*time.Hour {
		t.Errorf("%s lives: %t, %s after its consumers got another", runtest.KeyA, l.Lives(runtest.KeyA), lasted)
	}
	l.unbroken()
}
