package audit_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const (
	oldKey      = "SCWAAAAAAAAAAAAAAAAA" // of orders, superseded 8 days ago
	currentKey  = "SCWBBBBBBBBBBBBBBBBB" // of orders, published
	spareKey    = "SCWCCCCCCCCCCCCCCCCC" // of orders, published and gone from before that
	ownKey      = "SCWDDDDDDDDDDDDDDDDD" // of the client
	nextOwnKey  = "SCWEEEEEEEEEEEEEEEEE" // of the client, published today
	foreignKey  = "SCWFFFFFFFFFFFFFFFFF" // of an application of the other project
	auditGrace  = 7 * 24 * time.Hour
	ordersName  = "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f201"
	rotatorName = "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f202"
)

func days(n int) emulator.SeedAge { return emulator.SeedAge(n) * emulator.SeedAge(24*time.Hour) }

// audited is a world under an auditor.
type audited struct {
	*emulatortest.Land
	auditor *emulator.Auditor
}

func newAudited(t *testing.T, change func(*emulator.AuditRules)) *audited {
	t.Helper()
	pair := func(access string, age int) emulator.SeedVersion {
		return emulator.SeedVersion{Data: fmt.Sprintf(`{"access_key":%q,"secret_key":"${secret_key:%s}"}`, access, access), Description: "rotator: key " + access, Age: days(age)}
	}
	key := func(access string, age int) emulator.SeedKey {
		return emulator.SeedKey{AccessKey: access, Age: days(age)}
	}
	carries := func(access string) map[string]string {
		return map[string]string{"SECRET_KEY": "${secret_key:" + access + "}", "DB": "hunter2"}
	}
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1})
	err := l.Load(emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "other"}},
		Applications: []emulator.SeedApplication{
			{Name: "orders", ID: ordersName, Keys: []emulator.SeedKey{key(oldKey, 40), key(spareKey, 50), key(currentKey, 8)}},
			{
				Name: "rotator", ID: rotatorName, Keys: []emulator.SeedKey{key(ownKey, 40), key(nextOwnKey, 0)},
				Policies: []emulator.SeedPolicy{{Name: "all", Rules: []emulator.SeedRule{ // the auditor sees to it that not all is done
					{PermissionSets: []string{"IAMManager"}, Organization: true},
					{PermissionSets: []string{"AllProductsFullAccess"}, Projects: []string{"default", "other"}},
				}}},
			},
			{Name: "billing", Keys: []emulator.SeedKey{key(foreignKey, 40)}},
		},
		Secrets: []emulator.SeedSecret{
			{Name: ordersName, Project: "default", Path: "/rotator", Versions: []emulator.SeedVersion{pair(oldKey, 40), pair(currentKey, 8)}},
			{Name: rotatorName, Project: "default", Path: "/rotator", Versions: []emulator.SeedVersion{pair(ownKey, 40), pair(nextOwnKey, 0)}},
			{Name: "theirs", Project: "default", Versions: []emulator.SeedVersion{{Random: 8}}},
		},
		Serverless: []emulator.SeedPlace{
			{Project: "default", Serverless: emulator.SeedServerless{
				FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "web", Functions: []emulator.SeedFunction{
					{Name: "f", Env: map[string]string{"ACCESS_KEY": oldKey, "STAGE": "live"}, SecretEnv: carries(oldKey)},
					{Name: "self", SecretEnv: carries(ownKey)},
				}}},
				ContainerNamespaces: []emulator.SeedContainerNamespace{{
					Name: "box", SecretEnv: map[string]string{"SHARED": "${secret_key:" + spareKey + "}"},
					Containers: []emulator.SeedContainer{{Name: "c", SecretEnv: carries(currentKey)}},
				}},
			}},
			{Project: "other", Serverless: emulator.SeedServerless{
				FunctionNamespaces: []emulator.SeedFunctionNamespace{{Name: "ledger", Functions: []emulator.SeedFunction{
					{Name: "g", SecretEnv: carries(oldKey)},
				}}},
			}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	rules := emulator.AuditRules{
		Project: l.Project("default"), Path: "/rotator", Applications: []string{"orders"}, OwnApplication: "rotator",
		OwnKey: ownKey, Grace: auditGrace,
	}
	if change != nil {
		change(&rules)
	}
	w := &audited{l, l.Audit(rules)}
	l.Secret = w.secretKey(ownKey) // calls are the client's from now on
	return w
}

// runsOn lets the client call with another of its keys.
func (w *audited) runsOn(access string) {
	w.T.Helper()
	w.Secret = w.secretKey(access)
	w.auditor.RunsOn(access)
}

