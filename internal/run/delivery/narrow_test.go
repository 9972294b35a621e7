package delivery_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Who asks for one application gets that one's key rotated, delivered and
// retired, and nothing else: tokens and endpoints are everybody's.
func TestOneApplicationMeansNothingOfTheOthers(t *testing.T) {
	t.Parallel()
	seed := emulator.Demo()
	r := runtest.StartSeed(t, emulator.Options{}, seed)
	tokens := len(r.Tokens())
	rep := r.Run(t, run.Request{Applications: []string{"checkout"}, Force: true})
	for _, c := range rep.Changes {
		if c.Kind == "delete_token" || strings.Contains(c.Object, r.Application("storefront")) {
			t.Errorf("it did %s %s", c.Kind, c.Object)
		}
	}
	if now := len(r.Tokens()); now != tokens {
		t.Errorf("%d tokens of %d are left", now, tokens)
	}
	var ran []string
	for _, s := range rep.Steps {
		if s.Outcome != "skipped" {
			ran = append(ran, s.Name)
		}
	}
	if want := []string{"discover", "rotate", "deliver", "retire"}; !slices.Equal(ran, want) {
		t.Errorf("it ran %v, want %v", ran, want)
	}
	if len(rep.Endpoints) > 0 {
		t.Errorf("it asked %d endpoints", len(rep.Endpoints))
	}
}

// Two applications may have one name: then neither is meant by it.
func TestANameOfTwoApplicationsIsRefused(t *testing.T) {
	t.Parallel()
	const otherID = "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f203"
	seed := runtest.Superseded()
	seed.Applications = append(seed.Applications, emulator.SeedApplication{
		Name: "twin", ID: otherID, Keys: []emulator.SeedKey{runtest.Minted("SCWTWIN0000000000001", 10)},
		Policies: []emulator.SeedPolicy{{Name: "twin", Rules: emulator.CallerRules("demo")}},
	})
	r := runtest.StartSeed(t, emulator.Options{}, seed, runtest.Only()...)
	r.MustCall(http.MethodPatch, "/iam/v1alpha1/applications/"+otherID, map[string]any{"name": "orders"})
	for field, req := range map[string]run.Request{
		"applications": {Applications: []string{"orders"}, Force: true},
		"rollback":     {Rollback: []string{"orders"}},
	} {
		_, err := run.Do(t.Context(), r.Cfg, req, r.Surroundings())
		var refused *run.RequestError
		if !errors.As(err, &refused) || !strings.HasPrefix(err.Error(), field+`: "orders" is the name of 2 applications: `) ||
			!strings.Contains(err.Error(), runtest.OrdersID) || !strings.Contains(err.Error(), otherID) {
			t.Errorf("%s: %v", field, err)
		}
	}
	if w := r.Writes(); len(w) > 1 { // the renaming
		t.Errorf("it sent %v", w)
	}
	if got := r.Run(t, run.Request{Rollback: []string{runtest.OrdersID}}); got.Outcome != "success" {
		t.Errorf("by its ID:\n%s", runtest.Text(t, got))
	}
}

// However often somebody forces a rotation, an application has two superseded
// keys within their grace at the most: the organization's quota is everybody's.
func TestForcingAgainAndAgainDoesNotPileUpKeys(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(10), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	for i := range 6 {
		rep := r.Run(t, run.Request{Force: true})
		keys := len(r.Keys("orders"))
		if keys > 3 {
			t.Fatalf("after %d forced runs orders has %d keys", i+1, keys)
		}
		if i < 2 {
			if keys != i+2 {
				t.Errorf("forced run %d made no key:\n%s", i+1, runtest.Text(t, rep))
			}
			continue
		}
		said := false
		for _, f := range rep.Findings {
			said = said || strings.Contains(f.Subject, "orders") && strings.Contains(f.Text, "never more than 2") && strings.Contains(f.Text, "revoke one")
		}
		if !said {
			t.Errorf("it does not say why it made none:\n%s", runtest.Text(t, rep))
		}
		r.Clock().Advance(time.Hour)
	}
	if rep := r.Run(t, runtest.Revoke(runtest.Current(t, r.Run(t, run.Request{DryRun: true})))); len(r.Keys("orders")) != 3 || rep.Outcome != "success" {
		t.Errorf("a revoke is held up, too: %d keys\n%s", len(r.Keys("orders")), runtest.Text(t, rep))
	}
	r.Clock().Advance(8 * 24 * time.Hour)
	r.Run(t, run.Request{})
	if r.Run(t, run.Request{Force: true}); len(r.Keys("orders")) != 2 {
		t.Errorf("after their grace there are %d keys, want the current one and the one before", len(r.Keys("orders")))
	}
}
