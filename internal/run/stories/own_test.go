package stories_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

// (1) the function's own key.
func TestStoryOwn(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		seed     emulator.Seed
		settings []string
		story    func(l *tale)
	}{
		{"quiet", world(31, 31), nil, func(l *tale) { l.days(45); l.green(); l.converged("rotator") }},
		{"the redeployment fails, and goes on failing beyond 24 hours", world(31, 31), nil, func(l *tale) {
			l.fail("key-rotator", true)
			l.days(5)
			l.fail("key-rotator", false)
			l.days(3)
			if l.down > 0 {
				l.t.Logf("down")
			}
		}},
		{"the redeployment fails for three hours a night for weeks", world(31, 31), nil, func(l *tale) {
			for range 20 {
				l.fail("key-rotator", true)
				l.days(1)
				l.fail("key-rotator", false)
				e, _ := l.Endpoint("key-rotator")
				l.MustCall(http.MethodPost, fnPath+e.ID+"/deploy", map[string]any{})
				l.pass(4)
			}
			l.days(18)
			l.green()
			l.converged("rotator")
		}},
		{"a pipeline puts the old own key back each day", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", runtest.KeyD)
			for range 15 {
				l.days(1)
				if !l.Has(runtest.KeyD) {
					l.t.Errorf("the old own key that is deployed daily is gone")
					break
				}
				l.deployOwn(old)
			}
			l.days(12)
			l.green()
			l.converged("rotator")
		}},
		{"a pipeline puts the old own key back every third day", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", runtest.KeyD)
			for range 6 {
				l.days(3)
				if !l.Has(runtest.KeyD) {
					l.t.Errorf("the old own key that is deployed is gone")
					break
				}
				l.deployOwn(old)
			}
			l.days(12)
			l.green()
			l.converged("rotator")
		}},
		{"a pipeline puts the old one back on the day before its grace ends", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", runtest.KeyD)
			l.days(6)
			l.deployOwn(old)
			l.days(20)
			l.green()
			l.converged("rotator")
			if l.down > 0 {
				l.t.Error("down")
			}
		}},
		{"a pipeline puts the old access key back only", world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyD}, nil)
			l.days(20)
			l.green()
		}},
		{"a pipeline puts the old secret key back only", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", runtest.KeyD)
			l.days(2)
			l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": old.SecretKey})
			l.days(20)
			l.green()
		}},
		{"a pipeline puts the old own key back, not deployed", world(31, 31), nil, func(l *tale) {
			old := l.pair("rotator", runtest.KeyD)
			l.days(2)
			e, _ := l.Endpoint("key-rotator")
			l.MustCall(http.MethodPatch, fnPath+e.ID, map[string]any{
				"redeploy": false, "environment_variables": map[string]any{"ROTATOR_ACCESS_KEY": runtest.KeyD},
				"secret_environment_variables": []any{map[string]any{"key": "ROTATOR_SECRET_KEY", "value": old.SecretKey}},
			})
			l.days(10)
			l.MustCall(http.MethodPost, fnPath+e.ID+"/deploy", map[string]any{})
			l.Clock().Advance(time.Minute)
			l.days(10)
			l.green()
			if strings.Contains(l.outcomes[12:], "F") {
				l.t.Error("the function lost its key")
			}
		}},
		{"a second function of the same application carries the own key", two(world(31, 31)), nil, func(l *tale) {
			l.days(20)
			e, _ := l.Endpoint("key-rotator-2")
			for _, line := range l.Running(e.ID) {
				if a, ok := strings.CutPrefix(line, "ROTATOR_ACCESS_KEY="); ok && !l.Has(a) {
					l.t.Errorf("the second function's key is dead")
				}
			}
		}},
		{"its application loses IAMReadOnly", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("IAMReadOnly")
			l.days(9)
			if l.outcomes[2:] != strings.Repeat("F", 8) {
				l.t.Error("success without rights")
			}
		}},
		{"its application loses IAMApplicationManager", world(31, 31), nil, func(l *tale) {
			l.regrant("IAMApplicationManager")
			l.days(9)
		}},
		{"its application loses FunctionsFullAccess", world(31, 31), nil, func(l *tale) {
			l.regrant("FunctionsFullAccess")
			l.days(9)
		}},
		{"its application loses it after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("FunctionsFullAccess")
			l.days(12)
		}},
		{"loses ContainersFullAccess after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("ContainersFullAccess")
			l.days(12)
		}},
		{"loses SecretManagerSecretAccess after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("SecretManagerSecretAccess")
			l.days(12)
		}},
		{"loses SecretManagerReadOnly after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("SecretManagerReadOnly")
			l.days(12)
		}},
		{"loses SecretManagerSecretWrite after a day", world(31, 31), nil, func(l *tale) {
			l.days(1)
			l.regrant("SecretManagerSecretWrite")
			l.days(12)
		}},
		{"loses SecretManagerSecretCreate on the day of a rotation", world(29, 10), nil, func(l *tale) {
			l.regrant("SecretManagerSecretCreate")
			l.days(12)
		}},
		{"the own application is deleted", world(31, 31), nil, func(l *tale) {
			l.days(2)
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/applications/"+runtest.RotatorID, nil)
			l.days(3)
			if !strings.HasSuffix(l.outcomes, "FFF") {
				l.t.Error("no failure")
			}
		}},
		{"a consumer carries the function's own key", ownCarrier(world(31, 31)), nil, func(l *tale) {
			l.days(20)
			l.says("courier", "own key")
			if got, _ := l.Variable("courier", "ROT"); !slices.ContainsFunc(l.Keys("rotator"), func(k emulator.KeyPair) bool { return k.SecretKey == got }) {
				l.t.Error("its key is gone")
			}
		}},
		{"keep, and the key is nearly dead", world(31, 85), []string{"ROTATOR_OWN_KEY=keep"}, func(l *tale) { l.days(3); l.says("own key") }},
		{"the function is renamed: deleted and made anew with the same key", world(31, 31), nil, func(l *tale) {
			l.days(2)
			now := l.newest("rotator")
			e, _ := l.Endpoint("key-rotator")
			row := l.MustCall(http.MethodGet, fnPath+e.ID, nil)
			l.MustCall(http.MethodDelete, fnPath+e.ID, nil)
			l.Clock().Advance(time.Hour)
			l.makeFunction("rotator-new", row["namespace_id"].(string), map[string]string{"ROTATOR_ACCESS_KEY": now.AccessKey}, map[string]string{"ROTATOR_SECRET_KEY": now.SecretKey})
			l.fn = "rotator-new"
			l.days(40)
			l.green()
			l.converged("rotator")
		}},
	} {
		if !inSample(t, row.name) {
			continue
		}
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			l := tell(t, emulator.Options{}, row.seed, append([]string{"ROTATOR_REGIONS=fr-par"}, row.settings...)...)
			row.story(l)
			l.fine()
		})
	}
}
