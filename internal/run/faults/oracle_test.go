package faults_test

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Ways in which an endpoint answers in one run.
const (
	wellMode     = iota // as the gateway does
	cutMode             // nothing comes
	busyMode            // 503 to all
	coldMode            // 503 to keys, a few times
	shutMode            // 503 to keys
	otherMode           // keys are refused in other words
	openMode            // 200 to all
	pageMode            // keys get a page of 400
	notFoundMode        // 404 to all
	modes
)

// oracle knows from the far side who was let in in a run, without asking the
// program: what the gateway let through on its own.
type oracle struct {
	r     *runtest.Rig
	probe string // the application that was made for checking, or ""

	mu   sync.Mutex
	mode map[string]int      // by host
	cold map[string]int      // refusals left, by host
	keys map[string]string   // application by secret key
	let  map[string][]string // applications, by host
}

func (o *oracle) RoundTrip(req *http.Request) (*http.Response, error) {
	host := req.URL.Hostname()
	o.mu.Lock()
	mode := o.mode[host]
	app, key := o.app(req.Header.Get("X-Auth-Token"))
	if mode == coldMode && key {
		if o.cold[host]--; o.cold[host] < 0 {
			mode = wellMode
		}
	}
	o.mu.Unlock()
	refused := runtest.Answered(req, http.StatusForbidden, `{"error":"insufficient permissions"}`)
	switch {
	case mode == cutMode:
		return nil, io.ErrUnexpectedEOF
	case mode == busyMode, (mode == shutMode || mode == coldMode) && key:
		return runtest.Answered(req, http.StatusServiceUnavailable, "no healthy upstream"), nil
	case mode == otherMode && key:
		return refused, nil
	case mode == openMode:
		return runtest.Answered(req, http.StatusOK, "welcome"), nil
	case mode == pageMode && key:
		return runtest.Answered(req, http.StatusBadRequest, "<html>"), nil
	case mode == notFoundMode:
		return runtest.Answered(req, http.StatusNotFound, ""), nil
	}
	resp, err := o.r.RoundTripper().RoundTrip(req)
	if err == nil && key && resp.StatusCode != http.StatusForbidden && resp.StatusCode < 500 {
		o.mu.Lock()
		o.let[host] = append(o.let[host], app)
		o.mu.Unlock()
	}
	return resp, err
}

func (o *oracle) app(secret string) (string, bool) {
	if o.keys[secret] == "" { // a key of this run, perhaps
		for _, name := range o.apps() {
			for _, k := range o.r.Keys(name) {
				o.keys[k.SecretKey] = name
			}
		}
	}
	return o.keys[secret], o.keys[secret] != ""
}

func (o *oracle) apps() (names []string) {
	for i := range 3 {
		if name := fmt.Sprint("caller-", i); o.r.Application(name) != "" {
			names = append(names, name)
		}
	}
	return names
}

// unfounded are the tokens that went and should not have: found is what there
// was before the run, old whose keys its callers had for a grace period.
func (o *oracle) unfounded(found []emulator.Token, endpoints []emulator.Endpoint, old map[string]bool) (wrong []string) {
	for _, token := range found {
		if slices.ContainsFunc(o.r.Tokens(), func(t emulator.Token) bool { return t.ID == token.ID && t.Status != "deleting" }) || token.Description == "expired" {
			continue
		}
		moved, counts := false, false
		for _, e := range endpoints {
			if e.Product != token.Product {
				continue
			}
			hosts := append([]string{e.Host}, e.Domains...)
			for _, host := range hosts {
				moved = moved || slices.ContainsFunc(o.let[host], func(app string) bool { return old[app] && app != o.probe })
			}
			if !e.Private || e.Status != "ready" || e.Namespace != token.Namespace || token.Name != "" && token.Name != e.Name {
				continue
			}
			counts = true
			for _, host := range hosts {
				// Old answers do not tell whether a default endpoint is switched off:
				// one that is nobody's, beside a domain that lets keys in, is.
				off := strings.HasPrefix(e.Name, "off") || e.Product == "containers" && o.mode[host] == notFoundMode && len(e.Domains) > 0
				if host == e.Host && off {
					continue
				}
				if len(o.let[host]) == 0 {
					wrong = append(wrong, fmt.Sprintf("the token %s of %s %s: nobody was let in to %s (mode %d)", token.ID, token.Namespace, token.Name, host, o.mode[host]))
				}
			}
		}
		if counts && !moved {
			wrong = append(wrong, fmt.Sprintf("the token %s of %s %s: nobody with an old key was let in to %s", token.ID, token.Namespace, token.Name, token.Product))
		}
	}
	return wrong
}

