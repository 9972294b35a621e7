package scaleway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/scw-key-rotator/rotator/internal/redact"
	"github.com/scw-key-rotator/rotator/internal/scaleway"
	"github.com/scw-key-rotator/rotator/internal/scaleway/scalewaytest"
)

// classes are all sentinels by their names.
func classes(err error) []string {
	out := []string{}
	if errors.Is(err, scaleway.ErrQuota) && errors.Is(err, scaleway.ErrRefused) {
		return append(out, scaleway.ErrQuota.Error()) // which is both
	}
	for _, c := range []error{scaleway.ErrNotFound, scaleway.ErrDenied, scaleway.ErrForbidden, scaleway.ErrRefused, scaleway.ErrUnknown} {
		if errors.Is(err, c) {
			out = append(out, c.Error())
		}
	}
	return out
}

func TestErrorClasses(t *testing.T) {
	t.Parallel()
	html := map[string]string{"Content-Type": "text/html"}
	asJSON := map[string]string{"Content-Type": "application/json"}
	rows := []struct {
		name   string
		answer scalewaytest.Answer
		want   error
	}{
		{"404 of IAM", scalewaytest.Answer{Status: 404, Body: `{"message":"resource is not found","resource":"access_key","resource_id":"SCW","type":"not_found"}`}, scaleway.ErrNotFound},
		{"404 of functions", scalewaytest.Answer{Status: 404, Body: `{"message":"Token was not found"}`}, scaleway.ErrNotFound},
		{"404 of triggers", scalewaytest.Answer{Status: 404, Body: `{"message":"trigger does not exist"}`}, scaleway.ErrNotFound},
		{"404 without a body", scalewaytest.Answer{Status: 404}, scaleway.ErrNotFound},
		{
			"400 of IAM",
			scalewaytest.Answer{Status: 400, Body: `{"details":[{"argument_name":"data","help_message":"…","reason":"format"}],"message":"invalid argument(s)","type":"invalid_arguments"}`},
			scaleway.ErrRefused,
		},
		{"400 of functions", scalewaytest.Answer{Status: 400, Body: `{"message":"could not validate domain […]"}`}, scaleway.ErrRefused},
		{"400 of a validator", scalewaytest.Answer{Status: 400, Body: `{"message":"Key: 'Function.Name' Error:Field validation for 'Name' failed on the 'max' tag"}`}, scaleway.ErrRefused},
		{"401, not found", scalewaytest.Answer{Status: 401, Body: `{"message":"authentication is denied","method":"api_key","reason":"not_found","type":"denied_authentication"}`}, scaleway.ErrDenied},
		{"401, expired", scalewaytest.Answer{Status: 401, Body: `{"message":"authentication is denied","method":"api_key","reason":"expired","type":"denied_authentication"}`}, scaleway.ErrDenied},
		{"401, invalid", scalewaytest.Answer{Status: 401, Body: `{"message":"authentication is denied","method":"api_key","reason":"invalid_argument","type":"denied_authentication"}`}, scaleway.ErrDenied},
		{"401 without a body", scalewaytest.Answer{Status: 401}, scaleway.ErrDenied},
		{"403", scalewaytest.Answer{Status: 403, Body: `{"details":[{"action":"read","resource":"api_key"}],"message":"insufficient permissions","type":"permissions_denied"}`}, scaleway.ErrForbidden},
		{"403 without details", scalewaytest.Answer{Status: 403, Body: `{"details":[],"message":"insufficient permissions","type":"permissions_denied"}`}, scaleway.ErrForbidden},
		{"403 without a type", scalewaytest.Answer{Status: 403, Body: `{"message":"forbidden"}`}, scaleway.ErrForbidden},
		{"403 without a body", scalewaytest.Answer{Status: 403}, scaleway.ErrForbidden},
		{
			"409, transient",
			scalewaytest.Answer{Status: 409, Body: `{"current_state":"updating","message":"resource is in a transient state","resource":"group","resource_id":"g","type":"transient_state"}`},
			scaleway.ErrRefused,
		},
		{
			"409, exists",
			scalewaytest.Answer{Status: 409, Body: `{"help_message":"…","message":"resource already exists","resource":"…","resource_id":"…","type":"already_exists"}`},
			scaleway.ErrRefused,
		},
		{"409 of functions", scalewaytest.Answer{Status: 409, Body: `{"message":"Namespace already exist"}`}, scaleway.ErrRefused},
		{
			"412, protected",
			scalewaytest.Answer{Status: 412, Body: `{"help_message":"cannot delete a protected secret","message":"precondition is not respected","precondition":"protected_resource","type":"precondition_failed"}`},
			scaleway.ErrRefused,
		},
		{"412, in use", scalewaytest.Answer{Status: 412, Body: `{"message":"precondition is not respected","precondition":"resource_still_in_use","type":"precondition_failed"}`}, scaleway.ErrRefused},
		{"412, not usable", scalewaytest.Answer{Status: 412, Body: `{"help_message":"please retry later","precondition":"resource_not_usable","type":"precondition_failed"}`}, scaleway.ErrRefused},
		{"429", scalewaytest.Answer{Status: 429, Header: map[string]string{"X-Envoy-Ratelimited": "true"}}, scaleway.ErrRefused},
		{"quota", scalewaytest.Answer{Status: 403, Body: `{"details":[{"resource":"api_key","quota":20,"current":20}],"message":"quota(s) exceeded","type":"quotas_exceeded"}`}, scaleway.ErrQuota},
		{"locked", scalewaytest.Answer{Status: 423, Body: `{"message":"resource is locked","resource":"secret","resource_id":"s","type":"locked"}`}, scaleway.ErrRefused},
		{"out of stock", scalewaytest.Answer{Status: 409, Body: `{"message":"out of stock","resource":"r","type":"out_of_stock"}`}, scaleway.ErrRefused},
		{"expired", scalewaytest.Answer{Status: 410, Body: `{"expired_since":"2026-01-01T00:00:00Z","message":"resource is expired","resource":"r","resource_id":"i","type":"resource_expired"}`}, scaleway.ErrRefused},
		{"410", scalewaytest.Answer{Status: 410, Body: `{"message":"gone"}`}, scaleway.ErrRefused},
		{"408", scalewaytest.Answer{Status: 408}, scaleway.ErrUnknown},
		{"500", scalewaytest.Answer{Status: 500, Body: `{"message":"Internal error"}`}, scaleway.ErrUnknown},
		{"500 of grpc", scalewaytest.Answer{Status: 500, Body: `{"message":"grpc: error while marshaling: …"}`}, scaleway.ErrUnknown},
		{"501", scalewaytest.Answer{Status: 501, Body: `{"message":"not implemented"}`}, scaleway.ErrUnknown},
		{"502 in HTML", scalewaytest.Answer{Status: 502, Body: "<html>", Header: html}, scaleway.ErrUnknown},
		{"503", scalewaytest.Answer{Status: 503, Body: `{"message":"error while authenticating, please retry later"}`}, scaleway.ErrUnknown},
		{"504 without a body", scalewaytest.Answer{Status: 504}, scaleway.ErrUnknown},
		{"302", scalewaytest.Answer{Status: 302, Header: map[string]string{"Location": "/"}}, scaleway.ErrUnknown},
		{"200, half of it", scalewaytest.Answer{Status: 200, Body: `{"api_keys":[],"total_count":0}`, Half: true}, scaleway.ErrUnknown},
		{"200, cut JSON", scalewaytest.Answer{Status: 200, Body: `{"api_keys":[{"access_key":`}, scaleway.ErrUnknown},
		{"200, another shape", scalewaytest.Answer{Status: 200, Body: `{"api_keys":"none"}`}, scaleway.ErrUnknown},
		{"200 in HTML", scalewaytest.Answer{Status: 200, Body: "<html>", Header: html}, scaleway.ErrUnknown},
		{"200 in HTML that claims to be JSON", scalewaytest.Answer{Status: 200, Body: "<html>", Header: asJSON}, scaleway.ErrUnknown},
		{"200 without a body", scalewaytest.Answer{Status: 200, Header: asJSON}, scaleway.ErrUnknown},
		{"200 without a body or a type", scalewaytest.Answer{Status: 200}, scaleway.ErrUnknown},
		{"404, half of it", scalewaytest.Answer{Status: 404, Body: `{"message":"Token was not found"}`, Half: true}, scaleway.ErrUnknown},
		{"404, cut JSON", scalewaytest.Answer{Status: 404, Body: `{"message":`}, scaleway.ErrUnknown},
		{"404 in HTML", scalewaytest.Answer{Status: 404, Body: "<html>", Header: html}, scaleway.ErrNotFound},
		{"no answer", scalewaytest.Answer{Err: errors.New("connection reset")}, scaleway.ErrUnknown},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{r.answer}}))
				for name, call := range map[string]func() error{
					"list": func() error { _, err := c.APIKeys(t.Context()); return err },
					"create": func() error {
						_, err := c.CreateKey(t.Context(), scaleway.NewKey{ApplicationID: "a", DefaultProjectID: scalewaytest.Project})
						return err
					},
				} {
					err := call()
					if diff := cmp.Diff([]string{r.want.Error()}, classes(err)); diff != "" {
						t.Errorf("%s: class of %v (-want +got):\n%s", name, err, diff)
					}
					var typed *scaleway.Error
					if !errors.As(err, &typed) || typed.Act == "" || !strings.HasPrefix(err.Error(), typed.Act+": ") {
						t.Errorf("%s: error %v", name, err)
					}
				}
			})
		})
	}
}

