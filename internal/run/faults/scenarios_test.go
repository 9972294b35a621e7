package faults_test

import (
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
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

func scenarios() []scenario {
	keys := func(k ...emulator.SeedKey) emulator.SeedApplication { return emulator.SeedApplication{Keys: k} }
	person := emulator.SeedKey{AccessKey: runtest.KeyA, Age: runtest.Age(200), Project: "demo"}
	return []scenario{
		{name: "first run on the demo project", seed: emulator.Demo, settled: true, rotated: 3},
		{
			name: "a rotation that is due", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				return runtest.Small(keys(runtest.Minted(runtest.KeyA, 31)), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31)))
			},
		},
		{
			name: "a grace period ends", settled: true,
			seed: func() emulator.Seed {
				return runtest.Small(keys(runtest.Minted(runtest.KeyA, 40), runtest.Minted(runtest.KeyB, 8)), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 40), runtest.Holds(runtest.KeyB, 8)))
			},
		},
		{
			name: "a rotation is due as a grace period ends", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				return runtest.Small(keys(runtest.Minted(runtest.KeyA, 60), runtest.Minted(runtest.KeyB, 31)), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 60), runtest.Holds(runtest.KeyB, 31)))
			},
		},
		{
			name: "legacy tokens in all scopes", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				seed := runtest.Small(keys(person))
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
				orphan := runtest.Minted(runtest.KeyB, 0)
				orphan.Age, orphan.ExpiresIn = emulator.SeedAge(2*time.Hour), runtest.Age(90)
				return runtest.Small(keys(runtest.Minted(runtest.KeyA, 31), orphan), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31)))
			},
		},
		{
			name: "an application was removed", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				seed := runtest.Small(keys(person))
				gone := runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31))
				gone.Name = "7a6c1e2d-7f43-4b19-9c58-3d2e8b90f2ff"
				gone.Versions[0].Data = `{"access_key":"` + runtest.KeyC + `","secret_key":"gone"}`
				seed.Secrets = append(seed.Secrets, gone)
				return seed
			},
		},
		{
			name: "someone else's version in the secret", settled: true, broken: []string{"orders"},
			seed: func() emulator.Seed {
				theirs := runtest.Holds(runtest.KeyA, 2)
				theirs.Description = "by hand"
				return runtest.Small(keys(runtest.Minted(runtest.KeyA, 31)), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31), theirs))
			},
		},
		{
			name: "the quota of keys is reached", options: emulator.Options{Quotas: emulator.Quotas{KeysPerApplication: 2}},
			seed: func() emulator.Seed {
				return runtest.Small(keys(runtest.Minted(runtest.KeyA, 35), runtest.Minted(runtest.KeyB, 32)), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 35), runtest.Holds(runtest.KeyB, 2)))
			},
		},
		{
			name: "20 versions are reached", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				var versions []emulator.SeedVersion
				for i := range 19 {
					stale := runtest.Holds(runtest.KeyA, 80-i)
					stale.Data, stale.Description = `{"access_key":"`+runtest.KeyC+`","secret_key":"gone"}`, "rotator: key "+runtest.KeyC
					versions = append(versions, stale)
				}
				return runtest.Small(keys(runtest.Minted(runtest.KeyA, 31)), runtest.CredentialOf(append(versions, runtest.Holds(runtest.KeyA, 31))...))
			},
		},
		{
			name: "the organization caps key lifetimes at 30 d", settled: true, rotated: 1,
			seed: func() emulator.Seed {
				capped := runtest.Minted(runtest.KeyA, 21)
				capped.ExpiresIn = runtest.Age(9)
				seed := runtest.Small(keys(capped), runtest.CredentialOf(runtest.Holds(runtest.KeyA, 21)))
				seed.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: runtest.Age(30)}
				return seed
			},
		},
	}
}
