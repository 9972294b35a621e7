package audit_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// byHand does something with the owner's key: it is a person's doing.
func (w *audited) byHand(do func()) {
	w.T.Helper()
	client := w.Secret
	_, w.Secret = w.Owner()
	do()
	w.Secret = client
}

// unnamed has a person take the access key away that stands beside f's secret.
func (w *audited) unnamed() {
	w.byHand(func() { w.patch("f", `{"environment_variables":{"ACCESS_KEY":"","STAGE":"live"}}`) })
	w.Pass(readies)
}

// claims has a person write a version that says whose key it holds, with a secret
// that is not that key's.
func (w *audited) claims(access string) {
	w.T.Helper()
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	data := base64.StdEncoding.EncodeToString(fmt.Appendf(nil, `{"access_key":%q,"secret_key":"11111111-1111-4111-8111-111111111111"}`, access))
	w.byHand(func() {
		for _, row := range w.MustRaw("GET", base+"?path=/rotator&name="+ordersName, "")["secrets"].([]any) {
			path := fmt.Sprint(base, "/", row.(map[string]any)["id"], "/versions")
			w.MustRaw("POST", path, `{"data":"`+data+`","description":"rotator: key `+access+`"}`)
		}
	})
}

// What a person says of a key covers no more than what only a person can know.
func TestAuditorOfAPersonsWord(t *testing.T) {
	t.Parallel()
	const carried = "is gone, which the function web/f in fr-par holds in SECRET_KEY"
	hidden := func(w *audited) { w.byHand(func() { w.disable(ordersName, 1) }) }
	audits(t, nil, []auditRow{
		{"no version shows it, and a plain variable names it", func(w *audited) {
			hidden(w)
			w.auditor.Revoked(oldKey)
			w.remove(oldKey)
		}, carried},
		{"no version shows it, and a plain variable names it in a longer text", func(w *audited) {
			hidden(w)
			w.byHand(func() { w.patch("f", `{"environment_variables":{"ACCESS_KEY":"id=`+oldKey+`","STAGE":"live"}}`) })
			w.Pass(readies)
			w.auditor.Revoked(oldKey)
			w.remove(oldKey)
		}, carried},
		{"no version shows it, nor does anything name it", func(w *audited) {
			hidden(w)
			w.unnamed()
			w.auditor.Revoked(oldKey)
			w.remove(oldKey)
		}, ""},
		{"no version shows it once the client has disabled the one that did", func(w *audited) {
			w.unnamed()
			w.auditor.Revoked(oldKey)
			w.disable(ordersName, 1)
			w.remove(oldKey)
		}, carried},
		{"the word is of before, and a version shows it when it is said again", func(w *audited) {
			hidden(w)
			w.unnamed()
			w.auditor.Revoked(oldKey)
			w.byHand(func() { w.publish(ordersName, currentKey) })
			w.byHand(func() { w.enable(ordersName, 1) })
			w.auditor.Revoked(oldKey)
			w.remove(oldKey)
		}, carried},
		{"the version that names it holds another secret", func(w *audited) {
			hidden(w)
			w.unnamed()
			w.claims(oldKey)
			w.byHand(func() { w.publish(ordersName, currentKey) })
			w.auditor.Revoked(oldKey)
			w.remove(oldKey)
		}, ""},
	})
}

func (w *audited) enable(secret string, revision int) {
	w.T.Helper()
	const base = "/secret-manager/v1beta1/regions/fr-par/secrets"
	for _, row := range w.MustRaw("GET", base+"?path=/rotator&name="+secret, "")["secrets"].([]any) {
		w.MustRaw("POST", fmt.Sprintf("%s/%s/versions/%d/enable", base, row.(map[string]any)["id"], revision), "{}")
	}
}

