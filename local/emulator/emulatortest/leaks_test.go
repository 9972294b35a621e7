package emulatortest_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

func TestLeaksFindsEveryForm(t *testing.T) {
	t.Parallel()
	const value = "5ec2e700-cafe-4bad-8bad-c0ffee15dead"
	s := emulatortest.Secrets{value: "the key"}
	for name, text := range map[string]string{
		"plain":                 "key " + value + ".",
		"in capitals":           strings.ToUpper(value),
		"a log line":            fmt.Sprintf(`{"error":%q}`, "refused: "+value),
		"hex":                   fmt.Sprintf("%x", "X-Auth-Token: "+value+"\n"),
		"base64 of a payload":   base64.StdEncoding.EncodeToString([]byte(`{"secret_key":"` + value + `"}`)),
		"base64, one more":      base64.StdEncoding.EncodeToString([]byte(`{"secret_key": "` + value + `"}`)),
		"base64, two more":      base64.URLEncoding.EncodeToString([]byte(`{"secret_key":  "` + value + `"}`)),
		"base64 by itself":      base64.StdEncoding.EncodeToString([]byte(value)),
		"without dashes":        strings.ReplaceAll(value, "-", ""),
		"escaped beyond reason": inFull(value),
	} {
		if len(s.Leaks(text)) == 0 {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	if found := s.Leaks("5ec2e700-cafe-4bad-8bad-c0ffee15deaf"); len(found) > 0 {
		t.Errorf("found in another key: %v", found)
	}
}

// inFull writes each letter of a text by its number, as JSON may.
func inFull(text string) string {
	var b strings.Builder
	for _, r := range text {
		fmt.Fprintf(&b, `\u%04X`, r)
	}
	return b.String()
}

func TestSecretsAreAllThereEverWere(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	s := emulatortest.Secrets{}
	s.Learn(env.Emulator)
	made := env.MustCall(http.MethodPost, "/iam/v1alpha1/api-keys", map[string]any{"application_id": env.Application("checkout"), "description": "x"})
	env.MustCall(http.MethodDelete, "/iam/v1alpha1/api-keys/"+made["access_key"].(string), nil)
	s.Learn(env.Emulator)
	want := []string{env.Secret, made["secret_key"].(string), env.Keys("rotator")[0].SecretKey, env.Keys("dana")[0].SecretKey}
	for _, token := range env.Tokens() {
		want = append(want, token.JWT)
	}
	for _, secret := range want {
		if s[secret] == "" {
			t.Errorf("%s is not known", secret)
		}
	}
}
