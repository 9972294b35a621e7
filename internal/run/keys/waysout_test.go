package keys_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A key whose default project is gone is replaced by one that has the rotator's:
// nothing can be made in a project that is no more, and each later run would be
// refused alike.
func TestADefaultProjectThatIsGoneIsReplacedByTheRotators(t *testing.T) {
	t.Parallel()
	gone := func(key emulator.SeedKey) emulator.SeedKey {
		key.Project = "closed"
		return key
	}
	for _, tt := range []struct {
		name     string
		orders   emulator.SeedApplication
		secrets  []emulator.SeedSecret
		own      bool // the function's own key is the one
		settings []string
	}{
		{name: "a key that a person made", orders: emulator.SeedApplication{Keys: []emulator.SeedKey{gone(emulator.SeedKey{AccessKey: runtest.KeyA, Age: runtest.Age(40)})}}},
		{
			name: "a key that is published", orders: emulator.SeedApplication{Keys: []emulator.SeedKey{gone(runtest.Minted(runtest.KeyA, 31))}},
			secrets: []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyA, 31))},
		},
		{name: "the function's own key", own: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seed := runtest.Small(tt.orders, tt.secrets...)
			seed.Projects = append(seed.Projects, emulator.SeedProject{Name: "closed"})
			subject, settings := "application orders", []string{"ROTATOR_OWN_KEY=keep"}
			if tt.own {
				subject, settings = "the function's own key", nil
				seed.Applications[0].Keys = []emulator.SeedKey{{AccessKey: runtest.KeyC, Age: runtest.Age(40), Project: "closed"}}
				seed.Serverless[0].FunctionNamespaces = append(seed.Serverless[0].FunctionNamespaces, emulator.SeedFunctionNamespace{
					Name: "ops", Functions: []emulator.SeedFunction{{
						Name: "key-rotator", Env: map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyC}, SecretEnv: map[string]string{"ROTATOR_SECRET_KEY": "${secret_key:rotator}"},
					}},
				})
			}
			r := runtest.StartSeed(t, emulator.Options{}, seed, settings...)
			closed := r.Project("closed")
			r.MustCall(http.MethodDelete, "/account/v3/projects/"+closed, nil)
			rep := r.Announced(t, run.Request{})
			want := fmt.Sprintf("note: the default project of its key, %s, is gone: the new key has the rotator's, %s → ", closed, runtest.DemoProject)
			if rep.Outcome != report.Success || found(rep, subject) != want {
				t.Errorf("it says of %s: %s\n%s", subject, found(rep, subject), runtest.Text(t, rep))
			}
			name := strings.TrimPrefix(subject, "application ")
			if tt.own {
				name = "rotator"
			}
			if a := runtest.Application(t, rep, name); a.Action != "rotated" {
				t.Errorf("%s: %s", a.Action, a.Why)
			}
			for _, k := range r.Keys(name) {
				if k.AccessKey != runtest.KeyA && k.AccessKey != runtest.KeyC {
					if got := r.MustCall(http.MethodGet, "/iam/v1alpha1/api-keys/"+k.AccessKey, nil)["default_project_id"]; got != runtest.DemoProject {
						t.Errorf("the new key's default project is %s", got)
					}
				}
			}
			r.MustRun(t, run.Request{}) // and no other run meets it
		})
	}
}

// What is refused for another reason is not tried again with another project.
func TestOnlyAProjectThatIsGoneIsReplaced(t *testing.T) {
	t.Parallel()
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "other"}}})
	for status, body := range map[int]string{
		http.StatusNotFound:   `{"message":"resource is not found","resource":"application","resource_id":"x","type":"not_found"}`,
		http.StatusBadRequest: `{"type":"invalid_arguments","message":"invalid","details":[{"argument_name":"expires_at","reason":"constraint"}]}`,
		http.StatusForbidden:  `{"type":"permissions_denied","message":"insufficient permissions","details":[{"resource":"api_key","action":"create"}]}`,
	} {
		r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep")
		r.Arm(emulator.Fault{Method: http.MethodPost, Path: "/iam/v1alpha1/api-keys", Status: status, Body: body, Times: -1})
		rep := r.Run(t, run.Request{})
		asked := 0
		for _, q := range r.History() {
			if q.Method == http.MethodPost && q.Path == "/iam/v1alpha1/api-keys" {
				asked++
			}
		}
		if asked != 1 || rep.Outcome != report.Failure {
			t.Errorf("%d: asked %d times:\n%s", status, asked, runtest.Text(t, rep))
		}
	}
}

// The name of a secret that is being deleted is taken until it is erased: what is
// refused says until when, and what to do.
func TestASecretThatIsScheduledForDeletionNamesTheWayOut(t *testing.T) {
	t.Parallel()
	const secrets = "/secret-manager/v1beta1/regions/fr-par/secrets"
	empty := emulator.SeedSecret{Name: runtest.OrdersID, Project: "demo", Path: "/rotator", Age: runtest.Age(3)}
	someones := runtest.CredentialOf(emulator.SeedVersion{Data: "x", Description: "by hand", Age: runtest.Age(3)})
	for name, secret := range map[string]emulator.SeedSecret{"without a version": empty, "with a version of somebody's": someones} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := runtest.StartSeed(t, emulator.Options{Answers: emulator.Answers{NameTakenByDeleted: true}},
				runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}}, secret), "ROTATOR_OWN_KEY=keep")
			list := r.MustCall(http.MethodGet, secrets+"?name="+runtest.OrdersID+"&project_id="+runtest.DemoProject, nil)["secrets"].([]any)
			id := list[0].(map[string]any)["id"].(string)
			r.MustCall(http.MethodDelete, secrets+"/"+id, nil)
			rep := r.Run(t, run.Request{})
			errs := strings.Join(runtest.Step(t, rep, "rotate").Errors, "\n")
			want := "a secret of this name (" + id + ") is scheduled for deletion: restore it, or wait until it is erased, on 8 September 2026"
			if rep.Outcome != report.Failure || !strings.Contains(errs, want) {
				t.Errorf("it says:\n%s", runtest.Text(t, rep))
			}
			keys := []string{}
			for _, k := range r.Keys("orders") {
				keys = append(keys, k.AccessKey)
			}
			if diff := cmp.Diff([]string{runtest.KeyA}, keys); diff != "" {
				t.Errorf("keys of the application (-want +got):\n%s", diff)
			}
			r.MustCall(http.MethodPost, secrets+"/"+id+"/restore", map[string]any{}) // as it says
			if name == "without a version" {
				if a := runtest.Application(t, r.MustRun(t, run.Request{}), "orders"); a.Action != "rotated" {
					t.Errorf("then it is %s: %s", a.Action, a.Why)
				}
			}
		})
	}
}
