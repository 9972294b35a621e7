package scaleway_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
)

func TestAnErrorNamesTheRequestAndItsStatusAndNoQuery(t *testing.T) {
	t.Parallel()
	for name, a := range map[string]scalewaytest.Answer{
		"typed":   {Status: 404, Body: `{"message":"resource is not found","resource":"r","resource_id":"i","type":"not_found"}`},
		"plain":   {Status: 418, Body: `{"message":"a\u001b[31m\nb"}`},
		"HTML":    {Status: 503, Body: "<html>\n<b>down</b>"},
		"silent":  {Status: 500},
		"cut":     {Status: 403, Body: `{"message":"permissions`},
		"no JSON": {Status: 200, Body: "<html>"},
		"refused": {Err: &url.Error{Op: "Get", URL: "https://x/?q=" + scalewaytest.Canary, Err: errors.New("reset")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{a}}))
				_, err := c.ApplicationKeys(t.Context(), "a")
				want := "list the keys of application a: GET /iam/v1alpha1/api-keys: "
				if a.Status != 0 {
					want += fmt.Sprint(a.Status, " ", http.StatusText(a.Status), ": ")
				}
				if err == nil || !strings.HasPrefix(err.Error(), want) || strings.ContainsAny(err.Error(), "?\n\x1b") || leaks(err.Error()) {
					t.Errorf("error %v, want %s…", err, want)
				}
				_, err = c.Authenticates(t.Context(), scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.OtherCanary)})
				if err != nil && leaks(err.Error()) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// answered are all methods that call the API.
func answered(c *scaleway.Client) map[string]func(context.Context) error {
	secret := scaleway.Secret{ID: "s", Name: "n", Path: "/p", Region: "fr-par"}
	pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.OtherCanary)}
	scope := scaleway.Scope{Product: scaleway.Functions, Region: "fr-par", Namespace: scaleway.Namespace{ID: "n"}, ResourceID: "f", Name: "api"}
	code := scaleway.Environment{Product: scaleway.Functions, Region: "fr-par", ID: "f", NamespaceID: "n"}
	return map[string]func(context.Context) error{
		"APIKeys":         func(ctx context.Context) error { _, err := c.APIKeys(ctx); return err },
		"Access":          func(ctx context.Context) error { _, err := c.Access(ctx, secret, 1); return err },
		"AccessData":      func(ctx context.Context) error { _, _, err := c.AccessData(ctx, secret); return err },
		"AccessLatest":    func(ctx context.Context) error { _, _, err := c.AccessLatest(ctx, secret); return err },
		"ApplicationKeys": func(ctx context.Context) error { _, err := c.ApplicationKeys(ctx, "a"); return err },
		"Applications":    func(ctx context.Context) error { _, err := c.Applications(ctx); return err },
		"Authenticates":   func(ctx context.Context) error { _, err := c.Authenticates(ctx, pair); return err },
		"ChangeEnvironment": func(ctx context.Context) error {
			_, err := c.ChangeEnvironment(ctx, code, nil, newKey)
			return err
		},
		"ContainerDomains": func(ctx context.Context) error { _, err := c.ContainerDomains(ctx, "fr-par"); return err },
		"CreateKey": func(ctx context.Context) error {
			_, err := c.CreateKey(ctx, scaleway.NewKey{ApplicationID: "a"})
			return err
		},
		"CreateSecret":    func(ctx context.Context) error { _, err := c.CreateSecret(ctx, secret, "d"); return err },
		"DeleteKey":       func(ctx context.Context) error { return c.DeleteKey(ctx, scalewaytest.AccessKey) },
		"DeleteSecret":    func(ctx context.Context) error { return c.DeleteSecret(ctx, secret) },
		"DeleteToken":     func(ctx context.Context) error { return c.DeleteToken(ctx, scaleway.Token{ID: "t", Scope: scope}) },
		"DeleteVersion":   func(ctx context.Context) error { return c.DeleteVersion(ctx, secret, 1) },
		"DescribeVersion": func(ctx context.Context) error { return c.DescribeVersion(ctx, secret, 1, "d") },
		"DisableVersion":  func(ctx context.Context) error { return c.DisableVersion(ctx, secret, 1) },
		"Exists":          func(ctx context.Context) error { _, err := c.Exists(ctx, scope); return err },
		"FunctionDomains": func(ctx context.Context) error {
			_, err := c.FunctionDomains(ctx, scaleway.Resource{ID: "f", Region: "fr-par"})
			return err
		},
		"Groups":          func(ctx context.Context) error { _, err := c.Groups(ctx); return err },
		"HasKey":          func(ctx context.Context) error { _, err := c.HasKey(ctx, scalewaytest.AccessKey); return err },
		"HasVersion":      func(ctx context.Context) error { _, err := c.HasVersion(ctx, secret, 1); return err },
		"KeyLifetimeCap":  func(ctx context.Context) error { _, err := c.KeyLifetimeCap(ctx); return err },
		"Namespaces":      func(ctx context.Context) error { _, err := c.Namespaces(ctx, scaleway.Functions, "fr-par"); return err },
		"Users":           func(ctx context.Context) error { _, err := c.Users(ctx); return err },
		"Policies":        func(ctx context.Context) error { _, err := c.Policies(ctx); return err },
		"Publish":         func(ctx context.Context) error { _, err := c.Publish(ctx, secret, pair, "d"); return err },
		"PublishData":     func(ctx context.Context) error { _, err := c.PublishData(ctx, secret, []byte("{}"), "d"); return err },
		"ReadEnvironment": func(ctx context.Context) error { _, err := c.ReadEnvironment(ctx, code); return err },
		"Redeploy":        func(ctx context.Context) error { _, err := c.Redeploy(ctx, code); return err },
		"Resources": func(ctx context.Context) error {
			_, err := c.Resources(ctx, scaleway.Functions, "fr-par", nil)
			return err
		},
		"Rules": func(ctx context.Context) error { _, err := c.Rules(ctx, scaleway.Principal{PolicyID: "p"}); return err },
		"SendMail": func(ctx context.Context) error {
			return c.SendMail(ctx, "a@example.com", []string{"b@example.com"}, "s", "t")
		},
		"Secrets":      func(ctx context.Context) error { _, err := c.Secrets(ctx, "fr-par", "/p"); return err },
		"SecretsNamed": func(ctx context.Context) error { _, err := c.SecretsNamed(ctx, "fr-par", "n"); return err },
		"Tokens":       func(ctx context.Context) error { _, err := c.Tokens(ctx, scope); return err },
		"Versions":     func(ctx context.Context) error { _, err := c.Versions(ctx, secret); return err },
	}
}

