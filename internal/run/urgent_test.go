package run_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// watch lets an auditor judge the keys of orders and of the function's own
// application, but for revoked ones.
func (r *rig) watch(t *testing.T, revoked ...string) *emulator.Auditor {
	t.Helper()
	auditor := r.Audit(emulator.AuditRules{
		Project: r.Project("demo"), Path: "/rotator", Applications: []string{"orders"},
		OwnKey: r.cfg.AccessKey, OwnApplication: "rotator", Grace: r.cfg.Grace,
	})
	for _, key := range revoked {
		auditor.Revoked(key)
	}
	t.Cleanup(func() {
		if _, violations := auditor.Result(); len(violations) > 0 {
			t.Errorf("invariants:\n  %s", strings.Join(violations, "\n  "))
		}
	})
	return auditor
}

// announced does a dry run, which must change nothing, and then a real one,
// which must change exactly what the dry one said.
func (r *rig) announced(t *testing.T, req run.Request) *report.Report {
	t.Helper()
	r.ForgetHistory()
	dry := req
	dry.DryRun = true
	said := r.run(t, dry)
	r.onlyPlanned(t, said)
	got := r.run(t, req)
	if diff := cmp.Diff(did(said), did(got)); diff != "" {
		t.Errorf("announced and done differ (-announced +done):\n%s", diff)
	}
	return got
}

// refusedWith expects a request that cannot be: nothing is changed. It returns
// what was said.
func (r *rig) refusedWith(t *testing.T, req run.Request) string {
	t.Helper()
	r.ForgetHistory()
	_, err := run.Do(t.Context(), r.cfg, req, r.surroundings())
	var wrong *run.RequestError
	if !errors.As(err, &wrong) {
		t.Fatalf("%+v was not refused: %v", req, err)
	}
	if w := r.writes(); len(w) > 0 {
		t.Errorf("a refused request sent %v", w)
	}
	return wrong.Error()
}

// errs are what the steps of a report complain of.
func errs(r *report.Report) string {
	var out []string
	for _, s := range r.Steps {
		out = append(out, s.Errors...)
	}
	return strings.Join(out, "\n")
}

// at tells where in a report a change of that kind stands first and last; -1:
// nowhere.
func at(r *report.Report, kind string) (first, last int) {
	first, last = -1, -1
	for i, c := range r.Changes {
		if c.Kind == kind {
			if last = i; first < 0 {
				first = i
			}
		}
	}
	return first, last
}

func revoke(keys ...string) run.Request { return run.Request{Revoke: keys} }

// behind is a project in which consumers carry a key that another has
// superseded a day ago.
func behind() emulator.Seed {
	seed := carrying(31)
	seed.Applications[1].Keys = []emulator.SeedKey{minted(keyA, 32), minted(keyB, 1)}
	seed.Secrets = []emulator.SeedSecret{credentialOf(holds(keyA, 32), holds(keyB, 1))}
	return seed
}

// theirs is a key that a person made and nobody published.
func theirs(access string) emulator.SeedKey {
	return emulator.SeedKey{AccessKey: access, Age: age(200), Project: "demo"}
}

// carried checks that every consumer runs with the key that the report calls
// current, and that what its variables hold of it is of one key.
func (r *rig) carried(t *testing.T, rep *report.Report) {
	t.Helper()
	secret := ""
	current := ""
	for _, k := range application(t, rep, "orders").Keys {
		if k.State == "current" && !strings.HasPrefix(k.Note, "deleted") {
			current = k.AccessKey
		}
	}
	for _, k := range r.Keys("orders") {
		if k.AccessKey == current {
			secret = k.SecretKey
		}
	}
	for _, row := range []struct{ consumer, variable, want string }{
		{"courier", "ORDERS_SECRET_KEY", secret},
		{"courier", "ORDERS_ACCESS_KEY", current},
		{"nightly", "X_AUTH_TOKEN", secret},
		{"packer", "ORDERS_API_KEY", secret},
		{"cruncher", "ORDERS_TOKEN", secret},
		{"cruncher", "ORDERS_ACCESS_KEY", current},
		{"courier", "DB_PASSWORD", "hunter"},
		{"courier", "MODE", "fast"},
		{"packer", "DB_TOKEN", "other"},
	} {
		if got, _ := r.Variable(row.consumer, row.variable); got != row.want || got == "" {
			t.Errorf("%s runs with another %s than that of %s", row.consumer, row.variable, current)
		}
	}
}

func seconds(d report.Dead) string {
	if d.Seconds == nil {
		return "?"
	}
	return fmt.Sprint(*d.Seconds)
}

func TestAKeptOwnKeyCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	r := startSeed(t, emulator.Options{}, ownDue(), append(only(), "ROTATOR_OWN_KEY=keep")...)
	said := r.refusedWith(t, run.Request{Applications: []string{"rotator"}, Force: true})
	if !strings.Contains(said, `applications: "rotator" is not an application in scope`) {
		t.Errorf("it says %q", said)
	}
}
