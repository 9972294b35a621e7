package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func fresh(k probe.Key) probe.Key {
	k.Fresh = true
	return k
}

func TestAFreshKeyIsTriedForAsLongAsThePatienceLasts(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name     string
		key      probe.Key
		known    time.Duration // since when the gateway knows the key
		patience time.Duration
		result   probe.Result
		tries    int
		elapsed  time.Duration
	}{
		{"known at once", fresh(key()), 0, time.Minute, probe.OK, 1, 0},
		{"known after a while", fresh(key()), 12 * time.Second, time.Minute, probe.OK, 4, 15 * time.Second},
		{"known at the last try", fresh(key()), time.Minute, time.Minute, probe.OK, 13, time.Minute},
		{"known too late", fresh(key()), time.Minute + 1, time.Minute, probe.Locked, 13, time.Minute},
		{"no patience", fresh(key()), time.Second, 0, probe.Locked, 1, 0},
		{"not fresh", key(), time.Second, time.Minute, probe.Locked, 1, 0},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			now, c := manual()
			g := &gate{answer: func(_, token string) (int, string) {
				if token == canary && now.Now().Sub(emulatortest.Epoch) >= r.known {
					return http.StatusNotFound, ""
				}
				return http.StatusForbidden, forbidden
			}}
			p := probe.New(options(g, func(o *probe.Options) { o.Clock, o.Patience = c, r.patience }))
			row := one(t, p, api(), r.key)
			tries := 0
			for _, k := range g.kinds() {
				if k == "key" {
					tries++
				}
			}
			got := []any{row.Result, tries, now.Now().Sub(emulatortest.Epoch), len(g.kinds())}
			if diff := cmp.Diff([]any{r.result, r.tries, r.elapsed, r.tries + 3}, got); diff != "" {
				t.Errorf("result, tries, time, requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestOnlyWhatRefusedAFreshKeyIsAskedAgain(t *testing.T) {
	t.Parallel()
	now, c := manual()
	var mu sync.Mutex
	asked := map[string]int{}
	g := &gate{answer: func(host, token string) (int, string) {
		mu.Lock()
		defer mu.Unlock()
		asked[host+" "+token]++
		switch {
		case token == "fresh" && host == "open.test", token == "fresh" && now.Now().Sub(emulatortest.Epoch) >= 5*time.Second:
			return http.StatusNotFound, ""
		case token == "fresh" && host == "broken.test":
			return http.StatusServiceUnavailable, ""
		default:
			return http.StatusForbidden, ""
		}
	}}
	p := probe.New(options(g, func(o *probe.Options) { o.Clock, o.Patience = c, time.Minute }))
	rows := p.Check(t.Context(), slices.Values([]probe.Endpoint{at("open.test"), at("late.test"), at("broken.test", func(e *probe.Endpoint) { e.Resource.Ready = false })}),
		[]probe.Key{fresh(keyOf("new", "fresh")), keyOf("old", "stale")})
	got := map[string]int{}
	for _, host := range []string{"open.test", "late.test", "broken.test"} {
		for _, token := range []string{"fresh", "stale", "malformed", ""} {
			got[host+" "+token] = asked[host+" "+token]
		}
	}
	want := map[string]int{
		"open.test fresh": 1, "late.test fresh": 2, "broken.test fresh": 1,
		"open.test stale": 1, "late.test stale": 1, "broken.test stale": 1,
		"open.test malformed": 1, "late.test malformed": 1, "broken.test malformed": 1,
		"open.test ": 1, "late.test ": 1, "broken.test ": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	for _, row := range rows {
		if row.Result != probe.Locked || row.Detail != "it refuses the key of old" && row.Endpoint.Host != "broken.test" {
			t.Errorf("%s: %s (%s)", row.Endpoint.Host, row.Result, row.Detail)
		}
		if row.Opened() != (row.Endpoint.Host != "broken.test") {
			t.Errorf("%s: opened: %t", row.Endpoint.Host, row.Opened())
		}
	}
}

func TestPatienceEndsWithTheRun(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	now, c := manual()
	c.Sleep = func(ctx context.Context, d time.Duration) error {
		cancel()
		return now.Sleep(ctx, d)
	}
	g := opensTo(nil)
	p := probe.New(options(g, func(o *probe.Options) { o.Clock, o.Patience = c, time.Hour }))
	rows := p.Check(ctx, slices.Values([]probe.Endpoint{api()}), []probe.Key{fresh(key())})
	if rows[0].Result != probe.Locked || len(g.kinds()) != 4 {
		t.Errorf("result %s after %v", rows[0].Result, g.kinds())
	}
	// What was not asked in time was not asked.
	late := p.Check(ctx, slices.Values([]probe.Endpoint{at("late.test")}), []probe.Key{key()})
	if late[0].Result != probe.Unclear || late[0].Detail != "not asked: the run's time was over" || len(g.kinds()) != 4 || p.Sent() != 4 {
		t.Errorf("result %s (%s) after %v", late[0].Result, late[0].Detail, g.kinds())
	}
}

func TestRefusalsAreAskedOnce(t *testing.T) {
	t.Parallel()
	g := opensTo(map[string][]string{host: {canary}})
	p := probe.New(options(g))
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() { p.Refusals(t.Context(), api()) })
		all.Go(func() { p.Try(t.Context(), api(), key()) })
		all.Go(func() { p.Check(t.Context(), slices.Values([]probe.Endpoint{api()}), []probe.Key{key()}) })
		all.Go(func() { p.Witness(t.Context(), []probe.Endpoint{api()}, []probe.Key{key()}, key()) })
	}
	all.Wait()
	want := append(slices.Repeat([]string{"key"}, 60), "malformed", "none", "unknown")
	if diff := cmp.Diff(want, g.kinds()); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if p.Sent() != 63 {
		t.Errorf("%d sent", p.Sent())
	}
}

func TestRequestsInFlightAreLimited(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var now, most atomic.Int64
		g := &gate{answer: func(string, string) (int, string) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			time.Sleep(time.Second) // of the bubble
			now.Add(-1)
			return http.StatusForbidden, ""
		}}
		p := probe.New(options(g, func(o *probe.Options) { o.Concurrency = 3 }))
		endpoints := []probe.Endpoint{}
		for i := range 10 {
			endpoints = append(endpoints, at(fmt.Sprintf("h%d.test", i)))
		}
		start := time.Now()
		p.Check(t.Context(), slices.Values(endpoints), []probe.Key{key()})
		if most.Load() != 3 || time.Since(start) != 14*time.Second || p.Sent() != 40 {
			t.Errorf("%d at a time, %d in %s", most.Load(), p.Sent(), time.Since(start))
		}
	})
}

