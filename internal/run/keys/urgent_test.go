package keys_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// refusedWith expects a request that cannot be: nothing is changed. It returns
// what was said.
func refusedWith(t *testing.T, r *runtest.Rig, req run.Request) string {
	t.Helper()
	r.ForgetHistory()
	_, err := run.Do(t.Context(), r.Cfg, req, r.Surroundings())
	var wrong *run.RequestError
	if !errors.As(err, &wrong) {
		t.Fatalf("%+v was not refused: %v", req, err)
	}
	if w := r.Writes(); len(w) > 0 {
		t.Errorf("a refused request sent %v", w)
	}
	return wrong.Error()
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

// behind is a project in which consumers carry a key that another has
// superseded a day ago.
func behind() emulator.Seed {
	seed := runtest.Carrying(31)
	seed.Applications[1].Keys = []emulator.SeedKey{runtest.Minted(runtest.KeyA, 32), runtest.Minted(runtest.KeyB, 1)}
	seed.Secrets = []emulator.SeedSecret{runtest.CredentialOf(runtest.Holds(runtest.KeyA, 32), runtest.Holds(runtest.KeyB, 1))}
	return seed
}

func seconds(d report.Dead) string {
	if d.Seconds == nil {
		return "?"
	}
	return fmt.Sprint(*d.Seconds)
}

func TestAKeptOwnKeyCannotBeAskedFor(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnDue(), append(runtest.Only(), "ROTATOR_OWN_KEY=keep")...)
	said := refusedWith(t, r, run.Request{Applications: []string{"rotator"}, Force: true})
	if !strings.Contains(said, `applications: "rotator" is not an application in scope`) {
		t.Errorf("it says %q", said)
	}
}
