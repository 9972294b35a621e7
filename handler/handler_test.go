package handler_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/report"
)

func TestGetIsADryRun(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{"without a body": "", "with an empty one": " \n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{})
			a := f.send(t.Context(), http.MethodGet, "/", body)
			r := a.report(t)
			if a.status != http.StatusOK || r.Outcome != report.Success || !r.DryRun {
				t.Errorf("status %d, outcome %s, dry run %t; want 200, success, true", a.status, r.Outcome, r.DryRun)
			}
			if len(r.Changes) == 0 {
				t.Error("it announces no change: the demo has some to make")
			}
			for _, c := range r.Changes {
				if c.Result != report.Planned {
					t.Errorf("change %v is %s, want planned", c, c.Result)
				}
			}
			if all, writes := f.apiCalls(); len(all) == 0 || len(writes) > 0 {
				t.Errorf("%d API calls, of which no GET: %v", len(all), writes)
			}
		})
	}
}

func TestPostRuns(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"an empty body":               "",
		"a body of spaces":            " \r\n\t",
		"an empty object":             "{}", // what a cron sends
		"an object that says so":      `{"dry_run": false, "force": false}`,
		"an object of exactly 64 KiB": `{"force": false` + strings.Repeat(" ", 64<<10-16) + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{})
			r := f.run(t, body)
			if r.Outcome != report.Success || r.DryRun {
				t.Errorf("outcome %s, dry run %t; want success, false", r.Outcome, r.DryRun)
			}
			done := map[string]int{}
			for _, c := range r.Changes {
				if c.Result != report.Done {
					t.Errorf("change %v is %s, want done", c, c.Result)
				}
				done[c.Kind]++
			}
			want := map[string]int{"create_secret": 3, "create_key": 3, "publish": 3, "mark_version": 2, "remember": 1, "update_environment": 2, "delete_token": 6} // three are held for a grace period
			if diff := cmp.Diff(want, done); diff != "" {
				t.Errorf("changes by kind (-want +got):\n%s", diff)
			}
			if _, writes := f.apiCalls(); len(writes) != len(r.Changes) {
				t.Errorf("%d changes are reported, %d were made: %v", len(r.Changes), len(writes), writes)
			}
		})
	}
}

func TestBodyNarrowsTheRun(t *testing.T) {
	t.Parallel()
	ran := func(r report.Report) (steps []string) {
		for _, s := range r.Steps {
			if s.Outcome != report.Skipped {
				steps = append(steps, s.Name)
			}
		}
		return steps
	}
	kinds := func(r report.Report) (kinds []string) {
		for _, c := range r.Changes {
			if !slices.Contains(kinds, c.Kind) {
				kinds = append(kinds, c.Kind)
			}
		}
		return kinds
	}

	t.Run("dry run", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		if r := f.run(t, `{"dry_run": true}`); !r.DryRun {
			t.Error("the report does not say that it was a dry run")
		}
		if _, writes := f.apiCalls(); len(writes) > 0 {
			t.Errorf("it changed things: %v", writes)
		}
	})
	t.Run("one step", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		if diff := cmp.Diff([]string{"discover", "check"}, ran(f.run(t, `{"steps": ["check"]}`))); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if _, writes := f.apiCalls(); len(writes) > 0 {
			t.Errorf("it changed things: %v", writes)
		}
	})
	t.Run("two steps, in any order", func(t *testing.T) {
		t.Parallel()
		r := start(t, surroundings{}).run(t, `{"steps": ["purge", "rotate"]}`)
		if diff := cmp.Diff([]string{"discover", "rotate", "purge"}, ran(r)); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
	})
	t.Run("one application, by name or ID", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		id := f.Application("checkout")
		for _, name := range []string{"checkout", id} {
			r := f.run(t, fmt.Sprintf(`{"steps": ["rotate"], "force": true, "applications": [%q]}`, name))
			for _, c := range r.Changes {
				if !strings.Contains(c.Object, id) {
					t.Errorf("asked for %s, it changed %s", name, c.Object)
				}
			}
			if !slices.Contains(kinds(r), "publish") {
				t.Errorf("asked for %s, it published no key: %v", name, kinds(r))
			}
		}
	})
	t.Run("force", func(t *testing.T) {
		t.Parallel()
		f := start(t, surroundings{})
		f.run(t, "")
		if again := kinds(f.run(t, `{"steps": ["rotate"]}`)); len(again) > 0 {
			t.Errorf("a second run changes %v, want nothing", again)
		}
		if diff := cmp.Diff([]string{"create_key", "publish"}, kinds(f.run(t, `{"steps": ["rotate"], "force": true}`))); diff != "" {
			t.Errorf("kinds of changes (-want +got):\n%s", diff)
		}
	})
}

func TestWrongConfigurationIsTheAnswer(t *testing.T) {
	t.Parallel()
	environ := []string{"ROTATOR_GRACE=40d", "ROTATOR_SECRET_KEY=5ec2e700-cafe", "ROTATOR_DRY=1", "SCW_DEBUG=1"}
	const problems = "configuration:\n" +
		"  ROTATOR_DRY: no such setting; the settings are in docs/settings.md\n" +
		"  SCW_DEBUG: is set, and makes the Scaleway SDK print new secret keys; unset it\n" +
		"  ROTATOR_SECRET_KEY: the value (not shown) is not right; want the secret key that belongs to ROTATOR_ACCESS_KEY, a UUID\n" +
		"  ROTATOR_GRACE: 40d is longer than ROTATE_AFTER (30d), so superseded keys would pile up; at most 30d fits"
	const hint = "set the function's environment variables as docs/settings.md says; nothing was changed"
	for name, row := range map[string]struct{ method, target, body, want string }{
		"a run":         {http.MethodPost, "/", "", "{\n  \"error\": " + asJSON(t, problems) + ",\n  \"hint\": " + asJSON(t, hint) + "\n}\n"},
		"a dry run":     {http.MethodGet, "/?format=json", "", "{\n  \"error\": " + asJSON(t, problems) + ",\n  \"hint\": " + asJSON(t, hint) + "\n}\n"},
		"a run as text": {http.MethodPost, "/?format=text", "{}", "✗ " + problems + "\n  → " + hint + "\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := start(t, surroundings{environ: environ})
			a := f.send(t.Context(), row.method, row.target, row.body)
			if diff := cmp.Diff(row.want, a.body); diff != "" || a.status != http.StatusInternalServerError {
				t.Errorf("status %d, want 500; body (-want +got):\n%s", a.status, diff)
			}
			if len(f.History()) > 0 {
				t.Errorf("it sent requests: %v", f.History())
			}
			if lines := f.lines(t); len(lines) != 1 || lines[0]["error"] != strings.ReplaceAll(problems, "\n", " ") || lines[0]["run_id"] != "run-1" {
				t.Errorf("the log says %v, want one line with the problems", lines)
			}
			if strings.Contains(f.log.String()+a.body, "5ec2e700") {
				t.Errorf("the secret key got out:\n%s\n%s", a.body, f.log.String())
			}
		})
	}
}
