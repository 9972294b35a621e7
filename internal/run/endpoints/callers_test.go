package endpoints_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func onOrganization(sets ...string) emulator.SeedRule {
	return emulator.SeedRule{PermissionSets: sets, Organization: true}
}

// callersSeed has a principal of every kind that can call private endpoints.
func callersSeed() emulator.Seed {
	const until = "request.time < timestamp('2100-01-01T00:00:00Z')"
	seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(40), Project: "demo"}}})
	seed.Applications = append(seed.Applications,
		runtest.Principal("till-2100", runtest.Here(until, "FunctionsPrivateAccess")),
		runtest.Principal("never", runtest.Here("1 == 2", "ContainersPrivateAccess")),
		runtest.Principal("iam-admin", runtest.Here("", "FunctionsPrivateAccess"), onOrganization("IAMManager")),
		runtest.Principal("billing-reader", runtest.Here("", "ContainersPrivateAccess"), onOrganization("BillingReadOnly")),
		runtest.Principal("everything", runtest.Here("", "AllProductsFullAccess")),
		runtest.Principal("pipeline", runtest.Here("", "FunctionsFullAccess", "ContainersReadOnly")),
		runtest.Principal("seldom-pipeline", runtest.Here(until, "ContainersFullAccess")),
		runtest.Principal("both", emulator.SeedRule{PermissionSets: []string{"FunctionsPrivateAccess"}, Projects: []string{"demo", "other"}}),
		emulator.SeedApplication{Name: "grouped"},
		runtest.Principal("reader", runtest.Here("", "AllProductsReadOnly", "SecretManagerSecretAccess")),
	)
	seed.Users = []emulator.SeedUser{
		{Username: "dana", Policies: []emulator.SeedPolicy{{Name: "dana", Rules: []emulator.SeedRule{runtest.Here("", "AllProductsFullAccess")}}}},
		{Username: "eve"},
		{Username: "fay", Policies: []emulator.SeedPolicy{{Name: "fay", Rules: []emulator.SeedRule{onOrganization("IAMManager")}}}},
	}
	seed.Groups = []emulator.SeedGroup{
		{Name: "deployers", Applications: []string{"grouped"}, Users: []string{"eve"}, Policies: []emulator.SeedPolicy{{Name: "deployers", Rules: []emulator.SeedRule{runtest.Here("", "ContainersFullAccess")}}}},
	}
	return seed
}

func TestEveryCallerIsInTheReport(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, callersSeed(), "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
	rep := r.Run(t, run.Request{})
	got := map[string]string{}
	for _, c := range rep.Callers {
		line := fmt.Sprint(c.Kind, " ", c.Products, " ", c.PermissionSets)
		if c.Conditional {
			line += " on a condition"
		}
		if !c.InScope {
			line += ": " + c.Why
		}
		got[c.Name] = line
	}
	want := map[string]string{
		"rotator":         "application [functions containers] [FunctionsFullAccess ContainersFullAccess]: the function's own application",
		"orders":          "application [functions containers] [FunctionsPrivateAccess ContainersPrivateAccess]",
		"till-2100":       "application [functions] [FunctionsPrivateAccess] on a condition",
		"never":           "application [containers] [ContainersPrivateAccess] on a condition",
		"iam-admin":       "application [functions] [FunctionsPrivateAccess]: an administrator's: it has IAMManager on the organization",
		"billing-reader":  "application [containers] [ContainersPrivateAccess]: an administrator's: it has BillingReadOnly on the organization",
		"everything":      "application [functions containers] [AllProductsFullAccess]: an administrator's: it has AllProductsFullAccess",
		"pipeline":        "application [functions] [FunctionsFullAccess]: what lets it (FunctionsFullAccess) gives more than that",
		"seldom-pipeline": "application [containers] [ContainersFullAccess] on a condition: what lets it (ContainersFullAccess) gives more than that",
		"both":            "application [functions] [FunctionsPrivateAccess]: it reaches more than this project",
		"grouped":         "application [containers] [ContainersFullAccess]: what lets it (ContainersFullAccess) gives more than that",
		"owner":           "user [functions containers] []: the organization's owner: a person's keys are never rotated",
		"dana":            "user [functions containers] [AllProductsFullAccess]: a person's keys are never rotated",
		"eve":             "user [containers] [ContainersFullAccess]: a person's keys are never rotated",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who can call (-want +got):\n%s", diff)
	}
	said := runtest.Text(t, rep)
	for name := range want {
		if !strings.Contains(said, " "+name+" ") && !strings.Contains(said, " "+name+":") {
			t.Errorf("the text does not name %s:\n%s", name, said)
		}
	}
	warned := []string{}
	for _, f := range rep.Findings {
		if f.Level != report.Note {
			warned = append(warned, string(f.Level)+" "+f.Subject)
		}
	}
	if diff := cmp.Diff([]string{
		"warning application pipeline", "warning application seldom-pipeline", "warning application both", "warning application grouped",
	}, warned, cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("warned of (-want +got):\n%s", diff)
	}
	for _, name := range []string{"orders", "till-2100", "never"} {
		if a := runtest.Application(t, rep, name); a.Action != "rotated" {
			t.Errorf("%s is %s: %s", name, a.Action, a.Why)
		}
	}
	if note := runtest.Application(t, rep, "never").Keys[1].Note; note != "created, verified by the API and published in this run" {
		t.Errorf("the key that a condition keeps out: %s", note)
	}
	for _, name := range []string{"iam-admin", "billing-reader", "everything", "pipeline", "both"} {
		if keys := r.Keys(name); len(keys) != 1 {
			t.Errorf("%s has %d keys", name, len(keys))
		}
	}
}

