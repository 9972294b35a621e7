package emulator_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// byPerson does something with the owner's key.
func (w *audited) byPerson(do func()) {
	client := w.secret
	_, w.secret = w.Owner()
	do()
	w.secret = client
}

// A key within a longer text is carried as well, and may be replaced there and
// nothing else.
func TestAuditorOfKeysWithinTexts(t *testing.T) {
	t.Parallel()
	payload := func(w *audited, access string) string {
		return `{"access_key":"` + access + `","secret_key":"` + w.secretKey(access) + `"}`
	}
	bearer := func(w *audited, access string) string { return "Bearer " + w.secretKey(access) }
	coded := func(w *audited, access string) string {
		return base64.StdEncoding.EncodeToString([]byte(payload(w, access)))
	}
	set := func(w *audited, value string) {
		w.patch("f", `{"secret_environment_variables":[{"key":"SECRET_KEY","value":"`+strings.ReplaceAll(value, `"`, `\"`)+`"}]}`)
	}
	own := func(r *emulator.AuditRules) { r.OwnKey = ownKey }
	var rows []auditRow
	for name, text := range map[string]func(*audited, string) string{"JSON": payload, "a header": bearer, "base64": coded} {
		person := func(w *audited) {
			w.byPerson(func() { set(w, text(w, oldKey)) })
			w.pass(readies)
		}
		rows = append(rows,
			auditRow{name + " carries it", func(w *audited) { person(w); w.remove(oldKey) }, "which the function web/f in fr-par holds in SECRET_KEY"},
			auditRow{name + " gets the current key", func(w *audited) { person(w); set(w, text(w, currentKey)) }, ""},
			auditRow{name + " gets the current key alone", func(w *audited) { person(w); set(w, w.secretKey(currentKey)) }, "I4: the variable SECRET_KEY"},
			auditRow{name + " runs with it within the grace", func(w *audited) {
				person(w)
				set(w, text(w, currentKey))
				w.pass(readies + time.Minute)
				w.remove(oldKey)
			}, "after something last ran with it"},
		)
	}
	audits(t, own, rows)
}

// A person took a key out of one variable, and the client out of another: what
// ran with it there is owed the grace.
func TestAuditorOfKeysThatTwoTookAway(t *testing.T) {
	t.Parallel()
	audits(t, nil, []auditRow{{"", func(w *audited) {
		w.byPerson(func() {
			w.patch("self", `{"secret_environment_variables":[{"key":"OTHER","value":"`+w.secretKey(oldKey)+`"}]}`)
			w.pass(readies)
			w.patch("self", `{"secret_environment_variables":[{"key":"OTHER","value":"words"}]}`)
		})
		w.deliver("f", currentKey, readies+time.Hour)
		w.remove(oldKey)
	}, "after something last ran with it"}})
}

// Who reads a secret where the client published before still gets its key.
func TestAuditorOfReadersElsewhere(t *testing.T) {
	t.Parallel()
	moved := func(w *audited) {
		w.deliver("f", currentKey, readies)
		w.patch("f", `{"environment_variables":{"STAGE":"live","ACCESS_KEY":"`+currentKey+`"}}`)
		w.pass(readies + auditGrace)
		w.auditor.Moved("/elsewhere")
	}
	audits(t, nil, []auditRow{
		{"the key that they get", func(w *audited) { moved(w); w.auditor.Revoked(currentKey); w.remove(currentKey) }, currentKey},
		{"by a person's word", func(w *audited) { moved(w); w.auditor.RevokedNow(currentKey); w.remove(currentKey) }, ""},
		{"one that they get no more", func(w *audited) { moved(w); w.remove(oldKey) }, ""},
	})
}
