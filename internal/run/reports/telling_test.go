package reports_test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// ears hears what is told.
type ears struct {
	mu    sync.Mutex
	heard []string // path, then body
	deaf  bool
}

func (e *ears) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.heard = append(e.heard, r.URL.Path+" "+string(body))
	status := http.StatusOK
	if e.deaf {
		status = http.StatusForbidden
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// of counts what was heard at a path.
func (e *ears) of(path string) (n int) {
	for _, h := range e.heard {
		if strings.HasPrefix(h, path+" ") {
			n++
		}
	}
	return n
}

func TestWhoIsToHearOfARunDoes(t *testing.T) {
	t.Parallel()
	const hook, beat = "ROTATOR_NOTIFY=https://chat.example.com/hook", "ROTATOR_HEARTBEAT=https://beat.example.com/b"
	for name, tt := range map[string]struct {
		settings         []string
		due              bool // a key is to be rotated
		fails            bool
		req              run.Request
		told, begun, end int
		failed           int // heartbeat
	}{
		"a success, by default":      {settings: []string{hook, beat}, due: true, begun: 1, end: 1},
		"a failure, by default":      {settings: []string{hook, beat}, fails: true, told: 1, begun: 1, failed: 1},
		"a change":                   {settings: []string{hook, "ROTATOR_NOTIFY_ON=change"}, due: true, told: 1},
		"no change":                  {settings: []string{hook, "ROTATOR_NOTIFY_ON=change"}},
		"always":                     {settings: []string{hook, "ROTATOR_NOTIFY_ON=always"}, told: 1},
		"a dry run, never":           {settings: []string{hook, beat, "ROTATOR_NOTIFY_ON=always"}, fails: true, req: run.Request{DryRun: true}},
		"a part of a run is no beat": {settings: []string{hook, beat, "ROTATOR_NOTIFY_ON=always"}, req: run.Request{Steps: []string{run.StepCheck}}, told: 1},
		"nobody is to":               {fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			age := 5
			if tt.due {
				age = 31
			}
			r := runtest.StartSeed(t, emulator.Options{}, runtest.Small(emulator.SeedApplication{Keys: []emulator.SeedKey{runtest.Minted(runtest.KeyA, age)}}, runtest.CredentialOf(runtest.Holds(runtest.KeyA, age))),
				append([]string{"ROTATOR_OWN_KEY=keep"}, tt.settings...)...)
			if tt.fails {
				r.Arm(emulator.Fault{Method: http.MethodGet, Path: "/favicon.ico", Status: http.StatusInternalServerError, Times: -1})
			}
			e := &ears{}
			o := r.Surroundings()
			o.Tell = e
			rep, err := run.Do(t.Context(), r.Cfg, tt.req, o)
			if err != nil || (rep.Outcome == report.Success) == tt.fails {
				t.Fatalf("%v\n%s", err, runtest.Text(t, rep))
			}
			if e.of("/hook") != tt.told || e.of("/b/start") != tt.begun || e.of("/b") != tt.end || e.of("/b/fail") != tt.failed {
				t.Errorf("heard %q", e.heard)
			}
			if sent := tt.told + tt.begun + tt.end + tt.failed; len(rep.Told) != sent {
				t.Errorf("the report has %+v", rep.Told)
			}
			known := emulatortest.Secrets{}
			known.Learn(r.Emulator)
			if found := known.Leaks(strings.Join(e.heard, "\n")); len(found) > 0 {
				t.Errorf("it says a secret: %s", strings.Join(found, "\n"))
			}
		})
	}
}

// Telling never fails a run, and comes before the function is redeployed, which may
// end it.
func TestTellingFailsNoRunAndComesBeforeTheRedeployment(t *testing.T) {
	t.Parallel()
	r := runtest.StartSeed(t, emulator.Options{}, runtest.OwnDue(), "ROTATOR_NOTIFY=slack:https://chat.example.com/hook", "ROTATOR_NOTIFY_ON=always")
	e := &ears{deaf: true}
	o := r.Surroundings()
	o.Tell = e
	changed, next := 0, o.API
	o.API = runtest.Over(func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPatch && strings.Contains(req.URL.Path, "/functions/") {
			if changed++; len(e.heard) == 0 {
				t.Error("the function is redeployed, and nobody was told yet")
			}
		}
		return next.RoundTrip(req)
	})
	rep, err := run.Do(t.Context(), r.Cfg, run.Request{}, o)
	if err != nil || rep.Outcome != report.Success || changed == 0 {
		t.Fatalf("%v, %d changes of the function\n%s", err, changed, runtest.Text(t, rep))
	}
	if len(e.heard) != 1 || len(rep.Told) != 1 || rep.Told[0].Told || rep.Told[0].Detail != "it answers 403" {
		t.Errorf("heard %d times, %+v", len(e.heard), rep.Told)
	}
}