func TestEveryMethodThatCallsTheAPIHasARow(t *testing.T) {
	t.Parallel()
	c := scalewaytest.NewClient(t, scalewaytest.Options(http.DefaultTransport))
	rows := answered(c)
	for m := range reflect.TypeOf(c).Methods() {
		if calls := m.Type.NumIn() > 1 && m.Type.In(1) == reflect.TypeFor[context.Context](); calls && rows[m.Name] == nil {
			t.Errorf("%s has no row", m.Name)
		}
	}
}

// anything is an answer with a bit for every method.
var anything = fmt.Sprintf(`{"secret_id":"s","revision":1,"data":%q,"access_key":%q,"id":"f","namespace_id":"n","total_count":0}`,
	base64.StdEncoding.EncodeToString([]byte(`{"access_key":"`+scalewaytest.AccessKey+`","secret_key":"`+scalewaytest.OtherCanary+`"}`)), scalewaytest.AccessKey)

func TestAnAnswerThatIsNotWholeIsUnknownAndNothingElse(t *testing.T) {
	t.Parallel()
	asJSON := map[string]string{"Content-Type": "application/json"}
	rows := []struct {
		name   string
		answer scalewaytest.Answer
	}{
		{"cut at half", scalewaytest.Answer{Status: 200, Body: anything, Half: true}},
		{"cut at half, as long as it says", scalewaytest.Answer{Status: 200, Body: anything[:len(anything)/2]}},
		{"cut before its last byte", scalewaytest.Answer{Status: 200, Body: anything[:len(anything)-1]}},
		{"whole, and something after it", scalewaytest.Answer{Status: 200, Body: anything + "{"}},
		{"cut after the headers", scalewaytest.Answer{Status: 200, Header: map[string]string{"Content-Type": "application/json", "Content-Length": "5"}, Half: true}},
		{"HTML", scalewaytest.Answer{Status: 200, Body: "<html>ok</html>", Header: map[string]string{"Content-Type": "text/html"}}},
		{"HTML that claims to be JSON", scalewaytest.Answer{Status: 200, Body: "<html>ok</html>", Header: asJSON}},
		{"empty", scalewaytest.Answer{Status: 200, Header: asJSON}},
		{"blank", scalewaytest.Answer{Status: 200, Body: " \n", Header: asJSON}},
		{"204", scalewaytest.Answer{Status: 204}},
		{"null", scalewaytest.Answer{Status: 200, Body: "null", Header: asJSON}},
		{"a list", scalewaytest.Answer{Status: 200, Body: "[]", Header: asJSON}},
		{"an empty object", scalewaytest.Answer{Status: 200, Body: "{}"}},
		{"an object of something else", scalewaytest.Answer{Status: 200, Body: `{"other":1}`}},
	}
	for name := range answered(scalewaytest.NewClient(t, scalewaytest.Options(http.DefaultTransport))) {
		for _, r := range rows {
			t.Run(name+" "+r.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s := &scalewaytest.Script{Answers: []scalewaytest.Answer{r.answer}}
					err := answered(scalewaytest.NewClient(t, scalewaytest.Options(s)))[name](t.Context())
					switch deletes := strings.HasPrefix(name, "Delete"); {
					case deletes && slices.Contains([]string{"empty", "204", "cut after the headers", "an object of something else"}, r.name):
						if r.name != "cut after the headers" && err != nil {
							t.Errorf("error %v", err)
						}
						return // a deletion is answered by nothing, or by what was deleted
					case name == "KeyLifetimeCap" && r.name == "an object of something else":
						return // null, which may be left out, is what it says without a cap
					}
					if !errors.Is(err, scaleway.ErrUnknown) || errors.Is(err, scaleway.ErrPayload) || errors.Is(err, scaleway.ErrRefused) {
						t.Fatalf("error %v, classes %v", err, classes(err))
					}
					if leaks(err.Error()) || strings.Contains(err.Error(), "\n") {
						t.Errorf("error %v", err)
					}
				})
			})
		}
	}
}

