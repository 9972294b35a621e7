package probe_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/probe"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// once is a key that asks one endpoint of each product.
func once(application, secret string) probe.Key {
	k := keyOf(application, secret)
	k.Once, k.Pair.AccessKey = true, "SCW"+application
	return k
}

func TestOtherKeysAskOneEndpointThatHasPassed(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	asked := map[string][]string{}
	g := &gate{answer: func(host, token string) (int, string) {
		mu.Lock()
		defer mu.Unlock()
		if slices.Contains([]string{"checking", "other", "third"}, token) {
			asked[token] = append(asked[token], host)
		}
		switch {
		case host == "closed.test", token == "third":
			return http.StatusForbidden, "forbidden"
		case token == "checking", token == "other":
			return http.StatusNotFound, ""
		}
		return http.StatusForbidden, "forbidden"
	}}
	box := func(e *probe.Endpoint) { e.Resource.Product = scaleway.Containers }
	both := once("other", "other")
	both.Products = []scaleway.Product{scaleway.Functions, scaleway.Containers}
	checking := keyOf("checking", "checking")
	checking.Products = both.Products
	rows := probe.New(options(g)).Check(t.Context(),
		slices.Values([]probe.Endpoint{at("closed.test"), at("a.test"), at("b.test"), at("box.test", box), at("box2.test", box)}),
		[]probe.Key{once("third", "third"), checking, both})
	for _, hosts := range asked {
		slices.Sort(hosts)
	}
	want := map[string][]string{
		"checking": {"a.test", "b.test", "box.test", "box2.test", "closed.test"}, "other": {"a.test", "box.test"}, "third": {"a.test"},
	}
	if diff := cmp.Diff(want, asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
	var got []probe.Result
	for _, r := range rows {
		got = append(got, r.Result)
	}
	if diff := cmp.Diff([]probe.Result{probe.Locked, probe.Locked, probe.OK, probe.OK, probe.OK}, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

// What starts from zero answers 503, or nothing, to the first key.
func TestAColdStartIsNoFailure(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		warm   time.Duration
		ready  bool
		before func() (*http.Response, error)
		result probe.Result
	}{
		{"503 for a while", 14 * time.Second, true, nil, probe.OK},
		{"503 for most of a minute", 59 * time.Second, true, nil, probe.OK},
		{"503 for longer", 61 * time.Second, true, nil, probe.Unclear},
		{"503 where nothing should be ready", 14 * time.Second, false, nil, probe.Unclear},
		{"no answer for a while", 14 * time.Second, true, func() (*http.Response, error) { return nil, errors.New("connection reset") }, probe.OK},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now, c := manual()
			g := &gate{answer: func(_, token string) (int, string) {
				switch {
				case token != canary:
					return http.StatusForbidden, "forbidden"
				case now.Now().Sub(emulatortest.Epoch) < tt.warm:
					return http.StatusServiceUnavailable, "no healthy upstream"
				}
				return http.StatusNotFound, ""
			}}
			far := transport(func(r *http.Request) (*http.Response, error) {
				if tt.before != nil && r.Header.Get("X-Auth-Token") == canary && now.Now().Sub(emulatortest.Epoch) < tt.warm {
					return tt.before()
				}
				return g.RoundTrip(r)
			})
			p := probe.New(options(far, func(o *probe.Options) { o.Clock = c }))
			row := one(t, p, at("cold.test", func(e *probe.Endpoint) { e.Resource.Ready = tt.ready }), key())
			if took := now.Now().Sub(emulatortest.Epoch); row.Result != tt.result || took > 61*time.Second || !tt.ready && took > 0 {
				t.Errorf("%s (%s) after %s", row.Result, row.Detail, took)
			}
		})
	}
}

// The whole endpoint is away at first: its refusals are asked again, and then the
// key is shown.
func TestRefusalsThatPassAreAskedAgain(t *testing.T) {
	t.Parallel()
	now, c := manual()
	g := &gate{answer: func(_, token string) (int, string) {
		switch {
		case now.Now().Sub(emulatortest.Epoch) < 20*time.Second:
			return http.StatusBadGateway, ""
		case token == canary:
			return http.StatusNotFound, ""
		}
		return http.StatusForbidden, "forbidden"
	}}
	p := probe.New(options(g, func(o *probe.Options) { o.Clock = c }))
	row := one(t, p, api(), key())
	// 3 at first, 1 each after 5 and 15 seconds, 3 and the key after 35.
	if row.Result != probe.OK || len(g.kinds()) != 9 {
		t.Errorf("%s (%s) after %v", row.Result, row.Detail, g.kinds())
	}
}

