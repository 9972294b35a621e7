package run_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// guarded is a project of one private function and one container, with a token
// each, one of the container's namespace, and an application that may call both.
func guarded(keys ...emulator.SeedKey) emulator.Seed {
	seed := small(emulator.SeedApplication{Keys: keys})
	token := []emulator.SeedToken{{}}
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions[0].Tokens = token
	place.ContainerNamespaces[0].Tokens, place.ContainerNamespaces[0].Containers[0].Tokens = token, token
	place.ContainerNamespaces[0].Containers[0].HealthPath = ""
	return seed
}

func startGuarded(t *testing.T, settings []string, keys ...emulator.SeedKey) *rig {
	t.Helper()
	return startSeed(t, emulator.Options{}, guarded(keys...), append([]string{"ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par"}, settings...)...)
}

func handMade(days int) emulator.SeedKey {
	return emulator.SeedKey{AccessKey: keyA, Age: age(days), Project: "demo"}
}

// whose picks requests to endpoints by their token: "" is none.
func (r *rig) toEndpoints(answer func(req *http.Request, key bool) (status int, body string)) run.Options {
	o := r.surroundings()
	var mu sync.Mutex // requests come together
	known := map[string]bool{}
	asked := func(req *http.Request) (status int, body string) {
		mu.Lock()
		defer mu.Unlock()
		for _, k := range r.Keys("orders") {
			known[k.SecretKey] = true
		}
		return answer(req, known[req.Header.Get("X-Auth-Token")])
	}
	o.Endpoints = over(func(req *http.Request) (*http.Response, error) {
		status, body := asked(req)
		switch status {
		case 0:
			return r.RoundTripper().RoundTrip(req)
		case -1:
			return nil, io.ErrUnexpectedEOF
		}
		got := answered(req, status, body)
		got.Header.Set("Server", "envoy")
		return got, nil
	})
	return o
}

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
				o := r.toEndpoints(func(_ *http.Request, key bool) (int, string) {
					if tt.toAll || key {
						return tt.status, tt.body
					}
					return 0, ""
				})
				r.mustRun(t, run.Request{Steps: []string{run.StepRotate}})
				got, err := run.Do(t.Context(), r.cfg, run.Request{Steps: steps}, o)
				if err != nil {
					t.Fatal(err)
				}
				if held := tokens(got, "held"); len(held) != 3 || got.Outcome != report.Failure {
					t.Errorf("held %v, outcome %s:\n%s", held, got.Outcome, text(t, got))
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
		{"an old key that has expired", []emulator.SeedKey{{AccessKey: keyA, Age: age(40), ExpiresIn: -age(1), Project: "demo"}}, 7},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := startGuarded(t, nil, tt.keys...)
			dry := r.run(t, run.Request{DryRun: true})
			got := r.mustRun(t, run.Request{})
			if diff := cmp.Diff(tokens(dry, "held"), tokens(got, "held")); diff != "" {
				t.Errorf("held in a dry run, in the run after it (-dry +real):\n%s", diff)
			}
			day := 1
			for ; len(tokens(got, "deleted")) == 0; day++ {
				if day > tt.days {
					t.Fatalf("day %d: they do not go:\n%s", day, text(t, got))
				}
				left := time.Duration(tt.days-day+1) * 24 * time.Hour
				for _, l := range got.LegacyTokens {
					if l.Result != "held" || l.GoesAt == nil || l.GoesAt.Sub(got.FinishedAt).Round(time.Hour) != left {
						t.Errorf("day %d: the token of %s is %s, goes at %v: %s", day, l.Of, l.Result, l.GoesAt, l.Why)
					}
				}
				if len(got.Coming) == 0 || !strings.Contains(text(t, got), "3 legacy tokens") {
					t.Errorf("day %d: the days to come are %v", day, got.Coming)
				}
				r.Clock().Advance(24 * time.Hour)
				got = r.mustRun(t, run.Request{})
			}
			if gone := tokens(got, "deleted"); len(gone) != 3 || day != tt.days+1 {
				t.Errorf("deleted %v, %d days after the first run, want %d:\n%s", gone, day-1, tt.days, text(t, got))
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
	r := startGuarded(t, []string{"ROTATOR_PROBE_APPLICATION=" + ordersID}, handMade(40))
	got := r.run(t, run.Request{})
	if len(tokens(got, "held")) != 3 || got.Outcome != report.Failure || len(got.CheckingKeys) != 1 {
		t.Errorf("outcome %s:\n%s", got.Outcome, text(t, got))
	}
}

func TestAnApplicationThatMayDoMoreChecksNothing(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ id, want string }{
		"it may do more":  {ordersID, "may do more than call them"},
		"not there":       {"0a6c1e2d-7f43-4b19-9c58-3d2e8b90ffff", "is not there"},
		"the function's":  {"", "is not in scope: the function's own application"},
		"another project": {"invoicing", "is not in scope: no policy grants"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := guarded(handMade(40))
			if name == "it may do more" {
				rules := &seed.Applications[1].Policies[0].Rules
				*rules = append(*rules, emulator.SeedRule{PermissionSets: []string{"ObjectStorageReadOnly"}, Projects: []string{"demo"}})
			}
			r := startSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			r.cfg.ProbeApplication = tt.id
			switch tt.id {
			case "":
				r.cfg.ProbeApplication = r.Application("rotator")
			case "invoicing":
				r.cfg.ProbeApplication = r.Application("invoicing")
			}
			got := r.run(t, run.Request{})
			if got.Outcome != report.Failure || !strings.Contains(complaints(got), tt.want) || len(tokens(got, "held")) != 3 {
				t.Errorf("outcome %s:\n%s", got.Outcome, text(t, got))
			}
			for _, e := range got.Endpoints {
				if len(e.Keys) > 0 {
					t.Errorf("%s was shown %v", e.URL, e.Keys)
				}
			}
		})
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
			o := r.toEndpoints(func(req *http.Request, key bool) (int, string) {
				if key && strings.Contains(req.URL.Host, "stock") {
					if n++; n <= 2 {
						return status, ""
					}
				}
				return 0, ""
			})
			got, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Outcome != report.Success || len(tokens(got, "deleted")) != 3 {
				t.Errorf("outcome %s after %d:\n%s", got.Outcome, n, text(t, got))
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
			seed := guarded(handMade(400))
			for i := range seed.Applications[1].Policies[0].Rules {
				seed.Applications[1].Policies[0].Rules[i].Condition = condition
			}
			r := startSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			got := r.run(t, run.Request{})
			a := application(t, got, "orders")
			if a.Action != "rotated" || !a.InScope || !strings.Contains(a.Reason, "on a condition") {
				t.Errorf("%s (%s): %s", a.Action, a.Why, a.Reason)
			}
			if len(tokens(got, "held")) != 3 || got.Outcome != report.Failure {
				t.Errorf("outcome %s:\n%s", got.Outcome, text(t, got))
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
			seed := guarded(handMade(40))
			lower := strings.ToLower(host)
			seed.Serverless[0].FunctionNamespaces[0].Functions[0].Domains = []string{lower}
			r := startSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			o := r.surroundings()
			o.API = over(func(req *http.Request) (*http.Response, error) {
				resp, err := r.RoundTripper().RoundTrip(req)
				if err == nil && strings.HasSuffix(req.URL.Path, "/domains") {
					body, _ := io.ReadAll(resp.Body)
					text := strings.ReplaceAll(string(body), lower, host)
					resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
				}
				return resp, err
			})
			got, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
			if err != nil {
				t.Fatal(err)
			}
			asked := false
			for _, e := range got.Endpoints {
				asked = asked || e.Custom && e.Result == "ok" && strings.HasPrefix(e.URL, "https://"+lower+"/")
			}
			if got.Outcome != report.Success || !asked || len(tokens(got, "deleted")) != 3 {
				t.Errorf("outcome %s:\n%s", got.Outcome, text(t, got))
			}
		})
	}
}

