package iam_test

import (
	"errors"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/internal/account"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/api"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/iam"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/settings"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/store"
	"github.com/scw-key-rotator/rotator/local/emulator/internal/wire"
	"github.com/scw-key-rotator/rotator/local/emulator/seeds"
)

func TestPrivateCaller(t *testing.T) {
	t.Parallel()
	access := func(name string, key seeds.Key, rules ...seeds.Rule) seeds.Application {
		return seeds.Application{Name: name, Keys: []seeds.Key{key}, Policies: []seeds.Policy{{Name: name, Rules: rules}}}
	}
	set := func(condition string, sets ...string) seeds.Rule {
		return seeds.Rule{PermissionSets: sets, Projects: []string{"demo"}, Condition: condition}
	}
	old := seeds.Key{Age: seeds.Age(time.Hour)}
	base := &api.Base{
		Clock: clock.NewManual(time.Date(2026, 9, 1, 12, 0, 0, 0, time.UTC)), Mint: store.NewMint(0),
		Settings: settings.Settings{KeyLag: time.Minute}.OrDefault(),
	}
	projects := account.New(base)
	people := iam.New(base, projects)
	in := api.Seeding{Base: base, Now: base.Clock.Now()}
	base.OrganizationID = base.Mint.UUID()
	projects.Found(in.Since(0))
	people.Found(in.Since(0))
	seed := seeds.Seed{
		Projects: []seeds.Project{{Name: "demo"}, {Name: "other"}},
		Applications: []seeds.Application{
			access("functions", old, set("", "FunctionsPrivateAccess")),
			access("containers", old, set("", "ContainersPrivateAccess")),
			access("both", old, seeds.CallerRules("demo")...),
			access("full", old, set("", "FunctionsFullAccess")),
			access("master", old, seeds.Rule{PermissionSets: []string{"AllProductsFullAccess"}, Organization: true}),
			access("reader", old, set("", "FunctionsReadOnly", "AllProductsReadOnly")),
			access("none", old),
			access("true condition", old, set("1 == 1", "FunctionsPrivateAccess")),
			access("named only", old, set("resource.name == 'f'", "FunctionsPrivateAccess")),
			access("expired", seeds.Key{Age: old.Age, ExpiresIn: seeds.Age(-time.Minute)}, seeds.CallerRules("demo")...),
		},
	}
	if err := errors.Join(projects.Load(in, seed), people.Load(in, seed)); err != nil {
		t.Fatal(err)
	}
	owner := people.OwnersKey().Secret
	for _, row := range []struct {
		name, secret, product, project string
		status                         int // 0: let in
	}{
		{"functions", "", "functions", "demo", 0},
		{"functions", "", "containers", "demo", 403},
		{"functions", "", "functions", "other", 403},
		{"containers", "", "containers", "demo", 0},
		{"containers", "", "functions", "demo", 403},
		{"both", "", "functions", "demo", 0},
		{"both", "", "containers", "demo", 0},
		{"full", "", "functions", "demo", 0},
		{"full", "", "containers", "demo", 403},
		{"master", "", "containers", "other", 0},
		{"reader", "", "functions", "demo", 403},
		{"none", "", "functions", "demo", 403},
		{"true condition", "", "functions", "demo", 0},
		{"named only", "", "functions", "demo", 403},
		{"expired", "", "functions", "demo", 401},
		{"owner", owner, "functions", "other", 0},
		{"unknown", "00000000-0000-4000-8000-000000000000", "functions", "demo", 401},
	} {
		secret := row.secret
		if secret == "" {
			secret = people.KeysNamed(row.name)[0].Secret
		}
		who, err := people.PrivateCaller(secret, row.product, projects.ID(row.project), in.Now)
		status := 0
		if refusal, ok := errors.AsType[*wire.Error](err); ok {
			status = refusal.Status
		}
		if status != row.status || (who == nil) != (row.status != 0) {
			t.Errorf("%s on %s of %s: %d %v, want %d", row.name, row.product, row.project, status, who, row.status)
		}
	}
}
