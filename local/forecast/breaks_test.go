package forecast_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/forecast"
)

// broken are the breaks of a kind.
func broken(f *forecast.Result, what string) []forecast.Break {
	return slices.DeleteFunc(slices.Clone(f.Breaks), func(b forecast.Break) bool { return b.What != what })
}

// informed are the options of a forecast that knows who carries what.
func (r *real) informed(days int) forecast.Options {
	o := r.options(days)
	o.Report = r.do(run.Request{DryRun: true})
	return o
}

func TestLongNothingBreaksInTheDemo(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, emulator.Demo(), daily)
	got := r.forecast(r.informed(45))
	if len(got.Breaks) > 0 || got.Runs != 45 || got.FailedRuns != 0 {
		t.Errorf("%d runs, %d failed: %+v", got.Runs, got.FailedRuns, got.Breaks)
	}
}

// A maximum that is too low is said at once, with settings under which it is not.
func TestLongACapThatIsTooLowIsSaidWithSettingsThatFit(t *testing.T) {
	t.Parallel()
	for limit, keys := range map[time.Duration]string{30 * day: "4 keys", 13 * day: "4 keys", 5 * day: "4 keys"} {
		r := start(t, emulator.Options{}, emulator.Demo(), daily)
		o := r.informed(30)
		o.Cap = limit
		got := r.forecast(o)
		found := broken(got, "cap")
		if len(found) != 2 {
			t.Fatalf("%s: %+v", limit, got.Breaks)
		}
		i := slices.IndexFunc(found, func(b forecast.Break) bool {
			return strings.Contains(b.Text, keys+" could not be renewed as set, for 90d: checkout, nightly-batch, rotator, storefront")
		})
		if i < 0 || !strings.Contains(found[1-i].Text, "of user dana") || strings.Contains(found[1-i].Text, "SCWCHECKOUT") {
			t.Fatalf("%s: %+v", limit, found)
		}
		hint, is := strings.CutPrefix(found[i].Hint, "set ")
		if !is {
			t.Fatalf("%s: it gives no settings: %s", limit, found[i].Hint)
		}
		o.Settings = append(o.Settings, strings.Fields(hint)...)
		got = r.forecast(o)
		if left := broken(got, "cap"); len(left) != 1 || got.FailedRuns > 0 || len(broken(got, "grace")) > 0 {
			t.Errorf("%s: with %s: %d runs fail, %+v", limit, hint, got.FailedRuns, got.Breaks)
		}
	}
}

// Under a maximum that leaves no room between two runs nothing but more runs helps.
func TestACapBelowTheIntervalWantsMoreRuns(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, emulator.Demo(), "17 3 * * 1", "ROTATOR_INTERVAL=7d")
	o := r.informed(60)
	o.Cap = 6 * day
	got := r.forecast(o)
	caps := broken(got, "cap")
	if !slices.ContainsFunc(caps, func(b forecast.Break) bool { return strings.HasPrefix(b.Hint, "have runs come at least every 2d") }) {
		t.Errorf("%+v", caps)
	}
	if len(broken(got, "run")) == 0 || len(broken(got, "expiry")) == 0 {
		t.Errorf("runs fail, and keys die before the next one: %+v", got.Breaks)
	}
}

func TestLongReadersThatAreTooSlowForTheGraceAreNamedOnceAnApplication(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, emulator.Demo(), daily)
	o := r.informed(40)
	for readers, want := range map[time.Duration]int{6 * day: 0, 7 * day: 3, 8 * day: 3} {
		o.Readers = readers
		if got := broken(r.forecast(o), "grace"); len(got) != want {
			t.Errorf("read every %s: %+v, want %d", readers, got, want)
		}
	}
}

// A key that a person made dies before its grace is over: nobody can move its date.
func TestLongAGraceThatAKeyDoesNotLiveToSeeIsSaid(t *testing.T) {
	t.Parallel()
	seed := changed(func(s *emulator.Seed) { application(s, "storefront").Keys[1].ExpiresIn = age(3) })
	r := start(t, emulator.Options{}, seed, daily)
	got := broken(r.forecast(r.informed(30)), "grace")
	if len(got) != 1 || !strings.Contains(got[0].Text, "of application storefront expires") || !strings.Contains(got[0].Text, "where ROTATOR_GRACE gives 7d") {
		t.Errorf("%+v", got)
	}
}

