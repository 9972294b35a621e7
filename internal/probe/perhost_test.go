package probe_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/probe"
)

type far func(*http.Request) (*http.Response, error)

func (f far) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// To one host never more than three requests are in flight, and hosts that are
// asleep take no slot from the others.
func TestAHostIsNeverAskedManyThingsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		flying, most := map[string]int{}, 0
		slow := far(func(r *http.Request) (*http.Response, error) {
			mu.Lock()
			flying[r.URL.Host]++
			most = max(most, flying[r.URL.Host])
			mu.Unlock()
			time.Sleep(5 * time.Second)
			mu.Lock()
			flying[r.URL.Host]--
			mu.Unlock()
			return &http.Response{StatusCode: http.StatusForbidden, Status: "403 Forbidden", Header: http.Header{}, Body: http.NoBody}, nil
		})
		p := probe.New(options(slow, func(o *probe.Options) { o.Clock, o.Concurrency = clock.Real(), 64 }))
		var all []probe.Endpoint
		for i := range 64 {
			e := at(fmt.Sprintf("f%d.functions.fnc.fr-par.scw.cloud", i))
			all = append(all, e, e) // twice the same host, as two products may have it
			all[2*i+1].URL += "2"
		}
		start := time.Now()
		p.Check(t.Context(), slices.Values(all), nil)
		// 64 hosts, six requests each, three at a time: ten seconds if nothing waits for another host.
		if took := time.Since(start); most != 3 || took > 64*6*5*time.Second/64+5*time.Second {
			t.Errorf("%d requests to one host at once, %s in all", most, took)
		}
	})
}
