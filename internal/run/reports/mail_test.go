package reports_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// A run tells by e-mail with the function's own key, if that may; if not, the report
// says what is missing, and the run is what it was.
func TestARunTellsByEMail(t *testing.T) {
	t.Parallel()
	for _, may := range []bool{true, false} {
		seed := runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, 1)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, 1)))
		own := slices.IndexFunc(seed.Applications, func(a emulator.SeedApplication) bool { return a.Name == "rotator" })
		if may {
			seed.Applications[own].Policies = append(seed.Applications[own].Policies, emulator.SeedPolicy{Name: "mail", Rules: []emulator.SeedRule{
				{PermissionSets: []string{"TransactionalEmailEmailApiCreate"}, Projects: []string{"demo"}},
			}})
		}
		r := runtest.StartSeed(t, emulator.Options{}, seed, "ROTATOR_OWN_KEY=keep", "ROTATOR_NOTIFY_ON=always",
			"ROTATOR_NOTIFY=tem:?from=keys@example.com&to=ops@example.org&to=dana@example.net https://chat.example.com/hook")
		e := &ears{}
		o := r.Surroundings()
		o.Tell = e
		rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
		if err != nil || rep.Outcome != report.Success || len(rep.Told) != 2 || e.of("/hook") != 1 {
			t.Fatalf("may send: %t: %v, told %+v\n%s", may, err, rep.Told, runtest.Text(t, rep))
		}
		mails := r.Mails()
		if !may {
			if got := rep.Told[0]; len(mails) != 0 || got.Told || !strings.Contains(got.Detail, "the permission set TransactionalEmailEmailApiCreate") {
				t.Errorf("%+v, sent %+v", got, mails)
			}
			continue
		}
		if len(mails) != 1 || mails[0].From != "keys@example.com" || !slices.Equal(mails[0].To, []string{"ops@example.org", "dana@example.net"}) ||
			mails[0].Project != r.Project("demo") || !strings.HasPrefix(mails[0].Subject, "✓ SUCCESS") || !strings.Contains(mails[0].Text, "make invoke") {
			t.Errorf("sent %+v", mails)
		}
		if got := rep.Told[0]; !got.Told || got.Target != "tem at example.org" {
			t.Errorf("%+v", got)
		}
		if _, err := run.Do(t.Context(), r.Cfg, run.Request{DryRun: true}, o); err != nil || len(r.Mails()) != 1 {
			t.Errorf("a dry run sends %d e-mails: %v", len(r.Mails())-1, err)
		}
	}
}