func TestLongKeysOfOthersThatDieAreNamedWithWhatTheyCan(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, mortal(), daily)
	got := broken(r.forecast(r.informed(72)), "expiry")
	for i, want := range []struct{ day, who, can string }{
		{"2026-09-12", "of application invoicing expires", "it cannot call"},
		{"2026-10-11", "SCWDANA0000000000002 of user dana expires", "it cannot call"},
		{"2026-11-10", "of application partner-gateway expires", "it can call"},
	} {
		if len(got) != 3 || got[i].At.Format(time.DateOnly) != want.day || !strings.Contains(got[i].Text, want.who) || !strings.Contains(got[i].Text, want.can) {
			t.Errorf("want %v:\n%+v", want, got)
		}
	}
}

func TestLongAQuotaThatFillsUpIsSaid(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, emulator.Demo(), daily)
	o := r.informed(40)
	o.KeyQuota = 11
	got := r.forecast(o)
	if quota := broken(got, "quota"); len(quota) != 2 || !strings.Contains(quota[0].Text+quota[1].Text, "there is no room for another") || len(broken(got, "run")) == 0 || got.MostKeys != 11 {
		t.Errorf("%d keys at most, %+v", got.MostKeys, got.Breaks)
	}
	// Many keys superseded at a time fill a secret, which holds 20 versions.
	often := start(t, emulator.Options{}, emulator.Demo(), daily, "ROTATOR_ROTATE_AFTER=24h", "ROTATOR_GRACE=24h")
	if quota := broken(often.forecast(often.informed(20)), "quota"); len(quota) > 0 {
		t.Errorf("keys that go in time fill nothing: %+v", quota)
	}
}

// A key that dies before the first run comes is told of as one that dies later.
func TestAKeyThatDiesBeforeTheFirstRunIsToldOf(t *testing.T) {
	t.Parallel()
	soon := emulator.SeedAge(time.Hour)
	seed := changed(func(s *emulator.Seed) {
		application(s, "storefront").Keys[0].ExpiresIn = soon
		application(s, "partner-gateway").Keys[0].ExpiresIn = soon
	})
	for schedule, want := range map[string][]string{
		daily:        {"of application storefront expires before a run has replaced it", "of application partner-gateway expires, and no run replaces it; it can call"},
		"17 3 1 1 *": {"of application storefront expires, and no run replaces it; no run comes before", "of application partner-gateway expires, and no run replaces it; no run comes before"},
	} {
		r := start(t, emulator.Options{}, seed, schedule)
		got := broken(r.forecast(r.options(2)), "expiry")
		for _, text := range want {
			if !slices.ContainsFunc(got, func(b forecast.Break) bool { return strings.Contains(b.Text, text) }) {
				t.Errorf("%s: it does not say %q: %+v", schedule, text, got)
			}
		}
	}
}

// Without a report nobody says who carries what: that is said, and keys are held.
func TestLongWhatIsNotKnownIsSaid(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, emulator.Demo(), daily)
	got := r.forecast(r.options(30))
	all := strings.Join(got.Unknown, "\n")
	for _, want := range []string{"1 secret variable is taken for nobody's key, and 1 for the other half of the access key beside it", "3 default endpoints are", "--key-quota", "--readers", "whether the function's cron is on", "what people and pipelines will do"} {
		if !strings.Contains(all, want) {
			t.Errorf("it does not say %q:\n%s", want, all)
		}
	}
	if strings.Contains(strings.Join(lines(got), "\n"), "deleted application storefront "+r.Keys("storefront")[0].AccessKey) {
		t.Error("a key goes that something may carry for all that is known")
	}
	r.do(run.Request{})
	if got := r.forecast(r.options(30)); !strings.Contains(strings.Join(got.Unknown, "\n"), "the ledger is a secret, and is not read") {
		t.Errorf("of the ledger it says nothing: %q", got.Unknown)
	}
}

