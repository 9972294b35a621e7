// Package endpoints_test is about whom private endpoints let in, and the legacy
// tokens that this decides.
package endpoints_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Cases 1 and 3 of the order: no answer, a 5xx, a 429, a refusal in other words.
func TestNoTokenGoesWhereNoKeyWasSeenToBeLetIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		toAll  bool // else to keys alone
		status int
		body   string
	}{
		{"every request is cut", true, -1, ""},
		{"503 to every request", true, 503, "no healthy upstream"},
		{"502 to every request", true, 502, ""},
		{"keys are cut", false, -1, ""},
		{"503 to every key", false, 503, "no healthy upstream"},
		{"429 to every key", false, 429, ""},
		{"the gateway refuses keys in other words", false, 403, `{"error":"insufficient permissions"}`},
		{"401 to keys", false, 401, "unauthorized"},
		{"a page of somebody's", false, 400, "<html>"},
	} {
		for _, steps := range [][]string{nil, {run.StepPurge}} {
			t.Run(fmt.Sprint(tt.name, steps), func(t *testing.T) {
				t.Parallel()
				r := startGuarded(t, nil, handMade(40))
				o := toEndpoints(r, func(_ *http.Request, key bool) (int, string) {
					if tt.toAll || key {
						return tt.status, tt.body
					}
					return 0, ""
				})
				r.MustRun(t, run.Request{Steps: []string{run.StepRotate}})
				got, err := run.Do(t.Context(), r.Cfg, run.Request{Steps: steps}, o)
				if err != nil {
					t.Fatal(err)
				}
				if held := runtest.Tokens(got, "held"); len(held) != 3 || got.Outcome != report.Failure {
					t.Errorf("held %v, outcome %s:\n%s", held, got.Outcome, runtest.Text(t, got))
				}
				for _, l := range got.LegacyTokens {
					if l.GoesAt != nil || l.Why == "" {
						t.Errorf("token of %s goes at %v: %s", l.Of, l.GoesAt, l.Why)
					}
				}
			})
		}
	}
}

// The first run makes the only key, that nobody holds yet: what callers use lives
// on until they have had it for a grace period.
func TestTheFirstNightDeletesNoTokenThatCallersUse(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		keys []emulator.SeedKey
		days int // until they go; 0: at once
	}{
		{"no key at all", nil, 7},
		{"a key of yesterday", []emulator.SeedKey{handMade(1)}, 6},
		{"a key of last week", []emulator.SeedKey{handMade(8)}, 0},
		{"an old key that has expired", []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), ExpiresIn: -runtest.Age(1), Project: "demo"}}, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startGuarded(t, nil, tt.keys...)
			dry := r.Run(t, run.Request{DryRun: true})
			got := r.MustRun(t, run.Request{})
			if diff := cmp.Diff(runtest.Tokens(dry, "held"), runtest.Tokens(got, "held")); diff != "" {
				t.Errorf("held in a dry run, in the run after it (-dry +real):\n%s", diff)
			}
			day := 1
			for ; len(runtest.Tokens(got, "deleted")) == 0; day++ {
				if day > tt.days {
					t.Fatalf("day %d: they do not go:\n%s", day, runtest.Text(t, got))
				}
				left := time.Duration(tt.days-day+1) * 24 * time.Hour
				for _, l := range got.LegacyTokens {
					if l.Result != "held" || l.GoesAt == nil || l.GoesAt.Sub(got.FinishedAt).Round(time.Hour) != left {
						t.Errorf("day %d: the token of %s is %s, goes at %v: %s", day, l.Of, l.Result, l.GoesAt, l.Why)
					}
				}
				if len(got.Coming) == 0 || !strings.Contains(runtest.Text(t, got), "3 legacy tokens") {
					t.Errorf("day %d: the days to come are %v", day, got.Coming)
				}
				r.Clock().Advance(24 * time.Hour)
				got = r.MustRun(t, run.Request{})
			}
			if gone := runtest.Tokens(got, "deleted"); len(gone) != 3 || day != tt.days+1 {
				t.Errorf("deleted %v, %d days after the first run, want %d:\n%s", gone, day-1, tt.days, runtest.Text(t, got))
			}
			for _, c := range got.Changes {
				if c.Kind == "delete_token" && !strings.Contains(c.Reason, "the key of orders was let in to") {
					t.Errorf("deleted for %q", c.Reason)
				}
			}
		})
	}
}

