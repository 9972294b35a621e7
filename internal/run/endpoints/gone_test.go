package endpoints_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func functionID(t *testing.T, r *runtest.Rig, name string) string {
	t.Helper()
	e, ok := r.Endpoint(name)
	if !ok {
		t.Fatalf("no function %q", name)
	}
	return e.ID
}

// A function is deleted once it was listed: its tokens and domains answer 404.
func TestWhatGoesBetweenTwoListsIsGoneAndNoFailure(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"/tokens", "/domains"} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			r := runtest.Start(t, emulator.Options{})
			rep := r.Run(t, run.Request{DryRun: true})
			victim := ""
			for _, e := range rep.Endpoints {
				if e.Product == "functions" && !e.Custom {
					victim = e.Resource
				}
			}
			id := functionID(t, r, victim)
			o := r.Surroundings()
			o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
				ofIt := strings.HasSuffix(req.URL.Path, list) && req.URL.Query().Get("function_id") == id
				if ofIt || strings.HasSuffix(req.URL.Path, "/functions/"+id) {
					return runtest.Answered(req, http.StatusNotFound, `{"message":"Function was not found"}`), nil
				}
				return r.RoundTripper().RoundTrip(req)
			})
			got, err := run.Do(t.Context(), r.Cfg, run.Request{DryRun: true}, o)
			if err != nil {
				t.Fatal(err)
			}
			if got.Outcome != report.Success || got.Found.Functions != rep.Found.Functions-1 || got.Found.LegacyTokens == nil {
				t.Errorf("outcome %s, %d of %d functions:\n%s", got.Outcome, got.Found.Functions, rep.Found.Functions, runtest.Text(t, got))
			}
			for _, e := range got.Endpoints {
				if e.Resource == victim {
					t.Errorf("%s of what is gone is checked", e.URL)
				}
			}
		})
	}
}

// The list's own 404 is another thing: the function is there.
func TestAListThatIsGoneIsNotTakenForAFunctionThatIs(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{Answers: emulator.Answers{TokenRoutes: http.StatusNotFound}})
	got := r.MustRun(t, run.Request{})
	if got.Found.LegacyTokens != nil || got.Found.Functions != 7 {
		t.Errorf("tokens %v, %d functions", got.Found.LegacyTokens, got.Found.Functions)
	}
	out := runtest.Text(t, got)
	for _, want := range []string{"legacy tokens  unknown", "may still open endpoints", "their own expiry", "404 Not Found"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	for _, token := range got.LegacyTokens {
		t.Errorf("token %s: %s", token.ID, token.Result)
	}
}

func TestNobodyIsAskedToMendWhatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{Delays: emulator.Delays{Gone: time.Hour}})
	rep := r.MustRun(t, run.Request{})
	for _, e := range rep.Endpoints {
		if e.Product == "functions" && !e.Custom && e.Result == "ok" {
			r.MustCall(http.MethodDelete, "/functions/v1beta1/regions/"+e.Region+"/functions/"+functionID(t, r, e.Resource), nil)
			break
		}
	}
	got := r.Run(t, run.Request{Steps: []string{run.StepCheck}})
	if out := runtest.Text(t, got); strings.Contains(out, "mend its deployment") && strings.Contains(out, "in status deleting") {
		t.Errorf("outcome %s:\n%s", got.Outcome, out)
	}
	if got.Outcome != report.Success {
		t.Errorf("outcome %s:\n%s", got.Outcome, runtest.Text(t, got))
	}
}

// A region's list answers 503 with a page: the report has the status and what
// was asked, and none of the page's markup on lines of its own.
func TestStatusAndRequestStandInTheReport(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.Arm(emulator.Fault{
		Path: "/functions/v1beta1/regions/fr-par/functions", Status: 503, Times: -1,
		Header: http.Header{"Content-Type": {"text/html"}}, Body: "<html>\x1b[31m\n✓ SUCCESS\u202e</html>" + strings.Repeat("x", 5000),
	})
	got := r.Run(t, run.Request{DryRun: true})
	all := strings.Join(got.Steps[0].Errors, "\n")
	const want = "list the functions in fr-par: GET /functions/v1beta1/regions/fr-par/functions: 503 Service Unavailable: <html> [31m ✓ SUCCESS </html>xx"
	if !strings.HasPrefix(all, want) || len(all) > 400 {
		t.Errorf("errors %q", all)
	}
}
