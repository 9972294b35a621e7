package delivery_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/internal/config"
	"github.com/scw-key-rotator/rotator/internal/report"
	"github.com/scw-key-rotator/rotator/internal/run"
	"github.com/scw-key-rotator/rotator/internal/run/runtest"
)

// deleteKey is what a person does in the console.
func (l *life) deleteKey(accessKey string) {
	l.t.Helper()
	l.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+accessKey, nil)
}

// Keys that a person deletes together with everything that names them: what
// carried them is what it was when it was compared, so it is known still, and
// gets the current key in the next run.
func TestLongWhatCarriesAKeyThatAPersonDeletedIsKnownThoughNothingNamesIt(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(l *life){
		"the current key and its version": func(l *life) {
			l.days(2)
			l.deleteKey(runtest.Current(l.t, l.last))
			l.version(2, http.MethodDelete, "")
		},
		"both keys and the secret": func(l *life) {
			l.days(2)
			l.deleteKey(runtest.Current(l.t, l.last))
			l.deleteKey(runtest.KeyA)
			l.MustCall(http.MethodDelete, l.secretOf(), nil)
		},
		"all that there is of it, after weeks": func(l *life) {
			l.days(20)
			l.deleteKey(runtest.Current(l.t, l.last))
			l.MustCall(http.MethodDelete, l.secretOf(), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := live(t, rotated())
			story(l)
			l.run()
			for consumer := range named() {
				if consumer == "nightly" || consumer == "cruncher" { // their namespaces carry it
					consumer = map[string]string{"nightly": "namespace batch", "cruncher": "namespace jobs"}[consumer]
				}
				l.says(consumer, "somebody deleted it, or it expired")
			}
			l.days(12)
			l.unbroken()
		})
	}
}

// What is excluded is not given another, and is named in each run until somebody
// has done it.
func TestLongAnExcludedConsumerOfAKeyThatIsGoneIsNamedUntilItHasAnother(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(l *life){
		"a person deletes key and version": func(l *life) {
			l.deleteKey(runtest.KeyA)
			l.version(1, http.MethodDelete, "")
		},
		"it expires": func(l *life) {
			for range 7 {
				l.Clock().Advance(10 * 24 * time.Hour)
				l.run()
			}
			l.says("function courier", "it had expired")
		},
		"its version is disabled, and it is revoked now": func(l *life) {
			l.version(1, http.MethodPost, "/disable")
			l.Rig.Run(l.t, run.Request{Revoke: []string{runtest.KeyA}, Now: true})
		},
	} {
		for setting, value := range map[string]string{"ROTATOR_CONSUMERS_EXCLUDE": "courier", "ROTATOR_CONSUMERS": "report"} {
			t.Run(name+", "+setting, func(t *testing.T) {
				t.Parallel()
				l := live(t, rotated(), setting+"="+value)
				l.run()
				end(l)
				for range 3 {
					l.run()
					if l.says("function courier", runtest.KeyA, "it is refused, and left so"); l.last.Outcome != report.Failure {
						t.Errorf("outcome %s, and a consumer is refused", l.last.Outcome)
					}
				}
				l.Cfg.ConsumersExclude, l.Cfg.Consumers = nil, config.ConsumersDeliver
				l.run()
				if status := l.CallAs("courier", named()["courier"], "checkout"); status != http.StatusOK {
					t.Errorf("it is excluded no more, and gets %d\n%s", status, runtest.Text(t, l.last))
				}
			})
		}
	}
}

// The report of a run announces no deletion that is never to come: readers at an
// earlier place get the key.
func TestAKeyThatReadersElsewhereGetIsNotAnnouncedToGo(t *testing.T) {
	t.Parallel()
	l := live(t, rotated())
	l.days(1)
	first := runtest.Current(t, l.last)
	l.publishesAt("fr-par", "/elsewhere")
	l.days(9)
	for _, a := range l.last.Applications {
		for _, e := range a.Next {
			if e.Kind == "delete" {
				t.Errorf("announced for %s: %s", e.At, e.What)
			}
		}
		for _, k := range a.Keys {
			if k.AccessKey == first && !strings.Contains(k.Note, "readers of /rotator/"+runtest.OrdersID+" in fr-par") {
				t.Errorf("key %s: %s", k.AccessKey, k.Note)
			}
		}
	}
	l.unbroken()
}

// What is not a ledger is written anew, and that is said: what it held is forgotten.
func TestALedgerThatCannotBeReadIsSaid(t *testing.T) {
	t.Parallel()
	l := live(t, rotated())
	l.days(1)
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	for _, s := range l.MustCall(http.MethodGet, base+"?name=rotator-ledger", nil)["secrets"].([]any) {
		l.MustCall(http.MethodPost, base+"/"+s.(map[string]any)["id"].(string)+"/versions", map[string]any{"data": "bWFkZSB1cA=="})
	}
	l.run()
	l.says("rotator-ledger", "cannot be read", "nothing but the rotator write there")
	if strings.Contains(runtest.Text(t, l.last), "made up") {
		t.Error("and what it holds is shown")
	}
	l.run()
	if strings.Contains(runtest.Text(t, l.last), "cannot be read: it does not hold") {
		t.Error("the next run says it again")
	}
	l.days(9)
	l.unbroken()
}
