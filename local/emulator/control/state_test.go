package control_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/local/emulator"
	"github.com/scw-key-rotator/rotator/local/emulator/emulatortest"
)

// shownState is GET /state as its readers have it.
type shownState struct {
	Clock                                  time.Time
	Latency                                string
	OrganizationID                         string `json:"organization_id"`
	Projects, Users, Applications, Secrets []emulatortest.Object
	Functions, Containers, Tokens, Faults  []emulatortest.Object
}

func stateOf(t *testing.T, e *emulator.Emulator) shownState {
	t.Helper()
	status, text := control(t, e, "GET", "/state", "")
	var s shownState
	if err := json.Unmarshal([]byte(text), &s); err != nil || status != http.StatusOK {
		t.Fatalf("%d %v", status, err)
	}
	return s
}

// found is the one of that name.
func found(t *testing.T, rows []emulatortest.Object, name string) emulatortest.Object {
	t.Helper()
	for _, row := range rows {
		if row["name"] == name {
			return row
		}
	}
	t.Fatalf("no %s among %v", name, rows)
	return nil
}

func TestStateShowsWhatThereIs(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	env.Clock().Advance(24 * time.Hour)
	s := stateOf(t, env.Emulator)
	if !s.Clock.Equal(env.Clock().Now()) || s.Latency != "0s" || s.OrganizationID != env.Organization() || len(s.Projects) != 3 || len(s.Users) != 2 {
		t.Errorf("%+v", s)
	}
	keys := env.Keys("storefront")
	want := emulatortest.Object{"name": "storefront", "id": env.Application("storefront"), "keys": []any{
		emulatortest.Object{
			"access_key": keys[0].AccessKey, "description": "storefront", "project": "demo", "age": "121d",
			"created_at": keys[0].Created.Format(time.RFC3339Nano),
		},
		emulatortest.Object{
			"access_key": keys[1].AccessKey, "description": "storefront, second pod", "project": "demo", "age": "21d",
			"created_at": keys[1].Created.Format(time.RFC3339Nano),
			"expires_in": "69d", "expires_at": keys[1].Expires.Format(time.RFC3339Nano),
		},
	}}
	if diff := cmp.Diff(want, found(t, s.Applications, "storefront")); diff != "" {
		t.Errorf("application: -want +got:\n%s", diff)
	}
	if managed := found(t, s.Applications, "scaleway-scheduler"); managed["managed"] != true {
		t.Errorf("%v", managed)
	}
	secret := found(t, s.Secrets, "shop-db-password")
	version := secret["versions"].([]any)[0].(emulatortest.Object)
	if secret["project"] != "demo" || secret["region"] != "fr-par" || secret["path"] != "/" || version["age"] != "91d" || version["status"] != "enabled" {
		t.Errorf("secret: %v", secret)
	}
	function := found(t, s.Functions, "checkout-api")
	if function["project"] != "demo" || function["namespace"] != "shop" || function["private"] != true || function["status"] != "ready" {
		t.Errorf("function: %v", function)
	}
	if len(s.Functions) != 9 || len(s.Containers) != 5 || len(s.Tokens) != 12 {
		t.Errorf("%d functions, %d containers, %d tokens", len(s.Functions), len(s.Containers), len(s.Tokens))
	}
	if token := s.Tokens[0]; token["project"] != "demo" || token["namespace"] != "shop" || token["status"] != "ready" {
		t.Errorf("token: %v", token)
	}
}

func TestStateFollowsTheClock(t *testing.T) {
	t.Parallel()
	env := emulatortest.Start(t, emulator.Options{}, emulator.Demo())
	id := found(t, stateOf(t, env.Emulator).Secrets, "shop-db-password")["id"].(string)
	env.MustCall("DELETE", emulatortest.SecretsPath+"/"+id, nil)
	if s := found(t, stateOf(t, env.Emulator).Secrets, "shop-db-password"); s["deleting"] != true {
		t.Errorf("%v", s)
	}
	obeys(t, env.Emulator, "POST", "/clock", `{"advance": "8d"}`)
	if left := stateOf(t, env.Emulator).Secrets; len(left) != 2 {
		t.Errorf("erased a day ago, and still there: %v", left)
	}
}

// Whatever secret there is, control does not show it.
func TestControlShowsNoSecret(t *testing.T) {
	t.Parallel()
	const planted = "planted-5ec2e7"
	seed := emulator.Demo()
	seed.Secrets[0].Versions[0] = emulator.SeedVersion{Data: planted + "-payload"}
	functions := seed.Serverless[0].FunctionNamespaces
	functions[0].SecretEnv = map[string]string{"A": planted + "-namespace"}
	functions[0].Functions[0].SecretEnv = map[string]string{"B": planted + "-function"}
	functions[0].Functions[0].Env = map[string]string{"C": planted + "-environment"}
	env := emulatortest.Start(t, emulator.Options{}, seed)
	secrets := []string{planted, base64.StdEncoding.EncodeToString([]byte(planted))}
	for _, name := range []string{"owner", "dana", "rotator", "checkout", "storefront", "partner-gateway", "invoicing", "scaleway-scheduler"} {
		for _, key := range env.Keys(name) {
			secrets = append(secrets, key.SecretKey)
			env.Call(key.SecretKey, "GET", emulatortest.AppsPath, nil)
		}
	}
	for _, token := range env.Tokens() {
		secrets = append(secrets, token.JWT)
	}
	fresh := env.MustCall("POST", emulatortest.KeysPath, emulatortest.Object{"application_id": env.Application("checkout")})
	secrets = append(secrets, fresh["secret_key"].(string))
	if len(secrets) != 2+9+12+1 {
		t.Fatalf("%d secrets to look for", len(secrets))
	}
	for _, target := range []string{"/", "/state", "/history", "/unknown", "/state?secrets=1"} {
		_, text := control(t, env.Emulator, "GET", target, "")
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s shows %.20s", target, secret)
			}
		}
	}
}
