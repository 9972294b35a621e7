package audit_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// both is the body by which a function's two variables get the halves of a key.
func (w *audited) both(access, half string) string {
	return fmt.Sprintf(`{"environment_variables":{"ACCESS_KEY":%q,"STAGE":"live"},"secret_environment_variables":[{"key":"SECRET_KEY","value":%q}]}`, access, half)
}

func (w *audited) box(body string) {
	w.T.Helper()
	w.MustRaw("PATCH", emulatortest.ContainersBase+"/containers/"+w.MustEndpoint("c").ID, body)
}

func TestAuditorOfVariables(t *testing.T) {
	t.Parallel()
	const ofF, ofC = " of the function web/f in fr-par ", " of the container box/c in fr-par "
	audits(t, nil, []auditRow{
		{"both halves of another key", func(w *audited) { w.patch("f", w.both(currentKey, w.secretKey(currentKey))) }, ""},
		{"back to the key before", func(w *audited) {
			w.box(`{"secret_environment_variables":{"DB":"","SECRET_KEY":"` + w.secretKey(oldKey) + `"}}`)
		}, ""},
		{"to a namespace", func(w *audited) {
			path := w.NamespaceOf(emulatortest.ContainersBase + "/containers/" + w.MustEndpoint("c").ID)
			w.MustRaw("PATCH", path, `{"secret_environment_variables":{"SHARED":"`+w.secretKey(currentKey)+`"}}`)
			w.Pass(time.Minute)
			w.MustRaw("POST", emulatortest.ContainersBase+"/containers/"+w.MustEndpoint("c").ID+"/redeploy", "{}")
		}, ""},
		{"the same again", func(w *audited) { w.patch("f", w.both(oldKey, w.secretKey(oldKey))) }, ""},
		{"deployments alone, and what the clock makes of them", func(w *audited) {
			w.MustRaw("POST", emulatortest.FunctionsBase+"/functions/"+w.MustEndpoint("f").ID+"/deploy", "{}")
			w.Pass(time.Minute)
			w.MustRaw("POST", emulatortest.FunctionsBase+"/functions/"+w.MustEndpoint("self").ID+"/deploy", "{}")
		}, ""},
		{"a plain variable is forgotten", func(w *audited) {
			w.patch("f", `{"environment_variables":{"ACCESS_KEY":"`+currentKey+`"}}`)
		}, "I4: the variable STAGE" + ofF + "is gone"},
		{"a secret variable is forgotten", func(w *audited) {
			w.box(`{"secret_environment_variables":{"SECRET_KEY":""}}`)
		}, "I4: the variable DB" + ofC + "is gone"},
		{"a plain variable is changed", func(w *audited) {
			w.patch("f", `{"environment_variables":{"ACCESS_KEY":"`+oldKey+`","STAGE":"test"}}`)
		}, "I4: the variable STAGE" + ofF + "has changed"},
		{"a variable is new", func(w *audited) {
			w.patch("f", `{"secret_environment_variables":[{"key":"MORE","value":"`+w.secretKey(currentKey)+`"}]}`)
		}, "I4: the variable MORE" + ofF + "is new"},
		{"the key of another application", func(w *audited) { w.deliver("f", foreignKey, 0) }, "I4: the variable SECRET_KEY" + ofF + "has changed"},
		{"the client's own key", func(w *audited) { w.deliver("f", ownKey, 0) }, "I4: the variable SECRET_KEY" + ofF + "has changed"},
		{"the wrong half", func(w *audited) { w.patch("f", w.both(currentKey, currentKey)) }, "I4: the variable SECRET_KEY" + ofF + "has changed"},
		{"a dead key", func(w *audited) {
			dead := w.secretKey(oldKey)
			w.deliver("f", currentKey, readies+auditGrace)
			w.remove(oldKey)
			w.box(`{"secret_environment_variables":{"DB":"","SECRET_KEY":"` + dead + `"}}`)
		}, "I4: the variable SECRET_KEY" + ofC + "has changed"},
		{"something else than a key", func(w *audited) {
			w.box(`{"secret_environment_variables":{"DB":"","SECRET_KEY":"$argon2id$"}}`)
		}, "I4: the variable SECRET_KEY" + ofC + "has changed"},
	})
}

