package setup_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/clock"
	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
	"github.com/scw-key-rotator/rotator/local/manifest"
	"github.com/scw-key-rotator/rotator/local/setup"
)

// room is an organization that nobody has used, and an empty folder.
type room struct {
	*emulatortest.Env

	t    *testing.T
	o    setup.Options
	said []string // whatever was said, to look for secrets in
}

func enter(t *testing.T) *room {
	t.Helper()
	return enterWith(t, emulator.Options{}, emulator.Seed{Projects: []emulator.SeedProject{{Name: "demo"}, {Name: "other"}}})
}

func enterWith(t *testing.T, o emulator.Options, seed emulator.Seed) *room {
	t.Helper()
	o.HashMemory, o.Seed = 8, 1
	r := &room{Env: emulatortest.Start(t, o, seed), t: t}
	r.o = setup.Options{
		API: emulatortest.API, AccessKey: r.AccessKey, SecretKey: r.Secret, Organization: r.Organization(), ProjectID: r.Project("demo"),
		Root: t.TempDir(), Transport: r.RoundTripper(), Narrow: setup.Narrow{Folder: "/rotator"},
		Clock: clock.Clock{Now: r.Clock().Now, Sleep: r.Clock().Sleep, After: r.Clock().After, Emulated: true},
	}
	t.Cleanup(func() {
		secrets := emulatortest.Secrets{}
		secrets.Learn(r.Emulator)
		if control := r.values()["ROTATOR_CONTROL_SECRET"]; control != "" {
			secrets[control] = "the control secret"
		}
		if found := secrets.Leaks(r.said...); len(found) > 0 {
			t.Errorf("it shows %v", found)
		}
	})
	return r
}

// plan looks, which changes nothing, and decides.
func (r *room) plan(ctx context.Context, removal bool) (setup.Facts, []setup.Step, error) {
	r.t.Helper()
	before := len(r.History())
	f, err := setup.Look(ctx, r.o, removal)
	for _, request := range r.History()[before:] {
		if request.Method != http.MethodGet {
			r.t.Errorf("a look sends %s %s", request.Method, request.Path)
		}
	}
	var steps []setup.Step
	if err == nil {
		decide := setup.Plan
		if removal {
			decide = setup.Removal
		}
		steps, err = decide(f)
	}
	for _, s := range steps {
		r.said = append(r.said, fmt.Sprintf("%+v", s))
	}
	r.said = append(append(r.said, setup.Commands(f, steps, "prod")...), fmt.Sprint(err))
	return f, steps, err
}

// work does what is to be done, and returns what that was.
func (r *room) work(ctx context.Context, removal bool) (done []string, err error) {
	r.t.Helper()
	f, steps, err := r.plan(ctx, removal)
	if err != nil {
		return nil, err
	}
	err = setup.Apply(ctx, r.o, f, steps, func(s setup.Step) {
		done = append(done, strings.TrimSpace(fmt.Sprintf("%s %s %s", s.Action, s.What, s.Role)))
	})
	r.said = append(r.said, fmt.Sprint(err))
	return done, err
}

func (r *room) set(removal bool) []string {
	r.t.Helper()
	done, err := r.work(r.t.Context(), removal)
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

// column is what the API has, by description.
func (r *room) column(path, list string) []string {
	r.t.Helper()
	return emulatortest.Column(r.MustCall("GET", path+"?page_size=100", nil), list, "description")
}

func (r *room) values() map[string]string {
	r.t.Helper()
	values, err := manifest.Environment(r.o.Root, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return values
}

func (r *room) put(text string, mode os.FileMode) {
	r.t.Helper()
	path := filepath.Join(r.o.Root, ".env")
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Chmod(path, mode)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *room) text() string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.o.Root, ".env"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// complete wants all there, once.
func (r *room) complete() {
	r.t.Helper()
	want := []string{setup.Description(setup.Function, r.o.ProjectID), setup.Description(setup.Checking, r.o.ProjectID)}
	for _, at := range [][2]string{{emulatortest.AppsPath, "applications"}, {emulatortest.PoliciesPath, "policies"}} {
		got := slices.DeleteFunc(r.column(at[0], at[1]), func(d string) bool { return !strings.HasPrefix(d, "key-rotator") })
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			r.t.Errorf("%s (-want +got):\n%s", at[1], diff)
		}
	}
	values := r.values()
	if values["SCW_DEFAULT_PROJECT_ID"] != r.o.ProjectID || values["SCW_DEFAULT_ORGANIZATION_ID"] != r.o.Organization ||
		len(values["ROTATOR_CONTROL_SECRET"]) != 64 || values["ROTATOR_PROBE_APPLICATION"] != r.Application("key-rotator demo checks") {
		r.t.Errorf(".env lacks something: it has %d lines that count", len(values))
	}
	info, err := os.Stat(filepath.Join(r.o.Root, ".env"))
	if err != nil || info.Mode().Perm() != 0o600 {
		r.t.Errorf(".env has mode %v, %v", info.Mode(), err)
	}
	left, err := os.ReadDir(r.o.Root)
	if err != nil || len(left) != 1 {
		r.t.Errorf("beside .env there is %v, %v", left, err)
	}
	if done, err := r.work(r.t.Context(), false); err != nil || len(done) > 0 {
		r.t.Errorf("again, it does %v, %v", done, err)
	}
}

// deploy makes a function that runs on a key, and checks endpoints with that of an
// application.
func (r *room) deploy(accessKey, where, checks string) (remove func()) {
	r.t.Helper()
	region := "/functions/v1beta1/regions/" + where
	namespace := r.MustCall("POST", region+"/namespaces", emulatortest.Object{"name": "scw-key-rotator", "project_id": r.o.ProjectID})
	r.Clock().Advance(time.Minute)
	r.MustCall("POST", region+"/functions", emulatortest.Object{
		"namespace_id": namespace["id"], "name": "rotator", "runtime": "go126",
		"environment_variables": emulatortest.Object{"ROTATOR_ACCESS_KEY": accessKey, "ROTATOR_PROJECT_ID": r.o.ProjectID, "ROTATOR_PROBE_APPLICATION": checks},
	})
	return func() {
		r.t.Helper()
		r.MustCall("DELETE", region+"/namespaces/"+namespace["id"].(string), nil)
		r.Clock().Advance(time.Hour)
	}
}
