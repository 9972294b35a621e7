// Package reports_test is about what a run says, and what it costs.
package reports_test

import (
	"bytes"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestReportOfTheDemoReadsWell(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{Seed: 1})
	runtest.Golden(t, "demo-dry.txt", []byte(runtest.Text(t, r.MustRun(t, run.Request{DryRun: true}))))
	demo := r.MustRun(t, run.Request{})
	runtest.Golden(t, "demo.txt", []byte(runtest.Text(t, demo)))
	var page bytes.Buffer
	if err := demo.HTML(&page); err != nil {
		t.Fatal(err)
	}
	runtest.Golden(t, "demo.html", page.Bytes())
	var picture bytes.Buffer
	if err := demo.SVG(&picture); err != nil {
		t.Fatal(err)
	}
	runtest.Golden(t, "demo.svg", picture.Bytes())
	r.Clock().Advance(8 * 24 * time.Hour)
	runtest.Golden(t, "demo-after-grace.txt", []byte(runtest.Text(t, r.MustRun(t, run.Request{}))))
}

func TestRealRunMakesExactlyTheChangesThatADryRunAnnounced(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{Seed: 2})
	for i, wait := range []time.Duration{0, time.Hour, 7 * 24 * time.Hour, 24 * 24 * time.Hour, 8 * 24 * time.Hour} {
		r.Clock().Advance(wait)
		r.ForgetHistory()
		dry := r.MustRun(t, run.Request{DryRun: true})
		r.OnlyPlanned(t, dry)
		r.ForgetHistory()
		wet := r.MustRun(t, run.Request{})
		if diff := cmp.Diff(runtest.Did(dry), runtest.Did(wet)); diff != "" {
			t.Errorf("run %d: announced and done differ (-announced +done):\n%s", i, diff)
		}
		if n := len(r.Writes()); n != len(wet.Changes) {
			t.Errorf("run %d: %d writes went out for %d changes", i, n, len(wet.Changes))
		}
		// A run that deleted keys leaves it to the next one to prove them dead.
		for _, c := range r.MustRun(t, run.Request{}).Changes {
			if !strings.HasSuffix(c.Kind, "_version") || !slices.ContainsFunc(wet.Changes, func(c report.Change) bool { return c.Kind == "delete_key" }) {
				t.Errorf("run %d: run once more, it changed %s %s", i, c.Kind, c.Object)
			}
		}
		if again := r.MustRun(t, run.Request{}); len(again.Changes) != 0 {
			t.Errorf("run %d: run twice more, it changed %v", i, runtest.Did(again))
		}
	}
}

// The number of calls is the least that the API allows: a change of this
// number wants a reason.
func TestCallsOfARun(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	count := func(rep *report.Report) map[string]int {
		t.Helper()
		calls := map[string]int{}
		total := int64(0)
		for _, q := range r.History() {
			if q.Host == "api.scaleway.com" {
				calls[q.Route]++
				total++
			}
		}
		if total != rep.API.Calls {
			t.Errorf("the report counts %d calls, the emulator %d", rep.API.Calls, total)
		}
		return calls
	}
	r.ForgetHistory()
	discovery := map[string]int{
		"GET /iam/v1alpha1/api-keys":                             1,
		"GET /iam/v1alpha1/api-keys/{access_key}":                1, // that the superseded key is what its version says
		"GET /iam/v1alpha1/applications":                         1,
		"GET /iam/v1alpha1/policies":                             1,
		"GET /iam/v1alpha1/groups":                               1,
		"GET /iam/v1alpha1/rules":                                7, // a policy that reaches anybody
		"GET /iam/v1alpha1/users":                                1, // who can call, and is not in scope
		"GET /iam/v1alpha1/organizations/{id}/security-settings": 1,
		"GET /functions/v1beta1/regions/{region}/namespaces":     3, // a region
		"GET /functions/v1beta1/regions/{region}/functions":      2, // a region with namespaces
		"GET /functions/v1beta1/regions/{region}/domains":        6, // a private function
		"GET /functions/v1beta1/regions/{region}/tokens":         10,
		"GET /containers/v1/regions/{region}/namespaces":         4,
		"GET /containers/v1/regions/{region}/containers":         2,
		"GET /containers/v1/regions/{region}/domains":            2,
		"GET /containers/v1beta1/regions/{region}/tokens":        6,
		"GET /secret-manager/v1beta1/regions/{region}/secrets":   1 + 2*3*2, // two applications have none: each region is asked, for deleted ones too
		// of checkout, which was rotated before
		"GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions":                   1,
		"GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions/{revision}/access": 1,
	}
	if diff := cmp.Diff(discovery, count(r.MustRun(t, run.Request{DryRun: true}))); diff != "" {
		t.Errorf("calls of a dry run (-want +got):\n%s", diff)
	}
	r.MustRun(t, run.Request{})
	r.ForgetHistory()
	discovery["GET /secret-manager/v1beta1/regions/{region}/secrets"] = 1
	discovery["GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions"] = 3                   // the function's own, too
	discovery["GET /secret-manager/v1beta1/regions/{region}/secrets/{id}/versions/{revision}/access"] = 5 // the superseded key of checkout, to know who carries it, and the ledger
	if diff := cmp.Diff(discovery, count(r.MustRun(t, run.Request{}))); diff != "" {
		t.Errorf("calls of a run that finds everything in order (-want +got):\n%s", diff)
	}
}

func TestTheOtherProjectIsUntouched(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	look := func() string {
		t.Helper()
		var out bytes.Buffer
		for _, k := range r.Keys("invoicing") {
			out.WriteString(k.AccessKey + "\n")
		}
		for _, token := range r.Tokens() {
			if token.Project == r.Project("other") {
				out.WriteString(token.ID + "\n")
			}
		}
		for _, path := range []string{
			"/functions/v1beta1/regions/fr-par/functions?project_id=", "/containers/v1/regions/fr-par/containers?project_id=",
			"/secret-manager/v1beta1/regions/fr-par/secrets?project_id=",
		} {
			out.WriteString(r.Call(r.Secret, http.MethodGet, path+r.Project("other"), nil).Text)
		}
		return out.String()
	}
	before := look()
	if strings.Count(before, "\n") < 6 {
		t.Fatalf("the demo's second project holds too little to be a test:\n%s", before)
	}
	r.MustRun(t, run.Request{})
	r.Clock().Advance(40 * 24 * time.Hour)
	r.MustRun(t, run.Request{Force: true})
	if diff := cmp.Diff(before, look()); diff != "" {
		t.Errorf("the second project changed:\n%s", diff)
	}
	if n := len(r.Keys("partner-gateway")); n != 1 {
		t.Errorf("the application that reaches both projects has %d keys", n)
	}
}
