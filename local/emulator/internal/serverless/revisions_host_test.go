package serverless_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// fakeHost runs functions that answer with their TOKEN; a TOKEN of "bad" does
// not build.
type fakeHost struct{}

type fakeRevision struct{ http.Handler }

func (fakeRevision) Close() {}

func (fakeHost) Close() error { return nil }

func (fakeHost) Deploy(_ context.Context, d emulator.Deployment) (emulator.Revision, error) {
	token := ""
	for _, line := range d.Env {
		if value, is := strings.CutPrefix(line, "TOKEN="); is {
			token = value
		}
	}
	if token == "bad" {
		return nil, errors.New("it does not build")
	}
	return fakeRevision{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, token) })}, nil
}

func TestAHostsRevisionsRunWithWhatRunningTells(t *testing.T) {
	t.Parallel()
	l := emulatortest.NewLand(t, emulator.Options{HashMemory: 1, Host: fakeHost{}}, carriers())
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	f := apis(l)[0]
	end := l.MustEndpoint("f")
	url := l.MustRaw("GET", f.path+"/upload-url?content_length=3", "")["url"].(string)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, url, strings.NewReader("zip"))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := l.RoundTripper().RoundTrip(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatal(answer, err)
	}
	_ = answer.Body.Close()
	for _, row := range []struct {
		name, token   string
		failing       bool
		pass          time.Duration
		status, shows string
	}{
		{"delivered", "new", false, 0, "ready", "new"},
		{"it does not build", "bad", false, 0, "error", "new"},
		{"it is to fail", "third", true, 11 * time.Second, "error", "new"},
		{"after a day", "bad", false, 24 * time.Hour, "error", ""},
		{"mended", "fourth", false, 0, "ready", "fourth"},
	} {
		l.FailDeployments(end.ID, row.failing)
		l.MustRaw("PATCH", f.path, `{`+f.secret("TOKEN", row.token)+`}`)
		if err := l.Deployed(t.Context(), end.ID); err != nil {
			t.Fatal(err)
		}
		l.Pass(row.pass)
		status, body, _ := l.Visit("https://"+end.Host+"/", l.Secret)
		runs := strings.Fields(runs(l, "f"))
		if got := l.MustRaw("GET", f.path, "")["status"]; got != row.status {
			t.Errorf("%s: %v, want %s", row.name, got, row.status)
		}
		if row.shows == "" {
			if status != http.StatusServiceUnavailable || len(runs) > 0 {
				t.Errorf("%s: %d, runs with %q", row.name, status, runs)
			}
			continue
		}
		if body != row.shows || len(runs) != 3 || runs[2] != row.shows {
			t.Errorf("%s: it answers %q and runs with %q, want %s", row.name, body, runs, row.shows)
		}
	}
}
