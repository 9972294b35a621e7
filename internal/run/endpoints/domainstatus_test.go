package endpoints_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A status that is not known here is not one in which nobody is served: a custom
// domain of such a status is asked, and holds what opens it.
func TestADomainWhoseStatusIsNotKnownHoldsItsTokens(t *testing.T) {
	t.Parallel()
	for _, status := range []string{"unknown", "unknown_status", "renewing", ""} {
		for product, of := range map[string]string{"functions": "checkout", "containers": "stock"} {
			t.Run(fmt.Sprint(product, " ", status), func(t *testing.T) {
				t.Parallel()
				seed := runtest.Guarded(handMade(40))
				place := &seed.Serverless[0]
				place.FunctionNamespaces[0].Functions[0].Domains = []string{"functions.example.com"}
				place.ContainerNamespaces[0].Containers[0].Domains = []string{"containers.example.com"}
				r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
				o := toEndpoints(r, func(req *http.Request, key bool) (int, string) {
					if key && req.URL.Host == product+".example.com" {
						return http.StatusServiceUnavailable, "no healthy upstream"
					}
					return 0, ""
				})
				o.API = rewritten(r, "/"+product+"/", "/domains", `"status":"ready"`, `"status":"`+status+`"`)
				got, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
				if err != nil {
					t.Fatal(err)
				}
				if held := strings.Join(runtest.Tokens(got, "held"), ", "); !strings.Contains(held, of) || got.Outcome != report.Failure {
					t.Errorf("held %q, outcome %s:\n%s", held, got.Outcome, runtest.Text(t, got))
				}
			})
		}
	}
}

// rewritten is the emulator's API with a text put in place of another in the
// answers of paths that begin and end so.
func rewritten(r *runtest.Rig, prefix, suffix, from, into string) http.RoundTripper {
	return runtest.Over(func(req *http.Request) (*http.Response, error) {
		resp, err := r.RoundTripper().RoundTrip(req)
		if err != nil || !strings.HasPrefix(req.URL.Path, prefix) || !strings.HasSuffix(req.URL.Path, suffix) {
			return resp, err
		}
		return inPlaceOf(resp, from, into)
	})
}

func inPlaceOf(resp *http.Response, from, into string) (*http.Response, error) {
	body, err := io.ReadAll(resp.Body)
	text := strings.ReplaceAll(string(body), from, into)
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	return resp, err
}
