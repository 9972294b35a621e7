package keys_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// consumer is a workload that reads its key from Secret Manager every six hours
// and calls a private endpoint every hour.
type consumer struct {
	application string
	endpoint    string
	secret      string // of the key that it holds; "" before there was one
}

// read takes the key that latest_enabled gives, by path, as the README says.
func (c *consumer) read(t *testing.T, r *runtest.Rig) {
	t.Helper()
	answer := r.Call(r.Secret, http.MethodGet, fmt.Sprintf(
		"/secret-manager/v1beta1/regions/fr-par/secrets-by-path/versions/latest_enabled/access?secret_path=/rotator&secret_name=%s&project_id=%s",
		r.Application(c.application), r.Project("demo")), nil)
	if answer.Status != http.StatusOK {
		t.Fatalf("%s cannot read its key: %d %s", c.application, answer.Status, answer.Text)
	}
	data, err := base64.StdEncoding.DecodeString(answer.Body["data"].(string))
	if err != nil {
		t.Fatal(err)
	}
	var pair struct {
		SecretKey string `json:"secret_key"`
	}
	if err := json.Unmarshal(data, &pair); err != nil || pair.SecretKey == "" {
		t.Fatalf("%s reads a version that holds no secret_key: %v", c.application, err)
	}
	c.secret = pair.SecretKey
}

// call fails the test if the endpoint refuses the key.
func (c *consumer) call(t *testing.T, r *runtest.Rig) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.endpoint, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Auth-Token", c.secret)
	resp, err := r.HTTP.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s was refused with %d", r.Clock().Now(), c.application, resp.StatusCode)
	}
}

func url(t *testing.T, r *runtest.Rig, name string) string {
	t.Helper()
	e, known := r.Endpoint(name)
	if !known {
		t.Fatalf("the demo has no endpoint %s", name)
	}
	return "https://" + e.Host + "/"
}

// prophecy is what reports said of when superseded keys die and current ones are
// rotated: first and last.
type prophecy struct{ dies, rotated map[string][2]time.Time }

func newProphecy() prophecy {
	return prophecy{dies: map[string][2]time.Time{}, rotated: map[string][2]time.Time{}}
}

func (p prophecy) listen(rep *report.Report) {
	note := func(said map[string][2]time.Time, key string, at time.Time) {
		first := at
		if before, known := said[key]; known {
			first = before[0]
		}
		said[key] = [2]time.Time{first, at}
	}
	for _, a := range rep.Applications {
		if !a.InScope {
			continue
		}
		for _, e := range a.Next {
			if key, ok := strings.CutSuffix(strings.TrimPrefix(e.What, "the superseded key "), " is deleted"); ok {
				note(p.dies, key, e.At)
			}
			if key, ok := strings.CutSuffix(strings.TrimPrefix(e.What, "the current key "), " is rotated"); ok {
				note(p.rotated, key, e.At)
			}
		}
	}
}

// check compares with the keys that live and those that are published after a
// run that began then: it must have done what is within an hour of it, and
// nothing else.
func (p prophecy) check(t *testing.T, living, current map[string]bool, began time.Time) {
	t.Helper()
	for what, row := range map[string]struct {
		said map[string][2]time.Time
		now  map[string]bool
	}{"lives": {p.dies, living}, "is the current one": {p.rotated, current}} {
		for key, said := range row.said {
			for i, at := range said {
				if early := began.Sub(at) > time.Hour; !row.now[key] && early {
					t.Errorf("%s: key %s was to be done with by an earlier run, on %s (said %s)", began, key, at, []string{"first", "last"}[i])
				}
				if due := !began.Add(time.Hour).Before(at); due == row.now[key] {
					t.Errorf("%s: key %s was to be done with on %s (said %s), and %s: %t", began, key, at, []string{"first", "last"}[i], what, row.now[key])
				}
			}
			if !row.now[key] {
				delete(row.said, key)
			}
		}
	}
}

func TestLongFourMonthsOfDailyRuns(t *testing.T) {
	t.Parallel()
	r := runtest.Start(t, emulator.Options{KeyLag: 45 * time.Second})
	consumers := []*consumer{
		{application: "checkout", endpoint: url(t, r, "checkout-api"), secret: r.Keys("checkout")[0].SecretKey},
		{application: "storefront", endpoint: url(t, r, "image-resizer"), secret: r.Keys("storefront")[0].SecretKey},
		{application: "nightly-batch", endpoint: url(t, r, "search-indexer")},
	}
	for _, c := range consumers {
		if c.secret != "" {
			c.call(t, r)
		}
	}
	const days = 120
	said := newProphecy()
	rotations := 0
	for day := range days {
		began := r.Clock().Now()
		rep := r.MustRun(t, run.Request{})
		if day == 0 && (len(rep.LegacyTokens) != 9 || *rep.Found.LegacyTokens != 9) {
			t.Errorf("the first run found %d legacy tokens", *rep.Found.LegacyTokens)
		}
		for _, token := range r.Tokens() {
			// Containers may be called with an IAM key since the first day.
			held := slices.ContainsFunc(rep.LegacyTokens, func(l report.LegacyToken) bool { return l.ID == token.ID && l.Result == "held" })
			if token.Project == r.Project("demo") && (day >= 7 || !held) {
				t.Errorf("day %d: legacy token %s lives", day, token.ID)
			}
		}
		living, current := map[string]bool{}, map[string]bool{}
		for _, a := range rep.Applications {
			if a.InScope {
				rotations += inOrder(t, r, day, a)
				for _, k := range r.Keys(a.Name) {
					living[k.AccessKey] = true
				}
				for _, k := range a.Keys {
					current[k.AccessKey] = current[k.AccessKey] || k.State == "current"
				}
			}
		}
		said.check(t, living, current, rep.StartedAt)
		said.listen(rep)
		for hour := 0; r.Clock().Now().Before(began.Add(24 * time.Hour)); hour++ {
			for _, c := range consumers {
				if hour%6 == 5 || c.secret == "" {
					c.read(t, r)
				}
				c.call(t, r)
			}
			r.Clock().Advance(time.Hour)
		}
	}
	if want := 3 * (1 + (days-1)/30); rotations != want {
		t.Errorf("%d rotations in %d days, want %d", rotations, days, want)
	}
}

// inOrder checks an application after a run, and returns 1 if it was rotated.
func inOrder(t *testing.T, r *runtest.Rig, day int, a report.Application) int {
	t.Helper()
	current := 0
	for _, k := range a.Keys {
		if k.State == "current" {
			current++
		}
	}
	if current != 1 {
		t.Errorf("day %d: %s has %d current keys", day, a.Name, current)
	}
	versions := r.MustCall(http.MethodGet, "/secret-manager/v1beta1/regions/fr-par/secrets/"+a.Secret.ID+"/versions?page_size=100", nil)["versions"].([]any)
	standing := 0
	for _, v := range versions {
		if v.(map[string]any)["deletion_requested_at"] == nil {
			standing++
		}
	}
	if standing > 20 || standing == 0 {
		t.Errorf("day %d: the secret of %s holds %d versions", day, a.Name, standing)
	}
	if a.Action == "rotated" {
		return 1
	}
	return 0
}