// An application made for checking is nobody's way in.
func TestTheCheckersOwnAgeIsNoEvidence(t *testing.T) {
	t.Parallel()
	r := startGuarded(t, []string{"ROTATOR_PROBE_APPLICATION=" + runtest.OrdersID}, handMade(40))
	got := r.Run(t, run.Request{})
	if len(runtest.Tokens(got, "held")) != 3 || got.Outcome != report.Failure || len(got.CheckingKeys) != 1 {
		t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
	}
}

func TestAnApplicationThatMayDoMoreChecksNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ id, want string }{
		"it may do more":  {runtest.OrdersID, "may do more than call them"},
		"not there":       {"0a6c1e2d-7f43-4b19-9c58-3d2e8b90ffff", "is not there"},
		"the function's":  {"", "is not in scope: the function's own application"},
		"another project": {"invoicing", "is not in scope: no policy grants"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := runtest.Guarded(handMade(40))
			if name == "it may do more" {
				rules := &seed.Applications[1].Policies[0].Rules
				*rules = append(*rules, emulator.SeedRule{PermissionSets: []string{"ObjectStorageReadOnly"}, Projects: []string{"demo"}})
			}
			r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			r.Cfg.ProbeApplication = tt.id
			switch tt.id {
			case "":
				r.Cfg.ProbeApplication = r.Application("rotator")
			case "invoicing":
				r.Cfg.ProbeApplication = r.Application("invoicing")
			}
			got := r.Run(t, run.Request{})
			if got.Outcome != report.Failure || !strings.Contains(runtest.Complaints(got), tt.want) || len(runtest.Tokens(got, "held")) != 3 {
				t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
			}
			for _, e := range got.Endpoints {
				if len(e.Keys) > 0 {
					t.Errorf("%s was shown %v", e.URL, e.Keys)
				}
			}
		})
	}
}

// A list that did not come proves of no application that it is not there.
func TestTheCheckerIsNotMissedWhereNoListCame(t *testing.T) {
	t.Parallel()
	r := startGuarded(t, []string{"ROTATOR_PROBE_APPLICATION=" + runtest.OrdersID}, handMade(40))
	r.Arm(emulator.Fault{Method: http.MethodGet, Path: "/iam/v1alpha1/groups", Times: -1, Status: http.StatusForbidden, Body: `{"type":"permissions_denied","message":"insufficient permissions","details":[]}`})
	got := r.Run(t, run.Request{})
	if said := runtest.Complaints(got); got.Outcome != report.Failure || !strings.Contains(said, "list the organization's groups") || strings.Contains(said, "is not there") {
		t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
	}
}

// Case 7: the first answers of the day are 503, or do not come.
func TestAColdContainerFailsNoRun(t *testing.T) {
	t.Parallel()
	for _, status := range []int{503, 504, -1} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			r := startGuarded(t, nil, handMade(40))
			n := 0
			o := toEndpoints(r, func(req *http.Request, key bool) (int, string) {
				if key && strings.Contains(req.URL.Host, "stock") {
					if n++; n <= 2 {
						return status, ""
					}
				}
				return 0, ""
			})
			got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Outcome != report.Success || len(runtest.Tokens(got, "deleted")) != 3 {
				t.Errorf("outcome %s after %d:\n%s", got.Outcome, n, runtest.Text(t, got))
			}
		})
	}
}

