package faults_test

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// chanceWorld is a project with whatever there can be in it.
func chanceWorld(chance *rand.Rand) emulator.Seed {
	seed := runtest.Small(emulator.SeedApplication{})
	seed.Applications = slices.Delete(seed.Applications, 1, 2) // orders
	sets := [][]string{{"FunctionsPrivateAccess", "ContainersPrivateAccess"}, {"FunctionsPrivateAccess"}, {"ContainersPrivateAccess"}}
	for i := range 1 + chance.IntN(3) {
		name := fmt.Sprint("caller-", i)
		app := emulator.SeedApplication{Name: name, ID: fmt.Sprintf("%da6c1e2d-7f43-4b19-9c58-3d2e8b90f201", 9-i)}
		rule := emulator.SeedRule{PermissionSets: sets[chance.IntN(3)], Projects: []string{"demo"}}
		if chance.IntN(6) == 0 {
			rule.Condition = "request.time < timestamp('2100-01-01T00:00:00Z')"
		}
		app.Policies = []emulator.SeedPolicy{{Name: name, Rules: []emulator.SeedRule{rule}}}
		for range chance.IntN(3) {
			app.Keys = append(app.Keys, emulator.SeedKey{Age: runtest.Age(chance.IntN(14)), ExpiresIn: runtest.Age([]int{0, 0, 3, -1}[chance.IntN(4)]), Project: "demo"})
		}
		seed.Applications = append(seed.Applications, app)
	}
	pick := func(of ...string) string { return of[chance.IntN(len(of))] }
	some := func() (tokens []emulator.SeedToken) {
		for range chance.IntN(3) {
			tokens = append(tokens, []emulator.SeedToken{{}, {ExpiresIn: "300d"}, {Description: "expired", ExpiresIn: "-1d"}}[chance.IntN(3)])
		}
		return tokens
	}
	domains := func(name string) (own, bad []string) {
		if chance.IntN(3) == 0 {
			own = []string{name + ".example.com"}
		}
		if chance.IntN(6) == 0 {
			bad = []string{"bad-" + name + ".example.com"}
		}
		return own, bad
	}
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Tokens, place.ContainerNamespaces[0].Tokens = some(), some()
	place.FunctionNamespaces[0].Functions, place.ContainerNamespaces[0].Containers = nil, nil
	for i := range chance.IntN(4) {
		f := emulator.SeedFunction{Name: fmt.Sprint("fn", i), Status: pick("ready", "ready", "ready", "error"), Privacy: pick("private", "private", "public"), Tokens: some()}
		f.Domains, f.BadDomains = domains(f.Name)
		place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, f)
	}
	for i := range chance.IntN(4) {
		c := emulator.SeedContainer{Name: fmt.Sprint("box", i), Status: pick("ready", "ready", "ready", "error"), Privacy: pick("private", "private", "public"), Tokens: some(), HealthPath: pick("", "/healthz")}
		c.Domains, c.BadDomains = domains(c.Name)
		if off := false; chance.IntN(4) == 0 {
			c.Name, c.DefaultPublicEndpointEnabled = fmt.Sprint("off", i), &off
		}
		if chance.IntN(6) == 0 {
			c.Answer = &emulator.SeedAnswer{Status: 403, Body: "partners only\n"}
		}
		place.ContainerNamespaces[0].Containers = append(place.ContainerNamespaces[0].Containers, c)
	}
	return seed
}
