package scaleway_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestAnEnvironmentInATransientStateIsReadAnewAndChangedThen(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		c.Arm(emulator.Fault{Method: "PATCH", Status: 409, Body: scalewaytest.TransientBody, Times: 8, Header: http.Header{"Content-Type": {"application/json"}}})
		if _, err := c.ChangeEnvironment(c.t.Context(), c.e, nil, newKey); err != nil {
			c.t.Error(err)
		}
		if got := c.methods(); got != strings.Repeat("GET PATCH ", 8)+"GET PATCH" {
			c.t.Errorf("requests %s", got)
		}
	})
}

func TestAnEnvironmentThatStaysInATransientStateIsLeft(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		c.Arm(emulator.Fault{Method: "PATCH", Status: 409, Body: scalewaytest.TransientBody, Times: -1, Header: http.Header{"Content-Type": {"application/json"}}})
		before := c.Clock().Now()
		_, err := c.ChangeEnvironment(c.t.Context(), c.e, nil, newKey)
		if took := c.Clock().Now().Sub(before); !errors.Is(err, scaleway.ErrRefused) || took < scalewaytest.DeployBound || took > scalewaytest.DeployBound+20*time.Second {
			c.t.Errorf("%v after %s", err, took)
		}
		if !strings.Contains(err.Error(), ": 409 Conflict: ") {
			c.t.Errorf("error %v", err)
		}
	})
}

// secretsOf is a change to the secret variables of an answer, in either form.
func secretsOf(answer map[string]any, change func(map[string]any)) {
	hashes := map[string]any{}
	if list, ok := answer["secret_environment_variables"].([]any); ok {
		for _, item := range list {
			pair := item.(map[string]any)
			hashes[pair["key"].(string)] = pair["hashed_value"]
		}
		change(hashes)
		list = nil
		for key, hash := range hashes {
			list = append(list, map[string]any{"key": key, "hashed_value": hash})
		}
		answer["secret_environment_variables"] = list
		return
	}
	change(answer["secret_environment_variables"].(map[string]any))
}

func TestAnAnswerThatShowsHarmIsAnError(t *testing.T) {
	t.Parallel()
	plain := func(change func(map[string]any)) func(scaleway.Environment, map[string]any) {
		return func(_ scaleway.Environment, a map[string]any) { change(a["environment_variables"].(map[string]any)) }
	}
	secret := func(change func(scaleway.Environment, map[string]any)) func(scaleway.Environment, map[string]any) {
		return func(e scaleway.Environment, a map[string]any) { secretsOf(a, func(h map[string]any) { change(e, h) }) }
	}
	rows := []struct {
		name string
		lie  func(before scaleway.Environment, answer map[string]any)
		want string
	}{
		{"another secret is gone", secret(func(_ scaleway.Environment, h map[string]any) { delete(h, "DB_PASSWORD") }), "lost or changed with it: DB_PASSWORD"},
		{"another secret is changed", secret(func(_ scaleway.Environment, h map[string]any) { h["DB_PASSWORD"] = "$argon2id$" }), "lost or changed with it: DB_PASSWORD"},
		{"another variable is gone", plain(func(p map[string]any) { delete(p, "LEVEL") }), "lost or changed with it: LEVEL"},
		{"another variable is changed", plain(func(p map[string]any) { p["LEVEL"] = "info" }), "lost or changed with it: LEVEL"},
		{"all is gone", func(_ scaleway.Environment, a map[string]any) {
			a["environment_variables"], a["secret_environment_variables"] = nil, nil
		}, "lost or changed with it: DB_PASSWORD, LEVEL; not set: API_KEY, KEY_ID"},
		{"the secret is what it was", secret(func(e scaleway.Environment, h map[string]any) { h["API_KEY"] = e.Hashes["API_KEY"] }), "not set: API_KEY"},
		{"the secret is gone", secret(func(_ scaleway.Environment, h map[string]any) { delete(h, "API_KEY") }), "not set: API_KEY"},
		{"the variable is what it was", plain(func(p map[string]any) { p["KEY_ID"] = "old-id-of-the-key" }), "not set: KEY_ID"},
		{"of another", func(_ scaleway.Environment, a map[string]any) { a["id"] = "11111111-1111-4111-8111-111111111111" }, "is not about"},
		{"of elsewhere", func(e scaleway.Environment, a map[string]any) {
			a["namespace_id"] = "11111111-1111-4111-8111-111111111111"
			if e.OfNamespace() {
				a["project_id"] = a["namespace_id"]
			}
		}, "is not about"},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			for words := range kinds {
				t.Run(words, func(t *testing.T) {
					t.Parallel()
					var e scaleway.Environment
					r := scalewaytest.Start(t, emulator.Options{}, environments(), rewrite("PATCH", "", func(a map[string]any) { row.lie(e, a) }))
					e = environment(t, r, words)
					_, err := r.ChangeEnvironment(t.Context(), e, map[string]string{"KEY_ID": "new-id"}, newKey)
					if !errors.Is(err, scaleway.ErrUnknown) || !strings.Contains(err.Error(), row.want) {
						t.Errorf("error %v, want %q", err, row.want)
					}
					if err != nil && (leaks(err.Error()) || strings.Contains(err.Error(), "argon2") || strings.Contains(err.Error(), "debug")) {
						t.Errorf("error %v shows a value", err)
					}
				})
			}
		})
	}
}

