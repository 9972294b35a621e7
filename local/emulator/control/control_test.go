package control_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// control asks the control handler.
func control(t *testing.T, e *emulator.Emulator, method, target, body string) (int, string) {
	t.Helper()
	answer := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	e.Control().ServeHTTP(answer, r)
	return answer.Code, answer.Body.String()
}

// obeys is control for what must be done; it returns the answer's object.
func obeys(t *testing.T, e *emulator.Emulator, method, target, body string) emulatortest.Object {
	t.Helper()
	status, text := control(t, e, method, target, body)
	if status != http.StatusOK && status != http.StatusNoContent {
		t.Fatalf("%s %s %s: %d %s", method, target, body, status, text)
	}
	answer := emulatortest.Object{}
	if status == http.StatusOK {
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			t.Fatalf("%s %s: %v in %s", method, target, err, text)
		}
	}
	return answer
}

func TestControlRefusesAndSaysWhatWouldBeRight(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	for _, row := range []struct {
		method, target, body string
		status               int
		want                 string
	}{
		{"POST", "/clock", ``, 400, "want a JSON object, not nothing"},
		{"POST", "/clock", `{`, 400, "line 1, column 1: not JSON: unexpected EOF"},
		{"POST", "/clock", `{}`, 400, `advance: want either this, such as "30d", or to, such as "2027-01-01T00:00:00Z"`},
		{"POST", "/clock", `{"advance": "1d", "to": "2100-01-01T00:00:00Z"}`, 400, `advance: want either this, such as "30d", or to, such as "2027-01-01T00:00:00Z"`},
		{"POST", "/clock", `{"advance": 30}`, 400, "advance: want a duration in quotes, such as 400d or 36h, not 30"},
		{"POST", "/clock", `{"advance": "-1d"}`, 400, "advance: want a duration such as 30d, not -1d: the clock never goes back"},
		{"POST", "/clock", `{"to": "tomorrow"}`, 400, `to: want a time such as 2026-09-01T12:00:00Z, not "tomorrow"`},
		{"POST", "/clock", `{"to": "2020-01-01T00:00:00Z"}`, 400, "to: want a time after 2026-09-01T12:00:00Z, which it is now: the clock never goes back"},
		{"POST", "/clock", `{"to": "9999-12-31T23:59:59Z"}`, 400, "to: want a time within 292 years from now"},
		{"POST", "/clock", `{"forward": "1d"}`, 400, "forward: no such field; want advance or to"},
		{"POST", "/latency", `{}`, 400, "latency: want a duration such as 50ms, or 0s for none"},
		{"POST", "/latency", `{"latency": "-1s"}`, 400, "latency: want a duration such as 50ms, or 0s for none"},
		{"POST", "/latency", `{"latency": "slow"}`, 400, `latency: "slow" is not a duration such as 400d or 36h`},
		{"POST", "/faults", `{}`, 400, "status: want an effect: status, drop_first, drop_after, half, not_json or delay"},
		{"POST", "/faults", `{"method": "get", "half": true}`, 400, `method: want GET, POST, PUT, PATCH or DELETE, not "get"`},
		{"POST", "/faults", `{"path": "keys", "half": true}`, 400, `path: want a pattern over the whole path, such as /iam/v1alpha1/api-keys/*, not "keys"`},
		{"POST", "/faults", `{"path": "/[", "half": true}`, 400, `path: want a pattern over the whole path, such as /iam/v1alpha1/api-keys/*, not "/["`},
		{"POST", "/faults", `{"status": 42}`, 400, "status: want a number from 200 to 599, not 42"},
		{"POST", "/faults", `{"status": "503"}`, 400, `status: want a whole number, not "503"`},
		{"POST", "/faults", `{"body": "x", "half": true}`, 400, "status: is required with header and body"},
		{"POST", "/faults", `{"status": 503, "drop_after": true}`, 400, "status: want only one of status, drop_first, drop_after, half and not_json"},
		{"POST", "/faults", `{"skip": -1, "half": true}`, 400, "skip: want how many requests to leave alone first, not -1"},
		{"POST", "/faults", `{"delay": "-1s"}`, 400, "delay: want a duration such as 2s, not -1s"},
		{"POST", "/faults", `{"metod": "GET", "times": "all"}`, 400, `metod: no such field; want method, path, skip, times, delay, status, header, body, drop_first, drop_after, half or not_json; times: want a whole number, not "all"`},
		{"GET", "/history?since=yesterday", ``, 400, `since: want the seq of a request, such as 12, not "yesterday"`},
		{"GET", "/history?since=-1", ``, 400, `since: want the seq of a request, such as 12, not "-1"`},
		{"GET", "/history?unknown=maybe", ``, 400, `unknown: want 1 or 0, not "maybe"`},
		{"GET", "/history?status=404", ``, 400, "status: no such filter; want since or unknown"},
		{"POST", "/state", `{}`, 404, "no POST /state here; GET / says what there is"},
		{"GET", "/iam/v1alpha1/applications", ``, 404, "no GET /iam/v1alpha1/applications here; GET / says what there is"},
	} {
		status, text := control(t, env.Emulator, row.method, row.target, row.body)
		var answer struct{ Message string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status != row.status || answer.Message != row.want {
			t.Errorf("%s %s %s:\n got %d %s\nwant %d %s", row.method, row.target, row.body, status, answer.Message, row.status, row.want)
		}
	}
	if !env.Clock().Now().Equal(emulatortest.Epoch) || env.Latency() != 0 || len(stateOf(t, env.Emulator).Faults) != 0 {
		t.Error("what was refused changed something")
	}
}

func TestControlMovesTheClock(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	if got := obeys(t, env.Emulator, "POST", "/clock", `{"advance": "1d12h"}`)["clock"]; got != "2026-09-03T00:00:00.123456789Z" {
		t.Errorf("advanced to %v", got)
	}
	if got := obeys(t, env.Emulator, "POST", "/clock", `{"to": "2027-01-01T01:00:00+01:00"}`)["clock"]; got != "2027-01-01T00:00:00Z" {
		t.Errorf("moved to %v", got)
	}
	// What is due has happened: the key whose 70 days are over opens nothing.
	keys := env.Keys("storefront")
	for i, want := range []int{http.StatusForbidden, http.StatusUnauthorized} { // known, and expired
		if got := env.Call(keys[i].SecretKey, "GET", emulatortest.AppsPath, nil); got.Status != want {
			t.Errorf("key %d: %d %s, want %d", i, got.Status, got.Text, want)
		}
	}
}

func TestControlChangesTheLatency(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{Latency: time.Second}, emulator.Demo())
	took := func() time.Duration {
		before := env.Clock().Now()
		env.MustCall("GET", emulatortest.AppsPath, nil)
		return env.Clock().Now().Sub(before)
	}
	if got := took(); got != time.Second {
		t.Errorf("from the start: %v", got)
	}
	if got := obeys(t, env.Emulator, "POST", "/latency", `{"latency": "50ms"}`)["latency"]; got != "50ms" || took() != 50*time.Millisecond {
		t.Errorf("changed to %v", got)
	}
	if obeys(t, env.Emulator, "POST", "/latency", `{"latency": "0s"}`); took() != 0 {
		t.Error("switched off, it still takes time")
	}
}

