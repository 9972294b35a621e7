package purge_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/purge"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// took is how long ago the start was.
func (r *rig) took() time.Duration { return r.Env.Clock().Now().Sub(emulatortest.Epoch) }

func TestAllTokensGo(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name    string
		options emulator.Options
		reads   int // of each of the nine scopes
		took    time.Duration
	}{
		{"as fast as a rule", emulator.Options{}, 1, 6 * time.Second},
		{"at once", emulator.Options{Delays: emulator.Delays{TokenGone: 1}}, 1, 6 * time.Second},
		{"as slowly as was seen", emulator.Options{Delays: emulator.Delays{TokenGone: 52 * time.Second}}, 9, 54 * time.Second},
		{"just in time", emulator.Options{Delays: emulator.Delays{TokenGone: 2 * time.Minute}}, 20, 2 * time.Minute},
		{"with filters ignored", emulator.Options{Answers: emulator.Answers{IgnoreFilters: true, NamespaceTokensAll: true}}, 1, 6 * time.Second},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, row.options, false)
			got, err := r.apply(t.Context())
			if err != nil {
				t.Error(err)
			}
			check(t, "verdicts", every(purge.Deleted, nil), got)
			check(t, "requests", map[string]int{"DELETE token": 9, "GET list": 9 * row.reads}, r.sent())
			check(t, "tokens left", []string{}, r.there())
			check(t, "time", row.took, r.took())
			if n := len(r.Env.Tokens()); n != 3 {
				t.Errorf("the other project has %d tokens, want its 3", n)
			}
			for _, c := range r.Journal.Changes() {
				if c.Kind != "delete_token" || c.Result != report.Done {
					t.Errorf("change %+v", c)
				}
			}
		})
	}
}

func TestOnlyScopesThatStillListATokenAreReadAgain(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{Delays: emulator.Delays{TokenGone: 8 * time.Second}}, false)
	// Somebody has deleted one of the two three seconds ago: it goes first.
	r.deletedElsewhere("mobile app")
	r.Env.Clock().Advance(3 * time.Second)
	got, err := r.apply(t.Context(), "checkout-api", "orders-api")
	if err != nil {
		t.Error(err)
	}
	check(t, "verdicts", map[string]purge.Verdict{"mobile app": purge.Deleted, "courier": purge.Deleted}, got)
	check(t, "requests", map[string]int{"DELETE token": 1, "GET list": 3}, r.sent())
}

func TestATokenThatAppearsMeanwhileIsDecidedUponToo(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name    string
		lock    bool
		verdict purge.Verdict
		there   []string
		reads   int
	}{
		{"deleted", false, purge.Deleted, []string{}, 2},
		{"held", true, purge.Held, []string{"new"}, 1},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, emulator.Options{}, false)
			api := r.resources["checkout-api"]
			sleep, made := r.Clock.Sleep, false
			r.Clock.Sleep = func(ctx context.Context, d time.Duration) error {
				if !made {
					made = true
					r.MustCall("POST", "/functions/v1beta1/regions/fr-par/tokens", map[string]any{"function_id": api.ID, "description": "new"})
					r.ForgetHistory()
				}
				return sleep(ctx, d)
			}
			tokens := slices.DeleteFunc(slices.Clone(r.tokens), func(x scaleway.Token) bool { return x.Scope.ResourceID != api.ID })
			plan := purge.Plan(tokens, r.Seen, r.Mode, r.Client.Now())
			if row.lock {
				r.Seen = locked(api)
			}
			decisions, err := r.Apply(t.Context(), plan)
			if err != nil {
				t.Error(err)
			}
			got := map[string]purge.Verdict{}
			for _, d := range decisions {
				got[d.Token.Description] = d.Verdict
			}
			check(t, "verdicts", map[string]purge.Verdict{"mobile app": purge.Deleted, "new": row.verdict}, got)
			check(t, "reads", row.reads, r.sent()["GET list"])
			left := slices.DeleteFunc(r.there(), func(name string) bool { return name != "new" && name != "mobile app" })
			check(t, "tokens left", row.there, left)
		})
	}
}

func TestADeleteThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"500": {Status: 500, Body: `{"message":"Internal error"}`},
		"403": {Status: 403, Body: `{"type":"permissions_denied"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, emulator.Options{}, false)
			victim := r.tokens[slices.IndexFunc(r.tokens, func(x scaleway.Token) bool { return x.Description == "courier" })]
			fault.Method, fault.Path = "DELETE", "/containers/v1beta1/regions/fr-par/tokens/"+victim.ID
			r.Arm(fault)
			got, err := r.apply(t.Context())
			if err == nil || err.Error() != "1 legacy tokens could not be deleted" {
				t.Errorf("error %v", err)
			}
			check(t, "verdicts", every(purge.Deleted, map[string]purge.Verdict{"courier": purge.Failed}), got)
			check(t, "tokens left", []string{"courier"}, r.there())
			check(t, "requests", map[string]int{"DELETE token": 9, "GET list": 8}, r.sent())
		})
	}
}

func TestAListThatFailsStopsNoOther(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, false)
	r.Arm(emulator.Fault{Method: "GET", Path: "/functions/v1beta1/regions/nl-ams/tokens", Status: 500, Body: `{"message":"Internal error"}`, Times: -1})
	got, err := r.apply(t.Context())
	if !errors.Is(err, scaleway.ErrUnknown) || !strings.Contains(err.Error(), "read the tokens again") {
		t.Errorf("error %v", err)
	}
	check(t, "verdicts", every(purge.Deleted, map[string]purge.Verdict{"old CDN": purge.Left, "CMS": purge.Left}), got)
	check(t, "time", 6*time.Second, r.took())
}

func TestTokensThatNeverGoAreLeft(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{Delays: emulator.Delays{TokenGone: time.Hour}}, false)
	got, err := r.apply(t.Context())
	if err == nil || err.Error() != "9 legacy tokens are still listed 2m0s after they were deleted" {
		t.Errorf("error %v", err)
	}
	check(t, "verdicts", every(purge.Left, nil), got)
	check(t, "requests", map[string]int{"DELETE token": 9, "GET list": 9 * 20}, r.sent())
	check(t, "time", 2*time.Minute, r.took())
}

func TestTheEndOfTheRunEndsTheWait(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{Delays: emulator.Delays{TokenGone: time.Hour}}, false)
	ctx, cancel := context.WithCancel(t.Context())
	sleep := r.Clock.Sleep
	r.Clock.Sleep = func(ctx context.Context, d time.Duration) error {
		if r.took() >= 12*time.Second {
			cancel()
		}
		return sleep(ctx, d)
	}
	got, err := r.apply(ctx)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	check(t, "verdicts", every(purge.Left, nil), got)
	check(t, "requests", map[string]int{"DELETE token": 9, "GET list": 9 * 2}, r.sent())
}

func TestADryRunSendsNothing(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, true)
	r.Seen = locked(r.resources["admin-panel"])
	r.deletedElsewhere("warehouse")
	got, err := r.apply(t.Context())
	if err != nil {
		t.Error(err)
	}
	check(t, "verdicts", every(purge.ToDelete, map[string]purge.Verdict{"on call": purge.Held, "warehouse": purge.Going}), got)
	check(t, "requests", map[string]int{}, r.sent())
	check(t, "time", time.Duration(0), r.took())
	planned := 0
	for _, c := range r.Journal.Changes() {
		if c.Kind == "delete_token" && c.Result == report.Planned {
			planned++
		}
	}
	check(t, "planned changes", 7, planned)
}

func TestHeldTokensAreNotTouched(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name   string
		mode   purge.Mode
		locked string
		kept   map[string]purge.Verdict
	}{
		{"a function's and its namespace's", purge.Delete, "checkout-api", map[string]purge.Verdict{"mobile app": purge.Held, "all of shop, since 2023": purge.Held}},
		{"a container's", purge.Delete, "admin-panel", map[string]purge.Verdict{"on call": purge.Held}},
		{"expired ones go", purge.Delete, "image-resizer", nil},
		{"without exception", purge.DeleteAll, "checkout-api", nil},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, emulator.Options{}, false)
			r.Mode, r.Seen = row.mode, locked(r.resources[row.locked])
			got, err := r.apply(t.Context())
			if err != nil {
				t.Error(err)
			}
			check(t, "verdicts", every(purge.Deleted, row.kept), got)
			kept := append([]string{}, slices.Sorted(maps.Keys(row.kept))...)
			check(t, "tokens left", kept, r.there())
			check(t, "deletions", 9-len(kept), r.sent()["DELETE token"])
		})
	}
}

func TestReportingTouchesNothing(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, false)
	r.Mode = purge.Report
	got, err := r.apply(t.Context())
	if err != nil {
		t.Error(err)
	}
	check(t, "verdicts", every(purge.Reported, nil), got)
	check(t, "requests", map[string]int{}, r.sent())
	check(t, "tokens", slices.Sorted(maps.Keys(every("", nil))), r.there())
}

func TestATokenThatSomebodyElseDeletesIsWaitedFor(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, false)
	r.deletedElsewhere("mobile app")
	got, err := r.apply(t.Context(), "checkout-api")
	if err != nil {
		t.Error(err)
	}
	check(t, "verdicts", map[string]purge.Verdict{"mobile app": purge.Deleted}, got)
	check(t, "requests", map[string]int{"GET list": 1}, r.sent())
	check(t, "changes", []report.Change{}, r.Journal.Changes())
}

func TestNothingToDoCostsNothing(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, false)
	if got, err := r.Apply(t.Context(), nil); len(got) != 0 || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	check(t, "requests", map[string]int{}, r.sent())
}
