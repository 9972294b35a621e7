package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/handler"
	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// TestLongTheRunnerPrintsNoSecret looks for every secret of the demo in all that the
// runner prints of a run. They are those of a twin: the demo's are always the
// same.
func TestLongTheRunnerPrintsNoSecret(t *testing.T) {
	t.Parallel()
	twin, err := newDemo(emulator.Options{Clock: emulator.NewManualClock(demoStart(time.Now())), Seed: 1}, "demo", nil)
	if err != nil {
		t.Fatal(err)
	}
	known := emulatortest.Secrets{}
	known.Learn(twin.Emulator)
	function := handler.New(twin.environ, &bytes.Buffer{}, handler.Options{
		API: twin.RoundTripper(), Endpoints: twin.RoundTripper(), Clock: clock.Clock{Now: twin.Clock().Now, Sleep: twin.Clock().Sleep, After: twin.Clock().After},
	})
	function.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
	known.Learn(twin.Emulator)
	minted := twin.Keys("checkout")
	for _, args := range [][]string{{"run", "--log"}, {"run", "--log", "--json"}, {"run", "--log", "--dry-run"}} {
		var out, log bytes.Buffer
		code := program{
			getenv: func(string) string { return "" }, environ: func() []string { return []string{"ROTATOR_LOG_LEVEL=debug"} },
			stdout: &out, stderr: &log,
		}.run(t.Context(), args)
		if code != 0 || log.Len() == 0 {
			t.Errorf("%v: exit status %d, %d bytes of log\n%s", args, code, log.Len(), out.String())
		}
		if args[len(args)-1] != "--dry-run" && !strings.Contains(out.String(), minted[len(minted)-1].AccessKey) {
			t.Errorf("%v: the twin makes other keys: the test looks for the wrong ones", args)
		}
		if found := known.Leaks(out.String(), log.String()); len(found) > 0 {
			t.Errorf("%v prints:\n%s", args, strings.Join(found, "\n"))
		}
	}
}