func TestControlArmsFaultsAndDisarmsThem(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	obeys(t, env.Emulator, "POST", "/faults", `{
		"method": "GET", "path": "/iam/v1alpha1/*", "skip": 1, "times": 2, "delay": "3s",
		"status": 503, "header": {"Retry-After": "7"}, "body": "{\"message\":\"later\"}"}`)
	var got []string
	for range 4 {
		answer := env.Call(env.Secret, "GET", emulatortest.AppsPath, nil)
		got = append(got, http.StatusText(answer.Status)+answer.Header.Get("Retry-After"))
		if answer.Status != http.StatusOK && answer.Text != `{"message":"later"}` {
			t.Errorf("it says %s", answer.Text)
		}
	}
	if diff := cmp.Diff([]string{"OK", "Service Unavailable7", "Service Unavailable7", "OK"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if waited := env.Clock().Now().Sub(emulatortest.Epoch); waited != 6*time.Second {
		t.Errorf("it took %v", waited)
	}
	if left := stateOf(t, env.Emulator).Faults; len(left) != 0 {
		t.Errorf("spent, and still there: %v", left)
	}
	for _, effect := range []string{"drop_first", "drop_after", "half", "not_json"} {
		obeys(t, env.Emulator, "POST", "/faults", `{"`+effect+`": true, "times": -1}`)
		if left := stateOf(t, env.Emulator).Faults; len(left) != 1 || left[0][effect] != true || left[0]["times"] != -1.0 {
			t.Errorf("%s: the state shows %v", effect, left)
		}
		resp, err := env.HTTP.Do(request(t, "https://api.scaleway.com/metadata"))
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		if (err == nil) != (effect == "not_json") {
			t.Errorf("%s: %v", effect, err)
		}
		obeys(t, env.Emulator, "DELETE", "/faults", "")
	}
	env.MustCall("GET", emulatortest.AppsPath, nil)
}

func request(t *testing.T, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestControlShowsTheHistory(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	env.AllowUnknownRoutes()
	env.MustCall("GET", emulatortest.AppsPath+"?organization_id="+env.Organization(), nil)
	for range 2 {
		env.Call(env.Secret, "GET", "/iam/v1alpha1/ssh-keys/"+env.Organization(), nil)
	}
	env.Call(env.Secret, "DELETE", emulatortest.AppsPath, nil)
	end, _ := env.Endpoint("checkout-api")
	resp, err := env.HTTP.Do(request(t, "https://"+end.Host+"/nowhere"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	for target, want := range map[string][]int{
		"/history":                   {1, 2, 3, 4, 5},
		"/history?since=3":           {4, 5},
		"/history?since=5":           nil,
		"/history?unknown=1":         {2, 3, 4},
		"/history?unknown=1&since=2": {3, 4},
		"/history?unknown=0":         {1, 2, 3, 4, 5},
	} {
		if diff := cmp.Diff(want, seqs(t, env.Emulator, target)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", target, diff)
		}
	}
	unknown := obeys(t, env.Emulator, "GET", "/unknown", "")
	want := emulatortest.Object{"count": 3.0, "routes": []any{
		emulatortest.Object{"route": "GET /iam/v1alpha1/ssh-keys/{id}", "count": 2.0},
		emulatortest.Object{"route": "DELETE /iam/v1alpha1/applications", "count": 1.0},
	}}
	if diff := cmp.Diff(want, unknown); diff != "" {
		t.Errorf("unknown: -want +got:\n%s", diff)
	}
	obeys(t, env.Emulator, "DELETE", "/history", "")
	if left := seqs(t, env.Emulator, "/history"); left != nil || env.Served() != 5 || len(env.UnknownRoutes()) != 2 {
		t.Errorf("forgotten: %v of %d, %v", left, env.Served(), env.UnknownRoutes())
	}
}

func seqs(t *testing.T, e *emulator.Emulator, target string) []int {
	t.Helper()
	status, text := control(t, e, "GET", target, "")
	if status != http.StatusOK {
		t.Fatalf("%s: %d %s", target, status, text)
	}
	var out []int
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		var row emulator.Request
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatalf("%s: %v in %s", target, err, lines.Text())
		}
		out = append(out, row.Seq)
	}
	return out
}

// Requests end in another order than the one in which they arrive.
func TestHistoryIsInOrderOfArrival(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	end, _ := env.Endpoint("landing-page")
	env.SetBehaviour(end.ID, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		env.MustCall("GET", emulatortest.AppsPath, nil)
	}))
	resp, err := env.HTTP.Do(request(t, "https://"+end.Host+"/"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := seqs(t, env.Emulator, "/history"); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("%v", got)
	}
}

func TestAnUnknownRouteIsToldOnce(t *testing.T) {
	t.Parallel()
	var told []string
	env := emulatortest.Start(t, emulator.Options{OnUnknownRoute: func(route string) { told = append(told, route) }}, emulator.Demo())
	env.AllowUnknownRoutes()
	for _, path := range []string{"/a", "/a", "/keys/SCWAAAAAAAAAAAAAAAAA/x", "/keys/SCWBBBBBBBBBBBBBBBBB/x", "/a%0Ab"} {
		answer := env.Call("", "GET", path, nil)
		if answer.Status != http.StatusNotFound || answer.Body["type"] != "not_found" || answer.Body["resource"] != "route" {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Text)
		}
	}
	if diff := cmp.Diff([]string{"GET /a", "GET /keys/{id}/x", "GET /a%0Ab"}, told); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestControlExplainsItself(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	status, text := control(t, env.Emulator, "GET", "/", "")
	if status != http.StatusOK {
		t.Errorf("%d", status)
	}
	for _, want := range []string{
		"GET /state", "GET /history", "GET /unknown", "DELETE /history", "POST /clock", "POST /latency", "POST /faults", "DELETE /faults",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not tell of %s", want)
		}
	}
}

// The clock stays where JSON can tell it, and all lifetimes that begin there.
func TestControlsClockHasAnEnd(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{Clock: emulator.NewManualClock(time.Date(9000, time.December, 1, 0, 0, 0, 0, time.UTC))}, emulator.Demo())
	status, text := control(t, env.Emulator, "POST", "/clock", `{"advance": "40d"}`)
	if status != http.StatusBadRequest || !strings.Contains(text, "advance: want less") {
		t.Errorf("%d %s", status, text)
	}
	stateOf(t, env.Emulator)
}