// secretKey is the secret of a key that lives.
func (w *audited) secretKey(access string) string {
	w.T.Helper()
	for _, bearer := range []string{"orders", "rotator", "billing"} {
		for _, pair := range w.Keys(bearer) {
			if pair.AccessKey == access {
				return pair.SecretKey
			}
		}
	}
	w.T.Fatalf("no key %s", access)
	return ""
}

// remove deletes a key.
func (w *audited) remove(access string) {
	w.T.Helper()
	if got := w.Status("DELETE", "/iam/v1alpha1/api-keys/"+access); got != 204 {
		w.T.Fatalf("DELETE of %s: %d", access, got)
	}
}

// deliver puts a key into a function's SECRET_KEY, and waits.
func (w *audited) deliver(name, access string, wait time.Duration) {
	w.T.Helper()
	w.patch(name, `{"secret_environment_variables":[{"key":"SECRET_KEY","value":"`+w.secretKey(access)+`"}]}`)
	w.Pass(wait)
}

func (w *audited) patch(name, body string) {
	w.T.Helper()
	w.MustRaw("PATCH", emulatortest.FunctionsBase+"/functions/"+w.MustEndpoint(name).ID, body)
}

func (w *audited) disable(secret string, revision int) {
	w.T.Helper()
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	for _, row := range w.MustRaw("GET", base+"?path=/rotator&name="+secret, "")["secrets"].([]any) {
		w.MustRaw("POST", fmt.Sprintf("%s/%s/versions/%d/disable", base, row.(map[string]any)["id"], revision), "{}")
	}
}

