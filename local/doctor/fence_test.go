package doctor_test

import (
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/local/doctor"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func TestTheFence(t *testing.T) {
	t.Parallel()
	hours := func(from, to int) string { return scaleway.Window{From: from, To: to}.Condition() }
	split := func(condition string) func([]emulator.SeedRule) []emulator.SeedRule { // IAMApplicationManager apart, on a condition
		return func(rules []emulator.SeedRule) []emulator.SeedRule {
			rules[0].PermissionSets = []string{"IAMReadOnly"}
			return append(rules, emulator.SeedRule{PermissionSets: []string{"IAMApplicationManager"}, Organization: true, Condition: condition})
		}
	}
	for name, test := range map[string]struct {
		rules func([]emulator.SeedRule) []emulator.SeedRule
		mark  doctor.Mark
		says  string
		mend  string
	}{
		"as setup makes it": {
			func(r []emulator.SeedRule) []emulator.SeedRule { return r },
			doctor.Right, "the function gets at secrets in /rotator, and at none outside", "",
		},
		"none": {
			func(r []emulator.SeedRule) []emulator.SeedRule { r[2].Condition = ""; return r },
			doctor.Warning, "the function gets at every secret of the project, and needs those in /rotator alone: policy rotator, rule 3 puts no condition on it", "scw iam rule update ",
		},
		"beside one": {
			func(r []emulator.SeedRule) []emulator.SeedRule {
				return append(r, emulator.SeedRule{PermissionSets: []string{"AllProductsFullAccess"}, Projects: []string{"demo"}})
			},
			doctor.Warning, "the function gets at every secret of the project, and needs those in /rotator alone: policy rotator, rule 4", "scw iam rule update ",
		},
		"about another folder": {
			func(r []emulator.SeedRule) []emulator.SeedRule {
				r[2].Condition = scaleway.FolderCondition("/rotators")
				return r
			},
			doctor.Wrong, "SecretManagerSecretAccess is granted in /rotators alone (policy rotator, rule 3), and ROTATOR_SECRET_PATH is /rotator: without it the function cannot read", "make setup",
		},
		"the runs' hours": {split(hours(3, 5)), doctor.Right, "keys can be made and deleted within 03:00-05:00 UTC alone, and the cron's runs come within", ""},
		"of keys":         {split(hours(3, 5)), doctor.Right, "IAMApplicationManager on the organization, within 03:00-05:00 UTC alone: policy rotator, rule 4", ""},
		"other hours": {
			split(hours(4, 5)), doctor.Wrong,
			`keys can be made and deleted within 04:00-05:00 UTC alone, and its cron "17 3 * * *" starts a run at 03:17, which may take 14m0s: such a run rotates nothing`, "make setup ARGS='--only-at 03:00-04:00', or --no-fence",
		},
		"another condition": {
			split("1 == 1"), doctor.Warning, "IAMApplicationManager on the organization is granted on a condition alone (policy rotator, rule 4: 1 == 1)", "scw iam policy create ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := wellSet()
			seed.Applications[0].Policies[0].Rules = test.rules(seed.Applications[0].Policies[0].Rules)
			r := open(t, seed).examine()
			if line := says(t, r, test.mark, test.says); !strings.HasPrefix(line.Mend, test.mend) || (test.mend == "") != (line.Mend == "") {
				t.Errorf("it is mended by %s", line.Mend)
			}
			if test.mark == doctor.Right { // at 12:00, too, when no key can be made
				only(t, r)
			}
			if want := `rules.2.condition='resource.name.startsWith("/rotator/") || !has(resource.id)'`; name == "none" {
				if line := says(t, r, test.mark, test.says); !strings.Contains(line.Mend, want) {
					t.Errorf("it is mended by %s", line.Mend)
				}
			}
		})
	}
}

// The command that narrows a policy keeps the conditions on it.
func TestNarrowingKeepsTheFence(t *testing.T) {
	t.Parallel()
	seed := wellSet()
	rules := seed.Applications[0].Policies[0].Rules
	rules[2].PermissionSets = append(rules[2].PermissionSets, "BillingReadOnly")
	r := open(t, seed).examine()
	line := says(t, r, doctor.Warning, "policy rotator, rule 3 gives BillingReadOnly on project")
	if want := `rules.2.condition='resource.name.startsWith("/rotator/") || !has(resource.id)' rules.2.project-ids.0=`; !strings.Contains(line.Mend, want) {
		t.Errorf("it is mended by %s", line.Mend)
	}
}

// What a condition is asked about where a call makes something is nobody's to know
// (A89), and the doctor's neither.
func TestTheFenceUnderBothAnswers(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{false, true} {
		c := openWith(t, emulator.Options{Answers: emulator.Answers{ConditionsOnNew: known}}, wellSet())
		if r := c.examine(); r.Outcome != doctor.Right {
			t.Errorf("known: %t: it is %s:\n%s", known, r.Outcome, said(r))
		}
	}
}
