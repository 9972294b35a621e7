package endpoints_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// populated is a project of so many functions, containers and applications that may
// call them.
func populated(functions, containers, applications int) emulator.Seed {
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{handMade(40)}})
	for i := range applications - 1 {
		name := fmt.Sprintf("caller-%02d", i)
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: name, Keys: []emulator.SeedKey{{Age: runtest.Age(40), Project: "demo"}},
			Policies: []emulator.SeedPolicy{{Name: name, Rules: emulator.CallerRules("demo")}},
		})
	}
	place := &seed.Serverless[0]
	place.FunctionNamespaces[0].Functions, place.ContainerNamespaces[0].Containers = nil, nil
	for i := range functions {
		place.FunctionNamespaces[0].Functions = append(place.FunctionNamespaces[0].Functions, emulator.SeedFunction{Name: fmt.Sprintf("fast-%04d", i)})
	}
	for i := range containers {
		place.ContainerNamespaces[0].Containers = append(place.ContainerNamespaces[0].Containers, emulator.SeedContainer{Name: fmt.Sprintf("box-%04d", i)})
	}
	return seed
}

// Three refusals and the checking key at each endpoint; every other key at one of
// each product.
func TestEachEndpointIsAskedFourTimes(t *testing.T) {
	t.Parallel()
	each, applications := runtest.Some(15000), 5 // of functions, and of containers
	if *runtest.OneIn == 1 {
		each = 1000
	}
	r := runtest.StartSeed(t, emulator.Options{}, populated(each, each, applications), "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
	r.MustRun(t, run.Request{Steps: []string{run.StepRotate}})
	got := r.MustRun(t, run.Request{Steps: []string{run.StepCheck}})
	if want := int64(2*each*4 + 2*(applications-1)); got.API.Probes != want || len(got.Endpoints) != 2*each {
		t.Errorf("%d requests to %d endpoints, want %d", got.API.Probes, len(got.Endpoints), want)
	}
	shown := map[string]map[string]bool{} // by key: the hosts that it was shown to
	for _, e := range got.Endpoints {
		for _, k := range e.Keys {
			if shown[k.Application] == nil {
				shown[k.Application] = map[string]bool{}
			}
			shown[k.Application][e.URL] = true
		}
	}
	checking := got.CheckingKeys[0].Application
	for name, urls := range shown {
		if want := map[bool]int{true: 2 * each, false: 2}[name == checking]; len(urls) != want {
			t.Errorf("the key of %s was shown to %d endpoints, want %d", name, len(urls), want)
		}
	}
	for _, a := range got.Applications {
		if !a.InScope {
			continue
		}
		for _, l := range a.LetIn {
			if l.Result != "accepted" || l.Accepted != l.Asked {
				t.Errorf("%s: %+v", a.Name, l)
			}
		}
	}
}

// Containers that are slower than the timeout must not keep purge, delivery and
// retirement from happening, run after run.
func TestSlowEndpointsStarveNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		seed := populated(1, 25, 30)
		token := []emulator.SeedToken{{}}
		seed.Serverless[0].FunctionNamespaces[0].Functions[0].Tokens = token
		seed.Serverless[0].ContainerNamespaces[0].Containers[0].Tokens = token
		r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par", "ROTATOR_LEGACY_TOKENS=report")
		r.MustRun(t, run.Request{})
		time.Sleep(8 * 24 * time.Hour)
		r.Cfg.LegacyTokens = "delete"
		o := r.Surroundings()
		o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
			if strings.Contains(req.URL.Host, "box-") {
				select {
				case <-time.After(11 * time.Second):
				case <-req.Context().Done():
					return nil, req.Context().Err()
				}
			}
			return r.RoundTripper().RoundTrip(req)
		})
		got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil {
			t.Fatal(err)
		}
		deleted := map[string]int{}
		for _, c := range got.Changes {
			if c.Result == report.Done {
				deleted[c.Kind]++
			}
		}
		if deleted["delete_key"] != 30 || deleted["delete_token"] != 1 || len(runtest.Tokens(got, "held")) != 1 || got.Outcome != report.Failure {
			t.Errorf("changes %v, outcome %s:\n%s", deleted, got.Outcome, runtest.Text(t, got))
		}
		if took := time.Duration(got.API.DurationSeconds * float64(time.Second)); took > r.Cfg.Budget/2 {
			t.Errorf("it took %s", took)
		}
		unclear := 0
		for _, e := range got.Endpoints {
			if e.Product == "containers" && e.Result == "inconclusive" {
				unclear++
			}
		}
		if unclear != 25 {
			t.Errorf("%d containers are unclear", unclear)
		}
	})
}

// What the check had no time for is left, and no pass.
func TestWhatTheCheckHadNoTimeForIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := runtest.StartSeed(t, emulator.Options{Clock: emulator.NewClock()}, populated(1, 200, 2), "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par", "ROTATOR_PROBE_CONCURRENCY=8")
		r.MustRun(t, run.Request{})
		o := r.Surroundings()
		o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
			select {
			case <-time.After(9 * time.Second):
				return r.RoundTripper().RoundTrip(req)
			case <-req.Context().Done():
				return nil, req.Context().Err()
			}
		})
		got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil {
			t.Fatal(err)
		}
		left := slices.DeleteFunc(slices.Clone(got.Left), func(s string) bool { return !strings.HasPrefix(s, "check https://") })
		ok := 0
		for _, e := range got.Endpoints {
			if e.Result == "ok" {
				ok++
			}
		}
		if len(left) == 0 || ok+len(left) != len(got.Endpoints) || runtest.Step(t, got, run.StepCheck).Outcome != report.Incomplete || got.Outcome != report.Failure {
			t.Errorf("%d left, %d ok of %d, step %s", len(left), ok, len(got.Endpoints), runtest.Step(t, got, run.StepCheck).Outcome)
		}
		if runtest.Step(t, got, run.StepRetire).Outcome != report.Success {
			t.Errorf("retire: %+v", runtest.Step(t, got, run.StepRetire))
		}
	})
}

// What an earlier answer of the same run holds already is not asked for again.
func TestNothingIsAskedTwice(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.Carrying(5), "ROTATOR_OWN_KEY=keep")
	for range 2 { // the first writes the ledger
		r.ForgetHistory()
		r.MustRun(t, run.Request{})
	}
	asked := map[string]int{}
	for _, q := range r.History() {
		if q.Host == "api.scaleway.com" {
			asked[q.Method+" "+q.Path+"?"+q.Query]++
		}
	}
	for what, n := range asked {
		if n > 1 {
			t.Errorf("%d times: %s", n, what)
		}
	}
	if len(asked) < 30 {
		t.Errorf("%d calls: this is no test", len(asked))
	}
}