func TestAForecastShowsNoSecretOfEitherWorld(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, mortal(), daily)
	o := r.informed(25)
	o.Cap, o.Readers, o.KeyQuota = 20*day, 30*day, 12
	got := r.forecast(o)
	var out bytes.Buffer
	if len(broken(got, "run")) == 0 {
		t.Errorf("no run fails, so nothing of one is shown: %+v", got.Breaks)
	}
	for _, write := range []func(w io.Writer) error{got.Text, got.JSON, got.SVG} {
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
	}
	known := emulatortest.Secrets{}
	known.Learn(r.Emulator)
	if leaks := known.Leaks(out.String()); len(leaks) > 0 {
		t.Errorf("it shows %q", leaks)
	}
	for _, access := range regexp.MustCompile(`SCW[A-Z0-9]{17}`).FindAllString(out.String(), -1) {
		if !strings.Contains(fmt.Sprint(r.keys()), access) {
			t.Errorf("it shows %s, which is no key of the project", access)
		}
	}
	for _, id := range regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`).FindAllString(out.String(), -1) {
		public := []string{r.Project("demo"), r.Organization()} // secrets look alike, those of the play too
		for _, name := range []string{"checkout", "storefront", "nightly-batch", "partner-gateway", "invoicing", "rotator"} {
			public = append(public, r.Application(name))
		}
		if !slices.Contains(public, id) {
			t.Errorf("it shows %s", id)
		}
	}
	var parsed map[string]any
	var drawn bytes.Buffer
	if err := errors.Join(got.JSON(&drawn), json.Unmarshal(drawn.Bytes(), &parsed)); err != nil {
		t.Error(err)
	}
	drawn.Reset()
	if err := errors.Join(got.SVG(&drawn), xml.Unmarshal(drawn.Bytes(), new(struct{}))); err != nil || !strings.Contains(drawn.String(), ">storefront</text>") {
		t.Errorf("%v:\n%s", err, drawn.String())
	}
}

func TestWhatCannotBePlayedIsRefused(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{}, emulator.Demo(), daily)
	for want, change := range map[string]func(o *forecast.Options){
		"the report is on project": func(o *forecast.Options) { o.Report = r.do(run.Request{DryRun: true}); o.Report.ProjectID = "other" },
		"ROTATOR_GRACE":            func(o *forecast.Options) { o.Settings = []string{"ROTATOR_GRACE=90d"} },
		"invalid schedule":         func(o *forecast.Options) { o.Schedule = "*/5 * * * *" },
		"list the organization's API keys: the key " + r.Keys("checkout")[0].AccessKey + " may not: it needs IAMReadOnly on the organization": func(o *forecast.Options) {
			o.Caller.AccessKey = r.Keys("checkout")[0].AccessKey
			o.Caller.SecretKey = redact.New(r.Keys("checkout")[0].SecretKey)
		},
		"does not accept the key SCW": func(o *forecast.Options) { o.Caller.SecretKey = redact.New("11111111-2222-4333-8444-555555555555") },
	} {
		o := r.options(5)
		change(&o)
		if _, err := forecast.Make(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for text, want := range map[string]string{"": "no report", "{}": "no whole report", `{"run_id": "x", "project_id": "y"}`: "no whole report"} {
		if _, err := forecast.ParseReport([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// docs/operations.md shows lines of what a forecast really says, in their order.
func TestLongOperationsShowWhatAForecastSays(t *testing.T) {
	t.Parallel()
	r := start(t, emulator.Options{Seed: 1}, emulator.Demo(), daily)
	o := r.informed(120)
	o.Cap, o.Readers = 30*day, 8*day
	var said strings.Builder
	if err := r.forecast(o).Text(&said); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, inside, _ := strings.Cut(string(page), "<!-- forecast -->\n")
	inside, _, _ = strings.Cut(inside, "<!-- /forecast -->")
	rest, shown := strings.Split(said.String(), "\n"), 0
	for line := range strings.Lines(inside) {
		if line = strings.TrimRight(line, "\n"); line == "" || line == "[…]" || strings.HasPrefix(line, "```") || strings.HasPrefix(line, "$ ") {
			continue
		}
		i := slices.Index(rest, line)
		if i < 0 {
			t.Fatalf("docs/operations.md shows what a forecast does not say, or not there:\n%s\n%s", line, said.String())
		}
		rest = rest[i+1:]
		shown++
	}
	if shown < 10 {
		t.Errorf("%d lines are shown: the test looks in the wrong place", shown)
	}
}