func TestAuditorOfWhatElseStandsThere(t *testing.T) {
	t.Parallel()
	outside := "I4: something changed"
	audits(t, nil, []auditRow{
		{"another image", func(w *audited) { w.box(`{"image":"nginx"}`) }, outside},
		{"another privacy", func(w *audited) { w.box(`{"privacy":"public"}`) }, outside},
		{"another probe", func(w *audited) { w.box(`{"liveness_probe":{"http":{"path":"/x"}}}`) }, outside},
		{"another scale", func(w *audited) { w.box(`{"scaling_option":{"cpu_usage_threshold":70}}`) }, outside},
		{"the same probe and scale", func(w *audited) {
			w.box(`{"liveness_probe":{"tcp":{}},"scaling_option":{"concurrent_requests_threshold":50}}`)
		}, ""},
		{"another handler", func(w *audited) { w.patch("f", `{"handler":"Other"}`) }, outside},
		{"tags", func(w *audited) { w.patch("f", `{"tags":["rotated"]}`) }, outside},
		{"a namespace's description", func(w *audited) {
			w.MustRaw("PATCH", w.NamespaceOf(emulatortest.FunctionsBase+"/functions/"+w.MustEndpoint("f").ID), `{"description":"d"}`)
		}, outside},
		{"a function is deleted", func(w *audited) {
			w.MustRaw("DELETE", emulatortest.FunctionsBase+"/functions/"+w.MustEndpoint("self").ID, "")
		}, "I4: "},
		{"a cron", func(w *audited) {
			w.MustRaw("POST", emulatortest.FunctionsBase+"/crons", `{"function_id":"`+w.MustEndpoint("f").ID+`","schedule":"0 0 * * *","args":{}}`)
		}, outside},
		{"a variable of another project", func(w *audited) { w.deliver("g", currentKey, 0) }, outside},
		{"a deployment in another project", func(w *audited) {
			w.MustRaw("POST", emulatortest.FunctionsBase+"/functions/"+w.MustEndpoint("g").ID+"/deploy", "{}")
		}, outside},
		{"a namespace of another project", func(w *audited) {
			w.MustRaw("PATCH", w.NamespaceOf(emulatortest.FunctionsBase+"/functions/"+w.MustEndpoint("g").ID), `{"environment_variables":{"A":"b"}}`)
		}, outside},
	})
}

func TestAuditorOfPublishedKeys(t *testing.T) {
	t.Parallel()
	audits(t, func(r *emulator.AuditRules) { r.Project = "none" }, []auditRow{
		{"nothing of the project", func(w *audited) { w.MustRaw("GET", emulatortest.FunctionsBase+"/functions", "") }, ""},
	})
	audits(t, nil, []auditRow{
		{"the current one is deleted", func(w *audited) { w.remove(currentKey) }, currentKey},
		{"no version is enabled", func(w *audited) { w.disable(ordersName, 1); w.disable(ordersName, 2) }, "I1: secret " + ordersName + " has no enabled version"},
		{"a rollback, and the bad key at once", func(w *audited) {
			w.box(`{"secret_environment_variables":{"DB":"","SECRET_KEY":"` + w.secretKey(oldKey) + `"}}`)
			w.Pass(time.Minute)
			w.disable(ordersName, 2)
			w.Pass(time.Minute)
			w.remove(currentKey)
		}, "I2: " + currentKey + " is gone 1m"},
		{"a rollback, and the bad key after its grace", func(w *audited) {
			w.box(`{"secret_environment_variables":{"DB":"","SECRET_KEY":"` + w.secretKey(oldKey) + `"}}`)
			w.disable(ordersName, 2)
			w.Pass(auditGrace + time.Minute)
			w.remove(currentKey)
		}, ""},
	})
}
