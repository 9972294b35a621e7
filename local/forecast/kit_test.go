package forecast_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/forecast"
)

const (
	day   = 24 * time.Hour
	daily = "17 3 * * *"
)

// real is an emulated project that stands for the real one.
type real struct {
	*emulatortest.Env

	t        *testing.T
	settings []string
	schedule string
	access   string // the key that the function runs on
	secret   string
	listed   map[string]map[string]any // keys, by access key
	labels   map[string]string
	made     map[string]int
	lines    []string // what happened
}

func start(t *testing.T, o emulator.Options, seed emulator.Seed, schedule string, settings ...string) *real {
	t.Helper()
	o.HashMemory = 8
	r := &real{Env: emulatortest.Start(t, o, seed), t: t, settings: settings, schedule: schedule, labels: map[string]string{}, made: map[string]int{}}
	return r
}

func (r *real) clock() clock.Clock {
	return clock.Clock{Now: r.Clock().Now, Sleep: r.Clock().Sleep, After: r.Clock().After, Emulated: true}
}

func (r *real) caller() forecast.Caller {
	return forecast.Caller{
		API: config.DefaultAPIURL, AccessKey: r.AccessKey, SecretKey: redact.New(r.Secret), Organization: r.Organization(), Project: r.Project("demo"),
	}
}

// options are those of a forecast that is read through the SDK.
func (r *real) options(days int) forecast.Options {
	return forecast.Options{
		Settings: r.settings, Schedule: r.schedule, Days: days, Caller: r.caller(), Transport: r.RoundTripper(), Clock: r.clock(),
	}
}

// forecast makes one, and fails the test if it changed anything or read a payload.
func (r *real) forecast(o forecast.Options) *forecast.Result {
	r.t.Helper()
	r.ForgetHistory()
	got, err := forecast.Make(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, q := range r.History() {
		if q.Method != http.MethodGet || strings.HasSuffix(q.Path, "/access") {
			r.t.Errorf("a forecast sent %s %s", q.Method, q.Path)
		}
	}
	return got
}

// do does one run, as the platform would: on the key of the serving revision.
func (r *real) do(req run.Request) *report.Report {
	r.t.Helper()
	own, _ := r.Endpoint("key-rotator")
	for _, line := range r.Running(own.ID) {
		switch name, value, _ := strings.Cut(line, "="); name {
		case "ROTATOR_ACCESS_KEY":
			r.access = value
		case "ROTATOR_SECRET_KEY":
			r.secret = value
		}
	}
	cfg, err := config.Read(append(slices.Clone(r.settings), "ROTATOR_ACCESS_KEY="+r.access, "ROTATOR_SECRET_KEY="+r.secret,
		"ROTATOR_ORGANIZATION_ID="+r.Organization(), "ROTATOR_PROJECT_ID="+r.Project("demo"), "ROTATOR_REQUESTS_PER_SECOND=1000"))
	if err != nil {
		r.t.Fatal(err)
	}
	rep, err := run.Do(r.t.Context(), cfg, req, run.Options{
		API: r.RoundTripper(), Endpoints: r.RoundTripper(), Clock: r.clock(), Log: slog.New(slog.DiscardHandler), RunID: "real",
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return rep
}

// live does the runs of so many days, and returns what happened, by nothing but what
// the API lists and what was asked of it.
func (r *real) live(days int) []string {
	r.t.Helper()
	schedule, err := emulator.ParseSchedule(r.schedule)
	if err != nil {
		r.t.Fatal(err)
	}
	last := r.Clock().Now()
	end := last.AddDate(0, 0, days)
	r.listed, r.lines = r.keys(), nil
	for at := schedule.Next(last); at.Before(end); at = schedule.Next(r.Clock().Now()) {
		r.Clock().Advance(at.Sub(r.Clock().Now()))
		r.expired(last, at)
		r.ForgetHistory()
		rep := r.do(run.Request{})
		r.compare(at)
		r.asked(at)
		if rep.Outcome != report.Success {
			r.note(at, "failed", "", "", 0)
		}
		last = at
	}
	r.Clock().Advance(end.Sub(r.Clock().Now()))
	r.expired(last, end)
	slices.Sort(r.lines)
	return r.lines
}

func (r *real) note(at time.Time, kind, who, key string, n int) {
	r.lines = append(r.lines, line(at, kind, who, key, n))
}

func line(at time.Time, kind, who, key string, n int) string {
	return fmt.Sprintf("%s %s %s %s %d", at.UTC().Format(time.DateOnly), kind, who, key, n)
}

func (r *real) keys() map[string]map[string]any {
	r.t.Helper()
	all := map[string]map[string]any{}
	for _, row := range r.MustCall(http.MethodGet, emulatortest.KeysPath+"?page_size=100", nil)["api_keys"].([]any) {
		k := row.(map[string]any)
		all[k["access_key"].(string)] = k
	}
	return all
}

func (r *real) who(k map[string]any) string {
	if id, _ := k["application_id"].(string); id != "" {
		return "application " + r.MustCall(http.MethodGet, emulatortest.AppsPath+"/"+id, nil)["name"].(string)
	}
	return "user " + r.MustCall(http.MethodGet, "/iam/v1alpha1/users/"+k["user_id"].(string), nil)["username"].(string)
}

func (r *real) label(access string) string {
	if label := r.labels[access]; label != "" {
		return label
	}
	return access
}

func expiry(k map[string]any) time.Time {
	text, _ := k["expires_at"].(string)
	at, _ := time.Parse(time.RFC3339Nano, text)
	return at
}

func (r *real) expired(after, until time.Time) {
	for access, k := range r.listed {
		if at := expiry(k); !at.IsZero() && at.After(after) && !at.After(until) {
			r.note(at, "expired", r.who(k), r.label(access), 0)
		}
	}
}

func (r *real) compare(at time.Time) {
	r.t.Helper()
	now := r.keys()
	for access, k := range now {
		if r.listed[access] == nil {
			who := r.who(k)
			r.made[who]++
			r.labels[access] = fmt.Sprint("new ", r.made[who])
			r.note(at, "made", who, r.labels[access], 0)
		}
	}
	for access, k := range r.listed {
		if dies := expiry(k); now[access] == nil && (dies.IsZero() || dies.After(at)) {
			r.note(at, "deleted", r.who(k), r.label(access), 0)
		}
	}
	r.listed = now
}

// asked counts the writes to environments and of tokens that were answered well.
func (r *real) asked(at time.Time) {
	own, _ := r.Endpoint("key-rotator")
	environments, tokens := 0, 0
	for _, q := range r.History() {
		serverless := strings.HasPrefix(q.Path, "/functions/") || strings.HasPrefix(q.Path, "/containers/")
		switch {
		case !serverless || q.Status >= http.StatusMultipleChoices:
		case q.Method == http.MethodPatch && !strings.HasSuffix(q.Path, own.ID):
			environments++
		case q.Method == http.MethodDelete && strings.Contains(q.Path, "/tokens/"):
			tokens++
		}
	}
	if environments > 0 {
		r.note(at, "delivered", "", "", environments)
	}
	if tokens > 0 {
		r.note(at, "tokens", "", "", tokens)
	}
}

// lines are a forecast's events as live has them.
func lines(f *forecast.Result) []string {
	out := make([]string, 0, len(f.Events))
	for _, e := range f.Events {
		out = append(out, line(e.At, string(e.Kind), e.Who, e.Key, e.N))
	}
	slices.Sort(out)
	return out
}
