package run_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// carrying is a project in which the key of orders, due or not, is carried by a
// consumer of each kind, and by the function's own beside it.
func carrying(days int) emulator.Seed {
	const secret, access = "${secret_key:" + keyA + "}", "${access_key:" + keyA + "}"
	seed := small(emulator.SeedApplication{Keys: []emulator.SeedKey{minted(keyA, days)}}, credentialOf(holds(keyA, days)))
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
		Name: "courier", Privacy: "public",
		Env:       map[string]string{"ORDERS_ACCESS_KEY": access, "MODE": "fast"},
		SecretEnv: map[string]string{"ORDERS_SECRET_KEY": secret, "DB_PASSWORD": "hunter"},
	})
	place.FunctionNamespaces = append(place.FunctionNamespaces,
		emulator.SeedFunctionNamespace{
			Name: "batch", SecretEnv: map[string]string{"X_AUTH_TOKEN": secret},
			Functions: []emulator.SeedFunction{{Name: "nightly", Privacy: "public"}},
		},
		emulator.SeedFunctionNamespace{Name: "ops", Functions: []emulator.SeedFunction{{
			Name: "key-rotator", Env: map[string]string{"ROTATOR_ACCESS_KEY": "${access_key:rotator}"},
			SecretEnv: map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:rotator}"},
		}}})
	place.ContainerNamespaces[0].Containers = append(place.ContainerNamespaces[0].Containers, emulator.SeedContainer{
		Name: "packer", Privacy: "public", SecretEnv: map[string]string{"ORDERS_API_KEY": secret, "DB_TOKEN": "other"},
	})
	place.ContainerNamespaces = append(place.ContainerNamespaces, emulator.SeedContainerNamespace{
		Name: "jobs", SecretEnv: map[string]string{"ORDERS_TOKEN": secret}, Env: map[string]string{"ORDERS_ACCESS_KEY": access},
		Containers: []emulator.SeedContainer{{Name: "cruncher", Privacy: "public"}},
	})
	return seed
}

const (
	keyD      = "SCWDDDDDDDDDDDDDDDDD"
	rotatorID = "6a6c1e2d-7f43-4b19-9c58-3d2e8b90f202"
)

// only keeps the discovery of these scenarios short: each of its requests is
// struck by each fault.
func only() []string { return []string{"ROTATOR_REGIONS=fr-par"} }

// ownDue is a project in which the function's own key is due.
func ownDue() emulator.Seed {
	seed := carrying(10)
	seed.Applications[0].ID, seed.Applications[0].Keys = rotatorID, []emulator.SeedKey{minted(keyD, 31)}
	return seed
}

// ownPublished is one in which an earlier release published it in Secret Manager.
func ownPublished() emulator.Seed {
	seed := ownDue()
	seed.Applications[0].Keys[0] = minted(keyD, 10)
	published := credentialOf(holds(keyD, 10))
	published.Name, published.Tags = rotatorID, []string{"rotator", "application=" + rotatorID}
	seed.Secrets = append(seed.Secrets, published)
	return seed
}

// superseded is a project in which the key of orders, which its consumers carry,
// has superseded another a day ago.
func superseded() emulator.Seed {
	seed := carrying(31)
	orders := &seed.Applications[1]
	orders.Keys = []emulator.SeedKey{minted(keyB, 32), minted(keyA, 1)}
	seed.Secrets = []emulator.SeedSecret{credentialOf(holds(keyB, 32), holds(keyA, 1))}
	return seed
}

func failing() emulator.Seed {
	seed := carrying(31)
	seed.Serverless[0].FunctionNamespaces[0].Functions[1].Fails = true
	return seed
}

// carrierScenarios are those with consumers that carry a key.
func carrierScenarios() []scenario {
	return []scenario{
		{name: "consumers get the new key", seed: func() emulator.Seed { return carrying(31) }, settings: only(), settled: true, rotated: 1},
		{name: "a consumer's deployment fails", seed: failing, settings: only(), rotated: 1},
		{name: "the function's own key stands in Secret Manager", seed: ownPublished, settings: only(), settled: true, rotated: 1, own: true},
		{name: "the function's own key is due", seed: ownDue, settings: only(), settled: true, rotated: 1, own: true},
		{
			name: "the current key is revoked", seed: func() emulator.Seed { return carrying(10) }, settings: only(), settled: true, rotated: 1,
			request: run.Request{Revoke: []string{keyA}}, revoked: keyA,
		},
		{
			name: "a superseded key is revoked", seed: superseded, settings: only(), settled: true,
			request: run.Request{Revoke: []string{keyB}}, revoked: keyB,
		},
		{
			name: "a rollback", seed: superseded, settings: only(), settled: true,
			request: run.Request{Rollback: []string{"orders"}},
		},
	}
}

// restart gives the function the environment of its serving revision, as the
// platform would.
func (r *rig) restart(t *testing.T) {
	t.Helper()
	own, known := r.Endpoint("key-rotator")
	if !known {
		t.Fatal("there is no function key-rotator")
	}
	for _, line := range r.Running(own.ID) {
		switch name, value, _ := strings.Cut(line, "="); name {
		case "ROTATOR_ACCESS_KEY":
			r.cfg.AccessKey = value
		case "ROTATOR_SECRET_KEY":
			r.cfg.SecretKey = redact.New(value)
		}
	}
}

// lives tells whether orders has a key.
func (r *rig) lives(accessKey string) bool {
	return slices.ContainsFunc(r.Keys("orders"), func(k emulator.KeyPair) bool { return k.AccessKey == accessKey })
}

// callers are what runs with the key of orders in a project that is carrying
// it, and in which variable.
func callers() map[string]string {
	return map[string]string{
		"courier": "ORDERS_SECRET_KEY", "nightly": "X_AUTH_TOKEN", "packer": "ORDERS_API_KEY", "cruncher": "ORDERS_TOKEN",
	}
}

// served fails the test if a private endpoint refuses one of the callers.
func (r *rig) served(t *testing.T) {
	t.Helper()
	for name, variable := range callers() {
		if got := r.CallAs(name, variable, "checkout"); got != http.StatusOK {
			t.Fatalf("%s: %s calls with the key that it runs with, and gets %d", r.Clock().Now(), name, got)
		}
	}
}

// upright fails the test if an invariant was broken.
func upright(t *testing.T, a *emulator.Auditor) {
	t.Helper()
	if n, violations := a.Result(); len(violations) > 0 || n == 0 {
		t.Errorf("invariants, after %d requests:\n  %s", n, strings.Join(violations, "\n  "))
	}
}

// key returns a key pair of orders.
func (r *rig) key(t *testing.T, accessKey string) emulator.KeyPair {
	t.Helper()
	keys := r.Keys("orders")
	i := slices.IndexFunc(keys, func(k emulator.KeyPair) bool { return k.AccessKey == accessKey })
	if i < 0 {
		t.Fatalf("orders has no key %s", accessKey)
	}
	return keys[i]
}

// current is the access key that a report calls the current one of orders.
func current(t *testing.T, rep *report.Report) string {
	t.Helper()
	for _, a := range rep.Applications {
		for _, k := range a.Keys {
			if a.Name == "orders" && k.State == "current" {
				return k.AccessKey
			}
		}
	}
	t.Fatalf("orders has no current key:\n%s", text(t, rep))
	return ""
}
