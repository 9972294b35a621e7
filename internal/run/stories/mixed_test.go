package stories_test

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
	"github.com/scw-key-rotator/rotator/local/emulator"
)

func (l *tale) forgetLedger() {
	l.t.Helper()
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	for _, s := range l.MustCall(http.MethodGet, base+"?name=rotator-ledger", nil)["secrets"].([]any) {
		l.MustCall(http.MethodDelete, base+"/"+s.(map[string]any)["id"].(string), nil)
	}
}

func (l *tale) disable() {
	l.t.Helper()
	l.MustCall(http.MethodPost, fmt.Sprint(l.secretPath("orders"), "/versions/1/disable"), map[string]any{})
}

// A version names one key and holds the secret of another that lives: that key
// authenticates, too, and proves nothing.
func TestStoryMixedPairs(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(l *tale){
		"the secret of the current key beside the access key of the superseded one": func(l *tale) {
			l.days(1)
			l.version("orders", runtest.KeyA, l.newest("orders").SecretKey, "rotator: key "+runtest.KeyA)
			l.ask(run.Request{Force: true})
			l.disable()
			l.forgetLedger()
			l.days(15)
		},
		"the same, the ledger is there": func(l *tale) {
			l.days(1)
			l.version("orders", runtest.KeyA, l.newest("orders").SecretKey, "rotator: key "+runtest.KeyA)
			l.ask(run.Request{Force: true})
			l.disable()
			l.days(15)
		},
		"the secret of sales beside it": func(l *tale) {
			l.days(1)
			l.version("orders", runtest.KeyA, l.newest("sales").SecretKey, "rotator: key "+runtest.KeyA)
			l.ask(run.Request{Force: true})
			l.disable()
			l.forgetLedger()
			l.days(15)
		},
		"a person's key beside it": func(l *tale) {
			l.days(1)
			l.version("orders", runtest.KeyA, l.Secret, "rotator: key "+runtest.KeyA)
			l.ask(run.Request{Force: true})
			l.disable()
			l.forgetLedger()
			l.days(15)
		},
	} {
		if !inSample(t, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := tell(t, emulator.Options{}, world(31, 10), "ROTATOR_REGIONS=fr-par", "ROTATOR_CONSUMERS_EXCLUDE=courier")
			l.noDry = true
			story(l)
			if len(l.refused) > 0 {
				l.brief()
			}
			l.fine()
			_ = report.Success
		})
	}
}

// The own key, mixed up or lost in other ways.
func TestStoryOwnMore(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(l *tale){
		"own region is left out later": func(l *tale) {
			l.days(1)
			l.Cfg.Regions = []string{"nl-ams"}
			l.days(45)
			if l.outcomes[len(l.outcomes)-1] == 'F' {
				l.t.Error(runtest.Errors(l.last))
			}
		},
		"a person deletes the own new key just made": func(l *tale) {
			l.ask(run.Request{})
			k := l.newest("rotator")
			l.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+k.AccessKey, nil)
			l.Clock().Advance(runtest.Day)
			l.days(2)
			if l.outcomes != ".FF" {
				l.t.Error("it does not tell")
			}
		},
		"the own function is set to an old key, the secret to the new one, in one deployment": func(l *tale) {
			l.days(2)
			l.put("key-rotator", map[string]string{"ROTATOR_ACCESS_KEY": runtest.KeyD}, nil)
			l.days(12)
			l.green()
		},
		"own key is deleted that is mixed: access key of a person's other key": func(l *tale) {
			row := l.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": runtest.RotatorID, "description": "mine", "default_project_id": runtest.DemoProject})
			l.days(2)
			l.put("key-rotator", nil, map[string]string{"ROTATOR_SECRET_KEY": row["secret_key"].(string)})
			l.days(20)
			l.green()
		},
		"a person's key of another application that may do all is deployed": func(l *tale) {
			l.days(2)
			l.deployOwn(emulator.KeyPair{AccessKey: l.AccessKey, SecretKey: l.Secret})
			l.days(20)
			l.green()
			l.says("belongs to a person")
		},
		"the own application's policy moves to a group": func(l *tale) { l.days(40); l.green() },
		"the own key is revoked while it is superseded, and the deployment fails": func(l *tale) {
			l.ask(run.Request{})
			l.pass(4)
			l.fail("key-rotator", true)
			e, _ := l.Endpoint("key-rotator")
			l.MustCall(http.MethodPost, fnPath+e.ID+"/deploy", map[string]any{})
			l.Clock().Advance(10 * 60e9)
			l.auditor.Revoked(runtest.KeyD)
			l.ask(runtest.Revoke(runtest.KeyD))
			l.fail("key-rotator", false)
			l.MustCall(http.MethodPost, fnPath+e.ID+"/deploy", map[string]any{})
			l.Clock().Advance(10 * 60e9)
			l.days(10)
			l.green()
		},
		"force own key each day": func(l *tale) {
			for range 15 {
				l.ask(run.Request{Force: true, Steps: []string{run.StepOwnKey}})
				l.pass(24)
			}
			l.days(16)
			l.green()
			l.converged("rotator")
		},
	} {
		if !inSample(t, name) {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := tell(t, emulator.Options{}, world(10, 31), "ROTATOR_REGIONS=fr-par")
			story(l)
			l.fine()
		})
	}
}