// calls are all methods that call the API, each with what it needs.
func calls(c *scaleway.Client) []call {
	secret := scaleway.Secret{ID: "5ec2e700-0000-4000-8000-000000000001", Name: "n", Path: "/p", Region: "fr-par"}
	pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.OtherCanary)}
	function := scaleway.Scope{Product: scaleway.Functions, Region: "fr-par", Namespace: scaleway.Namespace{ID: "n"}, ResourceID: "f", Name: "api"}
	container := function
	container.Product, container.ResourceID = scaleway.Containers, ""
	code := scaleway.Environment{Product: scaleway.Functions, Region: "fr-par", ID: "f", NamespaceID: "n"}
	image := scaleway.Environment{Product: scaleway.Containers, Region: "fr-par", ID: "k", NamespaceID: "n"}
	return []call{
		{"read function environment", "FunctionsFullAccess", func(ctx context.Context) error { _, err := c.ReadEnvironment(ctx, code); return err }},
		{"read container environment", "ContainersFullAccess", func(ctx context.Context) error { _, err := c.ReadEnvironment(ctx, image); return err }},
		{"redeploy function", "FunctionsFullAccess", func(ctx context.Context) error { _, err := c.Redeploy(ctx, code); return err }},
		{"redeploy container", "ContainersFullAccess", func(ctx context.Context) error { _, err := c.Redeploy(ctx, image); return err }},
		{"change function environment", "FunctionsFullAccess", func(ctx context.Context) error {
			_, err := c.ChangeEnvironment(ctx, code, nil, newKey)
			return err
		}},
		{"describe version", "SecretManagerSecretWrite", func(ctx context.Context) error { return c.DescribeVersion(ctx, secret, 1, "d") }},
		{"list keys", "IAMReadOnly", func(ctx context.Context) error { _, err := c.APIKeys(ctx); return err }},
		{"list applications", "IAMReadOnly", func(ctx context.Context) error { _, err := c.Applications(ctx); return err }},
		{"list policies", "IAMReadOnly", func(ctx context.Context) error { _, err := c.Policies(ctx); return err }},
		{"list groups", "IAMReadOnly", func(ctx context.Context) error { _, err := c.Groups(ctx); return err }},
		{"list users", "IAMReadOnly", func(ctx context.Context) error { _, err := c.Users(ctx); return err }},
		{"list rules", "IAMReadOnly", func(ctx context.Context) error {
			_, err := c.Rules(ctx, scaleway.Principal{PolicyID: "p"})
			return err
		}},
		{"settings", "IAMReadOnly", func(ctx context.Context) error { _, err := c.KeyLifetimeCap(ctx); return err }},
		{"create key", "IAMApplicationManager", func(ctx context.Context) error {
			_, err := c.CreateKey(ctx, scaleway.NewKey{ApplicationID: "a"})
			return err
		}},
		{"delete key", "IAMApplicationManager", func(ctx context.Context) error { return c.DeleteKey(ctx, scalewaytest.AccessKey) }},
		{"list secrets", "SecretManagerReadOnly", func(ctx context.Context) error { _, err := c.Secrets(ctx, "fr-par", "/p"); return err }},
		{"create secret", "SecretManagerSecretCreate", func(ctx context.Context) error { _, err := c.CreateSecret(ctx, secret, "d"); return err }},
		{"list versions", "SecretManagerReadOnly", func(ctx context.Context) error { _, err := c.Versions(ctx, secret); return err }},
		{"publish", "SecretManagerSecretCreate", func(ctx context.Context) error { _, err := c.Publish(ctx, secret, pair, "d"); return err }},
		{"access", "SecretManagerSecretAccess", func(ctx context.Context) error { _, err := c.Access(ctx, secret, 1); return err }},
		{"disable version", "SecretManagerSecretWrite", func(ctx context.Context) error { return c.DisableVersion(ctx, secret, 1) }},
		{"delete version", "SecretManagerSecretDelete", func(ctx context.Context) error { return c.DeleteVersion(ctx, secret, 1) }},
		{"list function namespaces", "FunctionsFullAccess", func(ctx context.Context) error {
			_, err := c.Namespaces(ctx, scaleway.Functions, "fr-par")
			return err
		}},
		{"list container namespaces", "ContainersFullAccess", func(ctx context.Context) error {
			_, err := c.Namespaces(ctx, scaleway.Containers, "fr-par")
			return err
		}},
		{"list functions", "FunctionsFullAccess", func(ctx context.Context) error {
			_, err := c.Resources(ctx, scaleway.Functions, "fr-par", nil)
			return err
		}},
		{"list containers", "ContainersFullAccess", func(ctx context.Context) error {
			_, err := c.Resources(ctx, scaleway.Containers, "fr-par", nil)
			return err
		}},
		{"list function domains", "FunctionsFullAccess", func(ctx context.Context) error {
			_, err := c.FunctionDomains(ctx, scaleway.Resource{ID: "f", Region: "fr-par"})
			return err
		}},
		{"list container domains", "ContainersFullAccess", func(ctx context.Context) error { _, err := c.ContainerDomains(ctx, "fr-par"); return err }},
		{"list function tokens", "FunctionsFullAccess", func(ctx context.Context) error { _, err := c.Tokens(ctx, function); return err }},
		{"list container tokens", "ContainersFullAccess", func(ctx context.Context) error { _, err := c.Tokens(ctx, container); return err }},
		{"delete function token", "FunctionsFullAccess", func(ctx context.Context) error {
			return c.DeleteToken(ctx, scaleway.Token{ID: "t", Scope: function})
		}},
		{"delete container token", "ContainersFullAccess", func(ctx context.Context) error {
			return c.DeleteToken(ctx, scaleway.Token{ID: "t", Scope: container})
		}},
	}
}

