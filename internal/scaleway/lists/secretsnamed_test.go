package lists_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

const secretsPath = "/secret-manager/v1beta1/regions/fr-par/secrets"

// makeSecret makes one in a project by hand, and returns its ID.
func makeSecret(t *testing.T, r scalewaytest.Rig, project, path, name string) string {
	t.Helper()
	id, _ := r.MustCall(http.MethodPost, secretsPath, map[string]any{"project_id": r.Project(project), "path": path, "name": name, "type": "key_value"})["id"].(string)
	return id
}

func TestSecretsAreFoundByNameInAllPathsAndBeingDeletedToo(t *testing.T) {
	t.Parallel()
	for name, answers := range map[string]emulator.Answers{"filters work": {}, "filters are ignored": {IgnoreFilters: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := scalewaytest.Start(t, emulator.Options{Answers: answers, Clock: emulator.NewManualClock(emulatortest.Epoch)}, emulator.Demo())
			want := []string{}
			for _, path := range []string{"/", "/rotator", "/old"} {
				want = append(want, makeSecret(t, r, "demo", path, "orders"))
				r.Clock().Advance(time.Minute)
			}
			for range 120 { // more than a page of others
				makeSecret(t, r, "demo", "/crowd", "n"+want[0][:4]+string(rune('a'+r.Served()%26))+r.Clock().Now().Format("150405"))
				r.Clock().Advance(time.Second)
			}
			makeSecret(t, r, "demo", "/rotator", "orders-2")
			makeSecret(t, r, "default", "/rotator", "orders")
			r.MustCall(http.MethodDelete, secretsPath+"/"+want[1], nil)
			deleted := r.Clock().Now()
			got, err := r.SecretsNamed(t.Context(), "fr-par", "orders")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, scalewaytest.Names(got, func(s scaleway.Secret) string { return s.ID })); diff != "" {
				t.Fatalf("found (-want +got):\n%s", diff)
			}
			for _, s := range got {
				if going := s.ID == want[1]; going != (s.DeletionRequestedAt.Sub(deleted).Abs() < time.Millisecond) || going == s.DeletionRequestedAt.IsZero() || s.Region != "fr-par" {
					t.Errorf("%s: deletion requested at %s", s.FullName(), s.DeletionRequestedAt)
				}
			}
			listed, err := r.Secrets(t.Context(), "fr-par", "/rotator")
			if err != nil || slices.ContainsFunc(listed, func(s scaleway.Secret) bool { return s.ID == want[1] }) {
				t.Errorf("the folder lists %v, %v", listed, err)
			}
			elsewhere, err := r.SecretsNamed(t.Context(), "nl-ams", "orders")
			if err != nil || len(elsewhere) != 0 {
				t.Errorf("in another region: %v, %v", elsewhere, err)
			}
		})
	}
}

func TestANameThatADeletedSecretHoldsHasAWayOut(t *testing.T) {
	t.Parallel()
	r := scalewaytest.Start(t, emulator.Options{Clock: emulator.NewManualClock(emulatortest.Epoch), Answers: emulator.Answers{NameTakenByDeleted: true}}, emulator.Demo())
	want := scaleway.Secret{Name: "orders", Path: "/rotator", Region: "fr-par"}
	made, err := r.CreateSecret(t.Context(), want, "d")
	if err != nil {
		t.Fatal(err)
	}
	hint := func() string {
		t.Helper()
		_, err := r.CreateSecret(t.Context(), want, "d")
		var refused *scaleway.Error
		if !errors.As(err, &refused) || !errors.Is(err, scaleway.ErrRefused) || !strings.Contains(err.Error(), ": 409 Conflict: ") {
			t.Fatalf("error %v", err)
		}
		return refused.Hint()
	}
	if got := hint(); got != "" {
		t.Errorf("of one that lives: %q", got)
	}
	r.MustCall(http.MethodDelete, secretsPath+"/"+made.ID, nil)
	until := emulatortest.Epoch.Add(7 * 24 * time.Hour).Format("2 January 2006, 15:04 UTC")
	if got := hint(); got != "a secret of this name ("+made.ID+") is scheduled for deletion: restore it, or wait until it is erased, on "+until {
		t.Errorf("hint %q", got)
	}
	r.MustCall(http.MethodPost, secretsPath+"/"+made.ID+"/restore", nil)
	if found, err := r.SecretsNamed(t.Context(), "fr-par", "orders"); err != nil || len(found) != 1 || !found[0].DeletionRequestedAt.IsZero() {
		t.Errorf("restored: %v, %v", found, err)
	}
}