// What is not ready is not asked, and holds nothing: a domain in error, or what it
// would lead to.
func TestWhatIsInErrorHoldsNothing(t *testing.T) {
	t.Parallel()
	seed := guarded(handMade(40))
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions[0].BadDomains = []string{"shop.example.com"}
	place.ContainerNamespaces[0].Containers[0].Status = "error"
	r := startSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
	got := r.mustRun(t, run.Request{})
	if len(tokens(got, "deleted")) != 3 {
		t.Errorf("not all went:\n%s", text(t, got))
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
	got := r.run(t, run.Request{})
	if len(tokens(got, "held")) != 2 || len(tokens(got, "deleted")) != 1 || got.Outcome != report.Success {
		t.Errorf("outcome %s:\n%s", got.Outcome, text(t, got))
	}
	r.Clock().Advance(24 * time.Hour)
	if got = r.mustRun(t, run.Request{}); len(tokens(got, "deleted")) != 2 {
		t.Errorf("the next run did not delete them:\n%s", text(t, got))
	}
}

// A container that answers 404 to all may be switched off, or not: old answers of
// the API leave that out. Where they tell of no other container, nobody knows.
func TestA404ToAllIsNoProofOfASwitch(t *testing.T) {
	t.Parallel()
	on, off := true, false
	for name, tt := range map[string]struct {
		this, other *bool // whether the default endpoint is said to be on
		gone        int
	}{
		"another is said to be on": {&off, &on, 2},
		"none is said to be on":    {&off, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := guarded(handMade(40))
			space := &seed.Serverless[0].ContainerNamespaces[0]
			space.Containers[0].DefaultPublicEndpointEnabled = tt.this
			if tt.other != nil {
				space.Containers = append(space.Containers, emulator.SeedContainer{Name: "other", Privacy: "public", DefaultPublicEndpointEnabled: tt.other})
			}
			r := startSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			got := r.run(t, run.Request{})
			gone := 0
			for _, l := range got.LegacyTokens {
				if l.Product == "containers" && l.Result == "deleted" {
					gone++
				}
			}
			if gone != tt.gone || (got.Outcome == report.Success) != (gone == 2) {
				t.Errorf("%d tokens of containers went, outcome %s:\n%s", gone, got.Outcome, text(t, got))
			}
		})
	}
}