// An administrator's application is rotated where it is listed, and who is not
// listed is a line.
func TestAnAdministratorsKeyIsRotatedWhereItIsListed(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"iam-admin", "everything"} {
		seed := callersSeed()
		id := "5a6c1e2d-7f43-4b19-9c58-3d2e8b90f2ff"
		for i := range seed.Applications {
			if seed.Applications[i].Name == name {
				seed.Applications[i].ID = id
			}
		}
		r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par", "ROTATOR_APPLICATIONS="+id)
		rep := r.Run(t, run.Request{})
		if a := runtest.Application(t, rep, name); a.Action != "rotated" {
			t.Errorf("%s: %s", a.Action, a.Why)
		}
		for _, f := range rep.Findings {
			if f.Level != report.Note && strings.HasPrefix(f.Subject, "application ") {
				t.Errorf("%s: %s: %s", f.Level, f.Subject, f.Text)
			}
		}
		if len(rep.Callers) != 14 {
			t.Errorf("%d can call, want 14", len(rep.Callers))
		}
	}
}

// Who of the people can call is not known where users cannot be listed: that is
// said, and stops nothing else.
func TestUsersThatCannotBeListedStopNothing(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, callersSeed(), "ROTATOR_OWN_KEY=keep", "ROTATOR_REGIONS=fr-par")
	r.Arm(emulator.Fault{Path: "/iam/v1alpha1/users", Times: -1, Status: http.StatusForbidden, Body: `{"type":"permissions_denied","message":"insufficient permissions","details":[]}`})
	rep := r.Run(t, run.Request{})
	errs := strings.Join(runtest.Step(t, rep, "discover").Errors, "\n")
	if rep.Outcome != report.Failure || !strings.Contains(errs, "list the organization's users: ") || !strings.Contains(errs, "IAMReadOnly") {
		t.Errorf("it says:\n%s", runtest.Text(t, rep))
	}
	if a := runtest.Application(t, rep, "orders"); a.Action != "rotated" {
		t.Errorf("%s: %s", a.Action, a.Why)
	}
	named := 0
	for _, c := range rep.Callers {
		if c.Kind == "user" && len(c.ID) == 36 {
			named++
		}
	}
	if named != 2 { // that a policy and a group name
		t.Errorf("%d users are told, want 2", named)
	}
}

// Keys of callers that no run replaces are named a month before they die, with the
// days that are left; those of applications in scope are not.
func TestAKeyThatNobodyRotatesIsNamedBeforeItDies(t *testing.T) {
	t.Parallel()
	for days, want := range map[int]string{40: "", 29: "in 28 days", 14: "in 13 days", 1: "in less than a day"} {
		seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{{AccessKey: runtest.KeyA, Age: runtest.Age(5), Project: "demo", ExpiresIn: runtest.Age(85)}}})
		seed.Applications = append(seed.Applications, emulator.SeedApplication{
			Name: "partner", Keys: []emulator.SeedKey{{AccessKey: runtest.KeyB, Age: runtest.Age(50), Project: "demo", ExpiresIn: runtest.Age(days) - emulator.SeedAge(time.Hour)}},
			Policies: []emulator.SeedPolicy{{Name: "partner", Rules: emulator.CallerRules("demo", "other")}},
		})
		r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep")
		rep := r.Run(t, run.Request{DryRun: true})
		found := ""
		for _, f := range rep.Findings {
			if f.Subject == "application partner" && strings.Contains(f.Text, runtest.KeyB) {
				found = f.Text
			}
		}
		if (found == "") != (want == "") || !strings.Contains(found, want) {
			t.Errorf("%d days before: %q", days, found)
		}
		keys := map[string]bool{}
		for _, c := range rep.Callers {
			for _, k := range c.Keys {
				keys[k.AccessKey] = k.Rotated
			}
		}
		if rotated, listed := keys[runtest.KeyA]; !rotated || !listed || keys[runtest.KeyB] {
			t.Errorf("keys of callers, and whether they are rotated: %v", keys)
		}
	}
}
