package audit_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
)

// byPerson does something with the owner's key.
func (w *audited) byPerson(do func()) {
	client := w.Secret
	_, w.Secret = w.Owner()
	do()
	w.Secret = client
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
			w.Pass(readies)
		}
		rows = append(rows,
			auditRow{name + " carries it", func(w *audited) { person(w); w.remove(oldKey) }, "which the function web/f in fr-par holds in SECRET_KEY"},
			auditRow{name + " gets the current key", func(w *audited) { person(w); set(w, text(w, currentKey)) }, ""},
			auditRow{name + " gets the current key alone", func(w *audited) { person(w); set(w, w.secretKey(currentKey)) }, "I4: the variable SECRET_KEY"},
			auditRow{name + " runs with it within the grace", func(w *audited) {
				person(w)
				set(w, text(w, currentKey))
				w.Pass(readies + time.Minute)
				w.remove(oldKey)
			}, "after something last ran with it"},
		)
	}
	audits(t, own, rows)
}