// What a person takes away at one place says nothing of another, nor of what the
// client takes away there later.
func TestAuditorOfKeysThatAPersonTookAway(t *testing.T) {
	t.Parallel()
	const ran = "after something last ran with it"
	took := func(w *audited) { w.byHand(func() { w.deliver("f", currentKey, readies) }) }
	audits(t, nil, []auditRow{
		{"from its last consumer", func(w *audited) {
			took(w)
			w.remove(oldKey)
		}, ""},
		{"from one, and the client from the other", func(w *audited) {
			w.byHand(func() {
				w.box(`{"secret_environment_variables":{"SECRET_KEY":"` + w.secretKey(oldKey) + `"}}`)
				w.Pass(readies)
			})
			took(w)
			w.box(`{"secret_environment_variables":{"SECRET_KEY":"` + w.secretKey(currentKey) + `"}}`)
			w.Pass(readies)
			w.remove(oldKey)
		}, ran},
		{"and gave it back, and the client delivered over it", func(w *audited) {
			took(w)
			w.byHand(func() { w.deliver("f", oldKey, readies) })
			w.deliver("f", currentKey, readies)
			w.remove(oldKey)
		}, ran},
		{"and gave it back, and took it away again", func(w *audited) {
			took(w)
			w.byHand(func() { w.deliver("f", oldKey, readies) })
			took(w)
			w.remove(oldKey)
		}, ""},
		{"from one of two variables, and the client from the other", func(w *audited) {
			w.byHand(func() {
				w.patch("f", `{"secret_environment_variables":[{"key":"MORE","value":"`+w.secretKey(oldKey)+`"}]}`)
				w.Pass(readies)
			})
			took(w)
			w.patch("f", `{"secret_environment_variables":[{"key":"MORE","value":"`+w.secretKey(currentKey)+`"}]}`)
			w.Pass(readies)
			w.remove(oldKey)
		}, ran},
		{"from a namespace, and deployed what is in it", func(w *audited) {
			w.byHand(func() { w.shared(currentKey) })
			w.remove(spareKey)
		}, ""},
		{"from a namespace, and the client after it was given back", func(w *audited) {
			w.byHand(func() { w.shared(currentKey); w.shared(spareKey) })
			w.shared(currentKey)
			w.remove(spareKey)
		}, ran},
	})
}

// shared gives a namespace a key, and deploys what is in it.
func (w *audited) shared(access string) {
	w.T.Helper()
	container := emulatortest.ContainersBase + "/containers/" + w.MustEndpoint("c").ID
	w.MustRaw("PATCH", w.NamespaceOf(container), `{"secret_environment_variables":{"SHARED":"`+w.secretKey(access)+`"}}`)
	w.Pass(time.Minute)
	w.MustRaw("POST", container+"/redeploy", "{}")
	w.Pass(readies)
}

// What is broken by a person is not the client's to answer for, there and with
// that key alone, and until the client has mended it.
func TestAuditorOfWhatIsBehindWithADeadKey(t *testing.T) {
	t.Parallel()
	const inF, inC = "the function web/f in fr-par", "the container box/c in fr-par"
	give := func(w *audited, secret string) {
		w.box(`{"secret_environment_variables":{"DB":"hunter2","SECRET_KEY":"` + secret + `"}}`)
		w.Pass(readies)
	}
	back := func(w *audited, secret string) {
		w.patch("f", `{"secret_environment_variables":[{"key":"SECRET_KEY","value":"`+secret+`"}]}`)
		w.Pass(readies)
	}
	for _, row := range []struct {
		name   string
		do     func(w *audited, old string)
		behind []string
	}{
		{"it lives", func(*audited, string) {}, []string{inF}},
		{"a person deletes it", func(w *audited, _ string) {
			w.byHand(func() { w.remove(oldKey) })
		}, nil},
		{"a person deletes it, and another consumer gets it", func(w *audited, old string) {
			w.byHand(func() { w.remove(oldKey); give(w, old) })
		}, []string{inC}},
		{"a person deletes it, the client mends that, and the consumer gets it again", func(w *audited, old string) {
			w.byHand(func() { w.remove(oldKey) })
			w.deliver("f", currentKey, readies)
			w.byHand(func() { back(w, old) })
		}, []string{inF}},
		{"a person has it deleted that no version shows", func(w *audited, _ string) {
			w.byHand(func() { w.disable(ordersName, 1) })
			w.auditor.Revoked(oldKey)
			w.remove(oldKey)
		}, nil},
		{"and another consumer gets it: nobody can know", func(w *audited, old string) {
			w.byHand(func() { w.disable(ordersName, 1) })
			w.auditor.Revoked(oldKey)
			w.remove(oldKey)
			w.byHand(func() { give(w, old) })
		}, nil},
		{"a person has it deleted at once, and the client can know who carries it", func(w *audited, _ string) {
			w.auditor.RevokedNow(oldKey)
			w.remove(oldKey)
		}, []string{inF}},
		{"a person has it deleted at once, and the client cannot", func(w *audited, _ string) {
			w.byHand(func() { w.disable(ordersName, 1) })
			w.auditor.RevokedNow(oldKey)
			w.remove(oldKey)
		}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			w := newAudited(t, nil)
			old := w.secretKey(oldKey)
			w.byHand(func() { w.shared(currentKey) })
			w.unnamed()
			row.do(w, old)
			said := strings.Join(w.auditor.Behind()["orders"], "\n")
			for _, place := range []string{inF, inC} {
				if strings.Contains(said, place) != slices.Contains(row.behind, place) {
					t.Errorf("behind are %q, want %q", said, row.behind)
				}
			}
		})
	}
}