type call struct {
	name, needs string
	do          func(context.Context) error
}

func TestARefusedCallNamesThePermissionSetThatItNeeds(t *testing.T) {
	t.Parallel()
	s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 403, Body: `{"details":[],"message":"insufficient permissions","type":"permissions_denied"}`}}}
	granted := map[string]bool{}
	for _, p := range scaleway.Policy() {
		granted[p.Name] = true
	}
	for _, c := range calls(scalewaytest.NewClient(t, scalewaytest.Options(s))) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			err := c.do(t.Context())
			want := "the function's application needs the permission set " + c.needs
			var hinted *scaleway.Error
			if !errors.As(err, &hinted) || hinted.Hint() != want || !strings.HasSuffix(err.Error(), "("+want+")") {
				t.Errorf("error %v, want the hint %q", err, want)
			}
			if !granted[c.needs] {
				t.Errorf("the policy does not have %s", c.needs)
			}
		})
	}
}

func TestADeniedCallNamesTheSettings(t *testing.T) {
	t.Parallel()
	s := &scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 401, Body: `{"reason":"expired","type":"denied_authentication"}`}}}
	_, err := scalewaytest.NewClient(t, scalewaytest.Options(s)).APIKeys(t.Context())
	var hinted *scaleway.Error
	if !errors.As(err, &hinted) || hinted.Hint() != "the function's own key is dead, or wrong: give it a new one with make deploy ARGS=--new-key" {
		t.Errorf("error %v", err)
	}
}