func TestAnErrorThatQuotesWhatWasSentIsCut(t *testing.T) {
	t.Parallel()
	const said = `invalid value \"` + scalewaytest.OtherCanary + `\" beside \"old-id-of-the-key\" and debug`
	for name, body := range map[string]string{
		"functions":  `{"message":"` + said + `"}`,
		"containers": `{"type":"invalid_arguments","message":"invalid argument(s)","details":[{"argument_name":"secret_environment_variables","help_message":"` + said + `","reason":"format"}]}`,
		"a refusal":  `{"type":"precondition_failed","precondition":"resource_not_usable","help_message":"` + said + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			everyKind(t, func(c changing) {
				t := c.t
				c.Arm(emulator.Fault{Method: "PATCH", Status: http.StatusBadRequest, Body: body})
				_, err := c.ChangeEnvironment(t.Context(), c.e, map[string]string{"LEVEL": "info"}, newKey)
				if !errors.Is(err, scaleway.ErrRefused) || !strings.HasPrefix(err.Error(), "change the environment of "+c.e.String()+": ") {
					t.Fatalf("error %v", err)
				}
				for _, text := range []string{err.Error(), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err)} {
					if leaks(text) || strings.Contains(text, "old-id-of-the-key") {
						t.Errorf("error %s", text)
					}
				}
			})
		})
	}
}

func TestACallerWithoutTheRightIsToldTheSet(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		set := map[scaleway.Product]string{scaleway.Functions: "FunctionsFullAccess", scaleway.Containers: "ContainersFullAccess"}[c.e.Product]
		for _, method := range []string{"GET", "PATCH"} {
			c.Arm(emulator.Fault{Method: method, Status: 403, Body: `{"details":[],"message":"insufficient permissions","type":"permissions_denied"}`})
			_, err := c.ChangeEnvironment(t.Context(), c.e, nil, newKey)
			if !errors.Is(err, scaleway.ErrForbidden) || !strings.Contains(err.Error(), "needs the permission set "+set) {
				t.Errorf("%s: error %v", method, err)
			}
		}
	})
}

