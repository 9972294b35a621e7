package handler_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// TestNoSecretGetsOut lives through the life of a key at the debug level, with
// the function's own failures and Scaleway's, and looks for every secret in all
// that the function says.
func TestNoSecretGetsOut(t *testing.T) {
	t.Parallel()
	f := start(t, surroundings{environ: []string{"ROTATOR_LOG_LEVEL=debug"}})
	known := emulatortest.Secrets{controlSecret: "the control secret"}
	var said strings.Builder
	// The caller's own key goes with the request, as the platform would have it.
	send := func(method, target, body string, faults ...emulator.Fault) answer {
		caller := f.Keys("storefront")
		known.Learn(f.Emulator)
		for _, fault := range faults {
			f.Arm(fault)
		}
		a := f.send(t.Context(), method, target, body, "X-Auth-Token", caller[len(caller)-1].SecretKey)
		f.Disarm()
		known.Learn(f.Emulator)
		fmt.Fprintf(&said, "%s %s %s: %d\n", method, target, body, a.status)
		for _, name := range slices.Sorted(maps.Keys(a.header)) {
			fmt.Fprintf(&said, "%s: %q\n", name, a.header[name])
		}
		said.WriteString(a.body)
		return a
	}
	must := func(a answer, status int) answer {
		t.Helper()
		if a.status != status {
			t.Fatalf("status %d, want %d:\n%s", a.status, status, a.body)
		}
		return a
	}
	must(send(http.MethodGet, "/", ""), 200)
	must(send(http.MethodPost, "/", ""), 200)
	must(send(http.MethodPost, "/?format=text", `{"force": true}`), 200)
	must(send(http.MethodGet, "/?format=html&full=1", ""), 200)
	must(send(http.MethodPost, "/", "nonsense"), 400)
	must(send(http.MethodPost, "/?format=html", "nonsense"), 400)
	f.Clock().Advance(8 * 24 * time.Hour)
	retired := must(send(http.MethodPost, "/", ""), 200)
	if !strings.Contains(retired.body, `"delete_key"`) {
		t.Error("no key was retired: the test does not see that part of a key's life")
	}
	// Answers that hold a secret, and come to nothing.
	const keys, versions = "/iam/v1alpha1/api-keys", "/secret-manager/v1beta1/regions/fr-par/secrets/*/versions"
	for _, row := range []struct {
		status int
		fault  emulator.Fault
	}{
		{500, emulator.Fault{Method: http.MethodPost, Path: keys, Half: true}},
		{500, emulator.Fault{Method: http.MethodPost, Path: keys, NotJSON: true}},
		{500, emulator.Fault{Method: http.MethodPost, Path: versions, Status: 400, Body: `{"type": "invalid_arguments", "message": "no"}`}},
		{500, emulator.Fault{Method: http.MethodGet, Path: versions + "/*/access", Half: true}},
		{200, emulator.Fault{Method: http.MethodPost, Path: versions, DropAfter: true}}, // found when looked for
	} {
		must(send(http.MethodPost, "/", `{"force": true, "steps": ["rotate"]}`, row.fault), row.status)
		f.Clock().Advance(time.Hour)
	}
	if len(known) < 40 {
		t.Errorf("only %d secrets are known: the test looks for too few", len(known))
	}
	for what, text := range map[string]string{"an answer": said.String(), "the log": f.log.String()} {
		if !strings.Contains(text, f.Application("checkout")) {
			t.Errorf("%s does not name an application: the test looks in the wrong place", what)
		}
		if found := known.Leaks(text); len(found) > 0 {
			t.Errorf("in %s stands:\n%s", what, strings.Join(found, "\n"))
		}
	}
	f.lines(t)
}