// leaks tells whether text shows a secret key.
func leaks(text string) bool {
	return strings.Contains(text, scalewaytest.Canary) || strings.Contains(text, scalewaytest.OtherCanary)
}

func TestNoErrorShowsASecretKey(t *testing.T) {
	t.Parallel()
	rows := []struct {
		name   string
		answer scalewaytest.Answer
	}{
		{"no answer", scalewaytest.Answer{Err: errors.New("connection reset")}},
		{"400", scalewaytest.Answer{Status: 400, Body: `{"type":"invalid_arguments"}`}},
		{"401", scalewaytest.Answer{Status: 401, Body: `{"type":"denied_authentication"}`}},
		{"403", scalewaytest.Answer{Status: 403, Body: `{"type":"permissions_denied"}`}},
		{"412", scalewaytest.Answer{Status: 412, Body: `{"type":"precondition_failed"}`}},
		{"500", scalewaytest.Answer{Status: 500, Body: `{"message":"Internal error"}`}},
		{"half a body", scalewaytest.Answer{Status: 200, Body: `{"secret_key":"` + scalewaytest.OtherCanary + `","access_key":"SCW"}`, Half: true}},
		{"cut JSON", scalewaytest.Answer{Status: 200, Body: `{"secret_key":"` + scalewaytest.OtherCanary + `"`}},
		{"another shape", scalewaytest.Answer{Status: 200, Body: `{"secret_key":["` + scalewaytest.OtherCanary + `"],"data":{"` + scalewaytest.OtherCanary + `":1},"total_count":"` + scalewaytest.OtherCanary + `"}`}},
		{"an empty object", scalewaytest.Answer{Status: 200, Body: `{}`}},
		{"not JSON", scalewaytest.Answer{Status: 200, Body: scalewaytest.OtherCanary}},
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				client := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{r.answer}}))
				for _, c := range calls(client) {
					if err := c.do(t.Context()); err != nil && leaks(err.Error()) {
						t.Errorf("%s: %v", c.name, err)
					}
				}
				pair := scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(scalewaytest.OtherCanary)}
				if _, err := client.Authenticates(t.Context(), pair); err != nil && leaks(err.Error()) {
					t.Errorf("authenticate: %v", err)
				}
			})
		})
	}
}