// Case 2: an application whose grants are all conditional is rotated, and its key
// goes to no endpoint, since nobody can tell whether the condition holds there.
func TestAConditionNarrowsNoScope(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{"request.time < timestamp('2100-01-01T00:00:00Z')", "inIpRange(request.ip, '51.15.0.0/16')"} {
		t.Run(condition, func(t *testing.T) {
			t.Parallel()
			seed := runtest.Guarded(handMade(400))
			for i := range seed.Applications[1].Policies[0].Rules {
				seed.Applications[1].Policies[0].Rules[i].Condition = condition
			}
			r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			got := r.Run(t, run.Request{})
			a := runtest.Application(t, got, "orders")
			if a.Action != "rotated" || !a.InScope || !strings.Contains(a.Reason, "on a condition") {
				t.Errorf("%s (%s): %s", a.Action, a.Why, a.Reason)
			}
			if len(runtest.Tokens(got, "held")) != 3 || got.Outcome != report.Failure {
				t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
			}
			for _, e := range got.Endpoints {
				if len(e.Keys) > 0 {
					t.Errorf("%s was shown %v", e.URL, e.Keys)
				}
			}
		})
	}
}

// Case 14: names of hosts compare in lower case.
func TestACustomDomainsCaseDoesNotMatter(t *testing.T) {
	t.Parallel()
	for _, host := range []string{"API.Example.com", "SHOP.EXAMPLE.ORG"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			seed := runtest.Guarded(handMade(40))
			lower := strings.ToLower(host)
			seed.Serverless[0].FunctionNamespaces[0].Functions[0].Domains = []string{lower}
			r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			o := r.Surroundings()
			o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
				resp, err := r.RoundTripper().RoundTrip(req)
				if err == nil && strings.HasSuffix(req.URL.Path, "/domains") {
					body, _ := io.ReadAll(resp.Body)
					text := strings.ReplaceAll(string(body), lower, host)
					resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
				}
				return resp, err
			})
			got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			asked := false
			for _, e := range got.Endpoints {
				asked = asked || e.Custom && e.Result == "ok" && strings.HasPrefix(e.URL, "https://"+lower+"/")
			}
			if got.Outcome != report.Success || !asked || len(runtest.Tokens(got, "deleted")) != 3 {
				t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
			}
		})
	}
}

// What is not ready is not asked, and holds nothing: a domain in error, or what it
// would lead to.
func TestWhatIsInErrorHoldsNothing(t *testing.T) {
	t.Parallel()
	seed := runtest.Guarded(handMade(40))
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions[0].BadDomains = []string{"shop.example.com"}
	place.ContainerNamespaces[0].Containers[0].Status = "error"
	r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
	got := r.MustRun(t, run.Request{})
	if len(runtest.Tokens(got, "deleted")) != 3 {
		t.Errorf("not all went:\n%s", runtest.Text(t, got))
	}
	for _, e := range got.Endpoints {
		if e.Custom {
			t.Errorf("%s was asked", e.URL)
		}
	}
}

// What is being deployed goes on serving with the revision before, so its tokens
// wait for the next run; nobody has to act.
func TestWhatIsBeingDeployedHoldsItsTokens(t *testing.T) {
	t.Parallel()
	r := startGuarded(t, nil, handMade(40))
	own, _ := r.Endpoint("stock")
	r.MustCall(http.MethodPatch, "/containers/v1/regions/fr-par/containers/"+own.ID, map[string]any{"description": "as a pipeline does just now"})
	got := r.Run(t, run.Request{})
	if len(runtest.Tokens(got, "held")) != 2 || len(runtest.Tokens(got, "deleted")) != 1 || got.Outcome != report.Success {
		t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
	}
	r.Clock().Advance(24 * time.Hour)
	if got = r.MustRun(t, run.Request{}); len(runtest.Tokens(got, "deleted")) != 2 {
		t.Errorf("the next run did not delete them:\n%s", runtest.Text(t, got))
	}
}
