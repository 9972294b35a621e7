package emulator_test

import (
	"net/http"
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestAnEMailWantsItsPermissionSetAndAllOfItsParts(t *testing.T) {
	t.Parallel()
	seed := emulatortest.Staff(emulator.SeedApplication{Name: "postman", Keys: []emulator.SeedKey{{}}, Policies: []emulator.SeedPolicy{
		{Name: "mail", Rules: []emulator.SeedRule{{PermissionSets: []string{"TransactionalEmailEmailApiCreate"}, Projects: []string{"demo"}}}},
	}})
	env := emulatortest.Start(t, emulator.Options{}, seed)
	const path = "/transactional-email/v1alpha1/regions/fr-par/emails"
	whole := func(change ...any) map[string]any {
		body := map[string]any{
			"from": map[string]any{"email": "a@example.com"}, "to": []any{map[string]any{"email": "b@example.com"}, map[string]any{"email": "c@example.com"}},
			"subject": "s", "text": "t", "project_id": env.Project("demo"),
		}
		for i := 0; i < len(change); i += 2 {
			body[change[i].(string)] = change[i+1]
		}
		return body
	}
	postman, billing := env.Keys("postman")[0].SecretKey, env.Keys("billing")[0].SecretKey
	for name, row := range map[string]struct {
		secret, path string
		body         map[string]any
		want         int
	}{
		"another's key":     {billing, path, whole(), http.StatusForbidden},
		"another project":   {postman, path, whole("project_id", env.Project("other")), http.StatusForbidden},
		"no recipient":      {postman, path, whole("to", []any{}), http.StatusBadRequest},
		"no sender":         {postman, path, whole("from", nil), http.StatusBadRequest},
		"no text":           {postman, path, whole("text", ""), http.StatusBadRequest},
		"another region":    {postman, "/transactional-email/v1alpha1/regions/nl-ams/emails", whole(), http.StatusBadRequest},
		"no key that lives": {"11111111-2222-4333-8444-555555555555", path, whole(), http.StatusUnauthorized},
	} {
		if got := env.Call(row.secret, http.MethodPost, row.path, row.body); got.Status != row.want {
			t.Errorf("%s: %d %s", name, got.Status, got.Text)
		}
	}
	if sent := env.Mails(); len(sent) > 0 {
		t.Errorf("refused, and sent: %+v", sent)
	}
	got := env.Call(postman, http.MethodPost, path, whole())
	emulatortest.WantStatus(t, got, http.StatusOK)
	if rows, _ := got.Body["emails"].([]any); len(rows) != 2 || rows[1].(map[string]any)["mail_rcpt"] != "c@example.com" {
		t.Errorf("answered %s", got.Text)
	}
	if sent := env.Mails(); len(sent) != 1 || len(sent[0].To) != 2 || sent[0].Subject != "s" || sent[0].Project != env.Project("demo") {
		t.Errorf("sent %+v", sent)
	}
}
