package keys_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestSomeoneElsesVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	first := r.MustRun(t, run.Request{})
	secret := runtest.Application(t, first, "checkout").Secret
	r.MustCall(http.MethodPost, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secret.ID+"/versions", map[string]any{
		"data": "eyJhY2Nlc3Nfa2V5IjoieCIsInNlY3JldF9rZXkiOiJ5In0=", "description": "by hand",
	})
	r.Clock().Advance(40 * 24 * time.Hour)
	r.ForgetHistory()
	got := r.MustRun(t, run.Request{})
	if a := runtest.Application(t, got, "checkout"); a.Action != "left alone" {
		t.Errorf("checkout: %s (%s)", a.Action, a.Why)
	}
	for _, w := range r.Writes() {
		if strings.Contains(w, secret.ID) {
			t.Errorf("sent %s", w)
		}
	}
	if n := len(r.Keys("checkout")); n != 2 {
		t.Errorf("checkout has %d keys, want the 2 it had", n)
	}
	if a := runtest.Application(t, got, "storefront"); a.Action != "rotated" {
		t.Errorf("storefront: %s (%s)", a.Action, a.Why)
	}
}

// After a publish without an answer nothing is deleted, not even the new key:
// the version may be there, or still arrive.
func TestAnUnknownPublishDeletesNothing(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	const versions = "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions"
	r.Arm(emulator.Fault{Method: http.MethodPost, Path: versions, Times: -1, DropFirst: true})
	got := r.Run(t, run.Request{})
	if got.Outcome != report.Failure {
		t.Errorf("outcome %s", got.Outcome)
	}
	for _, c := range got.Changes {
		if c.Kind == "delete_key" {
			t.Errorf("deleted %s after an unknown publish", c.Object)
		}
	}
	r.Disarm()
	r.Clock().Advance(2 * time.Hour)
	r.MustRun(t, run.Request{})
	if n := len(r.Keys("nightly-batch")); n != 1 {
		t.Errorf("nightly-batch has %d keys in the end", n)
	}
}

// A publish whose answer is lost, but which took effect, is found.
func TestAPublishWithoutAnAnswerIsReadBack(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.Arm(emulator.Fault{Method: http.MethodPost, Path: "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions", DropAfter: true})
	r.MustRun(t, run.Request{})
}

// A definite refusal undoes the creation at once.
func TestARefusedPublishUndoesTheKey(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.Arm(emulator.Fault{
		Method: http.MethodPost, Path: "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions", Times: -1,
		Status: http.StatusForbidden, Body: `{"message":"insufficient permissions","type":"permissions_denied","details":[]}`,
	})
	got := r.Run(t, run.Request{})
	if n := len(r.Keys("nightly-batch")); n != 0 {
		t.Errorf("nightly-batch has %d keys after a refused publish", n)
	}
	if errs := strings.Join(runtest.Step(t, got, "rotate").Errors, "\n"); !strings.Contains(errs, "needs the permission set SecretManagerSecretCreate") {
		t.Errorf("the message does not name the permission set:\n%s", errs)
	}
}

// interloper calls act once, as soon as a key was made.
type interloper struct {
	next http.RoundTripper
	act  func()
	once sync.Once
}

func (i *interloper) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := i.next.RoundTrip(r)
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/api-keys") {
		i.once.Do(i.act)
	}
	return resp, err
}

// What somebody publishes while a run verifies its own key is not overwritten.
func TestAVersionThatAppearsDuringARotationIsNotBuried(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	secret := runtest.Application(t, r.MustRun(t, run.Request{}), "checkout").Secret
	o := r.Surroundings()
	o.API = &interloper{next: r.RoundTripper(), act: func() {
		r.MustCall(http.MethodPost, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secret.ID+"/versions", map[string]any{
			"data": "eyJhY2Nlc3Nfa2V5IjoieCIsInNlY3JldF9rZXkiOiJ5In0=", "description": "by hand",
		})
	}}
	before := len(r.Keys("checkout"))
	got, err := run.Do(t.Context(), r.Cfg, run.Request{Force: true, Applications: []string{"checkout"}}, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range got.Changes {
		if c.Kind == "publish" {
			t.Error("published over somebody else's version")
		}
	}
	if n := len(r.Keys("checkout")); n != before {
		t.Errorf("checkout has %d keys, had %d: the new key was not undone", n, before)
	}
}

// A person who goes back to a superseded key makes it the current one: it is
// not deleted.
func TestAKeyThatWasGoneBackToIsNotRetired(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{})
	r.MustRun(t, run.Request{})
	r.Clock().Advance(30 * 24 * time.Hour)
	second := r.MustRun(t, run.Request{})
	secret := runtest.Application(t, second, "storefront").Secret
	r.MustCall(http.MethodPost, "/secret-manager/v1beta1/regions/fr-par/secrets/"+secret.ID+"/versions/2/disable", map[string]any{})
	r.Clock().Advance(10 * 24 * time.Hour)
	got := r.MustRun(t, run.Request{})
	a := runtest.Application(t, got, "storefront")
	if a.Action != "rotated" { // it is 40 days old
		t.Errorf("storefront: %s (%s)", a.Action, a.Why)
	}
	for _, k := range a.Keys {
		if k.Revision == 1 && strings.HasPrefix(k.Note, "deleted") {
			t.Errorf("key %s, published until this run, was deleted", k.AccessKey)
		}
	}
}
