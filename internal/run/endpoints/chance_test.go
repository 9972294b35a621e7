package endpoints_test

import (
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

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
			seed := runtest.Guarded(handMade(40))
			space := &seed.Serverless[0].ContainerNamespaces[0]
			space.Containers[0].DefaultPublicEndpointEnabled = tt.this
			if tt.other != nil {
				space.Containers = append(space.Containers, emulator.SeedContainer{Name: "other", Privacy: "public", DefaultPublicEndpointEnabled: tt.other})
			}
			r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
			got := r.Run(t, run.Request{})
			gone := 0
			for _, l := range got.LegacyTokens {
				if l.Product == "containers" && l.Result == "deleted" {
					gone++
				}
			}
			if gone != tt.gone || (got.Outcome == report.Success) != (gone == 2) {
				t.Errorf("%d tokens of containers went, outcome %s:\n%s", gone, got.Outcome, runtest.Text(t, got))
			}
		})
	}
}

// A world in which endpoints answer by coin flip: whatever comes back, no token
// goes that no key was seen to replace.
func TestNoTokenGoesByChance(t *testing.T) {
	t.Parallel()
	runs := runtest.Some(1000)
	gone, held := 0, 0
	for n := range runs {
		chance := rand.New(rand.NewPCG(uint64(n), 7))
		r := startGuarded(t, []string{"ROTATOR_CONCURRENCY=1", "ROTATOR_PROBE_CONCURRENCY=1"}, handMade(8+n%30))
		open := map[string]bool{} // by host: a key was answered as who is let in is
		o := toEndpoints(r, func(req *http.Request, key bool) (int, string) {
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
		got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
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
					t.Errorf("run %d: the token of %s went: %s\n%s", n, l.Of, l.Why, runtest.Text(t, got))
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
