package endpoints_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// listed are the lists that a run reads, by what their paths look like, each
// with the changes that must not be made where it is missing: to keys, to
// versions, and to legacy tokens of which product.
func listed() map[string][]string {
	const functions, containers, beta = "/functions/v1beta1/regions/*/", "/containers/v1/regions/*/", "/containers/v1beta1/regions/*/"
	keys := []string{"create_key", "delete_key", "publish", "disable_version", "delete_version"}
	code := []string{"delete_key", "delete_version"} // a consumer may be there
	return map[string][]string{
		"/iam/v1alpha1/api-keys":                               keys,
		"/iam/v1alpha1/applications":                           keys,
		"/iam/v1alpha1/policies":                               keys,
		"/iam/v1alpha1/groups":                                 keys,
		"/iam/v1alpha1/rules":                                  keys,
		"/iam/v1alpha1/organizations/*/security-settings":      nil, // a creation beyond the cap is refused
		"/secret-manager/v1beta1/regions/*/secrets":            keys,
		"/secret-manager/v1beta1/regions/*/secrets/*/versions": keys,
		functions + "namespaces":                               append(code, "functions"),
		functions + "functions":                                append(code, "functions"),
		functions + "domains":                                  {"functions"},
		functions + "tokens":                                   {"functions"},
		containers + "namespaces":                              append(code, "containers"),
		containers + "containers":                              append(code, "containers"),
		containers + "domains":                                 {"containers"},
		beta + "tokens":                                        {"containers"},
	}
}

// ofTokens tells which lists are those of legacy tokens.
func ofTokens(pattern string) bool { return strings.HasSuffix(pattern, "/tokens") }

// allButOwn leaves the function's own key out: it is of no application in scope.
var allButOwn = []string{run.StepRotate, run.StepCheck, run.StepPurge, run.StepDeliver, run.StepRetire}

// short answers a list with an item less than it announces.
type short struct {
	next    http.RoundTripper
	pattern string
}

func (s short) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := s.next.RoundTrip(r)
	if ok, _ := path.Match(s.pattern, r.URL.Path); err != nil || !ok || r.Method != http.MethodGet || resp.StatusCode != http.StatusOK {
		return resp, err
	}
	fields := map[string]any{}
	if err := json.NewDecoder(resp.Body).Decode(&fields); err != nil {
		return nil, err
	}
	if total, ok := fields["total_count"].(float64); ok {
		fields["total_count"] = total + 1
	}
	text, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	resp.Body, resp.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	return resp, nil
}

// TestLongEveryListThatARunReadsIsMissed asks what a run says, and does, where one
// of its lists is gone, forbidden, broken or short.
func TestLongEveryListThatARunReadsIsMissed(t *testing.T) {
	t.Parallel()
	for pattern, forbidden := range listed() {
		for _, status := range []int{404, 405, 410, 501, 403, 503, 0} {
			name := http.StatusText(status)
			if status == 0 {
				name = "short"
			}
			t.Run(strings.ReplaceAll(pattern, "/", " ")+": "+name, func(t *testing.T) {
				t.Parallel()
				r := runtest.Start(t, emulator.Options{})
				r.MustRun(t, run.Request{Steps: []string{"rotate", "deliver"}}) // tokens and old keys are there yet
				r.Clock().Advance(8 * 24 * time.Hour)
				o := r.Surroundings()
				if status == 0 {
					o.API = short{o.API, pattern}
				} else {
					body := `{"message":"no"}`
					if status == 403 {
						body = `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`
					}
					r.Arm(emulator.Fault{Method: http.MethodGet, Path: pattern, Status: status, Body: body, Times: -1})
				}
				rep, err := run.Do(t.Context(), r.Cfg, run.Request{Steps: allButOwn}, o)
				if err != nil {
					t.Fatal(err)
				}
				for _, c := range rep.Changes {
					if slices.Contains(forbidden, c.Kind) {
						t.Errorf("%s %s (%s)", c.Kind, c.Object, c.Reason)
					}
				}
				for _, token := range rep.LegacyTokens {
					public := token.Of == "webhooks" // what it opens needs no token
					if token.Result == "deleted" && !public && slices.Contains(forbidden, token.Product) {
						t.Errorf("the token %s of %s is deleted", token.ID, token.Of)
					}
				}
				gone := slices.Contains([]int{404, 405, 410, 501}, status)
				switch settings := strings.HasSuffix(pattern, "security-settings"); {
				case settings && status == 0: // no list
				case settings && (status == 403 || status == 404):
					if !strings.Contains(runtest.Complaints(rep), "cap on the lifetime of API keys is not known") {
						t.Errorf("nothing is said:\n%s", runtest.Text(t, rep))
					}
				case ofTokens(pattern) && gone:
					if rep.Found.LegacyTokens != nil {
						t.Errorf("%d legacy tokens", *rep.Found.LegacyTokens)
					}
					if all := runtest.Complaints(rep); !strings.Contains(all, "is not known: the API does not list them any more") {
						t.Errorf("no warning:\n%s", all)
					}
				default:
					if rep.Outcome != report.Failure {
						t.Errorf("outcome %s:\n%s", rep.Outcome, runtest.Text(t, rep))
					}
					if status != 0 && !strings.Contains(runtest.Text(t, rep), http.StatusText(status)) {
						t.Errorf("the report does not name the status:\n%s", runtest.Text(t, rep))
					}
					if ofTokens(pattern) && rep.Found.LegacyTokens != nil {
						t.Errorf("%d legacy tokens", *rep.Found.LegacyTokens)
					}
				}
			})
		}
	}
}

// TestNothingIsMissed is the same without a fault: all that the table forbids is
// done then.
func TestNothingIsMissed(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.MustRun(t, run.Request{Steps: []string{"rotate", "deliver"}})
	r.Clock().Advance(8 * 24 * time.Hour)
	rep := r.MustRun(t, run.Request{Steps: allButOwn})
	done := map[string]bool{}
	for _, c := range rep.Changes {
		done[c.Kind] = true
	}
	for _, token := range rep.LegacyTokens {
		done[token.Product] = done[token.Product] || token.Result == "deleted"
	}
	for _, kind := range []string{"delete_key", "disable_version", "functions", "containers"} {
		if !done[kind] {
			t.Errorf("%s: not done in any case, so its absence shows nothing", kind)
		}
	}
}