func TestAKeyOfWrongShapeIsNotShown(t *testing.T) {
	t.Parallel()
	const odd = scalewaytest.Canary + "-odd"
	if _, err := scaleway.New(scalewaytest.Options(http.DefaultTransport, func(o *scaleway.Options) { o.SecretKey = redact.New(odd) })); err == nil || leaks(err.Error()) {
		t.Errorf("new client: error %v", err)
	}
	c := scalewaytest.NewClient(t, scalewaytest.Options(&scalewaytest.Script{Answers: []scalewaytest.Answer{{Status: 200, Body: "{}"}}}))
	for _, secret := range []string{odd, ""} {
		_, err := c.Authenticates(t.Context(), scaleway.KeyPair{APIKey: scaleway.APIKey{AccessKey: scalewaytest.AccessKey}, Secret: redact.New(secret)})
		if err == nil || leaks(err.Error()) {
			t.Errorf("authenticate: error %v", err)
		}
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.September, 1, 12, 0, 0, 0, time.UTC)
	for expires, want := range map[time.Time]bool{{}: false, now.Add(1): false, now: true, now.Add(-1): true} {
		if got := (scaleway.APIKey{ExpiresAt: expires}).Expired(now); got != want {
			t.Errorf("expiring at %s: %t", expires, got)
		}
	}
}
