package endpoints_test

import (
	"io"
	"net/http"
	"sync"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func startGuarded(t *testing.T, settings []string, keys ...emulator.SeedKey) *runtest.Rig {
	t.Helper()
	return runtest.StartSeed(t, emulator.Options{}, runtest.Guarded(keys...), append([]string{"ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par"}, settings...)...)
}

func handMade(days int) emulator.SeedKey {
	return emulator.SeedKey{AccessKey: runtest.KeyA, Age: runtest.Age(days), Project: "demo"}
}

// whose picks requests to endpoints by their token: "" is none.
func toEndpoints(r *runtest.Rig, answer func(req *http.Request, key bool) (status int, body string)) run.Options {
	o := r.Surroundings()
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
	o.Endpoints = runtest.Over(func(req *http.Request) (*http.Response, error) {
		status, body := asked(req)
		switch status {
		case 0:
			return r.RoundTripper().RoundTrip(req)
		case -1:
			return nil, io.ErrUnexpectedEOF
		}
		got := runtest.Answered(req, status, body)
		got.Header.Set("Server", "envoy")
		return got, nil
	})
	return o
}