// publish writes a key into a secret.
func (w *audited) publish(secret, access string) {
	w.T.Helper()
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	data := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"access_key":%q,"secret_key":%q}`, access, w.secretKey(access)))
	for _, row := range w.MustRaw("GET", base+"?path=/rotator&name="+secret, "")["secrets"].([]any) {
		w.MustRaw("POST", fmt.Sprintf("%s/%s/versions", base, row.(map[string]any)["id"]), `{"data":"`+data+`"}`)
	}
}

const readies = 11 * time.Second // a deployment

// audits plays rows: what a client does, and what the auditor must say of it.
// "" is nothing; else a part of each violation.
type auditRow struct {
	name string
	do   func(w *audited)
	want string
}

func audits(t *testing.T, rules func(*emulator.AuditRules), rows []auditRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newAudited(t, rules)
			known := emulatortest.Secrets{"hunter2": "DB"}
			known.Learn(w.Emulator)
			row.do(w)
			_, found := w.auditor.Result()
			if (len(found) > 0) != (row.want != "") {
				t.Errorf("it says %q, want %q", found, row.want)
			}
			for _, text := range found {
				if !strings.Contains(text, row.want) {
					t.Errorf("it says %q, want %q", text, row.want)
				}
			}
			if leaks := known.Leaks(found...); len(leaks) > 0 {
				t.Errorf("it says %s", leaks)
			}
		})
	}
}

func TestAuditorOfKeysThatSomethingCarries(t *testing.T) {
	t.Parallel()
	audits(t, nil, []auditRow{
		{"a consumer holds it", func(w *audited) { w.remove(oldKey) }, "I2: " + oldKey + " is gone, which the function web/f in fr-par holds in SECRET_KEY, which the function web/f in fr-par runs with"},
		{"a namespace holds it", func(w *audited) { w.remove(spareKey) }, "which the namespace box of containers in fr-par holds in SHARED"},
		{"a consumer still runs with it", func(w *audited) {
			w.deliver("f", currentKey, readies-1)
			w.remove(oldKey)
		}, "is gone, which the function web/f in fr-par runs with"},
		{"what was changed is not deployed", func(w *audited) {
			w.patch("f", `{"redeploy":false,"secret_environment_variables":[{"key":"SECRET_KEY","value":"`+w.secretKey(currentKey)+`"}]}`)
			w.Pass(30 * 24 * time.Hour)
			w.remove(oldKey)
		}, "is gone, which the function web/f in fr-par runs with"},
		{"a namespace has changed, what is in it not", func(w *audited) {
			path := w.NamespaceOf(emulatortest.ContainersBase + "/containers/" + w.MustEndpoint("c").ID)
			w.MustRaw("PATCH", path, `{"secret_environment_variables":{"SHARED":"`+w.secretKey(currentKey)+`"}}`)
			w.Pass(30 * 24 * time.Hour)
			w.remove(spareKey)
		}, "is gone, which the container box/c in fr-par runs with"},
		{"it is on its way", func(w *audited) {
			w.deliver("f", currentKey, readies+auditGrace)
			w.deliver("f", oldKey, time.Second)
			w.patch("f", `{"redeploy":false,"secret_environment_variables":[{"key":"SECRET_KEY","value":"`+w.secretKey(currentKey)+`"}]}`)
			w.remove(oldKey)
		}, "is gone, which the function web/f in fr-par is being deployed with"},
		{"just within the grace, and the hour that a run may be early", func(w *audited) {
			w.deliver("f", currentKey, readies+auditGrace-time.Hour-time.Second-1)
			w.remove(oldKey)
		}, "after something last ran with it"},
		{"the grace is over, though nobody looked meanwhile", func(w *audited) {
			w.deliver("f", currentKey, readies+auditGrace)
			w.remove(oldKey)
		}, ""},
		{"a delivery failed a moment ago", func(w *audited) {
			w.FailDeployments(w.MustEndpoint("f").ID, true)
			w.deliver("f", currentKey, readies+24*time.Hour-1)
			w.remove(oldKey)
		}, "runs with"},
		{"a delivery failed, and the grace since the day after is not over", func(w *audited) {
			w.FailDeployments(w.MustEndpoint("f").ID, true)
			w.deliver("f", currentKey, readies+24*time.Hour+auditGrace-time.Hour-2*time.Second)
			w.remove(oldKey)
		}, "after something last ran with it"},
		{"a delivery failed, and the grace since the day after is over", func(w *audited) {
			w.FailDeployments(w.MustEndpoint("f").ID, true)
			w.deliver("f", currentKey, readies+24*time.Hour+auditGrace)
			w.remove(oldKey)
		}, ""},
	})
}

func TestAuditorOfRevokedKeys(t *testing.T) {
	t.Parallel()
	audits(t, nil, []auditRow{
		{"at once after its delivery", func(w *audited) {
			w.auditor.Revoked(oldKey)
			w.deliver("f", currentKey, readies)
			w.remove(oldKey)
		}, ""},
		{"while a consumer carries it", func(w *audited) {
			w.auditor.Revoked(oldKey)
			w.deliver("f", currentKey, time.Second)
			w.remove(oldKey)
		}, "runs with"},
		{"while a consumer carries it, and a person wants it now", func(w *audited) {
			w.auditor.RevokedNow(oldKey)
			w.remove(oldKey)
		}, ""},
		{"while it is published", func(w *audited) {
			w.auditor.Revoked(currentKey)
			w.remove(currentKey)
		}, currentKey}, // I1 and I2
		{"the one that the client runs on", func(w *audited) {
			w.auditor.Revoked(ownKey)
			w.remove(ownKey)
		}, "I2: the key that the client runs on is gone"},
		{"that of another's application", func(w *audited) {
			w.auditor.Revoked(foreignKey)
			w.remove(foreignKey)
		}, "I4: "},
	})
}

func TestAuditorOfTheOwnApplication(t *testing.T) {
	t.Parallel()
	audits(t, nil, []auditRow{
		{"the key that it runs on", func(w *audited) { w.remove(ownKey) }, "I2: the key that the client runs on is gone"},
		{"its function still runs with it", func(w *audited) {
			w.runsOn(nextOwnKey)
			w.deliver("self", nextOwnKey, 0)
			w.remove(ownKey)
		}, "the function web/self in fr-par runs with"},
		{"within the grace", func(w *audited) {
			w.deliver("self", nextOwnKey, readies+time.Hour)
			w.runsOn(nextOwnKey)
			w.remove(ownKey)
		}, "I2: " + ownKey + " is gone"},
		{"after all that", func(w *audited) {
			w.deliver("self", nextOwnKey, readies)
			w.runsOn(nextOwnKey)
			w.Pass(auditGrace)
			w.remove(ownKey)
		}, ""},
		{"what an earlier release published goes", func(w *audited) {
			w.disable(rotatorName, 2)
			w.disable(rotatorName, 1)
		}, ""},
		{"nothing of it is published", func(w *audited) {
			w.publish(rotatorName, nextOwnKey)
		}, "I3: the client's own key " + nextOwnKey + " was written into /rotator/" + rotatorName},
	})
	none := func(r *emulator.AuditRules) { r.OwnApplication = "" }
	audits(t, none, []auditRow{
		{"it is not the client's to rotate", func(w *audited) { w.remove(nextOwnKey) }, "I4: "},
		{"nor to deliver", func(w *audited) { w.deliver("self", nextOwnKey, readies) }, "I4: the variable SECRET_KEY of the function web/self"},
	})
}