// A world in which endpoints answer by coin flip: whatever comes back, no token
// goes that no key was seen to replace.
func TestNoTokenGoesByChance(t *testing.T) {
	t.Parallel()
	runs := some(1000)
	gone, held := 0, 0
	for n := range runs {
		chance := rand.New(rand.NewPCG(uint64(n), 7))
		r := startGuarded(t, []string{"ROTATOR_CONCURRENCY=1", "ROTATOR_PROBE_CONCURRENCY=1"}, handMade(8+n%30))
		open := map[string]bool{} // by host: a key was answered as who is let in is
		o := r.toEndpoints(func(req *http.Request, key bool) (int, string) {
			flips := []int{200, 302, 400, 401, 403, 404, 429, 500, 503, -1}
			if chance.IntN(4) > 0 { // mostly as it should be
				flips = []int{403}
				if key {
					flips = []int{404}
				}
			}
			status := flips[chance.IntN(len(flips))]
			function := strings.Contains(req.URL.Host, "checkout")
			if key && (status == 404 || !function && (status == 200 || status == 302)) {
				open[req.URL.Host] = true
			}
			body := "forbidden"
			if chance.IntN(2) == 0 && key {
				body = "in other words"
			}
			return status, body
		})
		got, err := run.Do(t.Context(), r.cfg, run.Request{}, o)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range got.LegacyTokens {
			of := map[bool]string{true: "checkout", false: "stock"}[l.Product == "functions"]
			seen := false
			for host := range open {
				seen = seen || strings.Contains(host, of)
			}
			switch l.Result {
			case "deleted":
				if gone++; !seen {
					t.Errorf("run %d: the token of %s went: %s\n%s", n, l.Of, l.Why, text(t, got))
				}
			case "held":
				held++
			default:
				t.Errorf("run %d: the token of %s is %s", n, l.Of, l.Result)
			}
		}
	}
	if gone == 0 || held == 0 {
		t.Errorf("%d went, %d were held", gone, held)
	}
}
