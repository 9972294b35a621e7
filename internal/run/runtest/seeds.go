package runtest

import (
	"fmt"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Day is one of 24 hours.
const Day = 24 * time.Hour

// What the seeds' project and applications are called.
const (
	DemoProject = "0a6c1e2d-7f43-4b19-9c58-3d2e8b90f102"
	OrdersID    = "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f201"
	RotatorID   = "6a6c1e2d-7f43-4b19-9c58-3d2e8b90f202"
)

// Access keys.
const (
	KeyA = "SCWAAAAAAAAAAAAAAAAA"
	KeyB = "SCWBBBBBBBBBBBBBBBBB"
	KeyC = "SCWCCCCCCCCCCCCCCCCC"
	KeyD = "SCWDDDDDDDDDDDDDDDDD"
)

// Small is a project with one application, one private function, one private
// container, and a second project beside it.
func Small(orders emulator.SeedApplication, secrets ...emulator.SeedSecret) emulator.Seed {
	orders.Name, orders.ID = "orders", OrdersID
	orders.Policies = []emulator.SeedPolicy{{Name: "orders", Rules: emulator.CallerRules("demo")}}
	other := emulator.SeedServerless{FunctionNamespaces: []emulator.SeedFunctionNamespace{{
		Name: "billing", Functions: []emulator.SeedFunction{{Name: "invoices", Tokens: []emulator.SeedToken{{}}}},
	}}}
	return emulator.Seed{
		Projects: []emulator.SeedProject{{Name: "default"}, {Name: "demo", ID: DemoProject}, {Name: "other"}},
		Applications: []emulator.SeedApplication{
			{
				Name: "rotator", Keys: []emulator.SeedKey{{Age: Age(20), Project: "demo"}},
				Policies: []emulator.SeedPolicy{{Name: "rotator", Rules: emulator.RotatorRules("demo")}},
			},
			orders,
			{
				Name: "invoicing", Keys: []emulator.SeedKey{{Age: Age(250), Project: "other"}},
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

// Age is so many days.
func Age(days int) emulator.SeedAge { return emulator.SeedAge(days) * emulator.SeedAge(24*time.Hour) }

// Minted is a key that the rotator made so many days ago.
func Minted(access string, days int) emulator.SeedKey {
	return emulator.SeedKey{AccessKey: access, Age: Age(days), ExpiresIn: Age(90 - days), Project: "demo", Description: "[rotator " + DemoProject + "]"}
}

// Holds is a version that holds a key, so many days old.
func Holds(access string, days int) emulator.SeedVersion {
	return emulator.SeedVersion{
		Data:        fmt.Sprintf(`{"access_key":%q,"secret_key":"${secret_key:%s}"}`, access, access),
		Description: "rotator: key " + access, Age: Age(days),
	}
}

// CredentialOf is the secret of orders, with versions oldest first.
func CredentialOf(versions ...emulator.SeedVersion) emulator.SeedSecret {
	return emulator.SeedSecret{
		Name: OrdersID, Project: "demo", Path: "/rotator", Type: "key_value", Age: versions[0].Age,
		Tags: []string{"rotator", "application=" + OrdersID}, Versions: versions,
	}
}

// Theirs is a key that a person made and nobody published.
func Theirs(access string) emulator.SeedKey {
	return emulator.SeedKey{AccessKey: access, Age: Age(200), Project: "demo"}
}

// Principal is an application with a key of 40 days and one rule.
func Principal(name string, rules ...emulator.SeedRule) emulator.SeedApplication {
	return emulator.SeedApplication{
		Name: name, Keys: []emulator.SeedKey{{Age: Age(40), Project: "demo"}},
		Policies: []emulator.SeedPolicy{{Name: name, Rules: rules}},
	}
}

// Here is a rule on the demo's project.
func Here(condition string, sets ...string) emulator.SeedRule {
	return emulator.SeedRule{PermissionSets: sets, Projects: []string{"demo"}, Condition: condition}
}

// Guarded is a project of one private function and one container, with a token
// each, one of the container's namespace, and an application that may call both.
func Guarded(keys ...emulator.SeedKey) emulator.Seed {
	seed := Small(emulator.SeedApplication{Keys: keys})
	token := []emulator.SeedToken{{}}
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions[0].Tokens = token
	place.ContainerNamespaces[0].Tokens, place.ContainerNamespaces[0].Containers[0].Tokens = token, token
	place.ContainerNamespaces[0].Containers[0].HealthPath = ""
	return seed
}

// Carrying is a project in which the key of orders, due or not, is carried by a
// consumer of each kind, and by the function's own beside it.
func Carrying(days int) emulator.Seed {
	const secret, access = "${secret_key:" + KeyA + "}", "${access_key:" + KeyA + "}"
	seed := Small(emulator.SeedApplication{Keys: []emulator.SeedKey{Minted(KeyA, days)}}, CredentialOf(Holds(KeyA, days)))
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

// Callers are what runs with the key of orders in a project that is carrying
// it, and in which variable.
func Callers() map[string]string {
	return map[string]string{
		"courier": "ORDERS_SECRET_KEY", "nightly": "X_AUTH_TOKEN", "packer": "ORDERS_API_KEY", "cruncher": "ORDERS_TOKEN",
	}
}

// Superseded is a project in which the key of orders, which its consumers carry,
// has superseded another a day ago.
func Superseded() emulator.Seed {
	seed := Carrying(31)
	orders := &seed.Applications[1]
	orders.Keys = []emulator.SeedKey{Minted(KeyB, 32), Minted(KeyA, 1)}
	seed.Secrets = []emulator.SeedSecret{CredentialOf(Holds(KeyB, 32), Holds(KeyA, 1))}
	return seed
}

// Failing is a project whose key is due, and a consumer of it that cannot be deployed.
func Failing() emulator.Seed {
	seed := Carrying(31)
	seed.Serverless[0].FunctionNamespaces[0].Functions[1].Fails = true
	return seed
}

// OwnDue is a project in which the function's own key is due.
func OwnDue() emulator.Seed {
	seed := Carrying(10)
	seed.Applications[0].ID, seed.Applications[0].Keys = RotatorID, []emulator.SeedKey{Minted(KeyD, 31)}
	return seed
}

// OwnPublished is one in which an earlier release published it in Secret Manager.
func OwnPublished() emulator.Seed {
	seed := OwnDue()
	seed.Applications[0].Keys[0] = Minted(KeyD, 10)
	published := CredentialOf(Holds(KeyD, 10))
	published.Name, published.Tags = RotatorID, []string{"rotator", "application=" + RotatorID}
	seed.Secrets = append(seed.Secrets, published)
	return seed
}
