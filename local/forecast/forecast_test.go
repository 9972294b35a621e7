package forecast_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/forecast"
)

func age(days int) emulator.SeedAge { return emulator.SeedAge(time.Duration(days) * day) }

// changed is the demo with something changed in it.
func changed(change func(s *emulator.Seed)) emulator.Seed {
	seed := emulator.Demo()
	change(&seed)
	return seed
}

func application(s *emulator.Seed, name string) *emulator.SeedApplication {
	for i := range s.Applications {
		if s.Applications[i].Name == name {
			return &s.Applications[i]
		}
	}
	panic("the demo has no " + name)
}

// mortal is the demo with keys that die while nobody rotates them.
func mortal() emulator.Seed {
	return changed(func(s *emulator.Seed) {
		s.Users[0].Keys = append(s.Users[0].Keys, emulator.SeedKey{AccessKey: "SCWDANA0000000000002", Description: "old laptop", Age: age(300), ExpiresIn: age(40), Project: "demo"})
		application(s, "partner-gateway").Keys[0].ExpiresIn = age(70)
		application(s, "invoicing").Keys[0].ExpiresIn = age(11)
	})
}

// What 120 days of runs then did is what was foretold, day by day.
func TestLongAForecastIsWhatThenHappens(t *testing.T) {
	t.Parallel()
	const days = 120
	for name, row := range map[string]struct {
		options  emulator.Options
		seed     emulator.Seed
		schedule string
		settings []string
		before   int           // days that the runs had come already
		people   func(r *real) // what somebody did before it
		quota    int
		want     []string // kinds that the row is about
	}{
		"as set by default":        {seed: emulator.Demo(), want: []string{"made", "deleted", "delivered", "tokens"}},
		"keys that nobody rotates": {seed: mortal(), want: []string{"expired"}},
		"often": {
			seed: emulator.Demo(), settings: []string{"ROTATOR_ROTATE_AFTER=10d", "ROTATOR_GRACE=3d", "ROTATOR_KEY_LIFETIME=20d"},
		},
		"once a week": {
			seed: mortal(), schedule: "5 22 * * 2", settings: []string{"ROTATOR_INTERVAL=7d", "ROTATOR_HAND_MADE_KEYS=retire"},
		},
		"under a cap": {
			seed: changed(func(s *emulator.Seed) {
				s.SecuritySettings = &emulator.SeedSettings{MaxAPIKeyExpiration: age(12)}
			}), want: []string{"deleted"},
		},
		"after two months of runs": {seed: mortal(), before: 61},
		"after a person switched a version off and on": {
			seed: emulator.Demo(), before: 4, people: func(r *real) {
				name := r.Application("checkout")
				id := r.MustCall(http.MethodGet, emulatortest.SecretsPath+"?name="+name, nil)["secrets"].([]any)[0].(map[string]any)["id"].(string)
				for _, act := range []string{"disable", "enable"} {
					r.MustCall(http.MethodPost, emulatortest.SecretsPath+"/"+id+"/versions/2/"+act, emulatortest.Object{})
				}
			},
		},
		"while an own key is in its grace": {seed: emulator.Demo(), before: 13},
		"after eight days, with consumers only reported": {
			seed: emulator.Demo(), before: 8, settings: []string{"ROTATOR_CONSUMERS=report", "ROTATOR_LEGACY_TOKENS=report"},
		},
		"with an own key that dies": {
			seed: changed(func(s *emulator.Seed) { application(s, "rotator").Keys[0].ExpiresIn = age(50) }), settings: []string{"ROTATOR_OWN_KEY=keep"},
			want: []string{"failed", "expired"},
		},
		"without room for keys": {
			options: emulator.Options{Quotas: emulator.Quotas{KeysPerOrganization: 10}}, quota: 10, seed: emulator.Demo(), want: []string{"failed"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if row.schedule == "" {
				row.schedule = daily
			}
			r := start(t, row.options, row.seed, row.schedule, row.settings...)
			if row.before > 0 {
				r.live(row.before)
				if row.people != nil {
					row.people(r)
				}
				r.labels, r.made = map[string]string{}, map[string]int{}
			}
			o := r.options(days)
			o.KeyQuota, o.Report = row.quota, r.do(run.Request{DryRun: true})
			said := lines(r.forecast(o))
			if diff := cmp.Diff(r.live(days), said); diff != "" {
				t.Errorf("what happened, and what was foretold (-happened +foretold):\n%s", diff)
			}
			for _, kind := range row.want {
				if !strings.Contains(strings.Join(said, "\n"), " "+kind+" ") {
					t.Errorf("nothing of kind %s in:\n%s", kind, strings.Join(said, "\n"))
				}
			}
			if len(said) < 4 {
				t.Errorf("little happens: %q", said)
			}
		})
	}
}

// Who asks needs no more than to read, and no payload of Secret Manager.
func TestLongAForecastNeedsNoMoreThanToRead(t *testing.T) {
	t.Parallel()
	seed := changed(func(s *emulator.Seed) {
		s.Applications = append(s.Applications, emulator.SeedApplication{
			Name: "reader", Keys: []emulator.SeedKey{{AccessKey: "SCWREADER00000000001", Age: age(1), Project: "demo"}},
			Policies: []emulator.SeedPolicy{{Name: "reader", Rules: []emulator.SeedRule{
				{PermissionSets: []string{"IAMReadOnly"}, Organization: true},
				{PermissionSets: []string{"FunctionsReadOnly", "ContainersReadOnly", "SecretManagerReadOnly"}, Projects: []string{"demo"}},
			}}},
		})
	})
	r := start(t, emulator.Options{}, seed, daily)
	all := r.informed(40)
	few := all
	few.Caller.AccessKey, few.Caller.SecretKey = "SCWREADER00000000001", redact.New(r.Keys("reader")[0].SecretKey)
	if diff := cmp.Diff(lines(r.forecast(all)), lines(r.forecast(few))); diff != "" {
		t.Errorf("the owner, and one who may read (-owner +reader):\n%s", diff)
	}
}

// The default project has the organization's ID, and another name in seeds.
func TestLongTheDefaultProjectIsPlayedAsAnyOther(t *testing.T) {
	t.Parallel()
	demo := emulator.Demo()
	text, err := json.Marshal(demo)
	if err != nil {
		t.Fatal(err)
	}
	rename := strings.NewReplacer(`"demo"`, `"default"`, demo.Projects[1].ID, demo.OrganizationID) // in the marks of keys
	seed, err := emulator.ParseSeed([]byte(rename.Replace(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	seed.Projects = slices.DeleteFunc(seed.Projects, func(p emulator.SeedProject) bool { return p.Name == "default" })
	r := start(t, emulator.Options{}, seed, daily)
	o := r.options(40)
	o.Caller.Project = r.Organization()
	other := start(t, emulator.Options{}, emulator.Demo(), daily)
	kinds := func(f *forecast.Result) (out []string) {
		for _, e := range f.Events {
			out = append(out, e.At.Format(time.DateOnly)+" "+string(e.Kind)+" "+e.Who)
		}
		return out
	}
	if diff := cmp.Diff(kinds(other.forecast(other.options(40))), kinds(r.forecast(o))); diff != "" {
		t.Errorf("in a project, and in the default one (-project +default):\n%s", diff)
	}
}
