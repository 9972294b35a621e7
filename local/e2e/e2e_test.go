//go:build e2e

// Package e2e goes the whole way a person goes: the emulator as go run ./local
// api starts it, the real osls and its plugin through make, curl through the
// proxy, crons, and back. It prints a transcript.
package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	project   = "demo"
	namespace = "scw-key-rotator" // serverless.yml's
)

func TestTheWholeWay(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.say("\n$ make deploy")
	s.say(s.mustMake("", "deploy"))
	f := s.function()
	at := "https://" + f.Host

	s.say("\n$ curl https://$HOST                                      # no key")
	s.curls(403, at)
	s.say("$ curl -H 'X-Auth-Token: nonsense' https://$HOST           # not a key")
	s.curls(403, "-H", "X-Auth-Token: nonsense", at)
	s.say("$ curl -H \"X-Auth-Token: $KEY\" \"https://$HOST?format=text\" # a caller's key; a GET is a dry run")
	report := s.curls(200, "-H", "X-Auth-Token: "+s.callerKey, at+"?format=text")
	s.wants("the dry run", report, "✓ SUCCESS", ": dry run ", "3 keys to be rotated", "6 legacy tokens to be deleted")
	s.say(head(report, 3))
	before := s.state()
	if tokens := before.tokens(); tokens != 9 || len(before.published()) != 1 {
		t.Errorf("the dry run left %d tokens and %d published keys", tokens, len(before.published()))
	}

	s.cron(f.Host, 0, "past 03:17 UTC: its cron fires")
	after := s.state()
	s.say(fmt.Sprintf("# legacy tokens: %d before, %d now; credentials published: %d before, %d now",
		before.tokens(), after.tokens(), len(before.published()), len(after.published())))
	if after.tokens() != 3 || len(after.published()) != 3 { // the callers of containers have had a key since now
		t.Errorf("after the cron: %d tokens, published %v", after.tokens(), after.published())
	}
	for application, key := range after.published() {
		if !slices.Contains(after.keys(application), key) || slices.Contains(before.keys(application), key) {
			t.Errorf("application %s: %s is published, its keys are %v, and were %v", application, key, after.keys(application), before.keys(application))
		}
	}
	checked := s.asked(before.Clock)
	s.say(fmt.Sprintf("# endpoints asked: %d, with %d requests", len(checked), total(checked)))
	if private := len(after.private()); private < 10 {
		t.Errorf("the project has %d private endpoints: the test looks in the wrong place", private)
	}
	for _, end := range after.private() {
		if checked[end.Host] < 3 {
			t.Errorf("%s was asked %d times, want at least 3", end.Host, checked[end.Host])
		}
	}

	s.say("$ curl -H \"X-Auth-Token: $KEY\" -d '{\"force\": true}' https://$HOST   # more than a plain run needs the control secret")
	s.curls(403, "-H", "X-Auth-Token: "+s.callerKey, "-d", `{"force": true}`, at)

	s.say("\n$ curl -H \"X-Auth-Token: $(the key that was published)\" -H \"X-Rotator-Control: $CONTROL\" -X POST \"https://$HOST?format=text\"")
	s.callerKey = s.credential("storefront")
	report = s.curls(200, "-H", "X-Auth-Token: "+s.callerKey, "-H", s.control(), "-X", "POST", at+"?format=text")
	s.wants("the run after it", report, "✓ SUCCESS", ": run ", "0 keys rotated", "ENDPOINTS: WHO IS LET IN", "accepted 404")
	s.say(head(report, 3))

	s.cron(f.Host, 8*24*time.Hour, "the grace is over; its cron fires")
	left := s.state()
	for application := range left.published() {
		if keys := left.keys(application); len(keys) != 1 || keys[0] != left.published()[application] {
			t.Errorf("after the grace application %s has %v, published %v", application, keys, left.published())
		}
	}
	s.say(fmt.Sprintf("# API keys of the %d applications: %d before, %d now", len(left.published()), total(after.counts()), total(left.counts())))

	own := s.ownKey(at)

	s.say("\n$ make deploy                                             # again, with a caller that keeps calling; .env has the old key")
	calls := s.during(at, func() {
		said := s.mustMake("", "deploy")
		s.wants("make deploy", said, "own key: the function keeps "+own)
		s.say(line(said, "own key: "))
		s.say(tail(said, 2))
	})
	s.say(fmt.Sprintf("# %d calls meanwhile, all answered 200", calls))

	s.cron(f.Host, 8*24*time.Hour, "the grace of the function's old key is over, too; its cron fires")
	if now := s.state(); slices.Contains(now.keys(now.rotator()), s.rotator["ROTATOR_ACCESS_KEY"]) || s.runsOn(at) != own {
		t.Errorf("the function runs on %s, and made %s; its application has %v", s.runsOn(at), own, now.keys(now.rotator()))
	}
	s.say("# the function runs on the key that it made; the one in .env is gone")

	if again := s.function(); again.ID != f.ID {
		t.Errorf("the redeploy made another function: %s, then %s", f.ID, again.ID)
	}
	s.say("\n$ make invoke")
	invoked := s.mustMake("", "invoke")
	s.wants("make invoke", invoked, "✓ SUCCESS", ": dry run ", "APPLICATIONS")
	s.say(head(invoked, 4))

	s.say("\n$ echo " + namespace + " | make undeploy")
	s.say(tail(s.mustMake(namespace+"\n", "undeploy"), 3))
	for _, end := range s.state().Functions {
		if end.Namespace == namespace {
			t.Errorf("still there: %+v", end)
		}
	}
	s.curls(404, at)
	s.end()
}