func TestNoAnswerInTimeIsNoRefusal(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := transport(func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		start := time.Now()
		p := probe.New(options(hang, func(o *probe.Options) { o.Clock = clock.Real() }))
		row := one(t, p, api(), key())
		if row.Result != probe.Unclear || row.Refusals.NoToken.Detail != phrases[0] || time.Since(start) != 75*time.Second {
			t.Errorf("result %s, %+v after %s", row.Result, row.Refusals.NoToken, time.Since(start))
		}
	})
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestWitness(t *testing.T) {
	t.Parallel()
	containers := func(e *probe.Endpoint) { e.Resource.Product = scaleway.Containers }
	own := func(e *probe.Endpoint) { e.Own = true }
	broken := func(e *probe.Endpoint) { e.Resource.Ready = false }
	known := []probe.Key{keyOf("first", "k1"), keyOf("second", "k2")}
	may := keyOf("new", canary)
	crowd := func(n int) []probe.Endpoint {
		var out []probe.Endpoint
		for i := range n {
			out = append(out, at(fmt.Sprintf("closed%d.test", i)))
		}
		return append(out, at("a.test"))
	}
	rows := []struct {
		name      string
		endpoints []probe.Endpoint
		known     []probe.Key
		opens     map[string][]string
		want      string // host; "" for none
	}{
		{"none there", nil, known, nil, ""},
		{"no key known", []probe.Endpoint{at("a.test")}, nil, map[string][]string{"a.test": {canary}}, ""},
		{"the first that opens", []probe.Endpoint{at("a.test"), at("b.test"), at("c.test")}, known, map[string][]string{"b.test": {"k1"}, "c.test": {"k1"}}, "b.test"},
		{"another credential opens it", []probe.Endpoint{at("a.test")}, known, map[string][]string{"a.test": {"k2"}}, "a.test"},
		{"none opens", []probe.Endpoint{at("a.test"), at("b.test")}, known, nil, ""},
		{"not the own", []probe.Endpoint{at("a.test", own), at("b.test")}, known, map[string][]string{"a.test": {"k1"}, "b.test": {"k1"}}, "b.test"},
		{"not what is not ready", []probe.Endpoint{at("a.test", broken)}, known, map[string][]string{"a.test": {"k1"}}, ""},
		{"not what the new key may not call", []probe.Endpoint{at("a.test", containers)}, known, map[string][]string{"a.test": {"k1"}}, ""},
		{"not what lets anybody in", []probe.Endpoint{at("a.test")}, known, map[string][]string{"a.test": {"k1", "", "malformed"}}, ""},
		{"the eighth", crowd(7), known, map[string][]string{"a.test": {"k1"}}, "a.test"},
		{"not the ninth", crowd(8), known, map[string][]string{"a.test": {"k1"}}, ""},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			g := opensTo(r.opens)
			p := probe.New(options(g))
			e, found := p.Witness(t.Context(), r.endpoints, r.known, may)
			if e.Host != r.want || found != (r.want != "") {
				t.Errorf("witness %q (%t), want %q", e.Host, found, r.want)
			}
			if slices.Contains(g.kinds(), "key") {
				t.Error("the new key itself was shown")
			}
		})
	}
}