func TestRedeploy(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		got, err := c.Redeploy(t.Context(), c.e)
		if c.e.OfNamespace() {
			if !errors.Is(err, scaleway.ErrRefused) || len(c.History()) > 0 {
				t.Errorf("error %v after %d requests", err, len(c.History()))
			}
			return
		}
		if err != nil || got.State != scaleway.EnvChanging || c.methods() != "POST" {
			t.Fatalf("%s (%s), error %v", got.State, got.Status, err)
		}
		c.Clock().Advance(time.Minute)
		after, err := c.ReadEnvironment(t.Context(), c.e)
		if err != nil || after.State != scaleway.EnvReady || !after.UpdatedAt.After(c.e.UpdatedAt) {
			t.Errorf("%s (%s), error %v", after.State, after.Status, err)
		}
		if knows := c.e.Product == scaleway.Functions; after.ReadyAt.IsZero() == knows || !after.ReadyAt.Equal(c.e.ReadyAt) {
			t.Errorf("ready at %s, before %s", after.ReadyAt, c.e.ReadyAt)
		}
		if !cmp.Equal(after.Plain, c.e.Plain) || !cmp.Equal(after.Hashes, c.e.Hashes) {
			t.Errorf("variables %v, before %v", after, c.e)
		}
		c.Arm(emulator.Fault{Method: "POST", DropAfter: true})
		c.ForgetHistory()
		if _, err := c.Redeploy(t.Context(), c.e); !errors.Is(err, scaleway.ErrUnknown) || c.methods() != "POST" {
			t.Errorf("error %v after %s", err, c.methods())
		}
	})
}

func TestADeploymentThatFailed(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		if c.e.String() != "function checkout-api" {
			return // of the others, the emulator fails none
		}
		c.InstallCode(c.e.ID, false)
		if _, err := c.ChangeEnvironment(t.Context(), c.e, nil, newKey); err != nil {
			t.Fatal(err)
		}
		c.Clock().Advance(time.Minute)
		got, err := c.ReadEnvironment(t.Context(), c.e)
		if err != nil || got.State != scaleway.EnvFailed || got.Problem != "internal error" || !got.ReadyAt.Equal(c.e.ReadyAt) {
			t.Errorf("%s: %q, ready at %s, error %v", got.State, got.Problem, got.ReadyAt, err)
		}
	})
}

func TestStatesOfAnEnvironment(t *testing.T) {
	t.Parallel()
	for status, want := range map[string]scaleway.EnvState{
		"ready": scaleway.EnvReady, "created": scaleway.EnvIdle, "error": scaleway.EnvFailed, "pending": scaleway.EnvChanging,
		"creating": scaleway.EnvChanging, "updating": scaleway.EnvChanging, "upgrading": scaleway.EnvChanging, "deleting": scaleway.EnvChanging,
		"locked": scaleway.EnvChanging, "locking": scaleway.EnvChanging, "": scaleway.EnvChanging, "news": scaleway.EnvChanging,
	} {
		for _, e := range []scaleway.Environment{
			{Product: scaleway.Functions, ID: "f", NamespaceID: "n"},
			{Product: scaleway.Functions, ID: "n", NamespaceID: "n"},
			{Product: scaleway.Containers, ID: "k", NamespaceID: "n"},
			{Product: scaleway.Containers, ID: "n", NamespaceID: "n"},
		} {
			e.Region = "fr-par"
			body := `{"id":"` + e.ID + `","namespace_id":"n","project_id":"` + scalewaytest.Project + `","status":"` + status + `"}`
			got, err := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200, Body: body}}})).ReadEnvironment(t.Context(), e)
			if err != nil || got.State != want || got.Region != "fr-par" {
				t.Errorf("%s with status %q is %s in %q, error %v", e, status, got.State, got.Region, err)
			}
		}
	}
}

func TestListsShowEnvironmentsAsTheyAre(t *testing.T) {
	t.Parallel()
	everyKind(t, func(c changing) {
		t := c.t
		got, err := c.ReadEnvironment(t.Context(), c.e)
		if diff := cmp.Diff(c.e, got); err != nil || diff != "" {
			t.Errorf("error %v, environment (-listed +read):\n%s", err, diff)
		}
		if got.State != scaleway.EnvReady || got.Plain["LEVEL"] != "debug" || !strings.HasPrefix(got.Hashes["API_KEY"], "$argon2id$v=19$m=") {
			t.Errorf("environment %+v", got)
		}
		c.MustCall("DELETE", c.path, nil)
		c.Clock().Advance(time.Minute)
		if _, err := c.ReadEnvironment(t.Context(), c.e); !errors.Is(err, scaleway.ErrNotFound) {
			t.Errorf("of what is gone: error %v", err)
		}
	})
}
