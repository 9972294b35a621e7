package run_test

import (
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// scenario is a state of the world in which a run is tried with every fault.
type scenario struct {
	name    string
	seed    func() emulator.Seed
	options emulator.Options
	broken  []string // applications whose credential somebody else has spoilt
	// settled is whether a run in the end has nothing to complain about.
	settled bool
	// rotated is how many keys the run publishes if nothing goes wrong.
	rotated int
	// settings of the function, where they are not the defaults. Unless they say
	// otherwise, its own key is kept.
	settings []string
	request  run.Request // of the run that a fault strikes
	revoked  string      // access key that request wants dead
	own      bool        // the function rotates its own key, too, and each run has the environment that the platform gives it
}

const (
	demoProject = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102"
	ordersID    = "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f201"
)

// small is a project with one application, one private function, one private
// container, and a second project beside it.
func small(orders emulator.SeedApplication, secrets ...emulator.SeedSecret) emulator.Seed {
	orders.Name, orders.ID = "orders", ordersID
	orders.Policies = []emulator.SeedPolicy{{Name: "orders", Rules: emulator.CallerRules("demo")}}
	other := emulator.SeedServerless{FunctionNamespaces: []emulator.SeedFunctionNamespace{{
		Name: "billing", Functions: []emulator.SeedFunction{{Name: "invoices", Tokens: []emulator.SeedToken{{}}}},
	}}}
	return emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "default"}, {Name: "demo", ID: demoProject}, {Name: "other"}},
		Applications: []emulator.SeedApplication{
			{
				Name: "rotator", Keys: []emulator.SeedKey{{Age: age(20), Project: "demo"}},
				Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: emulator.RotatorRules("demo")}},
			},
			orders,
			{
				Name: "invoicing", Keys: []emulator.SeedKey{{Age: age(250), Project: "other"}},
				Policies: []emulator.SeedPolicy{{Name: "invoicing", Rules: emulator.CallerRules("other")}},
			},
		},
		Secrets: secrets,
		Serverless: []emulator.SeedPlace{
			{Project: "demo", Region: "fr-par", Serverless: emulator.SeedServerless{
				FunctionNamespaces:  []emulator.SeedFunctionNamespace{{Name: "shop", Functions: []emulator.SeedFunction{{Name: "checkout"}}}},
				ContainerNamespaces: []emulator.SeedContainerNamespace{{Name: "backend", Containers: []emulator.SeedContainer{{Name: "stock", HealthPath: "/healthz"}}}},
			}},
			{Project: "other", Region: "fr-par", Serverless: other},
		},
	}
}

func age(days int) emulator.SeedAge { return emulator.SeedAge(days) * emulator.SeedAge(24*time.Hour) }

const (
	keyA = "SCWAAAAAAAAAAAAAAAAA"
	keyB = "SCWBBBBBBBBBBBBBBBBB"
	keyC = "SCWCCCCCCCCCCCCCCCCC"
)

// minted is a key that the rotator made so many days ago.
func minted(access string, days int) emulator.SeedKey {
	return emulator.SeedKey{AccessKey: access, Age: age(days), ExpiresIn: age(90 - days), Project: "demo", Description: "[rotator " + demoProject + "]"}
}

// credentialOf is the secret of orders, with versions oldest first.
func credentialOf(versions ...emulator.SeedVersion) emulator.SeedSecret {
	return emulator.SeedSecret{
		Name: ordersID, Project: "demo", Path: "/rotator", Type: "key_value", Age: versions[0].Age,
		Tags: []string{"rotator", "application=" + ordersID}, Versions: versions,
	}
}

func holds(access string, days int) emulator.SeedVersion {
	return emulator.SeedVersion{
		Data:        fmt.Sprintf(`{"access_key":%q,"secret_key":"${secret_key:%s}"}`, access, access),
		Description: "rotator: key " + access, Age: age(days),
	}
}

func scenarios() []scenario {
	keys := func(k ...emulator.SeedKey) emulator.SeedApplication { return emulator.SeedApplication{Keys: k} }
	person := emulator.SeedKey{AccessKey: keyA, Age: age(200), Project: "demo"}
	return []scenario{
		{name: "first run on the demo project", seed: emulator.Demo, settled: true, rotated: 3},
		{
			name: "a rotation that is due", settled: true, rotated: 1,
			seed: func() emulator.Seed { return small(keys(minted(keyA, 31)), credentialOf(holds(keyA, 31))) },
		},
		{
			name: "a grace period ends", settled: true,
			seed: func() emulator.Seed {
				return small(keys(minted(keyA, 40), minted(keyB, 8)), credentialOf(holds(keyA, 40), holds(keyB, 8)))
			},
		},
		{
			name: "a rotation is due as a grace period ends", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				return small(keys(minted(keyA, 60), minted(keyB, 31)), credentialOf(holds(keyA, 60), holds(keyB, 31)))
			},
		},
		{
			name: "legacy tokens in all scopes", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				seed := small(keys(person))
				place := &seed.Serverless[0]
				token := []emulator.SeedToken{{Description: "old"}}
				place.FunctionNamespaces[0].Tokens, place.FunctionNamespaces[0].Functions[0].Tokens = token, token
				place.ContainerNamespaces[0].Tokens, place.ContainerNamespaces[0].Containers[0].Tokens = token, token
				return seed
			},
		},
		{
			name: "an orphan was left", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				orphan := minted(keyB, 0)
				orphan.Age, orphan.ExpiresIn = emulator.SeedAge(2*time.Hour), age(90)
				return small(keys(minted(keyA, 31), orphan), credentialOf(holds(keyA, 31)))
			},
		},
		{
			name: "an application was removed", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				seed := small(keys(person))
				gone := credentialOf(holds(keyA, 31))
				gone.Name = "7a6c1e2d-7f43-4b19-9c58-3d2e8b90f2ff"
				gone.Versions[0].Data = `{"access_key":"` + keyC + `","secret_key":"gone"}`
				seed.Secrets = append(seed.Secrets, gone)
				return seed
			},
		},
		{
			name: "someone else's version in the secret", settled: true, broken: []string{"orders"},
			seed: func() emulator.Seed {
				theirs := holds(keyA, 2)
				theirs.Description = "by hand"
				return small(keys(minted(keyA, 31)), credentialOf(holds(keyA, 31), theirs))
			},
		},
		{
			name: "the quota of keys is reached", options: emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}},
			seed: func() emulator.Seed {
				return small(keys(minted(keyA, 35), minted(keyB, 32)), credentialOf(holds(keyA, 35), holds(keyB, 2)))
			},
		},
		{
			name: "20 versions are reached", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				var versions []emulator.SeedVersion
				for i := range 19 {
					stale := holds(keyA, 80-i)
					stale.Data, stale.Description = `{"access_key":"`+keyC+`","secret_key":"gone"}`, "rotator: key "+keyC
					versions = append(versions, stale)
				}
				return small(keys(minted(keyA, 31)), credentialOf(append(versions, holds(keyA, 31))...))
			},
		},
		{
			name: "the organization caps key lifetimes at 30 d", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				capped := minted(keyA, 21)
				capped.ExpiresIn = age(9)
				seed := small(keys(capped), credentialOf(holds(keyA, 21)))
				seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: age(30)}
				return seed
			},
		},
	}
}