// slow answers keys never, on a clock of its own.
func slow(c clock.Clock, seen func(token string)) transport {
	refuse := opensTo(nil)
	return func(r *http.Request) (*http.Response, error) {
		token := r.Header.Get("X-Auth-Token")
		if kind(token) != "key" && kind(token) != "?" {
			return refuse.RoundTrip(r)
		}
		seen(token)
		if err := c.Sleep(r.Context(), time.Hour); err != nil {
			return nil, err
		}
		return refuse.RoundTrip(r)
	}
}

func TestAnEndpointThatGaveNoAnswerInTimeGetsNoFurtherKey(t *testing.T) {
	t.Parallel()
	now, c := manual()
	tokens := map[string]int{}
	var mu sync.Mutex
	far := slow(c, func(token string) {
		mu.Lock()
		defer mu.Unlock()
		tokens[token]++
	})
	p := probe.New(options(far, func(o *probe.Options) { o.Clock = c }))
	row := one(t, p, api(), key(), once("b", "b"), once("c", "c"))
	took := now.Now().Sub(emulatortest.Epoch)
	if row.Result != probe.Unclear || row.Detail != "no clear answer to the key of checkout: no answer in time" || took > 2*time.Minute {
		t.Errorf("%s (%s) after %s", row.Result, row.Detail, took)
	}
	if _, found := p.Witness(t.Context(), []probe.Endpoint{api()}, []probe.Key{once("d", "d")}, key()); found {
		t.Error("it is a witness")
	}
	if len(tokens) != 1 || tokens[canary] == 0 {
		t.Errorf("keys shown: %v", tokens)
	}
}

// It passed with the checking key, and then was slow: the keys that come after go
// to another.
func TestASlowEndpointHandsTheOtherKeysOn(t *testing.T) {
	t.Parallel()
	now, c := manual()
	shown := map[string][]string{}
	var mu sync.Mutex
	open := opensTo(map[string][]string{"a.test": {canary, "b", "c"}, "b.test": {canary, "b", "c"}})
	far := transport(func(r *http.Request) (*http.Response, error) {
		token := r.Header.Get("X-Auth-Token")
		if token == "b" || token == "c" {
			mu.Lock()
			shown[token] = append(shown[token], r.URL.Hostname())
			mu.Unlock()
			if r.URL.Hostname() == "a.test" {
				if err := c.Sleep(r.Context(), time.Hour); err != nil {
					return nil, err
				}
			}
		}
		return open.RoundTrip(r)
	})
	p := probe.New(options(far, func(o *probe.Options) { o.Clock = c }))
	p.Check(t.Context(), slices.Values([]probe.Endpoint{at("a.test"), at("b.test")}), []probe.Key{key(), once("b", "b"), once("c", "c")})
	for token, hosts := range shown {
		shown[token] = slices.Compact(hosts)
	}
	if diff := cmp.Diff(map[string][]string{"b": {"a.test"}, "c": {"b.test"}}, shown); diff != "" {
		t.Errorf("shown (-want +got):\n%s", diff)
	}
	if a := p.Try(t.Context(), at("a.test"), once("d", "d")); a.Verdict != probe.NotTried {
		t.Errorf("a further key: %+v", a)
	}
	if took := now.Now().Sub(emulatortest.Epoch); took > 2*time.Minute {
		t.Errorf("it took %s", took)
	}
}

func TestWhatThereIsNoTimeToAskIsNoPass(t *testing.T) {
	t.Parallel()
	_, c := manual()
	p := probe.New(options(slow(c, func(string) {}), func(o *probe.Options) { o.Clock, o.Concurrency = c, 1 }))
	ctx, cancel := clock.WithTimeout(t.Context(), c, 25*time.Second)
	defer cancel()
	rows := p.Check(ctx, slices.Values([]probe.Endpoint{at("a.test"), at("b.test"), at("c.test"), at("d.test")}), []probe.Key{key()})
	late := 0
	for _, r := range rows {
		if r.Result != probe.Unclear || r.Opened() {
			t.Errorf("%s: %s", r.Endpoint.Host, r.Result)
		}
		if r.OutOfTime() {
			late++
		}
	}
	if late == 0 || !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("%d were not asked; %v", late, ctx.Err())
	}
}