// ownKey has the function replace the key that it runs on, and waits until it
// runs on the new one, which it returns.
func (s *shell) ownKey(at string) (now string) {
	s.t.Helper()
	old := s.rotator["ROTATOR_ACCESS_KEY"]
	if runs := s.runsOn(at); runs != old {
		s.t.Fatalf("deployed with %s, the function runs on %s", old, runs)
	}
	s.say("\n$ curl -H \"X-Auth-Token: $KEY\" -H \"X-Rotator-Control: $CONTROL\" -d '{\"steps\": [\"own_key\"], \"force\": true}' \"https://$HOST\"")
	s.curls(200, "-H", "X-Auth-Token: "+s.callerKey, "-H", s.control(), "-d", `{"steps": ["own_key"], "force": true}`, at)
	s.until("the function runs on its new key", func() bool { now = s.runsOn(at); return now != old })
	s.say("# it has redeployed itself, and runs on another key now")
	return now
}

// control is the header with the function's control secret.
func (s *shell) control() string { return "X-Rotator-Control: " + s.rotator["ROTATOR_CONTROL_SECRET"] }

// runsOn is the key that the function says it runs on.
func (s *shell) runsOn(at string) string {
	s.t.Helper()
	var report struct {
		OwnKey struct {
			AccessKey string `json:"access_key"`
		} `json:"own_key"`
	}
	if err := json.Unmarshal([]byte(s.curls(200, "-H", "X-Auth-Token: "+s.callerKey, "-H", s.control(), at)), &report); err != nil {
		s.t.Fatal(err)
	}
	return report.OwnKey.AccessKey
}

// line is the first that starts so.
func line(text, start string) string {
	for l := range strings.Lines(text) {
		if strings.HasPrefix(l, start) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

// during keeps calling while f runs, and returns how often it did.
func (s *shell) during(at string, f func()) (calls int) {
	s.t.Helper()
	stop := make(chan struct{})
	var callers sync.WaitGroup
	callers.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			out, err := s.curl("-H", "X-Auth-Token: "+s.callerKey, "-o", "/dev/null", at)
			if err != nil || out != "200" {
				s.t.Errorf("a call during the redeploy: %s %v", out, err)
				return
			}
			calls++
		}
	})
	f()
	close(stop)
	callers.Wait()
	return calls
}

// cron moves the clock by so long, and on to the next 03:17, when the cron of
// serverless.yml fires; it waits until the cron's call has been answered.
func (s *shell) cron(host string, by time.Duration, why string) {
	s.t.Helper()
	now := s.state().Clock
	then := now.Add(by)
	next := time.Date(then.Year(), then.Month(), then.Day(), 3, 17, 0, 0, time.UTC)
	if !next.After(then) {
		next = next.AddDate(0, 0, 1)
	}
	by = next.Sub(now).Round(time.Second) + time.Second
	s.say(fmt.Sprintf("\n$ curl -d '{\"advance\": %q}' $EMULATOR_CONTROL_URL/clock   # %s", by, why))
	s.move(by)
	s.until("the cron has been answered", func() bool {
		return slices.ContainsFunc(s.history(now), func(r request) bool {
			if !r.cron(host) || r.Time.Before(next) {
				return false
			}
			if r.Status != http.StatusOK {
				s.t.Fatalf("the cron's call was answered %d", r.Status)
			}
			return true
		})
	})
}

// credential is the key that a consumer of an application reads.
func (s *shell) credential(application string) string {
	s.t.Helper()
	for _, a := range s.state().Applications {
		if a.Name == application {
			query := url.Values{"secret_path": {"/rotator"}, "secret_name": {a.ID}, "project_id": {s.vars["SCW_DEFAULT_PROJECT_ID"]}}
			var version struct{ Data []byte }
			s.api("GET", "/secret-manager/v1beta1/regions/fr-par/secrets-by-path/versions/latest_enabled/access?"+query.Encode(), nil, &version)
			return s.secret(version.Data)
		}
	}
	s.t.Fatalf("no application %s", application)
	return ""
}

func (s *shell) wants(what, text string, wants ...string) {
	s.t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			s.t.Errorf("%s: want %q in:\n%s", what, want, text)
		}
	}
}
