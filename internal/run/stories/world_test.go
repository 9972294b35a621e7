package stories_test

import (
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

const (
	keyS    = "SCWSSSSSSSSSSSSSSSSS"
	salesID = "7a6c1e2d-7f43-4b19-9c58-3d2e8b90f203"
	fnPath  = "/functions/v1beta1/regions/fr-par/functions/"
	coPath  = "/containers/v1/regions/fr-par/containers/"
)

// world has the function itself, orders with its four consumers, and sales with
// one: seller.
func world(orderDays, ownDays int) emulator.Seed {
	seed := runtest.Carrying(orderDays)
	seed.Applications[0].ID, seed.Applications[0].Keys = runtest.RotatorID, []emulator.SeedKey{runtest.Minted(runtest.KeyD, ownDays)}
	seed.Applications = append(seed.Applications, emulator.SeedApplication{
		Name: "sales", ID: salesID, Keys: []emulator.SeedKey{runtest.Minted(keyS, orderDays)},
		Policies: []emulator.SeedPolicy{{Name: "sales", Rules: emulator.CallerRules("demo")}},
	})
	s := runtest.CredentialOf(runtest.Holds(keyS, orderDays))
	s.Name, s.Tags = salesID, []string{"rotator", "application=" + salesID}
	seed.Secrets = append(seed.Secrets, s)
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{
		Name: "seller", Privacy: "public", SecretEnv: map[string]string{"SALES_KEY": "${secret_key:" + keyS + "}"},
	})
	return seed
}

func two(seed emulator.Seed) emulator.Seed {
	for i, ns := range seed.Serverless[0].FunctionNamespaces {
		if ns.Name == "ops" {
			f := ns.Functions[0]
			f.Name = "key-rotator-2"
			seed.Serverless[0].FunctionNamespaces[i].Functions = append(ns.Functions, f)
		}
	}
	return seed
}

func ownCarrier(seed emulator.Seed) emulator.Seed {
	c := &seed.Serverless[0].FunctionNamespaces[0].Functions[1]
	c.SecretEnv["ROT"] = "${secret_key:" + runtest.KeyD + "}"
	return seed
}

// twice has a second function, of another application, in the same project.
func twice(seed emulator.Seed, project string) emulator.Seed {
	seed.Applications = append(seed.Applications, emulator.SeedApplication{
		Name: "rotator2", ID: rotator2ID, Keys: []emulator.SeedKey{{AccessKey: runtest.KeyC, Age: runtest.Age(31), ExpiresIn: runtest.Age(59), Project: project}},
		Policies: []emulator.SeedPolicy{{Name: "rotator2", Rules: emulator.RotatorRules(project)}},
	})
	f := emulator.SeedFunctionNamespace{Name: "ops2", Functions: []emulator.SeedFunction{{
		Name: "key-rotator-2", Env: map[string]string{"ROTATOR_ACCESS_KEY": "${access_key:" + runtest.KeyC + "}"},
		SecretEnv: map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:" + runtest.KeyC + "}"},
	}}}
	i := 0
	if project == "other" {
		i = 1
	}
	seed.Serverless[i].FunctionNamespaces = append(seed.Serverless[i].FunctionNamespaces, f)
	return seed
}

// shared has orders reach both projects, and a caller in the other one.
func shared(seed emulator.Seed) emulator.Seed {
	seed = twice(seed, "other")
	seed.Applications[1].Policies = []emulator.SeedPolicy{{Name: "orders", Rules: emulator.CallerRules("demo", "other")}}
	ns := &seed.Serverless[1].FunctionNamespaces[0]
	ns.Functions = append(ns.Functions, emulator.SeedFunction{Name: "postman", Privacy: "public", SecretEnv: map[string]string{"ORD": "${secret_key:" + runtest.KeyA + "}"}})
	return seed
}

func inError(seed emulator.Seed) emulator.Seed {
	c := seed.Serverless[0].ContainerNamespaces[0].Containers
	c[len(c)-1].Status, c[len(c)-1].ErrorMessage = "error", "it does not listen"
	return seed
}