// Whatever there is, and whatever comes back, day after day: a token goes only
// where the far side, too, says that its callers have another way in.
func TestLongTheFarSideAgreesWithEachTokenThatGoes(t *testing.T) {
	t.Parallel()
	worlds := runtest.Some(1000)
	gone, held := 0, 0
	for n := range worlds {
		chance := rand.New(rand.NewPCG(uint64(n), 11))
		settings := []string{"ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par"}
		probe := ""
		if chance.IntN(4) == 0 {
			probe = "caller-0"
			settings = append(settings, "ROTATOR_PROBE_APPLICATION=9a6c1e2d-7f43-4b19-9c58-3d2e8b90f201")
		}
		r := runtest.StartSeed(t, emulator.Options{Seed: uint64(n)}, chanceWorld(chance), settings...)
		o := &oracle{r: r, probe: probe, keys: map[string]string{}}
		for day := range 10 {
			o.mode, o.cold, o.let = map[string]int{}, map[string]int{}, map[string][]string{}
			endpoints := slices.DeleteFunc(r.Endpoints(), func(e emulator.Endpoint) bool { return e.Project != r.Project("demo") })
			for _, e := range endpoints {
				for _, host := range append([]string{e.Host}, e.Domains...) {
					if chance.IntN(4) == 0 {
						o.mode[host] = chance.IntN(modes)
					}
					o.cold[host] = chance.IntN(8)
				}
			}
			found := slices.DeleteFunc(r.Tokens(), func(t emulator.Token) bool { return t.Project != r.Project("demo") })
			old := o.old()
			with := r.Surroundings()
			with.Endpoints = o
			req := run.Request{}
			if chance.IntN(4) == 0 {
				req.Steps = []string{run.StepPurge}
			}
			if chance.IntN(4) == 0 { // a list that is refused, cut, or gone
				path := []string{"/functions/*/regions/*/domains", "/containers/*/regions/*/domains", "/functions/*/regions/*/functions", "/containers/*/regions/*/containers"}[chance.IntN(4)]
				r.Arm([]emulator.Fault{
					{Path: path, Times: -1, Status: http.StatusForbidden},
					{Path: path, Times: -1, Status: http.StatusNotFound},
					{Path: path, Times: -1, DropFirst: true},
				}[chance.IntN(3)])
			}
			dry := o.announced(t, req, with)
			rep, err := run.Do(t.Context(), r.Cfg, req, with)
			if err != nil {
				t.Fatal(err)
			}
			r.Disarm()
			for id, fate := range fates(rep) {
				// What a new key will be answered, a dry run cannot know: it hopes.
				if hoped := dry[id] == "deleted" && fate == "held" && made(rep, "publish") > 0; dry[id] != fate && !hoped {
					t.Errorf("world %d, day %d, %v: the token %s was announced as %s, and is %s:\n%s", n, day, req.Steps, id, dry[id], fate, runtest.Text(t, rep))
				}
			}
			if wrong := o.unfounded(found, endpoints, old); len(wrong) > 0 {
				t.Fatalf("world %d, day %d, %v:\n%s\n%s", n, day, req.Steps, strings.Join(wrong, "\n"), runtest.Text(t, rep))
			}
			gone, held = gone+len(runtest.Tokens(rep, "deleted")), held+len(runtest.Tokens(rep, "held"))
			o.honest(t, rep)
			r.Clock().Advance(24*time.Hour - time.Duration(rep.API.DurationSeconds*float64(time.Second)))
		}
	}
	t.Logf("%d tokens went, %d times one was held", gone, held)
	if gone < worlds/4 || held < worlds/4 {
		t.Errorf("%d went, %d were held: the worlds are no test", gone, held)
	}
}

// announced is what a dry run just before says of each token.
func (o *oracle) announced(t *testing.T, req run.Request, with run.Options) map[string]string {
	t.Helper()
	cold := maps.Clone(o.cold)
	req.DryRun = true
	rep, err := run.Do(t.Context(), o.r.Cfg, req, with)
	if err != nil {
		t.Fatal(err)
	}
	o.cold, o.let = cold, map[string][]string{}
	return fates(rep)
}

// fates are the results of tokens, as a real run says them.
func fates(rep *report.Report) map[string]string {
	out := map[string]string{}
	for _, l := range rep.LegacyTokens {
		out[l.ID] = strings.Replace(l.Result, "would delete", "deleted", 1)
	}
	return out
}

// old are the applications whose callers have had a key for a grace period, less
// what a run may come early.
func (o *oracle) old() map[string]bool {
	old := map[string]bool{}
	now := o.r.Clock().Now()
	for _, name := range o.apps() {
		for _, k := range o.r.Keys(name) {
			if lives := k.Expires.IsZero() || k.Expires.After(now); lives && now.Sub(k.Created) >= o.r.Cfg.Grace-time.Hour {
				old[name] = true
			}
		}
	}
	return old
}

// honest checks that a run which holds a token says until when, or fails.
func (o *oracle) honest(t *testing.T, rep *report.Report) {
	t.Helper()
	for _, l := range rep.LegacyTokens {
		if l.Result == "held" && (l.Why == "" || l.GoesAt == nil && rep.Outcome == report.Success || l.GoesAt != nil && !l.GoesAt.After(rep.StartedAt)) {
			t.Errorf("the token of %s is held until %v, outcome %s: %s", l.Of, l.GoesAt, rep.Outcome, l.Why)
		}
	}
}
