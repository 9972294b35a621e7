package endpoints_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// without returns the demo with the permission sets taken out of every policy.
func without(sets ...string) emulator.Seed {
	seed := emulator.Demo()
	strip := func(policies []emulator.SeedPolicy) {
		for i := range policies {
			for j := range policies[i].Rules {
				rule := &policies[i].Rules[j]
				rule.PermissionSets = slices.DeleteFunc(slices.Clone(rule.PermissionSets), func(s string) bool { return slices.Contains(sets, s) })
			}
		}
	}
	for i := range seed.Applications {
		strip(seed.Applications[i].Policies)
	}
	for i := range seed.Groups {
		strip(seed.Groups[i].Policies)
	}
	return seed
}

// A token is held while no IAM key opens what it opens: deleting it would lock
// its callers out.
func TestTokensAreHeldWhileNoKeyOpensTheirEndpoint(t *testing.T) {
	t.Parallel()
	onContainers := []string{"container admin-panel", "container orders-api", "namespace backend"}
	for _, tt := range []struct {
		name          string
		settings      []string
		deleted, held []string
	}{
		{
			"by default", nil,
			[]string{"function checkout-api", "function image-resizer", "function stock-sync", "function webhooks", "namespace media", "namespace shop"},
			onContainers,
		},
		{
			"unless all are to be deleted",
			[]string{"ROTATOR_LEGACY_TOKENS=delete-all"},
			[]string{
				"container admin-panel", "container orders-api", "function checkout-api", "function image-resizer",
				"function stock-sync", "function webhooks", "namespace backend", "namespace media", "namespace shop",
			},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{}, without("ContainersPrivateAccess"), tt.settings...)
			dry := r.Run(t, run.Request{DryRun: true})
			got := r.Run(t, run.Request{})
			if diff := cmp.Diff(tt.deleted, runtest.Tokens(got, "deleted")); diff != "" {
				t.Errorf("deleted (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.held, runtest.Tokens(got, "held")); diff != "" {
				t.Errorf("held (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.held, runtest.Tokens(dry, "held")); diff != "" {
				t.Errorf("held in the dry run (-want +got):\n%s", diff)
			}
			if failed := got.Outcome == report.Failure; failed != (tt.held != nil) {
				t.Errorf("outcome %s with held tokens %v", got.Outcome, tt.held)
			}
		})
	}
}

// An endpoint that refuses a key that its policy grants locks its callers out.
func TestTokensAreHeldWhereTheGatewayRefusesEveryKey(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.MustRun(t, run.Request{Steps: []string{run.StepRotate}})
	r.Clock().Advance(8 * 24 * time.Hour) // callers had time to move
	e, _ := r.Endpoint("orders-api")
	r.Arm(emulator.Fault{Path: "/healthz", Times: -1, Status: http.StatusForbidden, Body: `{"error":"forbidden"}`})
	got := r.Run(t, run.Request{})
	if got.Outcome != report.Failure {
		t.Errorf("outcome %s", got.Outcome)
	}
	if diff := cmp.Diff([]string{"container orders-api", "namespace backend"}, runtest.Tokens(got, "held")); diff != "" {
		t.Errorf("held (-want +got):\n%s", diff)
	}
	for _, row := range got.Endpoints {
		if row.URL == "https://"+e.Host+"/healthz" && row.Result != "locked" {
			t.Errorf("orders-api is %s", row.Result)
		}
	}
	r.Disarm()
	if got := r.MustRun(t, run.Request{}); len(runtest.Tokens(got, "deleted")) != 2 {
		t.Errorf("once the endpoint accepts keys, the held tokens are not deleted:\n%s", runtest.Text(t, got))
	}
}

func TestTokensAreOnlyReportedWhereThatIsAsked(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{}, "ROTATOR_LEGACY_TOKENS=report")
	got := r.MustRun(t, run.Request{})
	if n := len(runtest.Tokens(got, "reported")); n != 9 {
		t.Errorf("%d legacy tokens reported", n)
	}
	if diff := cmp.Diff(true, slices.Contains(runtest.Warnings(got), "legacy tokens: 9 are still there")); diff != "" {
		t.Errorf("no finding: %v", runtest.Warnings(got))
	}
}

func TestPurgeAloneChecksTheEndpointsOfItsTokensFirst(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.MustRun(t, run.Request{Steps: []string{run.StepRotate}})
	r.Clock().Advance(8 * 24 * time.Hour) // callers had time to move
	got := r.MustRun(t, run.Request{Steps: []string{run.StepPurge}})
	if n := len(runtest.Tokens(got, "deleted")); n != 9 {
		t.Errorf("%d legacy tokens deleted", n)
	}
	for _, row := range got.Endpoints {
		if row.Resource == "nightly-report" || row.Resource == "partner-feed" && row.Namespace != "media" {
			t.Errorf("asked %s, which no token opens", row.URL)
		}
	}
	if len(got.Endpoints) == 0 {
		t.Error("no endpoint was asked")
	}
}
