package emulatortest

import (
	"fmt"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// Where the APIs of the organization are.
const (
	ProjectsPath = "/account/v3/projects"
	SecretsPath  = "/secret-manager/v1beta1/regions/fr-par/secrets"
	KeysPath     = "/iam/v1alpha1/api-keys"
	AppsPath     = "/iam/v1alpha1/applications"
	PoliciesPath = "/iam/v1alpha1/policies"
	RulesPath    = "/iam/v1alpha1/rules"
	GroupsPath   = "/iam/v1alpha1/groups"
)

// Staff is a seed with one application, billing, that has one key.
func Staff(more ...emulator.SeedApplication) emulator.Seed {
	billing := emulator.SeedApplication{Name: "billing", Keys: []emulator.SeedKey{{Description: "billing", Age: emulator.SeedAge(200 * 24 * time.Hour)}}}
	return emulator.Seed{
		Projects:     []emulator.SeedProject{{Name: "demo"}, {Name: "other"}},
		Applications: append([]emulator.SeedApplication{billing}, more...),
	}
}

// StartStaff runs an emulator with staff.
func StartStaff(t *testing.T, o emulator.Options) *Env {
	t.Helper()
	return Start(t, o, Staff())
}

// WantStatus fails the test unless the answer has that status.
func WantStatus(t *testing.T, got Answer, want int) {
	t.Helper()
	if got.Status != want {
		t.Fatalf("status %d, want %d: %s", got.Status, want, got.Text)
	}
}

// Column is one field of every element of a list.
func Column(body map[string]any, list, field string) []string {
	out := []string{}
	rows, _ := body[list].([]any)
	for _, row := range rows {
		fields, _ := row.(map[string]any)
		out = append(out, fmt.Sprint(fields[field]))
	}
	return out
}

// Object is a JSON object.
type Object = map[string]any