func TestAPayloadIsJudgedOnlyOnceItIsWhole(t *testing.T) {
	t.Parallel()
	good := `{"access_key":"` + scalewaytest.AccessKey + `","secret_key":"` + scalewaytest.OtherCanary + `"}`
	body := func(data string, crc any) string {
		return fmt.Sprintf(`{"secret_id":"s","revision":1,"data":%q,"data_crc32":%v,"type":"key_value"}`, base64.StdEncoding.EncodeToString([]byte(data)), crc)
	}
	sum := func(data string) uint32 { return crc32.ChecksumIEEE([]byte(data)) }
	for _, r := range []struct {
		name, body string
		payload    bool // it is the payload's fault
		ok         bool
	}{
		{"a pair", body(good, sum(good)), false, true},
		{"a pair without a CRC", body(good, "null"), false, true},
		{"another CRC", body(good, sum(good)+1), false, false},
		{"half a pair, with the CRC of the whole", body(good[:30], sum(good)), false, false},
		{"half a pair, stored so", body(good[:30], sum(good[:30])), true, false},
		{"something else", body("hello", "null"), true, false},
		{"an empty payload", body("", "null"), true, false},
		{"base64 that is cut", strings.Replace(body(good, "null"), `","data_crc32"`, `x","data_crc32"`, 1), false, false},
		{"no data", `{"secret_id":"s","revision":1,"data_crc32":null}`, false, false},
		{"null", `{"secret_id":"s","revision":1,"data":null}`, false, false},
		{"another revision's", strings.Replace(body("hello", "null"), `"revision":1`, `"revision":2`, 1), false, false},
		{"another secret's", strings.Replace(body("hello", "null"), `"secret_id":"s"`, `"secret_id":"t"`, 1), false, false},
	} {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			c := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200, Body: r.body}}}))
			pair, err := c.Access(t.Context(), scaleway.Secret{ID: "s", Region: "fr-par"}, 1)
			if (err == nil) != r.ok || errors.Is(err, scaleway.ErrPayload) != r.payload || !r.ok && !errors.Is(err, scaleway.ErrUnknown) {
				t.Errorf("error %v", err)
			}
			if r.ok && !pair.Secret.Equal(redact.New(scalewaytest.OtherCanary)) {
				t.Errorf("pair %v", pair)
			}
			if err != nil && leaks(err.Error()) {
				t.Errorf("error %v", err)
			}
		})
	}
}
